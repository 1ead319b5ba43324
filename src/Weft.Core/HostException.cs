using System.Collections.Immutable;

namespace Weft.Core;

/// <summary>A host could not be read or changed. The message says what, where, and what to do.</summary>
public class HostException : Exception
{
    /// <summary>Makes one with its message.</summary>
    public HostException(string message)
        : base(message) { }

    /// <summary>Makes one with its message and what led to it.</summary>
    public HostException(string message, Exception? innerException)
        : base(message, innerException) { }

    /// <summary>The names of the changes that could not be carried out; none where nothing could.</summary>
    public ImmutableArray<string> Items { get; init; } = [];
}
