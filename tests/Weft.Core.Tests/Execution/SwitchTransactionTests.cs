using System.Collections.Immutable;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Execution;

public sealed class SwitchTransactionTests
{
    [Fact]
    public void A_new_switch_comes_with_all_its_ports_in_one_transaction()
    {
        var operations = Build(TwoHosts.Bare(), TwoHosts.Intent());
        Assert.Equal(
            ["ovsbr0", "cont-mgmnt0-sw", "host-mgmnt0", "tun-host2"],
            Inserted(operations, "Port").Select(row => row["name"].AsString())
        );
        var bridge = Assert.Single(Inserted(operations, "Bridge"));
        Assert.Equal(4, bridge["ports"].Count);
        Assert.Equal(
            Datum.Map(("weft", "homelab"), ("weft-forward-bpdu", "true")),
            bridge["external_ids"]
        );
        Assert.All(
            Inserted(operations, "Interface"),
            row => Assert.Equal("homelab", row["external_ids"].StringMap["weft"])
        );
    }

    [Fact]
    public void A_tunnel_port_is_protected_in_the_operation_that_makes_it() =>
        Assert.All(
            Inserted(Build(TwoHosts.Bare(), TwoHosts.Intent()), "Port"),
            row => Assert.Equal(row["name"] == "tun-host2", row["protected"].AsBoolean())
        );

    [Fact]
    public void It_raises_the_configuration_number_says_what_it_is_and_reads_the_number_last()
    {
        var operations = Build(TwoHosts.Bare(), TwoHosts.Intent());
        Assert.Contains(
            new Mutation("next_cfg", Mutator.Add, 1),
            operations.OfType<Mutate>().Single(mutate => mutate.Table == "Open_vSwitch").Mutations
        );
        Assert.Contains(new Comment("why"), operations);
        Assert.Equal(["next_cfg"], Assert.IsType<Select>(operations[^1]).Columns);
    }

    [Fact]
    public void A_column_is_set_only_if_it_still_is_as_it_was_seen()
    {
        var host = TwoHosts.Applied();
        host.Shell("ovs-vsctl set port tun-host2 protected=false");
        var operations = Build(host, TwoHosts.Intent());
        var wait = Assert.IsType<Wait>(operations[0]);
        Assert.Equal(
            ("Port", WaitUntil.Equal, TimeSpan.Zero),
            (wait.Table, wait.Until, wait.Timeout)
        );
        Assert.Equal([new Row { ["protected"] = false }], wait.Rows);
        Assert.Equal(new Row { ["protected"] = true }, operations.OfType<Update>().Single().Row);
    }

    [Theory]
    [InlineData(
        "ovs-vsctl set port tun-host2 protected=false",
        "ovs-vsctl set port tun-host2 protected=true"
    )]
    [InlineData("ovs-vsctl del-port ovsbr0 tun-host2", "ovs-vsctl del-br ovsbr0")]
    [InlineData(
        "ovs-vsctl del-port ovsbr0 tun-host2",
        "ovs-vsctl set bridge ovsbr0 external_ids:weft=other"
    )]
    [InlineData(
        "ovs-vsctl add-port ovsbr0 left external_ids:weft=homelab",
        "ovs-vsctl set port left external_ids:weft=other"
    )]
    [InlineData("ovs-vsctl set bridge ovsbr0 fail_mode=secure", "ovs-vsctl del-br ovsbr0")]
    public void What_somebody_changed_meanwhile_is_not_overwritten(string before, string meanwhile)
    {
        var host = TwoHosts.Applied();
        host.Shell(before);
        var operations = Build(host, TwoHosts.Intent());
        host.Shell(meanwhile);
        var changed = host.Describe();
        Assert.Throws<RefusedException>(() => host.Transact(operations));
        Assert.Equal(changed, host.Describe());
    }

    [Fact]
    public void A_switch_goes_only_with_the_ports_that_were_seen_in_it()
    {
        var host = TwoHosts.Applied();
        var operations = Build(host, HostIntent.Nothing("homelab", "host1"));
        host.Shell("ovs-vsctl add-port ovsbr0 guest0");
        Assert.Throws<RefusedException>(() => host.Transact(operations));
    }

    private static ImmutableArray<Operation> Build(ModelHost host, HostIntent intent) =>
        SwitchTransaction.Build(
            host.PlanFor(intent).Changes.OfType<SwitchChange>(),
            host.Observe().Switch,
            "why"
        );

    private static IEnumerable<Row> Inserted(IEnumerable<Operation> operations, string table) =>
        operations
            .OfType<Insert>()
            .Where(insert => insert.Table == table)
            .Select(insert => insert.Row);
}
