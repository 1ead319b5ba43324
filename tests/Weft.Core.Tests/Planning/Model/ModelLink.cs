using System.Collections.Immutable;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>A link of the modelled kernel, with what the kernel remembers of it beyond what is observed.</summary>
internal sealed record ModelLink
{
    public required int Index { get; init; }
    public required string? Namespace { get; init; }
    public required string Name { get; init; }
    public required string Kind { get; init; }
    public required MacAddress Mac { get; init; }
    public int Mtu { get; init; } = 1500;
    public bool Up { get; init; }
    public string? Master { get; init; }
    public string? Alias { get; init; }
    public (string? Namespace, string Name)? Peer { get; init; }
    public bool Stp { get; init; }
    public int ForwardDelay { get; init; }

    /// <summary>Whether a bridge sends multicast only where it has heard of listeners (<c>mcast_snooping</c>).</summary>
    public bool SnoopsMulticast { get; init; }

    /// <summary>Whether a bridge is its spanning tree's root; else the root's forward delay is in force.</summary>
    public bool IsRoot { get; init; } = true;

    /// <summary>Whether no root is taken behind this port of a bridge (<c>root_block</c>).</summary>
    public bool BlocksRoot { get; init; }

    /// <summary>The same as the kernel has it, which forgets it with the bridge.</summary>
    public bool IsBlockingRoot => BlocksRoot && Master is not (null or "ovs-system");
    public bool LeavesChecksumsUndone { get; init; } = true;

    public ImmutableArray<string> AlternativeNames { get; init; } = [];

    /// <summary>In the kernel's order: of IPv4, first addresses of a subnet before further ones.</summary>
    public ImmutableArray<InterfaceAddress> Addresses { get; init; } = [];

    public ImmutableArray<LinkRoute> Routes { get; init; } = [];

    /// <summary>Whether the kernel gives no link-local address (<c>addrgenmode none</c>).</summary>
    public bool NoLinkLocal { get; init; }

    /// <summary>Whether the kernel takes routers' advertisements (<c>accept_ra</c>).</summary>
    public bool TakesAdvertisements { get; init; } = true;

    /// <summary>Whether IPv6 is switched off (<c>disable_ipv6</c>).</summary>
    public bool IsIpv6Off { get; init; }

    /// <summary>How senders are checked (<c>rp_filter</c>).</summary>
    public int ReversePathFilter { get; init; }

    /// <summary>Whether what comes in by it is forwarded (<c>forwarding</c> of IPv4).</summary>
    public bool Forwards { get; init; }

    /// <summary>Whether a bridge's MTU was set once it was there; else it follows its ports.</summary>
    public bool HoldsMtu { get; init; }

    /// <summary>The switch and datapath that made the link for an internal port.</summary>
    public (string Bridge, string Datapath)? MadeBy { get; init; }

    /// <summary>What tells the link from all others.</summary>
    public (string? Namespace, string Name) Key => (Namespace, Name);

    public static bool IsIpv6(InterfaceAddress address) =>
        address.Address.AddressFamily is AddressFamily.InterNetworkV6;

    public static bool IsLinkLocal(InterfaceAddress address) => address.Address.IsIPv6LinkLocal;

    public Link Observe(ModelLink? peer) =>
        new()
        {
            Index = Index,
            Name = Name,
            AlternativeNames = AlternativeNames,
            Kind = Kind,
            Mtu = Mtu,
            Mac = Mac,
            Up = Up,
            Master = Master,
            Alias = Alias,
            Peer = peer?.Namespace == Namespace ? peer?.Name : null,
            PeerIndex = peer?.Namespace == Namespace ? null : peer?.Index,
            Addresses = [.. Addresses.Where(address => !IsLinkLocal(address))],
            LinkLocal = [.. Addresses.Where(IsLinkLocal)],
            Routes = Routes,
            Stp = Stp,
            ForwardDelay = ForwardDelay,
            IsRoot = IsRoot,
            SnoopsMulticast = SnoopsMulticast,
            Forwards = Forwards,
            BlocksRoot = IsBlockingRoot,
            TakesAdvertisements = TakesAdvertisements,
            IsIpv6Off = IsIpv6Off,
            ReversePathFilter = ReversePathFilter,
            LeavesChecksumsUndone = Kind == "veth" ? LeavesChecksumsUndone : null,
        };
}
