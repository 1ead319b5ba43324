using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Execution;

namespace Weft.Health;

/// <summary>What the switch would do with a packet, according to ofproto/trace (ovs-vswitchd(8)); no packet is sent.</summary>
/// <param name="Steps">The notes of the trace, in the switch's own words.</param>
/// <param name="Rule">The last flow rule that it applied.</param>
/// <param name="Actions">What it does in the end.</param>
/// <param name="Problem">Why there is no trace; null if there is one.</param>
internal sealed record PacketTrace(
    ImmutableArray<string> Steps,
    string Rule,
    string Actions,
    string? Problem = null
)
{
    private const string ActionsHeading = "Datapath actions: ";

    /// <summary>Asks the switch.</summary>
    /// <param name="bridge">The switch.</param>
    /// <param name="port">The OpenFlow number of the port that the packet comes in by.</param>
    /// <param name="vlan">The VLAN that it is tagged with; null where the port has one.</param>
    /// <param name="from">The sender.</param>
    /// <param name="to">The receiver.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<PacketTrace> AskAsync(
        string bridge,
        long port,
        int? vlan,
        (MacAddress Mac, IPAddress Address) from,
        (MacAddress Mac, IPAddress Address) to,
        CancellationToken cancellationToken
    )
    {
        var network =
            from.Address.AddressFamily is AddressFamily.InterNetworkV6
                ? $"icmp6,ipv6_src={from.Address},ipv6_dst={to.Address}"
                : $"icmp,nw_src={from.Address},nw_dst={to.Address}";
        var tag = vlan is null ? "" : $",dl_vlan={vlan}";
        var answer = await SwitchControl.AskAsync(
            [
                "ofproto/trace",
                bridge,
                $"in_port={port}{tag},dl_src={from.Mac},dl_dst={to.Mac},{network},nw_ttl=64",
            ],
            cancellationToken
        );
        return answer.ExitCode == 0
            ? Parse(answer.Output)
            : new PacketTrace([], "", "", answer.Errors.Split('\n')[0]);
    }

    /// <summary>Reads an answer.</summary>
    public static PacketTrace Parse(string answer)
    {
        var lines = answer.Split('\n').Select(line => line.Trim()).ToList();
        return new PacketTrace(
            [
                .. lines
                    .Where(line =>
                        line.StartsWith("->", StringComparison.Ordinal)
                        || line.StartsWith(">>", StringComparison.Ordinal)
                    )
                    .Select(line => line[2..].Trim()),
            ],
            lines.LastOrDefault(line =>
                line.Contains("priority ", StringComparison.Ordinal) && char.IsAsciiDigit(line[0])
            ) ?? "",
            lines
                .LastOrDefault(line => line.StartsWith(ActionsHeading, StringComparison.Ordinal))
                ?[ActionsHeading.Length..]
                ?? ""
        );
    }

    /// <summary>Judges the trace.</summary>
    /// <param name="bridge">The switch.</param>
    /// <param name="tunnel">
    /// The host to which it must go by a tunnel, and its underlay address; null where it stays on this host.
    /// </param>
    /// <param name="isExplained">Whether another finding about the switch explains a loss already.</param>
    public Finding Judge(string bridge, (string Host, IPAddress Address)? tunnel, bool isExplained)
    {
        var what = $"switch {bridge}";
        if (Problem is not null)
        {
            return new Finding(what, Verdict.Doubtful, $"does not say what it does: {Problem}");
        }
        if (
            tunnel is { } towards
            && !Actions.Contains($"dst={towards.Address},", StringComparison.Ordinal)
            && !Actions.Contains($"dst={towards.Address})", StringComparison.Ordinal)
        )
        {
            // A missing route or neighbour is the underlay's fault, not the switch's.
            var lacks = Steps.LastOrDefault(step =>
                step.Contains("native tunnel routing", StringComparison.Ordinal)
                || step.Contains("neighbor cache miss", StringComparison.Ordinal)
            );
            return lacks is not null
                ? new Finding(
                    what,
                    Verdict.Doubtful,
                    $"finds no way for the tunnel to {towards.Host}: {lacks}"
                )
                {
                    Beyond = true,
                }
                : Lost($"nothing to {towards.Host}");
        }
        return Actions == "drop"
            ? Lost("nothing")
            : new Finding(
                what,
                Verdict.Well,
                (tunnel is null ? "sends it on" : $"sends it by the tunnel to {tunnel.Value.Host}")
                    + (
                        Steps.Any(step => step.Contains("flooding", StringComparison.Ordinal))
                            ? ", to everybody: it has not learned yet where that is"
                            : ""
                    )
            );

        Finding Lost(string sends) =>
            new(
                what,
                isExplained ? Verdict.Doubtful : Verdict.Wrong,
                Rule.Length == 0
                    ? $"has no rule for it, and sends {sends}: {Whereabouts.BeginAgain(bridge)} gives it the one back that a switch begins with"
                    : $"sends {sends}: {string.Join(", ", Steps.Append(Actions).Where(text => text.Length > 0))}, by the rule '{Rule}'"
                        + (
                            isExplained
                                ? ""
                                : $". Look at `ovs-ofctl dump-flows {bridge}`: Weft makes no rules but the one that a switch begins with"
                        )
            );
    }
}
