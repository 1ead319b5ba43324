using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

/// <summary>Intent + observation → plan. Pure: the same input, the same plan.</summary>
public static class Planner
{
    private const int MostNamed = 5;

    /// <summary>Works out what has to change on a host.</summary>
    /// <param name="intent">What it must look like.</param>
    /// <param name="observation">What it looks like.</param>
    /// <param name="settled">What was found right before, which need not be compared again; the plan is the same without.</param>
    public static Plan Plan(HostIntent intent, HostObservation observation, Settled? settled = null)
    {
        observation = observation.Without(intent.Floating);
        var ownership = new Ownership(intent, observation.Switch);
        var guard = new GuardPlanner(intent, observation, ownership);
        guard.Plan();
        var ipsec = new IpsecPlanner(intent, observation);
        ipsec.Plan();
        var monitor = new MonitorPlanner(intent, observation);
        monitor.Plan();
        var links = new LinkPlanner(intent, observation, ownership, settled ?? new Settled());
        links.Plan();
        var nics = new NicPlanner(intent, observation);
        nics.Plan();
        var hostEnds = intent
            .Attachments.Where(attachment => !links.PresentHostEnds.Contains(attachment.HostEnd))
            .Select(attachment => attachment.HostEnd)
            .ToHashSet(StringComparer.Ordinal);
        var @switch = new SwitchPlanner(
            monitor.Completed,
            observation,
            ownership,
            isAwaited: port => hostEnds.Contains(port.Name),
            isRemade: links.Made.Contains
        );
        @switch.Plan();
        var made = links.Changes.ToList();
        links.Changes.Clear();
        links.PlanInternalLinks(@switch.Made.Contains);
        ImmutableArray<Change> changes =
        [
            .. guard.Additions,
            .. ipsec.Additions,
            .. monitor.Additions,
            .. made,
            .. @switch.Changes,
            .. nics.Additions,
            .. links.Changes,
            .. nics.Removals,
            .. ipsec.Removals,
            .. monitor.Removals,
            .. guard.Removals,
        ];
        return new Plan
        {
            Overlay = intent.Overlay,
            Host = intent.Host,
            Changes = changes,
            Conflicts =
            [
                .. guard
                    .Conflicts.Concat(ipsec.Conflicts)
                    .Concat(monitor.Conflicts)
                    .Concat(links.Conflicts)
                    .Concat(nics.Conflicts)
                    .Concat(@switch.Conflicts)
                    .Distinct(),
                .. intent.Waiting is { } waiting ? [Conflict.WithRecords(waiting)] : (Conflict[])[],
            ],
            Notices =
            [
                .. intent.Notices,
                .. Notices(intent, observation),
                .. links.Notices,
                .. guard.Notices,
            ],
            Interruptions = [.. Interruptions.Of(intent, observation, changes)],
            FormerMtu = Interruptions.FormerMtu(intent, observation),
            KnowsGuards = observation.Guard.Problem is null,
        };
    }

    /// <summary>
    /// Works out what is missing of the guard, from the overlay and the kernel's policies alone, as it must stand before Open
    /// vSwitch runs. It removes nothing, and plans the guard even on a datapath that could not encrypt.
    /// </summary>
    public static Plan PlanGuard(HostIntent intent, GuardObservation seen)
    {
        var observation = HostObservation.Bare(kernelDatapath: true) with { Guard = seen };
        var ownership = new Ownership(intent, observation.Switch);
        var guard = new GuardPlanner(
            intent with
            {
                Switch = intent.Switch is { } @switch ? @switch with { Userspace = false } : null,
            },
            observation,
            ownership
        );
        guard.Plan();
        return new Plan
        {
            Overlay = intent.Overlay,
            Host = intent.Host,
            Changes = [.. guard.Additions],
            Conflicts = [.. guard.Conflicts.Distinct()],
        };
    }

    /// <summary>Why a container can be given nothing now, as the end of a sentence; null if it can.</summary>
    internal static string? WhyNotReady(ContainerKey container, HostObservation observation) =>
        observation.SilentEngines.TryGetValue(container.Engine, out var silence)
            ? $"cannot be looked at: {silence}"
        : !observation.Containers.TryGetValue(container, out var sighting)
            ? $"is not there: it gets its place once it is{Meant(container, observation)}"
        : sighting.Silence is { } unknown ? $"cannot be looked at: {unknown}"
        : sighting.SharesHostNetwork ? "has the host's own network: it can be given nothing there"
        : sighting.Namespace is null ? "does not run: it gets its place once it does"
        : null;

    /// <summary>
    /// Guesses what is meant by a container that is not there, as the end of a sentence; empty if nothing suggests itself.
    /// </summary>
    private static string Meant(ContainerKey container, HostObservation observation)
    {
        var quadlets = container with { Name = $"systemd-{container.Name}" };
        return container.Engine is Engine.Podman && observation.Containers.ContainsKey(quadlets)
                ? $". There is {quadlets.Name}, as Quadlet calls what a unit gives no name: write that, or `ContainerName={container.Name}` into the unit"
            : Enum.GetValues<Engine>()
                .Where(engine =>
                    observation.Containers.ContainsKey(container with { Engine = engine })
                )
                .Select(engine => engine.Word)
                .FirstOrDefault()
                is { } other
                ? $". There is {other} container {container.Name}: if that is meant, write `engine: {other}`"
            : "";
    }

    /// <summary>Names the engines with containers here that do not answer, each once for all of its containers.</summary>
    public static IEnumerable<string> Silences(HostIntent intent, HostObservation observation) =>
        from container in intent.Attachments.Select(attachment => attachment.Key).Distinct()
        where observation.SilentEngines.ContainsKey(container.Engine)
        group container by container.Engine into silent
        let names = silent.Select(container => container.Name).Take(MostNamed)
        let whose = silent.Count() is 1
            ? $"{silent.First()}"
            : $"{silent.Count()} containers of {silent.Key.Word} ({string.Join(", ", names)}{(silent.Count() > MostNamed ? ", …" : "")})"
        select $"{whose} cannot be looked at: {observation.SilentEngines[silent.Key]}";

    private static IEnumerable<string> Notices(HostIntent intent, HostObservation observation)
    {
        foreach (var silence in Silences(intent, observation))
        {
            yield return silence;
        }
        foreach (
            var container in intent
                .Attachments.Select(attachment => attachment.Key)
                .Distinct()
                .Where(container => !observation.SilentEngines.ContainsKey(container.Engine))
        )
        {
            if (WhyNotReady(container, observation) is { } why)
            {
                yield return $"{container} {why}";
            }
        }
        foreach (var fault in UnderlayFaults(intent, observation))
        {
            yield return fault;
        }
        if (
            intent.Underlay is { } underlay
            && observation.LinkWith(underlay) is { } carrier
            && observation.VrfOf(carrier) is { } vrf
        )
        {
            // Only a notice: whether the main table leads to the others as well, `weft doctor` finds out.
            yield return $"underlay address {underlay} is in VRF {vrf}{(vrf == carrier.Name ? "" : $", on {carrier.Name}")}, and Open vSwitch looks for the way to the others in the main table only: "
                + $"take {(vrf == carrier.Name ? "the address" : carrier.Name)} out of the VRF, or leak the routes to the others into the main table";
        }
        foreach (var fault in SwitchFaults(intent, observation))
        {
            yield return fault;
        }
    }

    /// <summary>
    /// Faults of the switch that cut hosts off from one another, or have frames loop, though all of its ports are right.
    /// </summary>
    public static IEnumerable<string> SwitchFaults(HostIntent intent, HostObservation observation)
    {
        if (intent.Switch is not { } wanted)
        {
            yield break;
        }
        if (observation.SwitchProblem is { } problem)
        {
            yield return problem;
            yield break;
        }
        if (observation.Switch.OtherConfig.GetValueOrDefault("flow-restore-wait") == "true")
        {
            yield return "Open vSwitch forwards nothing as long as it has `flow-restore-wait`, which a restart of it sets for a moment, and leaves behind where it is interrupted: "
                + "unless that is going on, `ovs-vsctl remove open_vswitch . other_config flow-restore-wait`";
        }
        if (
            observation.Switch.Bridges.GetValueOrDefault(wanted.Name) is not { } bridge
            || bridge.Mark != intent.Overlay
        )
        {
            yield break;
        }
        if (bridge.SpansTree && wanted.Ports.Count(port => port.Protected) > 1)
        {
            yield return $"switch {wanted.Name} speaks the spanning tree protocol, which closes tunnels that are no loop (they are `protected`), and hosts miss one another: "
                + $"once all hosts are the overlay's, `ovs-vsctl set bridge {wanted.Name} stp_enable=false rstp_enable=false` on each";
        }
        if (!bridge.Controllers.IsEmpty)
        {
            yield return $"a controller rules switch {wanted.Name}, which then forwards as that has it, and nothing while it is away: `ovs-vsctl del-controller {wanted.Name}`";
        }
        if (wanted.IsAdopted)
        {
            // There loops are conflicts.
            yield break;
        }
        foreach (
            var loop in Loops.Of(intent, observation, new Ownership(intent, observation.Switch))
        )
        {
            yield return loop.WhereOwn;
        }
    }

    /// <summary>Faults of the host's own link to the others that keep tunnels from coming up, or large packets from crossing.</summary>
    public static IEnumerable<string> UnderlayFaults(HostIntent intent, HostObservation observation)
    {
        if (observation.Links.Count == 0 || intent.Underlay is not { } underlay)
        {
            yield break;
        }
        if (observation.LinkWith(underlay) is not { } carrier)
        {
            yield return $"underlay address {underlay} is on no link of this host: no tunnel can come up (is this host {intent.Host}?). "
                + $"If it is translated on the way, as in most clouds, give host '{intent.Host}' the address that it has itself as `local`";
            yield break;
        }
        Link[] links = [carrier, .. LinksBelow(carrier, observation)];
        var down = Array.Find(links, link => !link.Up);
        var cut = Array.Find(links, link => link is { Up: true, HasCarrier: false });
        if (down is not null)
        {
            yield return $"{down.Name} is down, by which underlay address {underlay} reaches the others: `ip link set {down.Name} up`";
        }
        else if (cut is not null)
        {
            yield return $"{cut.Name} has no carrier, by which underlay address {underlay} reaches the others: its cable is out, or what is at the other end is off";
        }
        if (links.MinBy(link => link.Mtu) is { } narrow && narrow.Mtu < intent.UnderlayMtu)
        {
            yield return $"{narrow.Name} carries underlay address {underlay} with MTU {narrow.Mtu}, but the file says {intent.UnderlayMtu}: "
                + $"large packets would vanish; give host '{intent.Host}' `mtu: {narrow.Mtu}`";
        }
        if (
            intent.Switch is { Userspace: true }
            && observation.Switch.Bridges.GetValueOrDefault(carrier.Name)
                is not { IsUserspace: true }
        )
        {
            yield return $"the userspace datapath sends tunnels only by a userspace bridge, but underlay address {underlay} is on {carrier.Name}: "
                + "put that link into a bridge of its own (datapath_type=netdev) that carries the address";
        }
    }

    /// <summary>The link below a bridge or a bond, if there is only one: of several, one may stand in for another.</summary>
    private static IEnumerable<Link> LinksBelow(Link link, HostObservation observation) =>
        observation
            .Switch.Ports.Values.Where(port => port.Bridge == link.Name && port.Name != link.Name)
            .Select(port => observation.Links.GetValueOrDefault(port.Name))
            .OfType<Link>()
            .Concat(observation.Links.Values.Where(port => port.Master == link.Name))
            .Take(2)
            .ToArray()
            is [var only]
            ? [only]
            : [];
}
