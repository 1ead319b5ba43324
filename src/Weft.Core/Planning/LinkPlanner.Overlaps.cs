using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

// Subnets of the overlay that a host or a container also has by another link: the kernel routes packets by only one of them.
internal sealed partial class LinkPlanner
{
    // The loopback's name in every network namespace. Packets to its addresses leave by no link.
    private const string Loopback = "lo";

    /// <summary>What the administrator should know.</summary>
    public List<string> Notices { get; } = [];

    private void CompareSubnets()
    {
        var networks = intent
            .LinksIntoNetworks.Where(network => !network.Addresses.IsEmpty)
            .ToList();
        if (networks.Count == 0)
        {
            return;
        }
        foreach (
            var other in observation
                .Links.Values.Where(link =>
                    HasAddresses(link) && !ownership.Owns(link) && observation.VrfOf(link) is null
                )
                .OrderBy(link => link.Index)
        )
        {
            // A link with the network's own name is a conflict as a whole, or is about to be taken over.
            foreach (var (network, addresses) in networks.Where(one => one.Name != other.Name))
            {
                foreach (var (own, there) in Overlaps(addresses, other))
                {
                    // If the network's own link has the address already, nothing is in its way, and the overlap deserves only a
                    // notice.
                    if (
                        own.Address.Equals(there.Address)
                        && observation.Links.GetValueOrDefault(network)?.Addresses.Contains(own)
                            is not true
                    )
                    {
                        Conflicts.Add(Conflict.WithAddress(other, there, network, intent.Host));
                    }
                    else
                    {
                        Notices.Add(
                            $"{Overlap(network, own, there, other.Name)}: what this host sends "
                                + $"{Consequence(own, there, other, ", what is for a gateway there too")}: "
                                + $"give one of the two another subnet, or take {intent.Host} out of the network's `hosts`"
                        );
                    }
                }
            }
        }
    }

    private void CompareSubnets(
        AttachmentIntent attachment,
        IReadOnlyDictionary<string, Link> inside,
        ContainerSighting container
    )
    {
        foreach (
            var other in inside
                .Values.Where(link =>
                    HasAddresses(link)
                    && link.Name != attachment.Interface
                    && link.Alias != ownership.Alias()
                    && container.DeviceOf(link.Name, intent.Overlay)?.Nic.Mark != intent.Overlay
                )
                .OrderBy(link => link.Index)
        )
        {
            foreach (var (own, there) in Overlaps(attachment.Addresses, other))
            {
                var gateway = other
                    .Routes.Select(route => route.Via)
                    .FirstOrDefault(via => via is not null && own.Subnet.Contains(via));
                Notices.Add(
                    $"{Overlap(attachment.Network, own, there, $"{other.Name} in {attachment.Key}")}: what it sends "
                        + $"{Consequence(own, there, other, gateway is null ? "" : $", what is for its gateway {gateway} too")}: "
                        + "give one of the two another subnet, or take the container out of the network"
                );
            }
        }
    }

    private static bool HasAddresses(Link link) =>
        !(link.Addresses.IsEmpty && link.Leased.IsEmpty) && link.Name != Loopback;

    /// <summary>The pairs of a network's address and another link's whose subnets overlap.</summary>
    private static IEnumerable<(InterfaceAddress Own, InterfaceAddress There)> Overlaps(
        ImmutableArray<InterfaceAddress> addresses,
        Link other
    ) =>
        from own in addresses
        from there in other.Addresses.AddRange(other.Leased)
        // A single address (/32 or /128) brings no subnet: it is a service's, or one that a point-to-point link has borrowed.
        where there.PrefixLength < IPText.Bits(there.Address)
        let ours = own.Subnet
        let theirs = there.Subnet
        where ours.Contains(theirs.BaseAddress) || theirs.Contains(ours.BaseAddress)
        select (own, there);

    private static string Overlap(
        string network,
        InterfaceAddress own,
        InterfaceAddress there,
        string where
    ) => $"network '{network}' has subnet {own.Subnet}, which overlaps {there} of {where}";

    /// <summary>Says where packets go: the longest prefix decides.</summary>
    private static string Consequence(
        InterfaceAddress own,
        InterfaceAddress there,
        Link other,
        string alsoLost
    ) =>
        own.PrefixLength > there.PrefixLength ? $"to {own.Subnet} goes into the overlay{alsoLost}"
        : own.PrefixLength < there.PrefixLength ? $"to {there.Subnet} goes by {other.Name}"
        : $"there goes by one of the two alone{alsoLost}";
}
