using System.Text.Json.Serialization;

namespace Weft.Labs.Guests;

/// <summary>A command to be run in a host that has a kernel of its own.</summary>
internal sealed record GuestRequest
{
    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The whole environment.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>The terminal that the command is to have; null for pipes.</summary>
    public TerminalSize? Terminal { get; init; }
}

/// <summary>How large a terminal is, in characters.</summary>
internal sealed record TerminalSize(int Rows, int Columns);

/// <summary>How a request is written as JSON.</summary>
[JsonSerializable(typeof(GuestRequest))]
internal sealed partial class GuestJson : JsonSerializerContext;
