using System.Collections.Immutable;

namespace Weft.Core;

/// <summary>A host could not be read or changed. The message says what, where, and what to do.</summary>
public class HostException : Exception
{
    /// <summary>Creates the exception with a message.</summary>
    public HostException(string message)
        : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public HostException(string message, Exception? innerException)
        : base(message, innerException) { }

    /// <summary>The names of the changes that could not be made; empty if none could.</summary>
    public ImmutableArray<string> Items { get; init; } = [];
}
