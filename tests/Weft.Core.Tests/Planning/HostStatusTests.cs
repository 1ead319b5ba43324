using System.Collections.Immutable;
using System.Net;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Core.Tests.Engines;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

public sealed class HostStatusTests
{
    [Fact]
    public void On_a_host_as_intended_all_is_well()
    {
        var status = Of(TwoHosts.Applied());
        Assert.True(status.IsHealthy);
        Assert.Equal(
            [
                ("switch", "ovsbr0", "kernel datapath, MTU 1458"),
                ("tunnel", "host2", "gre 192.0.2.1 → 192.0.2.2, port tun-host2"),
                ("network", "cont-mgmnt0", "VLAN 200, bridge, uplink cont-mgmnt0-sw"),
                ("network", "host-mgmnt0", "10.8.3.1/24"),
                ("container", "wallabag", "eth1 in cont-mgmnt0: 10.8.2.2/24"),
            ],
            status.Items.Select(item => (item.Kind, item.Name, item.Intended))
        );
        Assert.All(
            status.Items,
            item => Assert.Equal((ItemState.Ok, null), (item.State, item.Detail))
        );
    }

    [Fact]
    public void Without_ovs_vswitchd_what_the_database_tells_of_switch_and_tunnels_is_of_yesterday()
    {
        const string Problem = "ovs-vswitchd does not run: start it";
        var status = HostStatus.Of(
            TwoHosts.Intent(),
            TwoHosts.Applied().Observe() with
            {
                SwitchProblem = Problem,
            }
        );
        Assert.False(status.IsHealthy);
        Assert.Equal(
            ["ovsbr0", "host2"],
            status.Items.Where(item => item.State is ItemState.Error).Select(item => item.Name)
        );
        Assert.Contains(Problem, status.Notices);
    }

    [Fact]
    public void On_a_bare_host_all_is_missing() =>
        Assert.All(Of(TwoHosts.Bare()).Items, item => Assert.Equal(ItemState.Missing, item.State));

    [Theory]
    [InlineData(
        "ovs-vsctl set port tun-host2 protected=false",
        "host2",
        ItemState.Differs,
        "port tun-host2: protected"
    )]
    [InlineData(
        "ovs-vsctl set interface ovsbr0 mtu_request=1400",
        "ovsbr0",
        ItemState.Differs,
        "port ovsbr0: MTU 1400 → 1458"
    )]
    [InlineData(
        "ovs-vsctl del-port ovsbr0 tun-host2",
        "host2",
        ItemState.Missing,
        "no port tun-host2"
    )]
    [InlineData(
        "ip addr del 10.8.3.1/24 dev host-mgmnt0",
        "host-mgmnt0",
        ItemState.Differs,
        "internal link host-mgmnt0: add 10.8.3.1/24"
    )]
    [InlineData(
        "ip link set dev cont-mgmnt0-br nomaster",
        "cont-mgmnt0",
        ItemState.Differs,
        "veth cont-mgmnt0-br: into cont-mgmnt0"
    )]
    [InlineData(
        "ip -n wallabag link set dev eth1 down",
        "wallabag",
        ItemState.Differs,
        "interface eth1 in wallabag: down → up"
    )]
    [InlineData(
        "ip netns exec wallabag ethtool -K eth1 tx off",
        "wallabag",
        ItemState.Differs,
        "checksum eth1 in wallabag: left to hardware: the kernel's datapath can take it"
    )]
    public void What_was_done_by_hand_shows_at_the_thing_it_was_done_to(
        string command,
        string name,
        ItemState state,
        string detail
    )
    {
        var host = TwoHosts.Applied();
        host.Shell(command);
        var status = Of(host);
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal((name, state, detail), (item.Name, item.State, item.Detail));
    }

    [Fact]
    public void A_port_that_Open_vSwitch_cannot_make_is_an_error_in_its_words()
    {
        var host = TwoHosts.Applied();
        var observation = host.Observe();
        var port = observation.Switch.Ports["tun-host2"];
        var broken = port with
        {
            Interfaces = [port.Interfaces[0] with { Error = "Address family not supported" }],
        };
        observation = observation with
        {
            Switch = observation.Switch with
            {
                Ports = observation.Switch.Ports.SetItem(port.Name, broken),
            },
        };
        var status = HostStatus.Of(TwoHosts.Intent(), observation);
        Assert.Empty(status.Drift);
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("host2", ItemState.Error, "Address family not supported"),
            (item.Name, item.State, item.Detail)
        );
    }

    [Fact]
    public void A_container_that_is_awaited_waits_and_all_is_well()
    {
        var host = new ModelHost(kernelDatapath: true);
        host.Apply(TwoHosts.Intent());
        var status = Of(host);
        Assert.True(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("wallabag", ItemState.Waiting, "is not there: it gets its place once it is"),
            (item.Name, item.State, item.Detail)
        );
    }

    /// <summary>Whoever moves from one engine to another, or runs a container by a unit, would else wait for good.</summary>
    [Theory]
    [InlineData(
        Engine.Docker,
        "web",
        ". There is docker container web: if that is meant, write `engine: docker`"
    )]
    [InlineData(
        Engine.Podman,
        "systemd-web",
        ". There is systemd-web, as Quadlet calls what a unit gives no name: write that, or `ContainerName=web` into the unit"
    )]
    [InlineData(Engine.Docker, "systemd-web", "")]
    public void Of_a_container_that_is_not_there_it_is_said_which_may_be_meant(
        Engine engine,
        string name,
        string words
    )
    {
        var there = RosterTests.Sighting(engine, name);
        Assert.Equal(
            $"is not there: it gets its place once it is{words}",
            Planner.WhyNotReady(
                new(Engine.Podman, "web"),
                HostObservation.Bare(kernelDatapath: true) with
                {
                    Containers = new Dictionary<ContainerKey, ContainerSighting>
                    {
                        [there.Key] = there,
                    },
                }
            )
        );
    }

    [Fact]
    public void A_thing_whose_name_is_taken_is_missing_and_says_why()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "wallabag-eth1");
        var status = Of(host);
        var item = status.Items.Single(item => item.Name == "wallabag");
        Assert.Equal(ItemState.Missing, item.State);
        Assert.StartsWith("link 'wallabag-eth1' is there already", item.Detail);
    }

    [Fact]
    public void Guests_on_the_switch_are_listed_and_are_no_drift()
    {
        var host = TwoHosts.Applied();
        Foreign.AddLink(host, "guest0");
        host.Shell("ovs-vsctl add-port ovsbr0 guest0");
        var status = Of(host);
        Assert.True(status.IsHealthy);
        Assert.Equal(["guest0"], status.Foreign);
    }

    [Fact]
    public void The_guard_of_each_peer_stands_beside_its_tunnel()
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        var status = HostStatus.Of(intent, host.Observe());
        Assert.True(status.IsHealthy);
        Assert.Contains(
            new StatusItem(
                "guard",
                "host2",
                "gre to and from 192.0.2.2 only if encrypted",
                ItemState.Ok,
                null
            ),
            status.Items
        );
    }

    [Theory]
    [InlineData("delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out", "add", "out")]
    [InlineData("delete src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in", "add", "in")]
    [InlineData(
        "update src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in action allow priority 1466263156",
        "update",
        "in"
    )]
    public void A_guard_that_was_taken_away_is_shouted_about(
        string command,
        string verb,
        string direction
    )
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        host.Shell($"ip xfrm policy {command}");
        var status = HostStatus.Of(intent, host.Observe());
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("guard", "host2", ItemState.Missing, "MISSING: packets may cross in plaintext"),
            (item.Kind, item.Name, item.State, item.Detail)
        );
        var change = Assert.IsType<GuardChange>(Assert.Single(status.Drift));
        Assert.True(change.IsOverdue);
        Assert.Equal(
            $"block gre that is not encrypted, {direction} (MISSING beside its tunnel: packets may cross in plaintext)",
            change.Detail
        );
        Assert.StartsWith($"ip xfrm policy {verb} ", Assert.Single(change.Commands));
    }

    [Theory]
    [InlineData(true, true, "encrypted by what was agreed on last, and nothing will follow it: ")]
    [InlineData(true, false, "DOWN, nothing crosses: ")]
    [InlineData(false, true, "DOWN, nothing crosses: ")]
    public void What_a_daemon_that_is_gone_has_agreed_on_still_encrypts(
        bool isLeftIn,
        bool isLeftOut,
        string words
    )
    {
        var host = TwoHosts.Bare();
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        host.Apply(intent);
        var (here, there) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        var into = new XfrmState(there, here, XfrmState.Esp, 7, 1);
        var from = new XfrmState(here, there, XfrmState.Esp, 8, 1);

        var status = HostStatus.Of(
            intent,
            host.Observe() with
            {
                StrongSwan = new StrongSwanObservation
                {
                    Problem = "strongSwan does not answer",
                    Strays =
                    [
                        .. isLeftIn ? [into] : (XfrmState[])[],
                        .. isLeftOut ? [from] : (XfrmState[])[],
                    ],
                },
            }
        );

        var item = status.Items.Single(item => item.Kind == "encryption");
        Assert.Equal(
            (ItemState.Error, $"{words}strongSwan does not answer"),
            (item.State, item.Detail)
        );
    }

    [Theory]
    [InlineData(
        "nobody asked",
        "nothing is negotiated, and no packet has asked for it lately; `weft apply` tries again"
    )]
    [InlineData(
        "refused",
        "packets have waited for keys, and the hosts did not agree on any: a key, a certificate or the overlay differs"
    )]
    [InlineData("unanswered", "host2 was asked at 192.0.2.2 and has not answered")]
    [InlineData("answered", "being negotiated")]
    [InlineData("childless", "the hosts know each other and have agreed on nothing")]
    [InlineData("flushed", "the kernel has lost the keys that strongSwan believes it has")]
    [InlineData("unknown", "strongSwan does not know the connection: `weft apply` loads it")]
    [InlineData("no daemon", "strongSwan does not answer: start it")]
    [InlineData("no key", "the key file is not there")]
    public void Encryption_that_is_down_says_why_as_far_as_can_be_known(string what, string why)
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        var seen = host.Observe();
        var whole = seen.StrongSwan.Associations.Single(ike =>
            ike.Connection == "weft-homelab/host2"
        );
        var none = seen.StrongSwan with { Associations = [] };
        var observation = what switch
        {
            "refused" => seen with
            {
                StrongSwan = none with { Awaited = [IPAddress.Parse("192.0.2.2")] },
            },
            "unanswered" => With(
                whole with
                {
                    IsEstablished = false,
                    IsAnswered = false,
                    Children = [],
                }
            ),
            "answered" => With(whole with { IsEstablished = false, Children = [] }),
            "childless" => With(whole with { Children = [] }),
            "flushed" => With(
                whole with
                {
                    Children = [whole.Children[0] with { IsInstalled = false, IsLost = true }],
                }
            ),
            "unknown" => seen with { StrongSwan = new StrongSwanObservation() },
            "no daemon" => seen with
            {
                StrongSwan = new StrongSwanObservation
                {
                    Problem = "strongSwan does not answer: start it",
                },
            },
            "no key" => seen with
            {
                StrongSwan = none,
                Credentials = new CredentialsObservation { Problem = "the key file is not there" },
            },
            _ => seen with { StrongSwan = none },
        };

        var status = HostStatus.Of(intent, observation);

        Assert.False(status.IsHealthy);
        var item = status.Items.Single(item => item.Kind == "encryption");
        Assert.Equal(ItemState.Error, item.State);
        Assert.StartsWith($"DOWN, nothing crosses: {why}", item.Detail);

        HostObservation With(IkeAssociation ike) =>
            seen with
            {
                StrongSwan = seen.StrongSwan with { Associations = [ike] },
            };
    }

    [Theory]
    [InlineData("", "host2 has another key: compare them (tried at 2026-02-03 04:05:06Z)")]
    [InlineData(
        "awaited",
        "packets have waited for keys, and the hosts did not agree on any: host2 has another key: compare them (tried at "
    )]
    [InlineData(
        "half",
        "the hosts know each other and have agreed on nothing; host2 has another key"
    )]
    [InlineData("silent now", "host2 was asked at 192.0.2.2 and has not answered")]
    [InlineData("of another host", "nothing is negotiated, and no packet has asked for it lately")]
    [InlineData("other key loaded", "nothing is negotiated, and no packet has asked")]
    [InlineData("other key to load", "nothing is negotiated, and no packet has asked")]
    public void What_failed_when_it_was_tried_is_told_while_it_is_about_what_is_there(
        string what,
        string why
    )
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        var whole = host.Observe()
            .StrongSwan.Associations.Single(ike => ike.Connection == "weft-homelab/host2");
        var failed = new FailedNegotiation(
            what == "of another host" ? "host3" : "host2",
            PeerConnection.AllOf(intent, host.Observe().StrongSwan).Single().Loaded,
            new DateTimeOffset(2026, 2, 3, 5, 5, 6, TimeSpan.FromHours(1)),
            "host2 has another key: compare them"
        );
        if (what.StartsWith("other key", StringComparison.Ordinal))
        {
            host.Credentials = host.Credentials with
            {
                SharedKeys = [Secret.OfText("another-key-altogether")],
            };
        }
        if (what == "other key loaded")
        {
            host.Apply(intent);
        }
        var seen = host.Observe() with { FailedNegotiations = [failed] };
        ImmutableArray<IkeAssociation> associations = what switch
        {
            "half" => [whole with { Children = [] }],
            "silent now" =>
            [
                whole with
                {
                    IsEstablished = false,
                    IsAnswered = false,
                    Children = [],
                },
            ],
            _ => [],
        };

        var status = HostStatus.Of(
            intent,
            seen with
            {
                StrongSwan = seen.StrongSwan with
                {
                    Associations = associations,
                    Awaited = what == "awaited" ? [IPAddress.Parse("192.0.2.2")] : [],
                },
            }
        );

        var item = status.Items.Single(item => item.Kind == "encryption");
        Assert.StartsWith($"DOWN, nothing crosses: {why}", item.Detail);
        // Once it is up, nobody asks what was before.
        var up = HostStatus.Of(intent, seen).Items.Single(one => one.Kind == "encryption");
        Assert.Equal(
            what == "other key to load"
                ? (
                    ItemState.Differs,
                    "encrypted as agreed on before something changed: `weft apply` agrees on it anew"
                )
                : (ItemState.Ok, null),
            (up.State, up.Detail)
        );
    }

    [Theory]
    [InlineData("2026-01-01", ItemState.Ok, false, null)]
    [InlineData("2026-12-15", ItemState.Ok, true, null)]
    [InlineData(
        "2027-01-01",
        ItemState.Error,
        false,
        "expired on 2027-01-01 00:00 UTC, and by its clock it is 2027-01-01 00:00"
    )]
    [InlineData(
        "1970-01-01",
        ItemState.Error,
        false,
        "valid only from 2025-12-31 00:00 UTC, and by its clock it is 1970-01-01 00:00: set the clock"
    )]
    public void A_certificate_that_is_not_valid_now_is_wrong_while_all_still_works(
        string now,
        ItemState state,
        bool isDue,
        string? detail
    )
    {
        var intent = TwoHosts.Intent(TwoHosts.Certified);
        var host = TwoHosts.Bare();
        host.Credentials = host.Credentials with
        {
            Certificate = host.Credentials.Certificate! with
            {
                Begins = At("2025-12-31"),
                Expires = At("2027-01-01"),
            },
        };
        host.Apply(intent);

        var status = HostStatus.Of(intent, host.Observe() with { Time = At(now) });

        var item = status.Items.Single(item => item.Kind == "certificate");
        Assert.Equal(
            ("host1", "expires on 2027-01-01", state),
            (item.Name, item.Intended, item.State)
        );
        Assert.Equal(detail is null, item.Detail is null);
        Assert.Contains(detail ?? "", item.Detail ?? "", StringComparison.Ordinal);
        Assert.Equal(detail is null, status.IsHealthy);
        Assert.Equal(
            isDue,
            status.Notices.Contains(
                "the certificate of host1 expires on 2027-01-01: renew it with `weft pki renew` and copy it here"
            )
        );
        Assert.Equal(ItemState.Ok, status.Items.Single(item => item.Kind == "encryption").State);

        static DateTimeOffset At(string date) => DateTimeOffset.Parse($"{date}T00:00Z");
    }

    [Fact]
    public void What_was_kept_from_crossing_is_told_where_tunnels_are_encrypted()
    {
        var blocked = new BlockedPackets(Out: 12, In: 3);
        var host = TwoHosts.Bare();
        host.Apply(TwoHosts.Intent(TwoHosts.Encrypted));
        var seen = host.Observe() with { Blocked = blocked };
        Assert.Equal(blocked, HostStatus.Of(TwoHosts.Intent(TwoHosts.Encrypted), seen).Blocked);
        Assert.Null(HostStatus.Of(TwoHosts.Intent(), seen).Blocked);
    }

    private static HostStatus Of(ModelHost host) =>
        HostStatus.Of(TwoHosts.Intent(), host.Observe());
}
