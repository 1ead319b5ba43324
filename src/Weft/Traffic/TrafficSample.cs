using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Commands;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Fleet;

namespace Weft.Traffic;

/// <summary>What one host has carried by a given moment.</summary>
/// <param name="Host">The host.</param>
/// <param name="Time">The moment, by the host's clock.</param>
/// <param name="Period">The interval in seconds at which Open vSwitch updates the counters of tunnels.</param>
/// <param name="Flows">Everything that carries packets.</param>
internal sealed record TrafficSample(
    string Host,
    DateTimeOffset Time,
    double Period,
    ImmutableArray<Flow> Flows
)
{
    /// <summary>Reads the counters of this host.</summary>
    public static async Task<TrafficSample> ReadAsync(
        HostSession session,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var observation = await session.ObserveAsync(cancellationToken);
        var ports = await session.ReadTrafficAsync(cancellationToken);
        var links = TrafficCounters.OfLinks();
        return new TrafficSample(
            session.Host,
            time.GetUtcNow(),
            SwitchTraffic.IntervalOf(observation.Switch).TotalSeconds,
            [.. FlowsOf(session.Intend(observation), ports, links)]
        );
    }

    /// <summary>The flows in a host's intent, with their counters.</summary>
    /// <param name="intent">The intent.</param>
    /// <param name="ports">The counters of the switch's interfaces.</param>
    /// <param name="links">The counters of the host's links.</param>
    internal static IEnumerable<Flow> FlowsOf(
        HostIntent intent,
        IReadOnlyDictionary<string, TrafficCounters> ports,
        IReadOnlyDictionary<string, TrafficCounters> links
    )
    {
        // The kernel has one device for all tunnels of a type: only the switch counts them separately.
        foreach (var port in intent.Switch?.Ports.Where(port => port.Peer is not null) ?? [])
        {
            yield return new Flow(FlowKind.Tunnel, port.Peer!, "", port.Name)
            {
                Counters = ports.GetValueOrDefault(port.Name),
            };
        }
        var own = intent
            .InternalLinks.Select(link => link.Name)
            .Concat(
                intent
                    .Links.OfType<BridgeLinkIntent>()
                    .Where(bridge => !bridge.Addresses.IsEmpty)
                    .Select(bridge => bridge.Name)
            );
        foreach (var name in own)
        {
            yield return new Flow(FlowKind.Host, intent.Host, name, name)
            {
                Counters = links.GetValueOrDefault(name),
            };
        }
        foreach (var attachment in intent.Attachments)
        {
            yield return new Flow(
                FlowKind.Container,
                attachment.Container,
                attachment.Network,
                attachment.HostEnd
            )
            {
                // What the host's end sends is what the container receives.
                Counters = links.GetValueOrDefault(attachment.HostEnd)?.Reverse(),
            };
        }
    }

    /// <summary>The sample as JSON on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrafficJson.Default.TrafficSample);

    /// <summary>Reads a sample.</summary>
    /// <exception cref="JsonException">It is not a sample.</exception>
    public static TrafficSample FromJson(string json) =>
        JsonSerializer.Deserialize(json, TrafficJson.Default.TrafficSample)
        ?? throw new JsonException("null is no sample");
}

/// <summary>Something that carries packets.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The other host of a tunnel, the container, or the host itself.</param>
/// <param name="Network">The network; empty for a tunnel, which carries all.</param>
/// <param name="Link">The switch's port, or the host's link.</param>
internal sealed record Flow(FlowKind Kind, string Name, string Network, string Link)
{
    /// <summary>
    /// Its counters, where "in" is into the container or the host (for a tunnel: this host); null where it is not there.
    /// </summary>
    public TrafficCounters? Counters { get; init; }
}

/// <summary>The kind of thing that carries packets.</summary>
internal enum FlowKind
{
    /// <summary>A tunnel to another host.</summary>
    [JsonStringEnumMemberName("tunnel")]
    Tunnel,

    /// <summary>A container's interface.</summary>
    [JsonStringEnumMemberName("container")]
    Container,

    /// <summary>The host's own interface in a network.</summary>
    [JsonStringEnumMemberName("host")]
    Host,
}

/// <summary>The rate of a flow.</summary>
/// <param name="Host">The host that reports it.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The other host of a tunnel, the container, or the host itself.</param>
/// <param name="Network">The network; empty for a tunnel.</param>
/// <param name="Link">The switch's port, or the host's link.</param>
internal sealed record FlowRate(
    string Host,
    FlowKind Kind,
    string Name,
    string Network,
    string Link
)
{
    /// <summary>Whether it is there.</summary>
    public required bool IsThere { get; init; }

    /// <summary>How much it carries; null while that is not known.</summary>
    public Rate? Rate { get; init; }

    /// <summary>Packets with errors since the watch began.</summary>
    public long Errors { get; init; }

    /// <summary>Packets dropped since the watch began.</summary>
    public long Drops { get; init; }
}

/// <summary>The traffic per second: in to the container, the host or (for a tunnel) this host, and out from them.</summary>
internal sealed record Rate(double BitsIn, double BitsOut, double PacketsIn, double PacketsOut);

/// <summary>A round of rates.</summary>
/// <param name="Time">When they were read.</param>
/// <param name="Flows">The rate of each flow.</param>
/// <param name="Silent">The hosts that could not be asked, and why.</param>
internal sealed record TrafficReport(
    DateTimeOffset Time,
    ImmutableArray<FlowRate> Flows,
    ImmutableArray<UnaskedHost> Silent
)
{
    /// <summary>The report as JSON on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrafficJson.Default.TrafficReport);
}

/// <summary>How traffic is written as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(TrafficSample))]
[JsonSerializable(typeof(TrafficReport))]
internal sealed partial class TrafficJson : JsonSerializerContext;
