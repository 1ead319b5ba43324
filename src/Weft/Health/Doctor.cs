using System.Collections.Immutable;
using Weft.Commands;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Health;

/// <summary>Looks for what stops overlays from working in practice.</summary>
internal sealed class Doctor(HostSession session, TimeProvider clock)
{
    /// <summary>How long to wait for hosts to negotiate keys.</summary>
    public static readonly TimeSpan NegotiationPatience = TimeSpan.FromSeconds(4);

    /// <summary>Runs every check.</summary>
    public async Task<ImmutableArray<Finding>> ExamineAsync(CancellationToken cancellationToken)
    {
        var observation = await session.ObserveAsync(cancellationToken);
        var intent = session.Intend(observation);
        var isKernels = intent.Switch is { Userspace: false };
        var daemon = isKernels ? await SwitchDaemon.ReadAsync(cancellationToken) : null;
        var findings = ImmutableArray.CreateBuilder<Finding>();
        findings.AddRange(
            NeededModules.Judge(intent, KernelModules.StateOf, KernelModules.AreFixed)
        );
        findings.AddRange(HowThingsStand(intent, observation));
        findings.AddRange(
            PodmanSocket.Judge(session.Interest, observation, session.AbsenceOf(Engine.Podman))
        );
        findings.AddRange(StrangersInError(intent, observation));
        findings.AddRange(StrangersTooWide(intent, observation));
        var asked = Task.WhenAll(
            AddressProbe.AskAsync(intent, observation, only: null, cancellationToken),
            AskUnderlayAsync(intent, observation, cancellationToken)
        );
        var down = await NegotiateAsync(intent, cancellationToken);
        observation = await session.ObserveAsync(cancellationToken);
        var encryption = HostStatus
            .Of(intent, observation)
            .Items.Where(item => item.Kind == "encryption")
            .ToLookup(item => item.Name, StringComparer.Ordinal);
        var answered = await new TunnelProbe(session.Overlay, intent, clock).AskAsync(
            observation,
            session.ObserveAsync,
            session
                .Overlay.Hosts.Select(host => host.Name)
                .Where(host =>
                    host != intent.Host && encryption[host].All(item => item.State is ItemState.Ok)
                )
                .ToHashSet(StringComparer.Ordinal),
            cancellationToken
        );
        findings.AddRange((await asked).SelectMany(found => found));
        var firewall = await Firewall.ReadAsync(cancellationToken);
        findings.AddRange(
            session
                .Overlay.Hosts.Where(host => host.Name != intent.Host)
                .SelectMany(host =>
                    UnderlayFirewall.Judge(
                        firewall,
                        session.Overlay,
                        intent,
                        observation,
                        host.Name,
                        answers: answered.Any(finding =>
                            finding.What == TunnelProbe.WhatOf(host.Name)
                            && finding.Verdict is Verdict.Well
                        )
                    )
                )
        );
        findings.AddRange(encryption.SelectMany(items => items).Select(item => Judge(item, down)));
        findings.AddRange(answered);
        findings.AddRange(
            new WhereaboutsJudge(
                await Whereabouts.ReadAsync(intent, observation, cancellationToken),
                session.Overlay,
                intent,
                observation
            ).JudgeAll()
        );
        var bridging = BridgeFirewall.Of(firewall);
        findings.AddRange(
            intent
                .Links.OfType<BridgeLinkIntent>()
                .SelectMany(bridge => bridging.Judge(bridge, session.Overlay))
        );
        findings.AddRange(RouterFirewall.Of(firewall).Judge(intent, observation));
        if (daemon is { StartedAfterBoot: not null })
        {
            // The checks above have caused packets to be sent up to it.
            findings.Add((await SwitchDaemon.ReadAsync(cancellationToken)).Judge(daemon));
        }
        return findings.ToImmutable();
    }

    /// <summary>Ports on the overlay's switch that others made and that Open vSwitch reports an error for.</summary>
    private static IEnumerable<Finding> StrangersInError(
        HostIntent intent,
        HostObservation observation
    ) =>
        from port in observation.Switch.Ports.Values
        where port.Bridge == intent.Switch?.Name && port.Mark != intent.Overlay
        from row in port.Interfaces
        where row.Problem is not null
        orderby row.Name
        select new Finding(
            $"port {row.Name}",
            Verdict.Doubtful,
            $"{row.Problem}. It is not Weft's: whoever made it can mend it, or `ovs-vsctl del-port {port.Name}`"
        );

    /// <summary>
    /// Ports in the overlay's container bridges that others made, and whose MTU is too large for their packets to reach other
    /// hosts.
    /// </summary>
    private static IEnumerable<Finding> StrangersTooWide(
        HostIntent intent,
        HostObservation observation
    ) =>
        from bridge in intent.Links.OfType<BridgeLinkIntent>()
        from port in observation.Links.Values
        where
            port.Master == bridge.Name
            && port.Mtu > bridge.Mtu
            && OwnershipMark.OfAlias(port.Alias) != intent.Overlay
        orderby port.Name
        select new Finding(
            $"port {port.Name}",
            Verdict.Doubtful,
            $"it is in bridge {bridge.Name} with MTU {port.Mtu}, and is not Weft's: what comes by it in packets of more than {bridge.Mtu} bytes reaches no other host. "
                + $"`ip link set {port.Name} mtu {bridge.Mtu}`, and the same for what is behind it (for a network of Docker's `-o com.docker.network.driver.mtu={bridge.Mtu}`)"
        );

    /// <summary>The state of everything on this host, and what prevents it from being as it should, each said once.</summary>
    internal static IEnumerable<Finding> HowThingsStand(
        HostIntent intent,
        HostObservation observation
    )
    {
        var status = HostStatus.Of(intent, observation);
        // Encryption is left out: it is tried later, which says more.
        var items = status.Items.Where(item => item.Kind != "encryption").ToList();
        var told = items.Where(item => item.IsBlocked).Select(item => item.Detail!).ToList();
        foreach (
            var conflict in status.Conflicts.Where(conflict =>
                !told.Exists(detail => detail.Contains(conflict.Message, StringComparison.Ordinal))
            )
        )
        {
            yield return new Finding(conflict.Name, Verdict.Wrong, conflict.Message);
        }
        var faults = Planner.UnderlayFaults(intent, observation).ToList();
        foreach (var fault in faults)
        {
            yield return new Finding("underlay", Verdict.Wrong, fault);
        }
        foreach (var fault in Planner.SwitchFaults(intent, observation))
        {
            faults.Add(fault);
            yield return new Finding($"switch {intent.Switch!.Name}", Verdict.Wrong, fault);
        }
        foreach (var (engine, silence) in observation.SilentEngines)
        {
            yield return new Finding(engine.Word, Verdict.Wrong, silence);
        }
        foreach (
            var notice in status
                .Notices.Except(faults)
                .Except(Planner.Silences(intent, observation))
        )
        {
            yield return new Finding("host", Verdict.Doubtful, notice);
        }
        foreach (var item in items)
        {
            yield return Finding.Of(item);
        }
    }

    private async Task<IReadOnlyList<Finding>> AskUnderlayAsync(
        HostIntent intent,
        HostObservation observation,
        CancellationToken cancellationToken
    ) =>
        await new UnderlayProbe(
            intent,
            observation,
            intent.Ipsec is { Credentials: CertificateFiles }
                ? observation.Credentials?.Certificate
                : null,
            clock
        ).AskAsync(
            session.Overlay.Hosts.Where(host => host.Name != intent.Host),
            cancellationToken
        );

    private async Task<Dictionary<string, string>> NegotiateAsync(
        HostIntent intent,
        CancellationToken cancellationToken
    ) =>
        (await session.EstablishAsync(intent, NegotiationPatience, cancellationToken)).ToDictionary(
            peer => peer.Peer,
            peer => peer.Why,
            StringComparer.Ordinal
        );

    /// <summary>Judges the encryption to a peer; why the negotiation failed says more than its state.</summary>
    /// <param name="item">Its state.</param>
    /// <param name="down">The peers with which negotiation failed, and why.</param>
    public static Finding Judge(StatusItem item, IReadOnlyDictionary<string, string> down) =>
        new(
            $"encryption {item.Name}",
            item.State is ItemState.Ok && !down.ContainsKey(item.Name)
                ? Verdict.Well
                : Verdict.Wrong,
            down.GetValueOrDefault(item.Name) ?? item.Detail ?? item.Intended
        );
}
