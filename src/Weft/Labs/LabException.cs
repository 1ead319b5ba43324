namespace Weft.Labs;

/// <summary>A lab could not do what was asked of it; the message says what, where, and what to do.</summary>
internal sealed class LabException(string message) : Exception(message);
