using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>
/// Who has which address in one network; finds addresses that two have, or that nobody can have there, and names
/// free ones instead.
/// </summary>
internal sealed class AddressBook
{
    private readonly List<(string Who, string Quoted, Marked<IPAddress> Address)> claims = [];
    private readonly HashSet<IPAddress> taken = [];

    // Where a subnet is missing or wrong, an address in none of the others may be right.
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

    /// <summary>Notes that someone has an address; whether it can be so shows when all have been noted.</summary>
    /// <param name="who">Who, in full.</param>
    /// <param name="quoted">The name alone.</param>
    /// <param name="address">The address, and where the file says it.</param>
    public void Claim(string who, string quoted, Marked<IPAddress> address) =>
        claims.Add((who, quoted, address));

    /// <summary>What is wrong with an address as one in this network, to follow a comma; null for what can be there.</summary>
    public string? Misplacement(IPAddress address) => Misplacement(address, SubnetFor(address));

    /// <summary>What is wrong with addresses as a part of this network, to follow a comma.</summary>
    public string? Misplacement(IPNetwork part) =>
        SubnetFor(part.BaseAddress) is not { } own ? Misplacement(part.BaseAddress)
        : own.PrefixLength > part.PrefixLength || !own.Contains(part.BaseAddress) ? Outside(own)
        : null;

    /// <summary>Adds the mistakes in what was noted.</summary>
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

    /// <summary>The subnet of the address's family.</summary>
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

    /// <summary>The next free address from <paramref name="near"/> on, which is then no longer free.</summary>
    private IPAddress? Free(IPNetwork subnet, UInt128 near)
    {
        var (lowest, highest) = IPText.Hosts(subnet);
        var candidate = near < lowest || near > highest ? lowest : near;
        // Among one address more than are taken there is a free one, unless the subnet ends before.
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
