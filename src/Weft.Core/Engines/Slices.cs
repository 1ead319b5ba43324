using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// What each host gives addresses out of. Every host knows it from the file alone, so no two give out the same, and none has to
/// ask another.
/// </summary>
public sealed class Slices
{
    private readonly Overlay overlay;
    private readonly FrozenDictionary<string, int> numbers;

    /// <summary>The slices of an overlay.</summary>
    public Slices(Overlay overlay)
    {
        this.overlay = overlay;
        numbers = overlay
            .Hosts.Select((host, number) => (host.Name, number))
            .ToFrozenDictionary(host => host.Name, host => host.number, StringComparer.Ordinal);
        Declared = new HashSet<IPAddress>([
            .. overlay
                .Networks.SelectMany(network => network.Hosts)
                .SelectMany(host => host.Addresses),
            .. overlay.Networks.SelectMany(network => network.Floating),
            .. overlay
                .Containers.SelectMany(container => container.Attachments)
                .SelectMany(place =>
                    place.Addresses.Concat(place.Routes.Select(route => route.Via))
                ),
            .. overlay
                .Selections.SelectMany(selection => selection.Attachments)
                .SelectMany(place => place.Routes.Select(route => route.Via)),
        ]);
    }

    /// <summary>
    /// The addresses that the file gives to somebody on any host, names as a next hop, or has float: they are given to nobody
    /// else.
    /// </summary>
    public IReadOnlySet<IPAddress> Declared { get; }

    /// <summary>What one host gives out of one subnet of a network.</summary>
    /// <exception cref="KeyNotFoundException">The overlay has no such host.</exception>
    public Slice Of(Network network, IPNetwork subnet, string host)
    {
        var family = subnet.BaseAddress.AddressFamily;
        var declared = network
            .Slices.SelectMany(slices => slices.Slices.Select(part => (slices.Host, Part: part)))
            .Where(slice => slice.Part.BaseAddress.AddressFamily == family)
            .ToList();
        foreach (var (owner, part) in declared)
        {
            if (owner == host)
            {
                return new Slice(network.Name, subnet, host, part, IsDeclared: true, Others: []);
            }
        }
        return new Slice(
            network.Name,
            subnet,
            host,
            SubnetParts.Of(subnet, numbers[host], overlay.Hosts.Length),
            IsDeclared: false,
            [
                .. declared
                    .Select(slice => slice.Part)
                    .OrderBy(part => IPText.ToNumber(part.BaseAddress)),
            ]
        );
    }

    /// <summary>What one host gives out of a network: one slice for each of its subnets.</summary>
    /// <exception cref="KeyNotFoundException">The overlay has no such host.</exception>
    public ImmutableArray<Slice> Of(Network network, string host) =>
        [.. network.Subnets.Select(subnet => Of(network, subnet, host))];
}

/// <summary>What one host gives addresses out of, in one subnet.</summary>
/// <param name="Network">The network's name.</param>
/// <param name="Subnet">The subnet.</param>
/// <param name="Host">The host's name.</param>
/// <param name="Part">The part of the subnet; null where that is too small to have one for each host.</param>
/// <param name="IsDeclared">Whether the file says so; else it is worked out.</param>
/// <param name="Others">What in the subnet others have declared, in order; none of it is given out here.</param>
public sealed record Slice(
    string Network,
    IPNetwork Subnet,
    string Host,
    IPNetwork? Part,
    bool IsDeclared,
    ImmutableArray<IPNetwork> Others
)
{
    /// <summary>Whether the address is one that this host may give out.</summary>
    public bool Contains(IPAddress address)
    {
        var (lowest, highest) = IPText.Hosts(Subnet);
        return Part is { } part
            && part.Contains(address)
            && IPText.ToNumber(address) is var number
            && number >= lowest
            && number <= highest
            && !Others.Any(other => other.Contains(address));
    }

    /// <summary>
    /// What is left of it once a host is added at the end of the file's; null if nothing changes, as the file declares it, or
    /// if it is a single address.
    /// </summary>
    public Slice? Lasting =>
        !IsDeclared && Part is { } part && part.PrefixLength < IPText.Bits(part.BaseAddress)
            ? this with
            {
                Part = new IPNetwork(part.BaseAddress, part.PrefixLength + 1),
            }
            : null;

    /// <summary>The first address of the slice that is not taken; null where all are.</summary>
    public IPAddress? FirstFree(Func<IPAddress, bool> isTaken)
    {
        if (Part is not { } part)
        {
            return null;
        }
        var (first, last) = IPText.Ends(part);
        var (lowest, highest) = IPText.Hosts(Subnet);
        (first, last) = (UInt128.Max(first, lowest), UInt128.Min(last, highest));
        // Each step leaves behind one taken address or all of another's slice: there are no more steps than of those.
        for (var next = first; next <= last; next++)
        {
            var address = IPText.FromNumber(next, Subnet.BaseAddress.AddressFamily);
            var isOthers = false;
            foreach (var other in Others)
            {
                if (other.Contains(address))
                {
                    (_, next) = IPText.Ends(other);
                    isOthers = true;
                    break;
                }
            }
            if (!isOthers && !isTaken(address))
            {
                return address;
            }
        }
        return null;
    }

    /// <summary>
    /// What the file may say to declare this slice: all of it or, where others have declared some of it, the largest subnet of
    /// the rest; null where nothing is left.
    /// </summary>
    public IPNetwork? Declarable() => Part is { } part ? Rest(part) : null;

    /// <summary>As people say it: <c>10.8.2.64/26 of network cont-mgmnt0</c>.</summary>
    public override string ToString() =>
        Part is { } part
            ? $"{part} of network {Network}"
            : $"no part of {Subnet} of network {Network}";

    private IPNetwork? Rest(IPNetwork part)
    {
        var inside = Others
            .Where(other => part.Contains(other.BaseAddress) || other.Contains(part.BaseAddress))
            .ToList();
        if (inside.Count == 0)
        {
            return part;
        }
        if (inside.Any(other => other.PrefixLength <= part.PrefixLength))
        {
            return null;
        }
        var prefix = part.PrefixLength + 1;
        var (first, last) = IPText.Ends(part);
        var upper = first + (last - first) / 2 + 1;
        var low = Rest(new IPNetwork(part.BaseAddress, prefix));
        var high = Rest(
            new IPNetwork(IPText.FromNumber(upper, part.BaseAddress.AddressFamily), prefix)
        );
        return low is { } one && (high is not { } other2 || one.PrefixLength <= other2.PrefixLength)
            ? low
            : high;
    }
}
