using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Reachability;

namespace Weft.Health;

/// <summary>
/// Asks the other hosts over the underlay: whether they are there, what packet size the path carries, and what time they have.
/// </summary>
internal sealed class UnderlayProbe(
    HostIntent intent,
    HostObservation seen,
    HostCertificate? certificate,
    TimeProvider clock
)
{
    private const int SmallPacket = 84;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ClockPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ClocksDiffer = TimeSpan.FromMinutes(1);

    /// <summary>Asks all of them at the same time.</summary>
    /// <param name="others">The other hosts.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<ImmutableArray<Finding>> AskAsync(
        IEnumerable<Host> others,
        CancellationToken cancellationToken
    )
    {
        if (intent.Underlay is not { } own)
        {
            return [];
        }
        if (seen.LinkWith(own) is { } carrier && seen.VrfOf(carrier) is { } vrf)
        {
            // A socket outside the VRF cannot use the address, and one inside would take another route than the tunnels.
            return
            [
                .. others.Select(host => JudgeVrf(host, vrf, RouteReader.Find(host.Address), seen)),
            ];
        }
        try
        {
            await using var socket = EchoSocket.Open(null, own, clock);
            var asked = await Task.WhenAll(
                others.Select(host => AskAsync(socket, own, host, cancellationToken))
            );
            return [.. asked.SelectMany(findings => findings)];
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

    private async Task<IReadOnlyList<Finding>> AskAsync(
        EchoSocket socket,
        IPAddress own,
        Host host,
        CancellationToken cancellationToken
    )
    {
        var size = Math.Min(host.Mtu, intent.UnderlayMtu);
        var small = await socket.AskAsync(host.Address, SmallPacket, Patience, cancellationToken);
        if (small.Outcome is not Outcome.Reached)
        {
            return
            [
                RouteReader.Find(host.Address, own) is not { } route ? NoRoute(host)
                : OwnLink(route) is { } link ? IntoOverlay(host, own, link)
                : new Finding(
                    $"underlay {host.Name}",
                    Verdict.Doubtful,
                    $"{host.Address} does not answer a ping: it is down, or something filters ICMP (then this check says nothing)"
                )
                {
                    Beyond = true,
                },
            ];
        }
        var large = await socket.AskAsync(host.Address, size, Patience, cancellationToken);
        var passes =
            large.Outcome is Outcome.Reached
                ? size
                : await socket.LargestAsync(host.Address, SmallPacket, size, cancellationToken);
        var apart =
            own.AddressFamily is AddressFamily.InterNetwork
                ? await ClockQuestion.AskAsync(
                    own,
                    host.Address,
                    ClockPause,
                    clock,
                    cancellationToken
                )
                : null;
        return
        [
            JudgeSize(host, size, passes),
            .. JudgeClock(host.Name, apart, certificate, clock.GetUtcNow()),
        ];
    }

    /// <summary>Judges the route to a host where this host's underlay address is in a VRF.</summary>
    /// <param name="host">The other host.</param>
    /// <param name="vrf">The VRF.</param>
    /// <param name="route">The main table's route to the other host; null where there is none.</param>
    /// <param name="seen">What this host looks like.</param>
    internal static Finding JudgeVrf(
        Host host,
        string vrf,
        FoundRoute? route,
        HostObservation seen
    ) =>
        seen.Links.Values.FirstOrDefault(link => link.Index == route?.Link) is { } link
        && seen.VrfOf(link) == vrf
            ? new Finding(
                $"underlay {host.Name}",
                Verdict.Doubtful,
                $"{host.Address} cannot be asked from VRF {vrf}; the main table leads there by {link.Name}, as Open vSwitch needs it"
            )
            : new Finding(
                $"underlay {host.Name}",
                Verdict.Wrong,
                $"the main table, in which Open vSwitch looks for the way to {host.Address}, does not lead there by VRF {vrf}, which has this host's underlay address: "
                    + $"take the address out of the VRF, or leak the route into the main table; `ip route get {host.Address}` shows what that says"
            );

    /// <summary>The finding for a host to which the kernel has no route.</summary>
    public static Finding NoRoute(Host host) =>
        new(
            $"underlay {host.Name}",
            Verdict.Wrong,
            $"there is no route to {host.Address}: `ip route get {host.Address}` says the same. Whatever configures this host's network has to give it one"
        );

    /// <summary>The link of the overlay's own that a route uses; null where it uses another.</summary>
    private Link? OwnLink(FoundRoute route)
    {
        var ownership = new Ownership(intent, seen.Switch);
        return seen.Links.Values.FirstOrDefault(link =>
            link.Index == route.Link && ownership.Owns(link)
        );
    }

    private Finding IntoOverlay(Host host, IPAddress own, Link link) =>
        new(
            $"underlay {host.Name}",
            Verdict.Wrong,
            $"the route to {host.Address} leads into the overlay itself, by {link.Name}: `ip route get {host.Address}` says the same. "
                + $"Whatever configures this host's network has to give it one by {seen.LinkWith(own)?.Name ?? "the underlay"}, whatever else goes by the overlay"
        );

    private static Finding JudgeSize(Host host, int size, int passes) =>
        passes == size
            ? new Finding(
                $"underlay {host.Name}",
                Verdict.Well,
                $"{host.Address} answers, also packets of {size} bytes"
            )
            : new Finding(
                $"underlay {host.Name}",
                Verdict.Wrong,
                $"{host.Address} answers packets of up to {passes} bytes, and the file says {size}: larger ones vanish on the way. Give host '{host.Name}' `mtu: {passes}`, and apply on every host"
            )
            {
                Beyond = true,
            };

    /// <summary>Judges the difference between two clocks.</summary>
    /// <param name="host">The other host.</param>
    /// <param name="apart">How far the other host's clock is ahead; null if it did not say.</param>
    /// <param name="certificate">This host's certificate, which the other host checks against its own clock.</param>
    /// <param name="now">This host's clock.</param>
    internal static IEnumerable<Finding> JudgeClock(
        string host,
        TimeSpan? apart,
        HostCertificate? certificate,
        DateTimeOffset now
    )
    {
        var what = $"clock of {host}";
        if (apart is not { } difference)
        {
            // Without certificates nothing depends on clocks.
            return certificate is null
                ? []
                :
                [
                    new Finding(
                        what,
                        Verdict.Doubtful,
                        "could not be asked for: it does not answer ICMP timestamp requests. Certificates need right clocks: look at `timedatectl` there"
                    ),
                ];
        }
        var words = Words(difference);
        return certificate is not null && certificate.StandingAt(now + difference).Fault is not null
                ?
                [
                    new Finding(
                        what,
                        Verdict.Wrong,
                        $"{words}, and by it this host's certificate is not valid: set the clock that is wrong (`timedatectl`)"
                    ),
                ]
            : difference.Duration() > ClocksDiffer
                ?
                [
                    new Finding(
                        what,
                        Verdict.Doubtful,
                        $"{words}: certificates are judged by it. Have a time service run on both (`timedatectl set-ntp true`)"
                    ),
                ]
            : [new Finding(what, Verdict.Well, words)];
    }

    private static string Words(TimeSpan difference) =>
        difference.Duration() < TimeSpan.FromSeconds(2)
            ? "the same as here"
            : $"{difference.Duration():hh\\:mm\\:ss} {(difference > TimeSpan.Zero ? "ahead of" : "behind")} this host's";
}
