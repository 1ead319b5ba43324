using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>Finds whether a host's firewall drops packets that tunnels and their encryption need from other hosts.</summary>
internal static class UnderlayFirewall
{
    private const byte Esp = 50;
    private const ushort Ike = 500;
    private const ushort NatTraversal = 4500;

    /// <summary>Returns what of another host's traffic does not get in.</summary>
    /// <param name="firewall">This host's firewall.</param>
    /// <param name="overlay">The overlay.</param>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="seen">What it looks like.</param>
    /// <param name="peer">The other host.</param>
    /// <param name="answers">
    /// Whether it answers through the tunnel all the same, because the firewall takes its packets for answers.
    /// </param>
    public static IEnumerable<Finding> Judge(
        Firewall firewall,
        Overlay overlay,
        HostIntent intent,
        HostObservation seen,
        string peer,
        bool answers
    )
    {
        // The userspace datapath takes packets before the kernel's firewall sees them.
        if (
            intent is not { Underlay: { } own, Switch: { Userspace: false } wanted }
            || wanted.Ports.FirstOrDefault(port => port.Peer == peer) is not { } tunnel
        )
        {
            yield break;
        }
        var other = IPAddress.Parse(tunnel.Options["remote_ip"]);
        var judged = (
            from entrant in Entrants(overlay.Tunnels, intent, peer)
            let fate = firewall.Judge(
                "input",
                new FirewallPacket(own.AddressFamily)
                {
                    In = seen.LinkWith(own)?.Name,
                    Protocol = entrant.Traffic.Protocol,
                    Port = entrant.Traffic.Port,
                    Source = other,
                    Destination = own,
                    IsDecrypted = entrant.IsDecrypted,
                }
            )
            select (Entrant: entrant, fate.Dropping, fate.WhyUnknown)
        ).ToList();
        foreach (var group in judged.GroupBy(one => one.Dropping, one => one.Entrant))
        {
            if (group.Key is not { } chain)
            {
                continue;
            }
            var commands = group.Select(entrant =>
                $"`{Opening(chain, other, entrant, firewall.IsKeptByUfw)}`"
            );
            yield return new Finding(
                $"firewall for {peer}",
                answers ? Verdict.Doubtful : Verdict.Wrong,
                $"{chain} drops {string.Join(", ", group.Select(entrant => entrant.Words))} from {peer}"
                    + $"{(answers ? ", unless it takes it for an answer" : "")}: let it in by {string.Join(" and ", commands)}"
            );
        }
        // A host that answers raises no doubt: one that never goes away would hide the others.
        foreach (
            var group in from one in judged
            where one.WhyUnknown is not null && !answers
            group one.Entrant.Words by one.WhyUnknown
        )
        {
            yield return new Finding(
                $"firewall for {peer}",
                Verdict.Doubtful,
                $"whether this host's firewall drops {string.Join(", ", group)} from {peer} is not known: {group.Key}"
            );
        }
    }

    private static IEnumerable<Entrant> Entrants(Tunnels tunnels, HostIntent intent, string peer)
    {
        if (intent.Ipsec?.Peers.FirstOrDefault(one => one.Name == peer) is not { } encrypted)
        {
            yield return Entrant.Of(
                TunnelTraffic.Of(tunnels.Type, tunnels.Port),
                isDecrypted: false
            );
            yield break;
        }
        yield return new Entrant(
            "UDP port 500 (IKE)",
            new TunnelTraffic(TunnelTraffic.Udp, Ike),
            false
        );
        yield return encrypted.NatTraversal
            ? new Entrant(
                "UDP port 4500 (ESP in UDP)",
                new TunnelTraffic(TunnelTraffic.Udp, NatTraversal),
                false
            )
            : new Entrant("IP protocol 50 (ESP)", new TunnelTraffic(Esp, null), false);
        // The kernel passes decrypted packets through the firewall once more.
        yield return Entrant.Of(encrypted.Traffic, isDecrypted: true);
    }

    private static string Opening(
        FirewallChain chain,
        IPAddress other,
        Entrant entrant,
        bool isKeptByUfw
    )
    {
        var (protocol, port) = entrant.Traffic;
        var name = protocol switch
        {
            TunnelTraffic.Gre => "gre",
            Esp => "esp",
            _ => "udp",
        };
        var isIPv4 = other.AddressFamily is AddressFamily.InterNetwork;
        return chain switch
        {
            { Table: "filter", Family: not "inet" } when isKeptByUfw => port is null
                ? $"ufw allow proto {name} from {other}"
                : $"ufw allow proto udp from {other} to any port {port}",
            { Table: "filter", Name: "INPUT", Family: not "inet" } =>
                $"{(isIPv4 ? "iptables" : "ip6tables")} -I INPUT -s {other} -p {name}{(port is null ? "" : $" --dport {port}")}{(entrant.IsDecrypted ? " -m policy --dir in --pol ipsec" : "")} -j ACCEPT",
            { Table: "firewalld" } =>
                $"firewall-cmd --add-rich-rule='rule family=\"{(isIPv4 ? "ipv4" : "ipv6")}\" source address=\"{other}\" {(port is null ? $"protocol value=\"{name}\"" : $"port port=\"{port}\" protocol=\"udp\"")} accept'",
            _ =>
                $"nft insert rule {chain.Family} {chain.Table} {chain.Name} {(isIPv4 ? "ip" : "ip6")} saddr {other} {(port is null ? $"meta l4proto {name}" : $"udp dport {port}")}{(entrant.IsDecrypted ? " meta ipsec exists" : "")} accept",
        };
    }

    private sealed record Entrant(string Words, TunnelTraffic Traffic, bool IsDecrypted)
    {
        public static Entrant Of(TunnelTraffic traffic, bool isDecrypted) =>
            new(
                $"{(isDecrypted ? "decrypted " : "")}{(traffic.Port is { } port ? $"UDP port {port}" : "GRE")}",
                traffic,
                isDecrypted
            );
    }
}
