using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

/// <summary>Subnets of the overlay's that a host or a container has by another link, too.</summary>
public sealed class OverlapTests
{
    // What was found right is remembered of this very intent's attachments.
    private static readonly HostIntent Intent = TwoHosts.Intent();

    private const string Remedy =
        ": give one of the two another subnet, or take host1 out of the network's `hosts`";

    [Theory]
    [InlineData(
        "10.8.0.5/16",
        "what this host sends to 10.8.3.0/24 goes into the overlay, what is for a gateway there too"
    )]
    [InlineData(
        "10.8.3.5/24",
        "what this host sends there goes by one of the two alone, what is for a gateway there too"
    )]
    [InlineData("10.8.3.5/25", "what this host sends to 10.8.3.0/25 goes by eth1")]
    public void A_subnet_that_the_host_has_otherwise_is_a_notice(string address, string consequence)
    {
        var observation = With(TwoHosts.Bare(), "eth1", address);
        var expected =
            $"network 'host-mgmnt0' has subnet 10.8.3.0/24, which overlaps {address} of eth1: {consequence}{Remedy}";
        Assert.Equal([expected], Notices(observation));
        // DHCP gives addresses as well as people do.
        var leased = Changed(
            observation,
            "eth1",
            link => link with { Addresses = [], Leased = link.Addresses }
        );
        Assert.Equal([expected], Notices(leased));
        Assert.True(Planner.Plan(TwoHosts.Intent(), observation).IsApplicable);
    }

    [Fact]
    public void A_subnet_that_the_host_has_otherwise_is_told_of_for_as_long_as_it_has()
    {
        var observation = With(TwoHosts.Applied(), "docker0", "10.8.3.1/24");
        Assert.Equal(
            [
                "network 'host-mgmnt0' has subnet 10.8.3.0/24, which overlaps 10.8.3.1/24 of docker0: what this host sends there goes by one of the two alone, what is for a gateway there too"
                    + Remedy,
            ],
            Notices(observation)
        );
        // What is there already stands in the way of nothing.
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), observation).Conflicts);
    }

    [Theory]
    [InlineData(null, "which Weft did not make")]
    [InlineData("weft:other", "which belongs to overlay 'other'")]
    public void An_address_that_another_link_has_stands_in_the_way(string? alias, string whose)
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "docker0", alias);
        host.Shell("ip addr add 10.8.3.1/24 dev docker0");
        var plan = host.PlanFor(TwoHosts.Intent());
        Assert.Equal(
            [
                $"link 'docker0', {whose}, has 10.8.3.1/24, and network 'host-mgmnt0' gives this host the same address: take it from the link, or give host1 another in the network's `hosts`",
            ],
            plan.Conflicts.Select(conflict => conflict.Message)
        );
        Assert.Equal(["host-mgmnt0"], plan.Conflicts.Select(conflict => conflict.Name));
        Assert.Equal(
            [
                "underlay address 192.0.2.1 is on no link of this host: no tunnel can come up (is this host host1?). If it is translated on the way, as in most clouds, give host 'host1' the address that it has itself as `local`",
            ],
            plan.Notices
        );
        Assert.False(plan.HasClearWay);
    }

    [Theory]
    [InlineData("eth1", "10.8.4.1/24")]
    [InlineData("eth1", "fd00:8:3::1/64")]
    // No subnet comes with an address that stands alone: a service's, or one that a link to one neighbour has borrowed.
    [InlineData("eth1", "10.8.3.9/32")]
    [InlineData("eth1", "10.8.3.1/32")]
    [InlineData("lo", "10.8.3.9/24")]
    public void What_does_not_overlap_is_not_told_of(string link, string address)
    {
        var observation = With(TwoHosts.Bare(), link, address);
        Assert.Empty(Notices(observation));
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), observation).Conflicts);
    }

    [Fact]
    public void What_is_in_a_VRF_has_its_own_routes_and_overlaps_nothing()
    {
        var host = TwoHosts.Bare();
        host.Add(Vrf);
        var observation = With(host, "eth1", "10.8.3.1/24");
        observation = Changed(observation, "eth1", link => link with { Master = Vrf.Name });
        Assert.Empty(Notices(observation));
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), observation).Conflicts);
    }

    [Fact]
    public void A_link_of_the_overlays_that_goes_overlaps_nothing()
    {
        var host = TwoHosts.Applied();
        var renamed = TwoHosts.Read(
            TwoHosts.File.Replace("host-mgmnt0", "mgmnt", StringComparison.Ordinal)
        );
        var plan = host.PlanFor(TwoHosts.Intent(renamed));
        Assert.Empty(plan.Conflicts);
        Assert.DoesNotContain(
            plan.Notices,
            notice => notice.Contains("overlaps", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(
        "10.8.0.7/16",
        "10.8.2.1",
        "what it sends to 10.8.2.0/24 goes into the overlay, what is for its gateway 10.8.2.1 too"
    )]
    [InlineData("10.8.0.7/16", "10.8.0.1", "what it sends to 10.8.2.0/24 goes into the overlay")]
    [InlineData("10.8.2.7/24", "10.9.0.1", "what it sends there goes by one of the two alone")]
    [InlineData("10.8.2.7/25", "10.8.2.1", "what it sends to 10.8.2.0/25 goes by eth0")]
    public void A_subnet_that_a_container_has_otherwise_is_a_notice(
        string address,
        string gateway,
        string consequence
    )
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0", space: "wallabag");
        host.Ip("wallabag", "addr", "add", address, "dev", "eth0");
        host.Put(
            host.Find("wallabag", "eth0") with
            {
                Routes = [new LinkRoute(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse(gateway), 3)],
            }
        );
        string[] expected =
        [
            $"network 'cont-mgmnt0' has subnet 10.8.2.0/24, which overlaps {address} of eth0 in netns container wallabag: {consequence}: give one of the two another subnet, or take the container out of the network",
        ];
        Assert.Equal(expected, Notices(host.Observe()));
        host.Apply(TwoHosts.Intent());
        // A planner that remembers what it found right says it again.
        var settled = new Settled();
        var observation = host.Observe();
        Assert.Equal(expected, Notices(observation, settled));
        Assert.Equal(expected, Notices(observation, settled));
    }

    [Fact]
    public void An_interface_of_the_overlays_that_goes_overlaps_nothing()
    {
        var host = TwoHosts.Applied();
        var renamed = TwoHosts.Read(
            TwoHosts.File.Replace(
                "networks: { cont-mgmnt0: 10.8.2.2 }",
                "networks: { cont-mgmnt0: { address: 10.8.2.2, interface: eth7 } }",
                StringComparison.Ordinal
            )
        );
        Assert.DoesNotContain(
            host.PlanFor(TwoHosts.Intent(renamed)).Notices,
            notice => notice.Contains("overlaps", StringComparison.Ordinal)
        );
    }

    private static ModelLink Vrf =>
        new()
        {
            Index = 0,
            Namespace = null,
            Name = "vrf0",
            Kind = "vrf",
            Mac = MacAddress.Derive("foreign", "vrf0"),
            Up = true,
        };

    /// <summary>The host with a link that is not the overlay's.</summary>
    private static HostObservation With(ModelHost host, string link, string address)
    {
        Foreign.AddLink(host, link);
        var observation = host.Observe();
        var parts = address.Split('/');
        return Changed(
            observation,
            link,
            there =>
                there with
                {
                    Addresses =
                    [
                        new InterfaceAddress(IPAddress.Parse(parts[0]), int.Parse(parts[1])),
                    ],
                }
        );
    }

    private static HostObservation Changed(
        HostObservation observation,
        string link,
        Func<Link, Link> change
    ) =>
        observation with
        {
            Links = observation
                .Links.ToImmutableDictionary()
                .SetItem(link, change(observation.Links[link])),
        };

    /// <summary>What is said of overlaps: that the underlay address is on no link of a bare host is not the matter here.</summary>
    private static IEnumerable<string> Notices(
        HostObservation observation,
        Settled? settled = null
    ) =>
        Planner
            .Plan(Intent, observation, settled)
            .Notices.Where(notice => !notice.StartsWith("underlay", StringComparison.Ordinal));
}
