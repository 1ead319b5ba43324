using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Tests.Planning.Model;

internal sealed partial class ModelHost
{
    private const string Datapath = "ovs-system";

    /// <summary>Runs one command of ip(8), without the word <c>ip</c>.</summary>
    public void Ip(string? space, params string[] command)
    {
        var words = new Words(command);
        switch (words.Next(), words.Next())
        {
            case ("link", "add"):
                AddLink(space, words);
                break;
            case ("link", "set"):
                SetLink(Find(space, words.After("dev")), words);
                break;
            case ("link", "del"):
                DeleteLink(Find(space, words.After("dev")));
                break;
            case ("xfrm", "policy"):
                Policy(words);
                break;
            case ("addr", "add"):
                AddAddress(words, space, replace: false);
                break;
            case ("addr", "replace"):
                AddAddress(words, space, replace: true);
                break;
            case ("addr", "del"):
                var address = Address(words.Next());
                DeleteAddress(Find(space, words.After("dev")), address);
                break;
            case ("route", "replace"):
                ReplaceRoute(space, words);
                break;
            case ("route", "del"):
                DeleteRoute(space, words);
                break;
            default:
                throw words.Unknown();
        }
        words.End();
        if (command[0] == "link")
        {
            Reconfigure(enforce: false);
        }
    }

    public void SetChecksums(string? space, string name, bool leavesUndone) =>
        Put(Find(space, name) with { LeavesChecksumsUndone = leavesUndone });

    /// <summary>Has all links that come into a namespace come with IPv6 off, as Docker does.</summary>
    public void SwitchIpv6Off(string space) => withoutIpv6 = withoutIpv6.Add(space);

    /// <summary>Writes below <c>/proc/sys</c>, as <c>sysctl -w</c> does.</summary>
    public void Sysctl(string? space, string setting)
    {
        var match = Regex.Match(
            setting,
            "^net/(?<family>ipv[46])/conf/(?<link>[^/]+)/(?<key>[a-z0-9_]+)=(?<value>[01])$",
            RegexOptions.ExplicitCapture
        );
        var link = Find(space, match.Groups["link"].Value);
        var isOn = match.Groups["value"].Value == "1";
        Put(
            (match.Groups["family"].Value, match.Groups["key"].Value) switch
            {
                ("ipv4", "rp_filter") => link with { ReversePathFilter = isOn ? 1 : 0 },
                ("ipv4", "forwarding") => link with { Forwards = isOn },
                ("ipv6", "accept_ra") => link with { TakesAdvertisements = isOn },
                ("ipv6", "disable_ipv6") => SwitchIpv6(link, isOff: isOn),
                _ => throw new InvalidOperationException(
                    $"the model does not know this: {setting}"
                ),
            }
        );
    }

    /// <summary>IPv6 that goes off takes its addresses along, and gives a link that is up its link-local one as it comes back.</summary>
    private static ModelLink SwitchIpv6(ModelLink link, bool isOff)
    {
        var switched = link with
        {
            IsIpv6Off = isOff,
            Addresses = isOff
                ? [.. link.Addresses.Where(address => !ModelLink.IsIpv6(address))]
                : link.Addresses,
        };
        return link.Up ? WithLinkLocal(switched) : switched;
    }

    public ModelLink Find(string? space, string name) =>
        links.GetValueOrDefault((space, name))
        ?? throw new RefusedException($"Cannot find device \"{name}\"");

    /// <summary>Makes a link of any kind, past the words that plans may use.</summary>
    public ModelLink Add(ModelLink link)
    {
        if (links.ContainsKey(link.Key))
        {
            throw new RefusedException($"RTNETLINK answers: File exists ({link.Name})");
        }
        var added = link with
        {
            Index = ++lastIndex,
            IsIpv6Off = link.Namespace is { } space && withoutIpv6.Contains(space),
        };
        Put(added);
        return added;
    }

    public void Put(ModelLink link) => links = links.SetItem(link.Key, link);

    private void AddLink(string? space, Words words)
    {
        var link = LinkNamed(space, words.After("name"));
        while (words.More)
        {
            switch (words.Next())
            {
                case "address":
                    link = link with { Mac = Mac(words.Next()) };
                    break;
                case "mtu":
                    link = link with { Mtu = words.Number() };
                    break;
                case "type":
                    AddOfKind(link, words.Next(), words);
                    return;
                default:
                    throw words.Unknown();
            }
        }
        throw new RefusedException("Not enough information: \"type\" argument is required");
    }

    private void AddOfKind(ModelLink link, string kind, Words words)
    {
        switch (kind)
        {
            case "bridge":
                Add(
                    SetBridge(
                        link with
                        {
                            Kind = "bridge",
                            ForwardDelay = 1500,
                            SnoopsMulticast = true,
                        },
                        words
                    )
                );
                break;
            case "veth":
                words.Expect("peer");
                var peer = LinkNamed(link.Namespace, words.After("name")) with { Kind = "veth" };
                while (words.More)
                {
                    peer = words.Next() switch
                    {
                        "netns" => peer with { Namespace = NamespaceNamed(words.Next()) },
                        "address" => peer with { Mac = Mac(words.Next()) },
                        "mtu" => peer with { Mtu = words.Number() },
                        _ => throw words.Unknown(),
                    };
                }
                var before = links;
                try
                {
                    peer = Add(peer);
                    link = Add(link with { Kind = "veth", Peer = peer.Key });
                    Put(peer with { Peer = link.Key });
                }
                catch (RefusedException)
                {
                    links = before;
                    throw;
                }
                break;
            default:
                throw words.Unknown();
        }
    }

    private void SetLink(ModelLink link, Words words)
    {
        if (!words.More)
        {
            throw words.Unknown();
        }
        while (words.More)
        {
            switch (words.Next())
            {
                case "type" when link.Master is not null && words.Comes("bridge_slave"):
                    words.Expect("bridge_slave");
                    words.Expect("root_block");
                    link = link with { BlocksRoot = words.Next() == "on" };
                    break;
                case "type":
                    words.Expect(link.Kind);
                    link = SetBridge(link, words);
                    break;
                case "address":
                    link = link with { Mac = Mac(words.Next()) };
                    break;
                case "mtu":
                    var mtu = words.Number();
                    // The kernel takes notice of a bridge's MTU only where it changes.
                    link = link with
                    {
                        Mtu = mtu,
                        HoldsMtu = link.HoldsMtu || link.Mtu != mtu,
                    };
                    break;
                case "alias":
                    link = link with { Alias = words.Next() };
                    break;
                case "addrgenmode":
                    link = link with { NoLinkLocal = words.Next() == "none" };
                    break;
                case "master":
                    link = Enslave(link, words.Next());
                    break;
                case "nomaster":
                    link = Enslave(link, null);
                    break;
                case "up":
                    link = WithLinkLocal(link with { Up = true });
                    break;
                case "down":
                    link = link with
                    {
                        Up = false,
                        Routes = [],
                        Addresses =
                        [
                            .. link.Addresses.Where(address => !ModelLink.IsIpv6(address)),
                        ],
                    };
                    break;
                default:
                    throw words.Unknown();
            }
        }
        var masterBefore = links[link.Key].Master;
        Put(link);
        AdjustMtu(masterBefore, link.Namespace);
        AdjustMtu(link.Master, link.Namespace);
    }

    private static ModelLink SetBridge(ModelLink link, Words words)
    {
        // The kernel sets the delay before it switches the protocol, whatever the order of the words.
        var (stp, delay) = (link.Stp, link.ForwardDelay);
        while (words.More)
        {
            switch (words.Next())
            {
                case "stp_state":
                    stp = words.Number() != 0;
                    break;
                case "forward_delay":
                    delay = words.Number();
                    break;
                case "priority":
                    _ = words.Number();
                    break;
                case "mcast_snooping":
                    link = link with { SnoopsMulticast = words.Number() != 0 };
                    break;
                default:
                    throw words.Unknown();
            }
        }
        return link.Stp && delay is < 200 or > 3000
            ? throw new RefusedException("RTNETLINK answers: Numerical result out of range")
            : link with
            {
                Stp = stp,
                ForwardDelay = delay,
            };
    }

    private ModelLink Enslave(ModelLink link, string? bridge)
    {
        var refused =
            link.Master == Datapath
            || bridge is not null && Find(link.Namespace, bridge).Kind != "bridge";
        return refused
            ? throw new RefusedException("RTNETLINK answers: Operation not supported")
            : link with
            {
                Master = bridge,
                BlocksRoot = link.BlocksRoot && link.Master == bridge,
            };
    }

    /// <summary>A bridge whose MTU nobody set has the smallest of its ports, or Ethernet's.</summary>
    private void AdjustMtu(string? bridge, string? space)
    {
        if (bridge is not (null or Datapath) && Find(space, bridge) is { HoldsMtu: false } link)
        {
            var ports = links.Values.Where(port =>
                port.Namespace == space && port.Master == bridge
            );
            Put(link with { Mtu = ports.Select(port => port.Mtu).DefaultIfEmpty(1500).Min() });
        }
    }

    private static ModelLink WithLinkLocal(ModelLink link) =>
        link.NoLinkLocal || link.IsIpv6Off || link.Addresses.Any(ModelLink.IsLinkLocal)
            ? link
            : link with
            {
                Addresses = link.Addresses.Add(new(link.Mac.ToLinkLocal(), 64)),
            };

    private void DeleteLink(ModelLink link)
    {
        if (link.Kind is not ("bridge" or "veth" or "dummy"))
        {
            throw new RefusedException("RTNETLINK answers: Operation not supported");
        }
        Remove(link);
        if (link.Peer is { } peer)
        {
            Remove(links[peer]);
        }
    }

    private void Remove(ModelLink link)
    {
        links = links.Remove(link.Key);
        if (link.Kind == "bridge")
        {
            foreach (
                var port in links.Values.Where(port =>
                    port.Namespace == link.Namespace && port.Master == link.Name
                )
            )
            {
                Put(port with { Master = null });
            }
        }
        AdjustMtu(link.Master, link.Namespace);
    }

    private void AddAddress(Words words, string? space, bool replace)
    {
        var address = Address(words.Next());
        var link = Find(space, words.After("dev"));
        if (ModelLink.IsIpv6(address))
        {
            // Uniqueness over the hosts is the overlay's business, not duplicate address detection's.
            words.Expect("nodad");
            if (link.IsIpv6Off)
            {
                throw new RefusedException("Error: ipv6: IPv6 is disabled on this device.");
            }
        }
        if (link.Addresses.Contains(address) && replace)
        {
            return;
        }
        var taken = ModelLink.IsIpv6(address)
            ? link.Addresses.Any(other => other.Address.Equals(address.Address))
            : link.Addresses.Contains(address);
        if (taken)
        {
            throw new RefusedException("Error: Address already assigned.");
        }
        var at = link.Addresses.Any(address.SharesSubnetWith)
            ? link.Addresses.Length
            : link.Addresses.TakeWhile((_, index) => !IsSecondary(link, index)).Count();
        Put(link with { Addresses = link.Addresses.Insert(at, address) });
    }

    /// <summary>Takes an address away, and with the first IPv4 address of a subnet all further ones (promote_secondaries=0).</summary>
    private void DeleteAddress(ModelLink link, InterfaceAddress address)
    {
        var index = link.Addresses.IndexOf(address);
        if (index < 0)
        {
            throw new RefusedException("Error: ipv4: Address not found.");
        }
        var isFirst = !IsSecondary(link, index);
        var left = link
            .Addresses.Where(other =>
                other != address && !(isFirst && other.SharesSubnetWith(address))
            )
            .ToImmutableArray();
        Put(
            link with
            {
                Addresses = left,
                // IPv4 ends at a link that has no address of it any more (fib_disable_ip).
                Routes = left.Any(other => !ModelLink.IsIpv6(other))
                    ? link.Routes
                    : [.. link.Routes.Where(route => IsIpv6(route.Via!))],
            }
        );
    }

    private void ReplaceRoute(string? space, Words words)
    {
        var (link, route) = Route(space, words);
        if (!link.Up)
        {
            throw new RefusedException("Error: Device for nexthop is not up.");
        }
        if (!link.Addresses.Any(address => IsNeighbour(address, route.Via!)))
        {
            throw new RefusedException("Error: Nexthop has invalid gateway.");
        }
        foreach (var other in links.Values.Where(other => other.Namespace == space))
        {
            Put(
                other with
                {
                    Routes =
                    [
                        .. other.Routes.Where(there => there.Destination != route.Destination),
                        .. other.Key == link.Key ? [route] : (LinkRoute[])[],
                    ],
                }
            );
        }
    }

    private void DeleteRoute(string? space, Words words)
    {
        var (link, route) = Route(space, words);
        Put(
            link.Routes.Contains(route)
                ? link with
                {
                    Routes = link.Routes.Remove(route),
                }
                : throw new RefusedException("RTNETLINK answers: No such process")
        );
    }

    private (ModelLink Link, LinkRoute Route) Route(string? space, Words words)
    {
        var destination = words.Next();
        var via = IPAddress.Parse(words.After("via"));
        var link = Find(space, words.After("dev"));
        words.Expect("proto");
        var everywhere = IsIpv6(via) ? "::/0" : "0.0.0.0/0";
        return (
            link,
            new LinkRoute(
                IPNetwork.Parse(destination == "default" ? everywhere : destination),
                via,
                (byte)words.Number()
            )
        );
    }

    private static bool IsNeighbour(InterfaceAddress own, IPAddress other)
    {
        var beyond = IPText.Bits(other) - own.PrefixLength;
        return own.Address.AddressFamily == other.AddressFamily
            && IPText.ToNumber(own.Address) >> beyond == IPText.ToNumber(other) >> beyond;
    }

    private static bool IsIpv6(IPAddress address) =>
        address.AddressFamily is AddressFamily.InterNetworkV6;

    private static bool IsSecondary(ModelLink link, int index) =>
        link.Addresses.Take(index).Any(link.Addresses[index].SharesSubnetWith);

    private static ModelLink LinkNamed(string? space, string name) =>
        new()
        {
            Index = 0,
            Namespace = space,
            Name = name,
            Kind = "",
            Mac = MacAddress.Derive("random", name),
        };

    private string NamespaceNamed(string name) =>
        namespaces.Contains(name)
            ? name
            : throw new RefusedException(
                $"Error: argument \"{name}\" is wrong: Invalid \"netns\" value"
            );

    private static InterfaceAddress Address(string text)
    {
        var parts = text.Split('/');
        return new(IPAddress.Parse(parts[0]), int.Parse(parts[1]));
    }

    /// <summary>The words of a command, one after the other.</summary>
    private sealed class Words(string[] words)
    {
        private int at;

        public bool More => at < words.Length;

        public bool Comes(string word) => More && words[at] == word;

        public string Next() =>
            at < words.Length
                ? words[at++]
                : throw new RefusedException($"Command line is not complete: {this}");

        public int Number() => int.Parse(Next());

        public void Expect(string word)
        {
            if (Next() != word)
            {
                throw Unknown();
            }
        }

        /// <summary>The word after a keyword; without it, ip(8) takes a link called 'a' for the beginning of 'address'.</summary>
        public string After(string keyword)
        {
            Expect(keyword);
            return Next();
        }

        public void End()
        {
            if (More)
            {
                throw new RefusedException($"What is \"{words[at]}\"? {this}");
            }
        }

        public InvalidOperationException Unknown() =>
            new($"the model does not know this: ip {this}");

        public override string ToString() => string.Join(' ', words);
    }
}
