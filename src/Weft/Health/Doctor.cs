using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using Weft.Commands;
using Weft.Core.Intents;
using Weft.Core.Planning;
using Weft.Reachability;

namespace Weft.Health;

/// <summary>Looks for what kills an overlay in practice.</summary>
internal sealed class Doctor(HostSession session, TimeProvider clock)
{
    private const int SmallPacket = 84;
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NegotiationPatience = TimeSpan.FromSeconds(4);

    /// <summary>Runs every check.</summary>
    public async Task<ImmutableArray<Finding>> ExamineAsync(CancellationToken cancellationToken)
    {
        var observation = await session.ObserveAsync(cancellationToken);
        var intent = session.Intend(observation);
        var findings = ImmutableArray.CreateBuilder<Finding>();
        findings.AddRange(Standing(HostStatus.Of(intent, observation)));
        if (intent.Switch is { Userspace: false })
        {
            findings.Add((await SwitchDaemon.ReadAsync(cancellationToken)).Judge());
        }
        findings.AddRange(await NegotiationsAsync(intent, cancellationToken));
        findings.AddRange(await UnderlayAsync(intent, cancellationToken));
        return findings.ToImmutable();
    }

    private static IEnumerable<Finding> Standing(HostStatus status)
    {
        foreach (var conflict in status.Conflicts)
        {
            yield return new Finding(conflict.Name, Verdict.Wrong, conflict.Message);
        }
        foreach (var notice in status.Notices)
        {
            yield return new Finding("host", Verdict.Doubtful, notice);
        }
        // What is negotiated is tried below, which says more.
        foreach (var item in status.Items.Where(item => item.Kind != "encryption"))
        {
            yield return new Finding(
                $"{item.Kind} {item.Name}",
                item.State switch
                {
                    ItemState.Ok => Verdict.Well,
                    ItemState.Waiting => Verdict.Doubtful,
                    _ => Verdict.Wrong,
                },
                item.State is ItemState.Missing or ItemState.Differs
                    ? $"{item.Detail}: `weft apply` mends it"
                    : item.Detail ?? item.Intended
            );
        }
    }

    private async Task<IEnumerable<Finding>> NegotiationsAsync(
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        var down = (
            await session.EstablishAsync(intent, NegotiationPatience, cancellationToken)
        ).ToDictionary(peer => peer.Peer, peer => peer.Why, StringComparer.Ordinal);
        return (intent.Ipsec?.Peers ?? []).Select(peer =>
            down.TryGetValue(peer.Name, out var why)
                ? new Finding($"encryption {peer.Name}", Verdict.Wrong, why)
                : new Finding($"encryption {peer.Name}", Verdict.Well, "negotiated")
        );
    }

    /// <summary>Whether the other hosts answer by the underlay, with packets as large as the file says.</summary>
    private async Task<IEnumerable<Finding>> UnderlayAsync(
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        if (intent.Underlay is not { } own)
        {
            return [];
        }
        try
        {
            await using var socket = EchoSocket.Open(null, own, clock);
            return await Task.WhenAll(
                session
                    .Overlay.Hosts.Where(host => host.Name != intent.Host)
                    .Select(async host =>
                    {
                        var size = Math.Min(host.Mtu, intent.UnderlayMtu);
                        var small = await socket.AskAsync(
                            host.Address,
                            SmallPacket,
                            PingPatience,
                            cancellationToken
                        );
                        var large =
                            small.Outcome is Outcome.Reached
                                ? await socket.AskAsync(
                                    host.Address,
                                    size,
                                    PingPatience,
                                    cancellationToken
                                )
                                : small;
                        return Judge(host.Name, host.Address.ToString(), size, small, large);
                    })
            );
        }
        catch (Exception exception) when (exception is SocketException or Win32Exception)
        {
            return
            [
                new Finding(
                    "underlay",
                    Verdict.Wrong,
                    $"nothing can be sent from {own}: {exception.Message}"
                ),
            ];
        }
    }

    private static Finding Judge(string host, string address, int size, Answer small, Answer large)
    {
        var what = $"underlay {host}";
        return (small.Outcome, large.Outcome) switch
        {
            (Outcome.Reached, Outcome.Reached) => new Finding(
                what,
                Verdict.Well,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{address} answers, also packets of {size} bytes"
                )
            ),
            (Outcome.Reached, _) => new Finding(
                what,
                Verdict.Wrong,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{address} answers small packets, and none of {size} bytes: the path carries less than the file says. Give host '{host}' its `mtu`"
                )
            ),
            _ => new Finding(
                what,
                Verdict.Doubtful,
                $"{address} does not answer a ping: it is down, or something filters ICMP (then this check says nothing)"
            ),
        };
    }
}
