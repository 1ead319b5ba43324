using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Ovsdb;
using Columns = System.Collections.Immutable.ImmutableSortedDictionary<string, Weft.Ovsdb.Datum>;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>One thing that somebody did by hand to what the overlay owns.</summary>
/// <param name="Thing">The link or port that it was done to.</param>
/// <param name="What">What it was.</param>
/// <param name="Do">Does it.</param>
/// <param name="IsContained">Whether nothing but that thing is affected.</param>
internal sealed record Sabotage(
    string Thing,
    string What,
    Action<ModelHost> Do,
    bool IsContained = true
)
{
    /// <summary>A switch of somebody else's.</summary>
    public const string OtherSwitch = "br-x";

    /// <summary>All that can be done to a host on which there are one overlay and <see cref="OtherSwitch"/>.</summary>
    public static IReadOnlyList<Sabotage> Of(ModelHost host) =>
        [
            .. from sabotage in (IEnumerable<Sabotage>)
                [
                    .. host.Links.SelectMany(link =>
                        link.MadeBy is null ? OfLink(link) : OfInternalLink(link)
                    ),
                    .. host.Policies.SelectMany(OfPolicy),
                    .. host["Port"].SelectMany(row => OfPort(row.Key, row.Value)),
                    .. host["Interface"].SelectMany(row => OfInterface(row.Key, row.Value)),
                    .. host["Bridge"].SelectMany(row => OfBridge(row.Key, row.Value)),
                ]
            where sabotage.Thing != OtherSwitch
            select sabotage,
        ];

    public override string ToString() => $"{Thing}: {What}";

    private static IEnumerable<Sabotage> OfLink(ModelLink link)
    {
        var (space, name) = (link.Namespace, link.Name);
        yield return new(
            ThingOf(link),
            "deleted",
            host => host.Ip(space, "link", "del", "dev", name),
            false
        );
        yield return Set("down");
        yield return Set("address", "02:ff:ff:ff:ff:ff");
        yield return Set("mtu", "1200");
        yield return Set("mtu", "9100");
        yield return Put("alias gone", link with { Alias = null });
        if (link.Master is not (null or "ovs-system"))
        {
            yield return Set("nomaster");
        }
        if (link.IsBlockingRoot)
        {
            yield return Put("root_block", link with { BlocksRoot = false });
        }
        if (link.Kind == "bridge")
        {
            yield return Put("stp", link with { Stp = !link.Stp });
            yield return Put("forward delay", link with { ForwardDelay = 1500 });
            yield return Put("mcast_snooping", link with { SnoopsMulticast = true });
        }
        else if (space is not null || name.EndsWith("-br", StringComparison.Ordinal))
        {
            // The other ends' checksums are nobody's concern.
            yield return Put(
                "checksums",
                link with
                {
                    LeavesChecksumsUndone = !link.LeavesChecksumsUndone,
                }
            );
        }
        if (space is null)
        {
            foreach (var sabotage in OfSettings(link))
            {
                yield return sabotage;
            }
        }
        else if (HasIpv6(link))
        {
            yield return Put("IPv6 off", WithIpv6(link, isOff: true));
        }
        foreach (var sabotage in OfAddresses(link).Concat(OfRoutes(link)))
        {
            yield return sabotage;
        }

        Sabotage Set(params string[] words) =>
            new(
                ThingOf(link),
                string.Join(' ', words),
                host => host.Ip(space, ["link", "set", "dev", name, .. words])
            );
        Sabotage Put(string what, ModelLink changed) =>
            new(ThingOf(link), what, host => host.Put(changed));
    }

    private static IEnumerable<Sabotage> OfInternalLink(ModelLink link)
    {
        yield return new(link.Name, "mtu", host => host.Put(link with { Mtu = 1200 }));
        if (link.MadeBy!.Value.Bridge != link.Name)
        {
            yield return new(
                link.Name,
                "address",
                host => host.Put(link with { Mac = MacAddress.Derive("by hand") })
            );
            yield return new(
                link.Name,
                "down",
                host => host.Ip(null, "link", "set", "dev", link.Name, "down")
            );
            foreach (var sabotage in OfSettings(link).Concat(OfAddresses(link)))
            {
                yield return sabotage;
            }
        }
    }

    /// <summary>What the kernel keeps of a link of the host's below <c>/proc/sys</c>.</summary>
    private static IEnumerable<Sabotage> OfSettings(ModelLink link)
    {
        yield return Put("accept_ra", link with { TakesAdvertisements = true });
        yield return Put("disable_ipv6", WithIpv6(link, isOff: !link.IsIpv6Off));
        yield return Put("rp_filter", link with { ReversePathFilter = 0 });
        yield return Put("forwarding", link with { Forwards = !link.Forwards });

        Sabotage Put(string what, ModelLink changed) =>
            new(link.Name, what, host => host.Put(changed));
    }

    private static bool HasIpv6(ModelLink link) =>
        link.Addresses.Any(address => ModelLink.IsIpv6(address) && !ModelLink.IsLinkLocal(address));

    private static ModelLink WithIpv6(ModelLink link, bool isOff) =>
        link with
        {
            IsIpv6Off = isOff,
            Addresses = isOff
                ? [.. link.Addresses.Where(address => !ModelLink.IsIpv6(address))]
                : link.Addresses,
        };

    private static IEnumerable<Sabotage> OfAddresses(ModelLink link)
    {
        foreach (
            var address in link.Addresses.Where(address =>
                link.NoLinkLocal || !ModelLink.IsLinkLocal(address)
            )
        )
        {
            yield return new(
                ThingOf(link),
                $"without {address}",
                host => host.Ip(link.Namespace, "addr", "del", $"{address}", "dev", link.Name)
            );
            yield return Addresses(
                $"before {address}",
                [
                    Near(address),
                    .. link.Addresses.Where(other =>
                        !ModelLink.IsIpv6(address) || other != address
                    ),
                ]
            );
        }
        yield return Addresses(
            "more addresses",
            [
                .. link.Addresses,
                Parse("10.99.0.1/24"),
                Parse("10.99.0.2/24"),
                Parse("10.99.0.3/24"),
                Parse("fd99::1/64"),
            ]
        );

        Sabotage Addresses(string what, InterfaceAddress[] addresses) =>
            new(ThingOf(link), what, host => host.Put(link with { Addresses = [.. addresses] }));
    }

    private static IEnumerable<Sabotage> OfRoutes(ModelLink link)
    {
        foreach (var route in link.Routes)
        {
            yield return Routes($"without {route}", link.Routes.Remove(route));
            yield return Routes(
                $"another way than {route}",
                link.Routes.Replace(route, route with { Via = Beside(route.Via!) })
            );
            yield return Routes(
                $"more than {route}",
                link.Routes.Add(
                    route with
                    {
                        Destination = IPNetwork.Parse(
                            ModelLink.IsIpv6(new(route.Via!, 0))
                                ? "2001:db8:77::/48"
                                : "203.0.113.0/24"
                        ),
                    }
                )
            );
        }

        Sabotage Routes(string what, ImmutableArray<LinkRoute> routes) =>
            new(ThingOf(link), what, host => host.Put(link with { Routes = routes }));
    }

    private static IEnumerable<Sabotage> OfPolicy(XfrmPolicy policy)
    {
        var (from, to) = (policy.Selector.Source, policy.Selector.Destination);
        var peer = $"{(policy.Direction is XfrmDirection.Out ? to : from).BaseAddress}";
        yield return new(
            peer,
            $"without {policy}",
            host => host.Shell($"ip xfrm policy delete {policy}")
        );
        yield return new(
            peer,
            $"let pass {policy}",
            host =>
                host.Shell(
                    $"ip xfrm policy update {policy} action allow priority {policy.Priority}"
                )
        );
    }

    private static IEnumerable<Sabotage> OfPort(Guid row, Columns port)
    {
        var name = port["name"].AsString();
        yield return Set("tag", 4000);
        yield return Set("tag", port["tag"].IsEmpty ? 1 : Datum.Empty);
        yield return Set("trunks", Datum.Set([1L, 2L]));
        yield return Set("vlan_mode", "trunk");
        yield return Set("protected", !port["protected"].AsBoolean());
        yield return Set("external_ids", Datum.EmptyMap);
        yield return new(name, "gone", host => Move(host, row, null), IsContained: false);
        yield return new(
            name,
            "elsewhere",
            host => Move(host, row, OtherSwitch),
            IsContained: false
        );

        Sabotage Set(string column, Datum value) =>
            new(name, $"{column} {value}", host => host.SetByHand("Port", row, column, value));
    }

    private static void Move(ModelHost host, Guid port, string? to)
    {
        var from = host["Bridge"].First(bridge => bridge.Value["ports"].Contains(port));
        if (from.Value["name"] == host["Port"][port]["name"])
        {
            return;
        }
        host.Transact([
            new Mutate(
                "Bridge",
                [Condition.UuidIs(from.Key)],
                [new("ports", Mutator.Delete, port)]
            ),
            .. from bridge in host["Bridge"]
            where to is not null && bridge.Value["name"] == to
            select new Mutate(
                "Bridge",
                [Condition.UuidIs(bridge.Key)],
                [new("ports", Mutator.Insert, port)]
            ),
        ]);
    }

    private static IEnumerable<Sabotage> OfInterface(Guid row, Columns @interface)
    {
        var name = @interface["name"].AsString();
        yield return Set("external_ids", Datum.EmptyMap);
        yield return Set("options", Datum.Map(("remote_ip", "203.0.113.1"), ("x", "y")));
        yield return Set("mtu_request", 1300);
        yield return Set("mac", "02:ff:ff:ff:ff:ff") with
        {
            IsContained = false,
        };
        yield return Set("type", @interface["type"] == "internal" ? "" : "internal") with
        {
            IsContained = false,
        };

        Sabotage Set(string column, Datum value) =>
            new(name, $"{column} {value}", host => host.SetByHand("Interface", row, column, value));
    }

    private static IEnumerable<Sabotage> OfBridge(Guid row, Columns bridge)
    {
        var name = bridge["name"].AsString();
        yield return new(name, "removed", host => host.Shell($"ovs-vsctl del-br {name}"), false);
        yield return Set("fail_mode", "secure");
        yield return Set("external_ids", Datum.EmptyMap);
        yield return Set("datapath_type", "netdev") with
        {
            IsContained = false,
        };
        yield return Set("datapath_type", "") with
        {
            IsContained = false,
        };

        Sabotage Set(string column, Datum value) =>
            new(name, $"{column} {value}", host => host.SetByHand("Bridge", row, column, value));
    }

    private static string ThingOf(ModelLink link) =>
        link.Namespace is null ? link.Name : $"{link.Name} in {link.Namespace}";

    private static InterfaceAddress Parse(string text) =>
        new(IPAddress.Parse(text.Split('/')[0]), int.Parse(text.Split('/')[1]));

    /// <summary>An address of the same subnet; of IPv6, the same with another prefix length.</summary>
    private static InterfaceAddress Near(InterfaceAddress address)
    {
        if (ModelLink.IsIpv6(address))
        {
            return address with { PrefixLength = 120 };
        }
        return address with { Address = Beside(address.Address) };
    }

    private static IPAddress Beside(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes[^1] ^= 0x40;
        return new IPAddress(bytes);
    }
}
