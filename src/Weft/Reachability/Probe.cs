using System.Net;
using System.Text.Json.Serialization;

namespace Weft.Reachability;

/// <summary>One address that a container or a host has in a network.</summary>
/// <param name="Host">The host that has the address, or on which the container runs.</param>
/// <param name="Container">The container; null where the address is the host's own.</param>
/// <param name="Address">The address.</param>
internal sealed record Endpoint(string Host, string? Container, IPAddress Address)
{
    /// <summary>Reads an endpoint from JSON, where a host's own address has no container.</summary>
    [JsonConstructor]
    internal Endpoint(string host, IPAddress address, string? container = null)
        : this(host, container, address) { }

    /// <summary>The name by which people know it.</summary>
    [JsonIgnore]
    public string Name => Container ?? Host;
}

/// <summary>One question: does a packet of this size get there and back?</summary>
/// <param name="Network">The network that both are in.</param>
/// <param name="From">The sender.</param>
/// <param name="To">The receiver, at an address of the same family.</param>
/// <param name="Size">The size of the IP packet in bytes. It may not be fragmented.</param>
internal sealed record Probe(string Network, Endpoint From, Endpoint To, int Size);

/// <summary>What became of a probe.</summary>
internal enum Outcome
{
    /// <summary>The answer came.</summary>
    [JsonStringEnumMemberName("reached")]
    Reached,

    /// <summary>No answer came in time.</summary>
    [JsonStringEnumMemberName("lost")]
    Lost,

    /// <summary>The packet is larger than the MTU of the link that it would leave by, or of one on its way.</summary>
    [JsonStringEnumMemberName("too-long")]
    TooLong,

    /// <summary>There is no route, or nobody has the address.</summary>
    [JsonStringEnumMemberName("unreachable")]
    Unreachable,

    /// <summary>The sender does not have the address that it should have.</summary>
    [JsonStringEnumMemberName("no-address")]
    NoAddress,

    /// <summary>The sender does not exist: its container does not run.</summary>
    [JsonStringEnumMemberName("not-running")]
    NotRunning,
}

/// <summary>The answer to a probe.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Milliseconds">How long the answer took, where one came.</param>
/// <param name="Detail">The system's error message, where there is one.</param>
internal sealed record Answer(Outcome Outcome, double? Milliseconds = null, string? Detail = null);
