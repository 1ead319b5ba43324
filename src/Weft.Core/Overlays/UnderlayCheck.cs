using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>Finds mistakes among the hosts' underlay addresses and MTUs, and between these and the networks' subnets.</summary>
internal sealed class UnderlayCheck(
    ImmutableArray<Entry<Fields>> hosts,
    IReadOnlyCollection<AddressBook> networks,
    Mistakes mistakes
)
{
    // The least MTUs: RFC 8200 section 5 for IPv6; for IPv4 the datagram size that every host must accept (RFC 791), below
    // which nobody tests.
    internal const int LeastIpv6Mtu = 1280;
    private const int LeastIpv4Mtu = 576;

    private readonly ImmutableArray<(Entry<Fields> Host, Marked<IPAddress> Address)> addressed =
    [
        .. from host in hosts
        let address = host.Value?.Value.Get(OverlaySchema.Host.Address)
        where address is not null
        select (host, address.Value),
    ];

    private readonly ImmutableArray<(Entry<Fields> Host, Marked<IPAddress> Address)> local =
    [
        .. from host in hosts
        let address = host.Value?.Value.Get(OverlaySchema.Host.Local)
        where address is not null
        select (host, address.Value),
    ];

    /// <summary>The least MTU that the networks need inside the tunnels, and the text that says what needs it.</summary>
    private (int Mtu, string User)? LeastInside() =>
        networks.Count == 0 ? null
        : networks.FirstOrDefault(book => book.Subnets.Any(subnet => IsIpv6(subnet.BaseAddress)))
            is { Network: var network }
            ? (
                LeastIpv6Mtu,
                $"network {network.Quoted} (line {network.At.Line}) has an IPv6 subnet and"
            )
        : (LeastIpv4Mtu, "IPv4");

    /// <summary>
    /// Checks that every host has its own underlay address, that others can reach it, and that all are of one IP version.
    /// </summary>
    public void CheckAddresses()
    {
        var holders = new Dictionary<IPAddress, Entry<Fields>>();
        foreach (var (host, (address, at)) in addressed)
        {
            if (SpecialRange.Of(address) is { } special)
            {
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has underlay address {address}, which is {special.What}: write the one that the other hosts reach it by"
                );
            }
            else if (!holders.TryAdd(address, host))
            {
                var first = holders[address];
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has underlay address {address}, which {first.Quoted} (line {first.At.Line}) has already: give each host its own"
                );
            }
        }
        CheckLocalAddresses(holders);
        // The IP version that most hosts use counts as the intended one; in a draw, the first host's.
        var kinds = addressed
            .GroupBy(host => IsIpv6(host.Address.Value))
            .OrderByDescending(kind => kind.Count());
        if (kinds.Count() == 2)
        {
            var usual = kinds.First().First().Host;
            foreach (var (host, address) in kinds.Last())
            {
                var (kind, other) = IsIpv6(address.Value) ? ("IPv6", "IPv4") : ("IPv4", "IPv6");
                mistakes.Add(
                    address.At,
                    $"host {host.Quoted} has an {kind} underlay address, and host {usual.Quoted} (line {usual.At.Line}) an {other} one: no tunnel joins the two, use one kind for all"
                );
            }
        }
    }

    /// <summary>
    /// Checks that a local address belongs to one host only, and has the IP version of the underlay address it is translated
    /// from.
    /// </summary>
    private void CheckLocalAddresses(Dictionary<IPAddress, Entry<Fields>> holders)
    {
        foreach (var (host, (address, at)) in local)
        {
            var underlay = host.Value?.Value.Get(OverlaySchema.Host.Address)?.Value;
            if (SpecialRange.Of(address) is { } special)
            {
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has local address {address}, which is {special.What}: write the one that its own link has"
                );
            }
            else if (address.Equals(underlay))
            {
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has local address {address}, which is its underlay address too: take 'local' out"
                );
            }
            else if (underlay is not null && IsIpv6(underlay) != IsIpv6(address))
            {
                var (kind, other) = IsIpv6(address) ? ("IPv6", "IPv4") : ("IPv4", "IPv6");
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has an {kind} local address and an {other} underlay address: nothing translates the one into the other, use one kind"
                );
            }
            else if (!holders.TryAdd(address, host))
            {
                var first = holders[address];
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has local address {address}, which {first.Quoted} (line {first.At.Line}) has already: give each host its own"
                );
            }
        }
    }

    /// <summary>
    /// Checks that no address is in two subnets, and no underlay address in one. Subnets are disjoint or nested; sorted, those
    /// inside an outermost one follow it, so one pass finds all.
    /// </summary>
    public void CheckSubnets()
    {
        var ranges = networks
            .SelectMany(book =>
                book.MarkedSubnets.Select(subnet => new Range(
                    subnet.Value,
                    subnet.At,
                    book.Network
                ))
            )
            .Concat(
                addressed
                    .Concat(local)
                    .Select(host => new Range(
                        new IPNetwork(host.Address.Value, IPText.Bits(host.Address.Value)),
                        host.Address.At,
                        host.Host
                    )
                    {
                        IsHost = true,
                    })
            )
            .OrderBy(range =>
                (range.Bits, range.First, range.Subnet.PrefixLength, range.IsHost, range.At.Order)
            );
        Range? outer = null;
        var holding = new Dictionary<Range, List<Range>>();
        foreach (var range in ranges)
        {
            if (outer is null || !outer.Subnet.Contains(range.Subnet.BaseAddress))
            {
                outer = range.IsHost ? outer : range;
            }
            else if (range.IsHost)
            {
                (holding.TryGetValue(outer, out var held) ? held : holding[outer] = []).Add(range);
            }
            else
            {
                AddOverlap(outer, range);
            }
        }
        foreach (var (subnet, held) in holding)
        {
            AddUnderlayInside(subnet, held);
        }
    }

    /// <summary>Checks that MTUs suffice for the underlay's IP version and, inside the tunnels, for the networks'.</summary>
    /// <param name="encapsulate">Gives the encapsulation of frames; the argument is whether the underlay is IPv6.</param>
    public void CheckMtus(Func<bool, Encapsulation> encapsulate)
    {
        var leastInside = LeastInside();
        foreach (var (host, address) in addressed)
        {
            if (host.Value?.Value.Get(OverlaySchema.Host.Mtu) is not { Value: var mtu, At: var at })
            {
                continue;
            }
            var isIpv6 = IsIpv6(address.Value);
            var (forUnderlay, forNetworks) = (isIpv6 ? LeastIpv6Mtu : 0, 0);
            var why = "and its underlay address is an IPv6 one";
            if (leastInside is { } inside)
            {
                var encapsulation = encapsulate(isIpv6);
                // Because of ESP's padding, a few more bytes may change nothing.
                forNetworks = inside.Mtu;
                while (encapsulation.OverlayMtu(forNetworks) < inside.Mtu)
                {
                    forNetworks++;
                }
                if (forNetworks > forUnderlay)
                {
                    why =
                        $"which leaves {encapsulation.OverlayMtu((int)mtu)} bytes in a tunnel, and {inside.User} needs {inside.Mtu}";
                }
            }
            var least = Math.Max(forUnderlay, forNetworks);
            if (mtu < least)
            {
                mistakes.Add(
                    at,
                    $"host {host.Quoted} has an MTU of {mtu}, {why}: it takes {least} at least"
                );
            }
        }
    }

    private void AddOverlap(Range one, Range other)
    {
        var (earlier, later) = one.At.IsBefore(other.At) ? (one, other) : (other, one);
        mistakes.Add(
            later.At,
            $"network {later.Owner.Quoted} has subnet {later.Subnet}, which overlaps {earlier.Subnet} of {earlier.Owner.Quoted} (line {earlier.Owner.At.Line}): give each its own"
        );
    }

    private void AddUnderlayInside(Range subnet, List<Range> held)
    {
        var host = held.MinBy(range => range.At.Order)!;
        var others = held.Count switch
        {
            1 => "",
            2 => " and of one more",
            _ => $" and of {held.Count - 1:N0} more",
        };
        mistakes.Add(
            subnet.At,
            $"network {subnet.Owner.Quoted} has subnet {subnet.Subnet}, which holds {What(host)} {host.Subnet.BaseAddress} of host {host.Owner.Quoted} (line {host.Owner.At.Line}){others}: choose a subnet that is used nowhere else"
        );
    }

    private string What(Range range) =>
        local.Any(host => host.Address.At == range.At) ? "local address" : "underlay address";

    private static bool IsIpv6(IPAddress address) =>
        address.AddressFamily is AddressFamily.InterNetworkV6;

    /// <summary>A subnet or, as a subnet of one, an underlay address.</summary>
    private sealed record Range(IPNetwork Subnet, Position At, Entry<Fields> Owner)
    {
        public bool IsHost { get; init; }

        public int Bits { get; } = IPText.Bits(Subnet.BaseAddress);

        public UInt128 First { get; } = IPText.ToNumber(Subnet.BaseAddress);
    }
}
