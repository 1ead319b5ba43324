using System.Collections.Immutable;
using System.Net;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

public sealed class AddressAuditTests
{
    private const string Yaml = """
        name: home
        hosts: { host1: 192.0.2.1 }
        networks: { mgmt: { vlan: 5, subnet: 10.8.2.0/24 } }
        containers: { joiners: { select: { join: yes }, networks: { mgmt: } } }
        """;

    [Fact]
    public void A_copy_with_the_id_of_one_that_is_gone_does_not_stand_for_it()
    {
        Assert.Equal(
            ["leaked 10.8.2.1"],
            Find([Record("web", "10.8.2.1"), Record("copy", "10.8.2.2")], ["copy"])
        );
        Assert.Empty(
            Find([Record("web", "10.8.2.1"), Record("copy", "10.8.2.2")], ["web", "copy"])
        );
        // By that id one that was renamed is known.
        Assert.Empty(Find([Record("web", "10.8.2.1")], ["new"]));
    }

    [Fact]
    public void An_address_that_floats_is_no_unknown_one()
    {
        var floating = Yaml.Replace(
            "10.8.2.0/24",
            "10.8.2.0/24, floating: [10.8.2.8, 10.8.2.9]",
            StringComparison.Ordinal
        );
        Assert.Equal(
            ["unknown 10.8.2.7", "unknown 10.8.2.9"],
            Find([Record("web", "10.8.2.1")], ["web"], Yaml, "10.8.2.1", "10.8.2.7", "10.8.2.9")
        );
        Assert.Equal(
            ["unknown 10.8.2.7"],
            Find([Record("web", "10.8.2.1")], ["web"], floating, "10.8.2.1", "10.8.2.7", "10.8.2.9")
        );
    }

    /// <summary>All of a pod have its address, which is one.</summary>
    [Fact]
    public void An_address_of_those_that_share_a_network_is_no_duplicate()
    {
        var (db, pod, web) = (Sharing("db"), Sharing("pod"), Sharing("web"));
        var other = db with { Key = new(Engine.Lxd, "z"), NamespaceId = "net:[2]" };
        Assert.Equal(
            [
                "10.8.2.1 of network mgmt is set inside lxd container z and inside lxd container web: take it away where it does not belong",
            ],
            AddressAudit
                .Find(
                    RosterTests.Read(Yaml),
                    "host1",
                    [Record("web", "10.8.2.1")],
                    [db, pod, web, other],
                    new HashSet<Engine> { Engine.Lxd },
                    new[] { db, pod, web, other }.ToDictionary(
                        one => one.Key,
                        _ => ImmutableArray.Create(IPAddress.Parse("10.8.2.1"))
                    )
                )
                .Select(fault => fault.Message)
        );

        static ContainerSighting Sharing(string name) =>
            RosterTests.Sighting(Engine.Lxd, name) with
            {
                NamespaceId = "net:[1]",
            };
    }

    /// <summary>Who has a pod's place may hang: then what another of it has is no fault of that one's.</summary>
    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void An_address_of_one_that_the_engine_tells_nothing_of_may_be_inside_another(
        bool isSilent,
        int faults
    )
    {
        var app = RosterTests.Sighting(Engine.Docker, "app") with
        {
            Namespace = null,
            IsNetworkUnknown = isSilent,
            Silence = isSilent ? "docker tells of others" : null,
        };
        var web = RosterTests.Sighting(Engine.Docker, "web") with { NamespaceId = "net:[1]" };
        var record = Record("app", "10.8.2.1") with { Container = app.Key };
        Assert.Equal(
            faults,
            AddressAudit
                .Find(
                    RosterTests.Read(Yaml),
                    "host1",
                    [record],
                    [app, web],
                    new HashSet<Engine> { Engine.Docker },
                    new Dictionary<ContainerKey, ImmutableArray<IPAddress>>
                    {
                        [web.Key] = [IPAddress.Parse("10.8.2.1")],
                    }
                )
                .Length
        );
    }

    private static IEnumerable<string> Find(
        AddressRecord[] records,
        string[] names,
        string yaml = Yaml,
        params string[] inside
    ) =>
        AddressAudit
            .Find(
                RosterTests.Read(yaml),
                "host1",
                [.. records],
                [
                    .. names.Select(name =>
                        RosterTests.Sighting(Engine.Lxd, name) with
                        {
                            Id = "same",
                        }
                    ),
                ],
                new HashSet<Engine> { Engine.Lxd },
                new Dictionary<ContainerKey, ImmutableArray<IPAddress>>
                {
                    [new ContainerKey(Engine.Lxd, names[0])] = [.. inside.Select(IPAddress.Parse)],
                }
            )
            .Select(fault => $"{fault.Kind} {fault.Address}");

    private static AddressRecord Record(string name, string address) =>
        new()
        {
            Container = new ContainerKey(Engine.Lxd, name),
            Id = "same",
            Network = "mgmt",
            Addresses = [IPAddress.Parse(address)],
            Since = default,
        };
}
