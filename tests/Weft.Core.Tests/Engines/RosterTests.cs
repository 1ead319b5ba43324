using System.Collections.Immutable;
using System.Net;
using System.Text;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

public sealed class RosterTests
{
    private const string Labels = """
        name: home
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          mgmt: { vlan: 5, subnet: 10.8.2.0/24, bridge: true }
          both: { vlan: 6, subnet: [10.8.3.0/24, "fd00:8:3::/64"] }
        containers:
          web: { host: host1, engine: docker, networks: { mgmt: , both: { address: 10.8.3.9 } } }
          far: { host: host2, engine: docker, networks: { mgmt: 10.8.2.1 } }
          joiners: { select: { weft.network: mgmt }, networks: { mgmt: {} } }
          second: { select: { weft.both: yes }, networks: { both: { interface: lan0, routes: { 0.0.0.0/0: 10.8.3.1 } }, mgmt: { attach: switch } } }
          podmen: { select: { role: app }, engine: podman, host: host2, networks: { mgmt: {} } }
        """;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Named_and_selected_containers_get_addresses_of_their_hosts_slice()
    {
        var roster = Roster(
            Labels,
            [Docker("web"), Docker("db", "weft.network=mgmt"), Docker("other", "weft.network=dmz")]
        );
        Assert.Equal(["web", "db"], roster.Containers.Select(container => container.Name));
        Assert.Equal(
            ["web eth1 mgmt 10.8.2.2", "web eth2 both 10.8.3.9", "db eth1 mgmt 10.8.2.3"],
            Places(roster)
        );
        Assert.Empty(roster.Notices);
        var db = roster.Containers[1].Attachments[0];
        Assert.Equal(AttachTo.Bridge, db.To);
        Assert.Equal(MacAddress.Derive("home", "host1", "Docker", "db", "mgmt"), db.Mac);
        Assert.Equal(
            [("web", "mgmt", "id-web", Start), ("db", "mgmt", "id-db", Start)],
            roster.Records.Select(record =>
                (record.Container.Name, record.Network, record.Id, record.Since)
            )
        );
    }

    [Fact]
    public void Several_selections_give_their_union_and_the_first_wins()
    {
        var roster = Roster(
            Labels,
            [Docker("db", "weft.network=mgmt", "weft.both=yes"), Docker("two", "weft.both=yes")]
        );
        Assert.Equal(
            [
                "db eth1 mgmt 10.8.2.2",
                "db lan0 both 10.8.3.2,fd00:8:3::1",
                "two lan0 both 10.8.3.3,fd00:8:3::2",
                "two eth1 mgmt 10.8.2.3",
            ],
            Places(
                roster with
                {
                    Containers = [.. roster.Containers.Where(one => one.Name != "web")],
                }
            )
        );
        Assert.Equal(
            [AttachTo.Bridge, AttachTo.Switch],
            roster
                .Containers.SelectMany(container => container.Attachments)
                .Where(place => place.Network == "mgmt" && !place.Addresses.IsEmpty)
                .Select(place => place.To)
        );
    }

    /// <summary>All of a pod have its labels, and one of them has its places, however they come and go.</summary>
    [Fact]
    public void The_place_of_those_that_share_a_network_stays_whoever_of_them_runs()
    {
        var (pod, web, db) = (
            Podman("pod") with
            {
                Namespace = "/proc/1/ns/net",
                NamespaceId = "net:[1]",
            },
            Member("web"),
            Member("db")
        );
        var first = Roster(Labels, [.. Seen(pod, web, db)]);
        Assert.Equal(["web eth1 mgmt ", "db eth1 mgmt 10.8.2.2"], Mgmt(first));
        foreach (var running in new[] { db, web })
        {
            var stopped = running with { Namespace = null, NamespaceId = null };
            var seen = Seen(pod, running == db ? web : db, stopped);
            var next = Roster(Labels, [.. seen], first.Records);
            Assert.Equal(["web eth1 mgmt ", "db eth1 mgmt 10.8.2.2"], Mgmt(next));
            Assert.Single(next.Notices);
            // It can be given what it lacks.
            Assert.All(seen, one => Assert.Equal("/proc/1/ns/net", one.Namespace));
            // And is no more once nobody runs.
            ContainerSighting[] nobody =
            [
                .. seen.Select(one =>
                    one.IsKeptByOthers ? one : one with { Namespace = null, NamespaceId = null }
                ),
            ];
            Assert.Null(Assert.Single(ContainerSighting.Shared(nobody)).Namespace);
        }

        ContainerSighting Member(string name) =>
            Podman(name, "weft.network=mgmt") with
            {
                SharesNetworkOf = "id-pod",
                Namespace = "/proc/1/ns/net",
                NamespaceId = "net:[1]",
            };

        static ContainerSighting[] Seen(params ContainerSighting[] all) =>
            [.. ContainerSighting.Shared(all).Concat(all).DistinctBy(one => one.Key)];

        static IEnumerable<string> Mgmt(Roster roster) =>
            Places(roster).Where(place => place.Contains("mgmt", StringComparison.Ordinal));
    }

    /// <summary>Podman's list, which is all there is of one whose inspection takes its time, tells of no network's mode.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_place_of_those_that_share_a_network_stays_while_nothing_is_known_of_who_has_it(
        bool isKnownFromBefore
    )
    {
        var web = Podman("web", "weft.network=mgmt") with
        {
            SharesNetworkOf = "id-pod",
            Namespace = "/proc/1/ns/net",
            NamespaceId = "net:[1]",
        };
        var app = web with { Key = new(Engine.Podman, "app"), Id = "id-app" };
        var first = Roster(Labels, [app]);
        Assert.Contains("app eth1 mgmt 10.8.2.2", Places(first));

        var listed = Podman("app", "weft.network=mgmt") with
        {
            Namespace = null,
            Silence = "it hangs",
            IsNetworkUnknown = true,
        };
        var seen = listed.With(isKnownFromBefore ? app : null);
        Assert.Equal(isKnownFromBefore, seen.SharesNetworkOf is not null);
        Assert.Null(seen.Namespace);
        var next = Roster(Labels, [web, seen], first.Records);
        Assert.Equal(Places(first), Places(next));
        Assert.Null(Assert.Single(next.Records).GoneSince);
        Assert.Single(next.Notices);
        // Who has a network of its own does not wait along.
        var alone = Podman("alone", "weft.network=mgmt");
        Assert.Contains(
            "alone eth1 mgmt 10.8.2.3",
            Places(Roster(Labels, [alone, web, seen], first.Records))
        );
        // One by the same name that was made anew is another.
        Assert.Null((listed with { Id = "id-new" }).With(app).SharesNetworkOf);
    }

    /// <summary>Podman tells no more of one that has ended than its list does where the storage of it is gone.</summary>
    [Fact]
    public void Who_had_the_places_of_a_pod_keeps_them_when_it_has_ended_and_cannot_be_inspected_any_more()
    {
        var db = Podman("db", "weft.network=mgmt") with
        {
            SharesNetworkOf = "id-pod",
            Namespace = "/proc/1/ns/net",
            NamespaceId = "net:[1]",
        };
        var app = db with { Key = new(Engine.Podman, "app"), Id = "id-app" };
        var first = Roster(Labels, [app, db]);
        Assert.Contains("app eth1 mgmt 10.8.2.2", Places(first));

        var ended = Podman("app", "weft.network=mgmt") with
        {
            Namespace = null,
            IsNetworkUnknown = true,
        };
        var kept = Assert.Single(ContainerSighting.Shared([ended.With(app), db]));
        Assert.Equal((db.Namespace, true), (kept.Namespace, kept.IsKeptByOthers));
        Assert.Equal(Places(first), Places(Roster(Labels, [kept, db], first.Records)));
        // Of which nothing was known before keeps nobody from a place.
        Assert.Contains(
            "db eth1 mgmt 10.8.2.3",
            Places(Roster(Labels, [ended.With(null), db], first.Records))
        );
    }

    /// <summary>What is not known is not taken for gone.</summary>
    [Fact]
    public void Whoever_is_kept_by_one_of_which_nothing_is_known_is_as_unknown()
    {
        var pod = Docker("pod") with { Namespace = "/proc/1/ns/net", NamespaceId = "net:[1]" };
        var web = Docker("web", "weft.network=mgmt") with
        {
            SharesNetworkOf = pod.Id,
            Namespace = null,
        };
        var silent = pod with { Namespace = null, NamespaceId = null, Silence = "it hangs" };
        var kept = Assert.Single(ContainerSighting.Shared([pod, web]));
        Assert.Equal((pod.Namespace, true), (kept.Namespace, kept.IsKeptByOthers));
        foreach (var before in new[] { web, kept })
        {
            var doubted = Assert.Single(ContainerSighting.Shared([silent, before]));
            Assert.Contains("it hangs", doubted.Silence, StringComparison.Ordinal);
            Assert.Null(doubted.Namespace);
            Assert.Empty(ContainerSighting.Shared([silent, doubted]));
            // Who has no place of its own is asked again all the same, for whom it matters to.
            Assert.Equal(
                ["pod", "web"],
                ContainerSighting
                    .Unknown([silent, doubted], one => one.Labels.Count > 0)
                    .Select(one => one.Name)
            );
            Assert.Empty(ContainerSighting.Unknown([silent, doubted], _ => false));
            var again = Assert.Single(ContainerSighting.Shared([pod, doubted]));
            Assert.Equal((pod.Namespace, null), (again.Namespace, again.Silence));
            var ended = Assert.Single(
                ContainerSighting.Shared([silent with { Silence = null }, doubted])
            );
            Assert.Equal(
                (null, null, false),
                (ended.Namespace, ended.Silence, ended.IsKeptByOthers)
            );
        }
    }

    /// <summary>
    /// Those of a pod that is started anew are in two networks until the last of them is, and so is who was started in the network
    /// of one that alone is started anew: what it had for the time being would be another address.
    /// </summary>
    [Fact]
    public void Whoever_was_left_in_a_former_network_waits_until_it_is_started_anew()
    {
        var web = Docker("one", "weft.network=mgmt") with
        {
            Namespace = "/proc/2/ns/net",
            NamespaceId = "net:[2]",
        };
        var left = Docker("two", "weft.network=mgmt") with
        {
            SharesNetworkOf = web.Id,
            Namespace = "/proc/1/ns/net",
            NamespaceId = "net:[1]",
        };
        var roster = Roster(Labels, [web, left]);
        Assert.Equal(["web", "one"], Names(roster));
        Assert.Contains("one eth1 mgmt 10.8.2.2", Places(roster));
        Assert.Equal(
            "docker container two was started in the network of docker container one, which has another now, and its places in the overlay there: start it anew too",
            Assert.Single(roster.Notices)
        );
    }

    /// <summary>As where a VPN's container is started anew, and not who was started in its network, which has the places.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_has_the_places_in_a_former_network_is_named_as_the_one_to_start_anew(
        bool isAsOthersOfIt
    )
    {
        var vpn = Docker("vpn", isAsOthersOfIt ? "a=b" : "weft.network=mgmt") with
        {
            NamespaceId = "net:[1]",
        };
        var joiner = Docker("joiner", "weft.network=mgmt") with
        {
            SharesNetworkOf = vpn.Id,
            NamespaceId = "net:[1]",
        };
        var before = Roster(Labels, [vpn, joiner]);
        Assert.Equal(["web", "joiner"], Names(before));

        var renewed = vpn with { NamespaceId = "net:[2]" };
        var other = joiner with { Key = new(Engine.Docker, "other"), Id = "id-other" };
        var waiting = isAsOthersOfIt ? other with { NamespaceId = "net:[2]" } : renewed;
        var after = Roster(
            Labels,
            [.. new[] { renewed, joiner, waiting }.Distinct()],
            before.Records
        );
        Assert.Equal(Places(before), Places(after));
        Assert.Equal(
            $"{waiting.Key} waits for its places in the overlay: docker container joiner has them, which is still in the network that docker container vpn had before: start docker container joiner anew",
            Assert.Single(after.Notices)
        );
    }

    /// <summary>What holds a pod's network has another name each time that the pod is made, and is made before all of it.</summary>
    [Fact]
    public void Of_a_pod_whoever_has_a_name_of_its_own_has_the_places()
    {
        var infra = Podman("0123456789ab-infra", "weft.network=mgmt") with
        {
            NamespaceId = "net:[7]",
        };
        var alone = Roster(Labels, [infra]);
        Assert.Contains("0123456789ab-infra eth1 mgmt 10.8.2.2", Places(alone));
        var app = Podman("app", "weft.network=mgmt") with
        {
            SharesNetworkOf = infra.Id,
            NamespaceId = "net:[7]",
        };
        var both = Roster(Labels, [infra, app], alone.Records, hours: 1);
        Assert.Equal(["web", "app"], Names(both));
        var again = Roster(
            Labels,
            [
                Podman("ba9876543210-infra", "weft.network=mgmt") with
                {
                    NamespaceId = "net:[8]",
                },
                app with
                {
                    Id = "id-new",
                    SharesNetworkOf = "id-ba9876543210-infra",
                    NamespaceId = "net:[8]",
                },
            ],
            both.Records,
            hours: 2
        );
        Assert.Equal(Places(both), Places(again));
        // What is called otherwise has a name to be known by.
        var named = infra with
        {
            Key = new(Engine.Podman, "pod-0123456789ab-infra"),
        };
        var kept = Roster(Labels, [named], alone.Records);
        Assert.Equal(
            ["web", "pod-0123456789ab-infra"],
            Names(Roster(Labels, [named, app], kept.Records, hours: 1))
        );
    }

    [Fact]
    public void A_selection_of_another_engine_or_host_takes_nobody()
    {
        Assert.Equal(
            ["web"],
            Names(Roster(Labels, [Docker("a", "role=app"), Podman("b", "role=app")]))
        );
        Assert.Equal(
            ["far", "b"],
            Names(Roster(Labels, [Docker("a", "role=app"), Podman("b", "role=app")], host: "host2"))
        );
    }

    [Fact]
    public void A_declared_container_that_was_never_there_waits_for_an_address()
    {
        var roster = Roster(Labels, []);
        Assert.Equal(["web eth1 mgmt ", "web eth2 both 10.8.3.9"], Places(roster));
        Assert.Empty(roster.Records);
        Assert.Empty(roster.Notices);
    }

    [Fact]
    public void An_address_survives_another_name_and_being_made_again()
    {
        var first = Roster(Labels, [Docker("db", "weft.network=mgmt")]);
        var renamed = Roster(
            Labels,
            [
                Docker("old", "weft.network=mgmt") with
                {
                    Id = "id-db",
                },
                Docker("db", "weft.network=mgmt") with
                {
                    Id = "id-new",
                },
            ],
            first.Records
        );
        Assert.Contains("old eth1 mgmt 10.8.2.2", Places(renamed));
        Assert.Contains("db eth1 mgmt 10.8.2.3", Places(renamed));
        var gone = Roster(Labels, [], renamed.Records, hours: 1);
        Assert.All(gone.Records, record => Assert.Equal(Start.AddHours(1), record.GoneSince));
        var again = Roster(
            Labels,
            [Docker("db", "weft.network=mgmt") with { Id = "id-again" }],
            gone.Records,
            hours: 100
        );
        Assert.Contains("db eth1 mgmt 10.8.2.3", Places(again));
        Assert.Null(again.Records.Single(record => record.Id == "id-again").GoneSince);
    }

    [Fact]
    public void An_address_survives_Docker_Compose_making_its_container_anew()
    {
        var first = Roster(Labels, [Docker("web"), Docker("db", "weft.network=mgmt")]);
        // Made beside the one that still runs, under a name for the time being.
        var beside = Roster(
            Labels,
            [
                Docker("web") with
                {
                    Id = "id-never-begun",
                    Namespace = null,
                },
                Docker("db", "weft.network=mgmt"),
                Docker("0123456789ab_db", "weft.network=mgmt") with
                {
                    Id = "id-new",
                    Namespace = null,
                },
            ],
            first.Records
        );
        Assert.Equal(
            [
                "web eth1 mgmt 10.8.2.2",
                "web eth2 both 10.8.3.9",
                "0123456789ab_db eth1 mgmt ",
                "db eth1 mgmt 10.8.2.3",
            ],
            Places(beside)
        );
        Assert.Empty(beside.Notices);
        var alone = Roster(
            Labels,
            [
                Docker("0123456789ab_db", "weft.network=mgmt") with
                {
                    Id = "id-new",
                    Namespace = null,
                },
            ],
            beside.Records,
            hours: 1
        );
        var again = Roster(
            Labels,
            [Docker("db", "weft.network=mgmt") with { Id = "id-new" }],
            alone.Records,
            hours: 2
        );
        Assert.Contains("db eth1 mgmt 10.8.2.3", Places(again));
        Assert.Single(
            again.Records,
            record => record.Network == "mgmt" && record.GoneSince is null
        );
    }

    /// <summary>Docker Compose 1 stops what it replaces, puts the beginning of its id before its name, and then makes the new one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_address_survives_Docker_Composes_former_way_of_making_its_container_anew(
        bool isEveryMomentSeen
    )
    {
        const string Id = "0123456789abcdef";
        var db = Docker("db", "weft.network=mgmt") with { Id = Id };
        var first = Roster(Labels, [db]);
        Assert.Contains("db eth1 mgmt 10.8.2.2", Places(first));
        var old = db with { Key = new(Engine.Docker, "0123456789ab_db"), Namespace = null };
        var made = Docker("db", "weft.network=mgmt") with { Id = "id-new" };
        ContainerSighting[][] moments =
        [
            [db with { Namespace = null }],
            // Whoever shared its network keeps that, and is replaced next.
            [old with { Namespace = "/proc/1/ns/net", IsKeptByOthers = true }],
            [old],
            [old, made with { Namespace = null }],
            [old, made],
            [made],
        ];
        var roster = first;
        foreach (var moment in moments.Skip(isEveryMomentSeen ? 0 : 4))
        {
            roster = Roster(Labels, moment, roster.Records, hours: 1);
            var record = Assert.Single(roster.Records);
            Assert.Null(record.GoneSince);
            Assert.Equal("10.8.2.2", record.Addresses[0].ToString());
            var place = roster.Containers[^1];
            Assert.Equal(moment[^1].Key.Name, place.Name);
            Assert.Equal(first.Containers[^1].Attachments[0].Mac, place.Attachments[0].Mac);
        }
        Assert.Equal(("db", "id-new", null), Whose(roster));

        // Seen last when the old one had its name for the time being.
        var before = Roster(Labels, [old], first.Records);
        Assert.Equal(("db", "id-new", null), Whose(Roster(Labels, [made], before.Records)));
        // One that runs is nobody's former.
        var both = Roster(Labels, [old with { Namespace = "/proc/1/ns/net" }, made], first.Records);
        Assert.Contains("0123456789ab_db eth1 mgmt 10.8.2.2", Places(both));
        Assert.Contains("db eth1 mgmt 10.8.2.3", Places(both));

        static (string, string, string?) Whose(Roster roster)
        {
            var record = Assert.Single(roster.Records);
            return (record.Container.Name, record.Id, record.MacFrom);
        }
    }

    /// <summary>Neighbours send to the MAC address that they know.</summary>
    [Fact]
    public void A_MAC_address_outlives_another_name_and_whoever_has_the_former_gets_another()
    {
        var first = Roster(Labels, [Docker("db", "weft.network=mgmt")]);
        var mac = Mac(first, "db");
        Assert.Null(Assert.Single(first.Records).MacFrom);
        var renamed = Docker("old", "weft.network=mgmt") with { Id = "id-db" };
        var alone = Roster(Labels, [renamed], first.Records);
        Assert.Equal(mac, Mac(alone, "old"));

        var made = Docker("db", "weft.network=mgmt") with { Id = "id-new" };
        foreach (var before in new[] { first, alone })
        {
            var both = Roster(Labels, [made, renamed], before.Records);
            Assert.Equal(mac, Mac(both, "old"));
            Assert.NotEqual(mac, Mac(both, "db"));
            // Both keep theirs when they are made anew, also while the other is gone.
            var again = Roster(Labels, [made with { Id = "id-again" }], both.Records, hours: 1);
            Assert.Equal(Mac(both, "db"), Mac(again, "db"));
            var back = Roster(
                Labels,
                [made with { Id = "id-again" }, renamed with { Id = "id-back" }],
                again.Records,
                hours: 2
            );
            Assert.Equal((mac, Mac(both, "db")), (Mac(back, "old"), Mac(back, "db")));
        }
        // By its first name it has nothing to be remembered.
        var former = Roster(Labels, [Docker("db", "weft.network=mgmt")], alone.Records);
        Assert.Equal(mac, Mac(former, "db"));
        Assert.Null(Assert.Single(former.Records).MacFrom);

        static MacAddress Mac(Roster roster, string name) =>
            roster.Containers.Single(one => one.Name == name).Attachments[0].Mac;
    }

    [Fact]
    public void Containers_of_LXD_have_their_addresses_before_they_run()
    {
        var roster = Roster(
            Labels,
            [Sighting(Engine.Lxd, "db", "weft.network=mgmt") with { Namespace = null }]
        );
        Assert.Contains("db eth1 mgmt 10.8.2.2", Places(roster));
    }

    [Fact]
    public void A_copy_that_has_the_id_of_another_has_an_address_of_its_own()
    {
        var web = Sighting(Engine.Lxd, "db", "weft.network=mgmt") with { Id = "same" };
        var copy = Sighting(Engine.Lxd, "copy", "weft.network=mgmt") with { Id = "same" };
        var alone = Roster(Labels, [web]);
        Assert.Contains("db eth1 mgmt 10.8.2.2", Places(alone));

        var two = Roster(Labels, [copy, web], alone.Records, hours: 1);
        string[] places = ["copy eth1 mgmt 10.8.2.3", "db eth1 mgmt 10.8.2.2"];
        Assert.Equal(places, Places(two).Skip(2));
        Assert.Equal(places, Places(Roster(Labels, [web, copy], two.Records, hours: 2)).Skip(2));

        // Either keeps its own when the other has another name, is gone, or is made again.
        Assert.Equal(
            ["copy eth1 mgmt 10.8.2.3", "new eth1 mgmt 10.8.2.2"],
            Places(
                    Roster(
                        Labels,
                        [copy, web with { Key = new ContainerKey(Engine.Lxd, "new") }],
                        two.Records,
                        hours: 2
                    )
                )
                .Skip(2)
        );
        var left = Roster(Labels, [copy], two.Records, hours: 2);
        Assert.Equal(["copy eth1 mgmt 10.8.2.3"], Places(left).Skip(2));
        Assert.Equal(
            places,
            Places(Roster(Labels, [copy, web with { Id = "new" }], left.Records, hours: 3)).Skip(2)
        );
    }

    [Fact]
    public void Of_those_that_are_gone_the_longest_gone_is_used_where_nothing_else_is_free()
    {
        var small = Labels.Replace("10.8.2.0/24", "10.8.2.0/29", StringComparison.Ordinal);
        // 10.8.2.1 is declared, so that two are left of .0 to .3.
        var full = Roster(
            small,
            [Docker("a", "weft.network=mgmt"), Docker("b", "weft.network=mgmt")]
        );
        var left = Roster(small, [Docker("b", "weft.network=mgmt")], full.Records, hours: 1);
        var both = Roster(small, [], left.Records, hours: 2);
        ContainerSighting[] next =
        [
            Docker("c", "weft.network=mgmt"),
            Docker("d", "weft.network=mgmt"),
        ];
        var early = Roster(small, next, both.Records, hours: 2 + 59.0 / 3600);
        Assert.Contains("c eth1 mgmt 10.8.2.2", Places(early));
        Assert.DoesNotContain(
            Places(early),
            place => place.StartsWith("d ", StringComparison.Ordinal)
        );
        Assert.StartsWith(
            "docker container d gets no address of 10.8.2.0/29 in network mgmt: all of 10.8.2.0/30 that this host gives out are taken",
            Assert.Single(early.Notices)
        );
        var late = Roster(small, next, early.Records, hours: 2 + 61.0 / 3600);
        Assert.Contains("d eth1 mgmt 10.8.2.3", Places(late));
        Assert.Equal(["c", "d"], late.Records.Select(record => record.Container.Name).Order());
    }

    [Fact]
    public void Who_comes_and_goes_for_weeks_stays_out_of_what_the_next_host_takes()
    {
        var records = ImmutableArray<AddressRecord>.Empty;
        var given = new HashSet<string>();
        for (var job = 0; job < 300; job++)
        {
            var roster = Roster(
                Labels,
                [Docker($"job{job}", "weft.network=mgmt")],
                records,
                hours: job
            );
            records = roster.Records;
            given.Add(
                Places(roster)
                    .Single(place => place.StartsWith($"job{job} ", StringComparison.Ordinal))
                    .Split(' ')[^1]
            );
        }
        var taken = new Slices(
            Read(
                Labels.Replace(
                    "host2: 192.0.2.2",
                    "host2: 192.0.2.2, host3: 192.0.2.3",
                    StringComparison.Ordinal
                )
            )
        );
        var overlay = Read(Labels);
        var next = taken.Of(overlay.Networks[0], overlay.Networks[0].Subnets[0], "host3");
        Assert.Equal("10.8.2.64/26", $"{next.Part}");
        Assert.DoesNotContain(given, address => next.Contains(IPAddress.Parse(address)));
        // All else of the slice, as each rests for as long as there is another.
        Assert.Equal(62, given.Count);
    }

    [Fact]
    public void What_the_next_host_takes_is_given_where_nothing_else_is_left()
    {
        var many = Enumerable.Range(0, 100).Select(n => Docker($"c{n}", "weft.network=mgmt"));
        Assert.Equal(
            Enumerable.Range(2, 100).Select(n => $"10.8.2.{n}"),
            Roster(Labels, [.. many])
                .Containers.Where(container => container.Name.StartsWith('c'))
                .Select(container => $"{container.Attachments[0].Addresses[0]}")
                .OrderBy(address => int.Parse(address.Split('.')[^1]))
        );
    }

    [Fact]
    public void A_clock_that_was_in_the_future_once_keeps_no_address()
    {
        var there = Roster(Labels, [Docker("a", "weft.network=mgmt")]);
        var ahead = Roster(Labels, [], there.Records, hours: 24 * 365 * 10);
        var right = Roster(Labels, [], ahead.Records, hours: 1);
        Assert.All(right.Records, record => Assert.Equal(Start.AddHours(1), record.GoneSince));
    }

    [Fact]
    public void Where_an_engine_does_not_answer_all_stays_as_it_was()
    {
        var first = Roster(Labels, [Docker("web"), Docker("db", "weft.network=mgmt", "secret=x")]);
        var away = Weft.Core.Engines.Roster.Of(
            Read(Labels),
            "host1",
            [],
            new HashSet<Engine> { Engine.Podman },
            first.Records,
            Start.AddDays(3)
        );
        Assert.Equal(Places(first), Places(away));
        Assert.Equal(Text(first.Records), Text(away.Records));
        Assert.DoesNotContain("secret", Text(away.Records), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_file_declares_later_is_taken_from_the_record()
    {
        var first = Roster(Labels, [Docker("db", "weft.network=mgmt")]);
        Assert.Contains("db eth1 mgmt 10.8.2.2", Places(first));
        var declared = Labels.Replace("mgmt: 10.8.2.1", "mgmt: 10.8.2.2", StringComparison.Ordinal);
        var second = Roster(declared, [Docker("db", "weft.network=mgmt")], first.Records, hours: 1);
        Assert.Contains("db eth1 mgmt 10.8.2.1", Places(second));
        Assert.Equal(
            "docker container db had 10.8.2.2 of network mgmt, which the overlay file gives to somebody else now: it gets another if it needs one",
            Assert.Single(second.Notices)
        );
        Assert.Empty(Roster(declared, [Docker("db", "weft.network=mgmt")], second.Records).Notices);
    }

    [Fact]
    public void An_address_that_the_file_gives_to_who_has_it_is_no_news()
    {
        var first = Roster(Labels, [Docker("web")]);
        var declared = Labels.Replace("{ mgmt: ,", "{ mgmt: 10.8.2.2,", StringComparison.Ordinal);
        var second = Roster(declared, [Docker("web")], first.Records);
        Assert.Contains("web eth1 mgmt 10.8.2.2", Places(second));
        Assert.Empty(second.Records);
        Assert.Empty(second.Notices);
    }

    [Fact]
    public void An_address_outside_the_slice_stands_and_is_told_of()
    {
        var alone = Labels.Replace(", host2: 192.0.2.2", "", StringComparison.Ordinal);
        alone = string.Join('\n', alone.Split('\n').Where(line => !line.Contains("host2")));
        var many = Enumerable
            .Range(1, 130)
            .Select(n => Docker($"c{n:d3}", "weft.network=mgmt"))
            .ToArray();
        var first = Roster(alone, many);
        Assert.Empty(first.Notices);
        var second = Roster(Labels, many, first.Records);
        Assert.Contains("c128 eth1 mgmt 10.8.2.128", Places(second));
        Assert.Equal(3, second.Notices.Count(notice => notice.Contains("from before")));
        Assert.StartsWith(
            "docker container c128 has 10.8.2.128 of network mgmt from before, and host 'host2' gives out its slice now: so that nobody else gets it, declare a slice",
            second.Notices.First(notice => notice.Contains("from before"))
        );
    }

    [Fact]
    public void Where_no_more_can_be_recorded_nobody_has_an_address_that_is_not()
    {
        var single = Labels.Replace(", \"fd00:8:3::/64\"", "", StringComparison.Ordinal);
        var before = Roster(single, [Docker("db", "weft.both=yes")]).Records;
        ContainerSighting[] now =
        [
            Docker("db", "weft.both=yes"),
            Docker("web"),
            .. Enumerable.Range(1, 6).Select(number => Docker($"new{number}", "weft.network=mgmt")),
        ];
        var roster = Roster(Labels, now, before, hours: 1).Only(before, "the disk is full");
        // What it has of a network stays, if there is more of that to be had now; and so does what the file gives.
        Assert.Equal(
            ["web eth2 both 10.8.3.9", "db lan0 both 10.8.3.2", "db eth1 mgmt 10.8.2.2"],
            Places(roster)
        );
        Assert.Equal(before, roster.Records);
        Assert.Equal(
            "no address yet for docker container db, docker container new1, docker container new2, docker container new3, docker container new4 and 3 more: the disk is full",
            roster.Waiting
        );
        var whole = Roster(Labels, now, before, hours: 1);
        Assert.Same(whole, whole.Only(whole.Records, "the disk is full"));
    }

    [Fact]
    public void Who_shares_the_hosts_network_cannot_attach()
    {
        var roster = Roster(
            Labels,
            [
                Docker("web") with
                {
                    SharesHostNetwork = true,
                },
                Docker("db", "weft.network=mgmt") with
                {
                    SharesHostNetwork = true,
                },
                Docker("stranger") with
                {
                    SharesHostNetwork = true,
                },
            ]
        );
        Assert.Empty(roster.Containers);
        Assert.Equal(
            [
                "docker container web shares this host's network, where it can be given nothing: start it with a network of its own, or take it out of the overlay",
                "docker container db shares this host's network, where it can be given nothing: start it with a network of its own, or take it out of the overlay",
            ],
            roster.Notices
        );
    }

    [Fact]
    public void Of_containers_that_live_in_one_network_one_has_its_places()
    {
        ContainerSighting[] pod =
        [
            Podman("app", "weft.network=mgmt") with
            {
                NamespaceId = "net:[7]",
            },
            Podman("sidecar", "weft.network=mgmt") with
            {
                NamespaceId = "net:[7]",
            },
            // Without a place of its own it is in nobody's way.
            Podman("aaa") with
            {
                NamespaceId = "net:[7]",
            },
            Docker("web") with
            {
                NamespaceId = "net:[8]",
            },
            Docker("vpn", "weft.network=mgmt") with
            {
                NamespaceId = "net:[8]",
            },
        ];
        var roster = Roster(Labels, pod);
        Assert.Equal(["web", "app"], Names(roster));
        Assert.Equal(
            [
                "docker container vpn lives in the network of docker container web, whose places in the overlay are its own too: start it with a network of its own, or take one of them out of the overlay",
                "podman container sidecar lives in the network of podman container app, whose places in the overlay are its own too: start it with a network of its own, or take one of them out of the overlay",
            ],
            roster.Notices.Order()
        );
        // Who was there first keeps them, whatever others are called.
        pod[2] = pod[2] with
        {
            Labels = pod[0].Labels,
        };
        Assert.Equal(["web", "app"], Names(Roster(Labels, pod, roster.Records, hours: 1)));
    }

    [Fact]
    public void Of_two_that_want_one_port_name_the_one_that_was_there_first_has_it()
    {
        var alone = Roster(Labels, [Podman("db", "weft.network=mgmt")]);
        var roster = Roster(
            Labels,
            [
                Docker("db", "weft.network=mgmt"),
                Podman("db", "weft.network=mgmt"),
                Podman("web", "weft.network=mgmt"),
            ],
            alone.Records
        );
        Assert.Equal(["web", "db"], Names(roster));
        Assert.Equal(Engine.Podman, roster.Containers[1].Engine);
        Assert.Equal(
            [
                "docker container db does not attach to network mgmt: its port would be called 'db-eth1', as podman container db has it: rename one of them, or give the selection another 'interface'",
                "podman container web does not attach to network mgmt: its port would be called 'web-eth1', as docker container web has it: rename one of them, or give the selection another 'interface'",
            ],
            roster.Notices
        );
    }

    [Fact]
    public void Interfaces_that_a_container_has_by_itself_are_left_to_it()
    {
        var lxd = Sighting(Engine.Lxd, "db", "weft.network=mgmt", "weft.both=yes");
        lxd = lxd with
        {
            Nics = ImmutableSortedDictionary<string, NicDevice>
                .Empty.Add("a", Nic("eth1", null))
                .Add("b", Nic("eth2", "home"))
                .Add("c", Nic("lan0", "away")),
            ProfileInterfaces = ["eth0", "eth2"],
            // What a profile's device of that name gives is eth0.
            OtherDevices = ["eth3", "root"],
        };
        var roster = Roster(Labels, [lxd]);
        Assert.Contains("db eth4 mgmt 10.8.2.2", Places(roster));
        Assert.Equal(
            "lxd container db has an interface lan0 of its own and does not attach to network both: give the selection another 'interface'",
            Assert.Single(roster.Notices)
        );

        roster = Roster(Labels, [lxd with { Nics = lxd.Nics.Clear(), OtherDevices = ["lan0"] }]);
        Assert.Equal(
            "lxd container db has a device lan0 of its own and does not attach to network both: give the selection another 'interface'",
            Assert.Single(roster.Notices)
        );
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("x;reboot")]
    [InlineData("a'")]
    [InlineData("é")]
    public void Who_has_a_name_that_is_not_safe_does_not_attach(string name)
    {
        var roster = Roster(Labels, [Sighting(Engine.Netns, name, "weft.network=mgmt")]);
        Assert.Equal(["web"], Names(roster));
        Assert.Contains(
            "has a name of which no link can be called safely",
            Assert.Single(roster.Notices)
        );
    }

    [Fact]
    public void A_subnet_without_room_for_every_host_says_so()
    {
        var tiny = Labels
            .Replace("10.8.2.0/24", "10.8.2.0/30", StringComparison.Ordinal)
            .Replace(
                ", host2: 192.0.2.2",
                ", host2: 192.0.2.2, host3: 192.0.2.3",
                StringComparison.Ordinal
            );
        var roster = Roster(tiny, [Docker("db", "weft.network=mgmt")], host: "host3");
        Assert.Equal(
            "docker container db gets no address of 10.8.2.0/30 in network mgmt, which is too small to have a part for each of 3 hosts: make it larger, or declare 'slices' for the hosts that need one",
            Assert.Single(roster.Notices)
        );
        Assert.Empty(roster.Containers);
    }

    internal static Overlay Read(string yaml)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml));
        Assert.Empty(result.Mistakes);
        return result.Overlay!;
    }

    internal static ContainerSighting Sighting(
        Engine engine,
        string name,
        params string[] labels
    ) =>
        new()
        {
            Key = new ContainerKey(engine, name),
            Id = engine is Engine.Netns ? name : $"id-{name}",
            Namespace = "/run/netns/x",
            Labels = labels.ToImmutableSortedDictionary(
                label => label.Split('=')[0],
                label => label.Split('=')[1]
            ),
        };

    private static ContainerSighting Docker(string name, params string[] labels) =>
        Sighting(Engine.Docker, name, labels);

    private static ContainerSighting Podman(string name, params string[] labels) =>
        Sighting(Engine.Podman, name, labels);

    private static NicDevice Nic(string name, string? mark) =>
        new()
        {
            Parent = "br0",
            Interface = name,
            HostEnd = "veth0",
            Mac = MacAddress.Derive(name),
            Mtu = 1400,
            Mark = mark,
        };

    private static Roster Roster(
        string yaml,
        ContainerSighting[] sightings,
        ImmutableArray<AddressRecord>? records = null,
        string host = "host1",
        double hours = 0
    ) =>
        Weft.Core.Engines.Roster.Of(
            Read(yaml),
            host,
            sightings,
            Enum.GetValues<Engine>().ToHashSet(),
            records ?? [],
            Start.AddHours(hours)
        );

    private static IEnumerable<string> Names(Roster roster) =>
        roster.Containers.Select(container => container.Name);

    private static IEnumerable<string> Places(Roster roster) =>
        roster.Containers.SelectMany(container =>
            container.Attachments.Select(place =>
                $"{container.Name} {place.Interface} {place.Network} {string.Join(',', place.Addresses)}"
            )
        );

    private static string Text(ImmutableArray<AddressRecord> records) =>
        string.Join(
            '\n',
            records.Select(record =>
                $"{record.Container} {record.Id} {record.Network} {string.Join(',', record.Addresses)} {record.Since} {record.GoneSince} {string.Join(',', record.Labels)}"
            )
        );
}
