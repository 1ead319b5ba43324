using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>The addresses claimed in one network: finds duplicates and unusable addresses, and suggests free ones.</summary>
internal sealed class AddressBook
{
    private readonly List<(string Who, string Quoted, Marked<IPAddress> Address)> claims = [];
    private readonly HashSet<IPAddress> taken = [];

    // If a subnet is missing or wrong, an address outside the others may still be right.
    private readonly bool hasAllSubnets;

    public AddressBook(Entry<Fields> network)
    {
        Network = network;
        var read = network.Value?.Value.Get(OverlaySchema.Network.Subnet)?.Value ?? [];
        MarkedSubnets = [.. read.OfType<Marked<IPNetwork>>()];
        hasAllSubnets = !read.IsEmpty && MarkedSubnets.Length == read.Length;
    }

    public Entry<Fields> Network { get; }

    public ImmutableArray<Marked<IPNetwork>> MarkedSubnets { get; }

    public ImmutableArray<IPNetwork> Subnets => [.. MarkedSubnets.Select(subnet => subnet.Value)];

    /// <summary>Records that someone has an address. <see cref="Check"/> judges the addresses once all are recorded.</summary>
    /// <param name="who">The holder as messages name it in full, such as <c>container 'web'</c>.</param>
    /// <param name="quoted">The holder's name alone, in quotes.</param>
    /// <param name="address">The address, and its position in the file.</param>
    public void Claim(string who, string quoted, Marked<IPAddress> address) =>
        claims.Add((who, quoted, address));

    /// <summary>Why an address cannot be used in this network, as the text after a comma; null if it can.</summary>
    public string? Misplacement(IPAddress address) => Misplacement(address, SubnetFor(address));

    /// <summary>Why a range of addresses is no part of this network, as the text after a comma; null if it is one.</summary>
    public string? Misplacement(IPNetwork part) =>
        SubnetFor(part.BaseAddress) is not { } own ? Misplacement(part.BaseAddress)
        : own.PrefixLength > part.PrefixLength || !own.Contains(part.BaseAddress) ? Outside(own)
        : null;

    /// <summary>Reports the mistakes among the recorded addresses.</summary>
    public void Check(Mistakes mistakes)
    {
        var holders = new Dictionary<IPAddress, (string Quoted, Position At)>();
        var wrong = new List<(Position At, IPAddress Address, IPNetwork? Subnet, string Message)>();
        foreach (var (who, quoted, (address, at)) in claims)
        {
            var subnet = SubnetFor(address);
            if (Misplacement(address, subnet) is { } misplacement)
            {
                wrong.Add((at, address, subnet, $"{who} has address {address}, {misplacement}"));
            }
            else if (!holders.TryAdd(address, (quoted, at)))
            {
                var first = holders[address];
                wrong.Add(
                    (
                        at,
                        address,
                        subnet,
                        $"{who} has address {address}, which {first.Quoted} (line {first.At.Line}) has already"
                    )
                );
            }
        }
        taken.UnionWith(holders.Keys);
        foreach (var (at, address, subnet, message) in wrong)
        {
            mistakes.Add(at, () => $"{message}: {Alternative(address, subnet)}");
        }
    }

    /// <summary>The network's subnet of the address's family; null if it has none.</summary>
    private IPNetwork? SubnetFor(IPAddress address)
    {
        foreach (var (subnet, _) in MarkedSubnets)
        {
            if (subnet.BaseAddress.AddressFamily == address.AddressFamily)
            {
                return subnet;
            }
        }
        return null;
    }

    private string? Misplacement(IPAddress address, IPNetwork? subnet)
    {
        if (subnet is not { } own)
        {
            return hasAllSubnets
                ? $"and network {Network.Quoted} (line {Network.At.Line}) has no {IPText.VersionOf(address.AddressFamily)} subnet"
                : null;
        }
        if (!own.Contains(address))
        {
            return Outside(own);
        }
        var (lowest, highest) = IPText.Hosts(own);
        var number = IPText.ToNumber(address);
        return number < lowest
            ? address.AddressFamily is AddressFamily.InterNetwork
                ? $"which is the network address of {own}"
                : $"which is the routers' anycast address of {own} (RFC 4291)"
            : number > highest
                ? $"which is the broadcast address of {own}"
                : null;
    }

    private string Outside(IPNetwork subnet) =>
        $"which is outside {subnet} of network {Network.Quoted} (line {Network.At.Line})";

    private string Alternative(IPAddress address, IPNetwork? subnet) =>
        subnet is not { } own ? "take it out, or give the network one"
        : Free(own, IPText.ToNumber(address)) is { } free ? $"{free} is free"
        : $"no address of {own} is free, make it larger";

    /// <summary>
    /// The next free address at or after <paramref name="near"/>, wrapping around; it counts as taken from then on.
    /// </summary>
    private IPAddress? Free(IPNetwork subnet, UInt128 near)
    {
        var (lowest, highest) = IPText.Hosts(subnet);
        var candidate = near < lowest || near > highest ? lowest : near;
        // taken.Count + 1 addresses include a free one, unless the subnet has fewer.
        for (var tried = 0; tried <= taken.Count; tried++)
        {
            var address = IPText.FromNumber(candidate, subnet.BaseAddress.AddressFamily);
            if (taken.Add(address))
            {
                return address;
            }
            candidate = candidate == highest ? lowest : candidate + 1;
        }
        return null;
    }
}
