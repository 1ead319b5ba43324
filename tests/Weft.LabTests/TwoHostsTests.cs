using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Weft.LabTests;

/// <summary>The main job: what examples/two-hosts.yaml promises, on real Open vSwitch.</summary>
public sealed partial class TwoHostsTests
{
    // 1500 less IPv4, GRE, the inner Ethernet header and the VLAN tag: 20 + 4 + 14 + 4.
    private const int Mtu = 1458;

    [Fact]
    public async Task Containers_and_hosts_reach_each_other_at_full_MTU_and_one_byte_more_is_refused_aloud()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        (string Host, string? Container, string To)[] ways =
        [
            ("host1", "wallabag", "10.8.2.3"),
            ("host2", "mastodon", "10.8.2.2"),
            ("host1", null, "10.8.3.2"),
            ("host2", null, "10.8.3.1"),
        ];
        foreach (var (host, container, to) in ways)
        {
            await lab.ReachesAsync(host, container, to, Mtu);
            await lab.RefusesLargerAsync(host, container, to, Mtu);
        }
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task A_container_with_an_address_of_the_host_network_reaches_nobody_there()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", Mtu);
        await lab.ReachesAsync("host1", null, "10.8.3.2", Mtu);

        await lab.RunAsync("host1", "ip -n wallabag addr add 10.8.3.77/24 dev eth1");

        foreach (var address in (string[])["10.8.3.1", "10.8.3.2"])
        {
            Assert.NotEqual(0, (await lab.PingAsync("host1", "wallabag", address, 84)).ExitCode);
        }
    }

    [Fact]
    public async Task A_container_reaches_its_host_by_no_address_that_the_file_does_not_give()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", Mtu);

        var neighbours = await lab.TryAsync(
            "host1",
            "ip netns exec wallabag ping -6 -n -c 2 -W 1 ff02::1%eth1; ip -n wallabag -6 neigh"
        );

        var hosts = await lab.RunAsync("host1", "ip -o -6 addr show scope link");
        Assert.DoesNotContain("cont-mgmnt0", hosts, StringComparison.Ordinal);
        Assert.DoesNotContain("wallabag", hosts, StringComparison.Ordinal);
        // The other container answers, across the tunnel; of the hosts none does.
        var others = neighbours
            .Output.Split('\n')
            .Where(line => line.Contains("icmp_seq", StringComparison.Ordinal))
            .Select(line => line.Split(' ')[3])
            .Distinct()
            .Count();
        Assert.True(others <= 2, neighbours.Output);
    }

    [Fact]
    public async Task TCP_carries_20_megabytes_intact_between_containers_and_between_hosts()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", Mtu);
        await lab.RunAsync(
            "host2",
            "ip netns exec mastodon iperf3 -s -D --pidfile /run/c.pid; iperf3 -s -D --pidfile /run/h.pid"
        );
        foreach (
            var client in (string[])
                ["ip netns exec wallabag iperf3 -c 10.8.2.3", "iperf3 -c 10.8.3.2"]
        )
        {
            await Eventually.IsAsync(async () =>
                (await lab.TryAsync("host1", $"{client} -n 20M")).ExitCode == 0
            );
        }
    }

    [Fact]
    public async Task Applied_a_second_time_it_makes_no_OVSDB_operation_and_runs_no_link_command()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        // Whatever runs `ip` from now on is written down.
        await lab.RunAsync(
            "host1",
            """
            mkdir /run/watch
            printf '#!/bin/sh\necho "$*" >> /run/watch/log\nexec /sbin/ip "$@"\n' > /run/watch/ip
            chmod +x /run/watch/ip
            """
        );
        await lab.RunAsync(
            "host1",
            $"cp {Log} /run/watch/former; ovs-appctl -t ovsdb-server vlog/set jsonrpc:file:dbg"
        );

        var second = await lab.RunAsync(
            "host1",
            $"PATH=/run/watch:$PATH {WeftProgram.Path} apply --yes"
        );

        Assert.Contains("nothing to change", second, StringComparison.Ordinal);
        Assert.Equal(["select"], (await OperationsAsync()).Distinct());
        Assert.False((await lab.TryAsync("host1", "test -e /run/watch/log")).ExitCode == 0);
        // The watch would have seen one of each.
        await lab.RunAsync(
            "host1",
            $"ip link set dev cont-mgmnt0 mtu 1400; ovs-vsctl set port cont-mgmnt0-sw tag=7; PATH=/run/watch:$PATH {WeftProgram.Path} apply --yes; test -e /run/watch/log"
        );
        Assert.Contains("update", await OperationsAsync());

        // What Weft has asked of the database since it tells all: that of the connections that have Weft's lock.
        async Task<IReadOnlyList<string>> OperationsAsync()
        {
            var log = await lab.RunAsync(
                "host1",
                $"tail -c +$(($(stat -c %s /run/watch/former) + 1)) {Log}"
            );
            var requests = Request().Matches(log);
            var connections = requests
                .Where(request =>
                    request.Groups["method"].Value == "lock"
                    && request.Groups["params"].Value == "[\"weft\"]"
                )
                .Select(request => request.Groups["connection"].Value)
                .ToHashSet(StringComparer.Ordinal);
            Assert.NotEmpty(connections);
            return
            [
                .. requests
                    .Where(request =>
                        request.Groups["method"].Value == "transact"
                        && connections.Contains(request.Groups["connection"].Value)
                    )
                    .SelectMany(request =>
                        JsonNode.Parse(request.Groups["params"].Value)!.AsArray().Skip(1)
                    )
                    .Select(operation => operation!["op"]!.GetValue<string>()),
            ];
        }
    }

    private const string Log = "/var/log/openvswitch/ovsdb-server.log";

    [GeneratedRegex(
        @"\|jsonrpc\|DBG\|(?<connection>\S+): received request, method=""(?<method>\w+)"", params=(?<params>.*), id=\d+$",
        RegexOptions.Multiline,
        1000
    )]
    private static partial Regex Request();

    [Fact]
    public async Task The_commands_that_plan_prints_typed_on_a_bare_host_leave_nothing_to_plan()
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        foreach (var host in lab.Hosts)
        {
            var printed = await lab.WeftDoneAsync(host.Name, "plan", "--commands");
            await lab.RunAsync(host.Name, printed);
            var after = await lab.WeftAsync(host.Name, "plan", "--exit-code");
            Assert.True(after.ExitCode == 0, after.Output + after.Errors);
        }
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task Two_applies_at_once_take_turns_and_both_find_the_host_as_intended()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            "ovs-vsctl del-port tun-host2; ovs-vsctl clear port cont-mgmnt0-sw tag"
        );
        var both = await Task.WhenAll(
            lab.WeftAsync("host1", "apply", "--yes"),
            lab.WeftAsync("host1", "apply", "--yes")
        );
        Assert.All(
            both,
            result => Assert.True(result.ExitCode == 0, result.Output + result.Errors)
        );
        Assert.Equal(0, (await lab.WeftAsync("host1", "status")).ExitCode);
    }

    /// <summary>By the time of the answer the host may be another: what is to do then is shown, and asked about again.</summary>
    [Fact]
    public async Task Nobody_is_kept_from_the_host_while_apply_asks_and_nothing_is_done_that_was_not_shown()
    {
        const string Tag = "ovs-vsctl get port cont-mgmnt0-sw tag";
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
        var terminal = await Terminal.RunAsync(lab, "host1", "apply");
        await terminal.SaysAsync("Apply? [y/N]");
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=8");
        await terminal.TypeAsync("y");
        await terminal.SaysAsync("the host has changed since this was shown");
        await terminal.SaysAsync("VLAN 8 → 200");
        Assert.Equal("8", (await lab.RunAsync("host1", Tag)).Trim());
        await terminal.TypeAsync("n");
        var (code, text) = await terminal.EndedAsync();
        Assert.Equal(1, code);
        Assert.Contains(NothingWasChanged, text, StringComparison.Ordinal);
        Assert.Equal("8", (await lab.RunAsync("host1", Tag)).Trim());

        // Another Weft need not wait for the answer, and what it has left to be done is nothing.
        terminal = await Terminal.RunAsync(lab, "host1", "apply");
        await terminal.SaysAsync("Apply? [y/N]");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await terminal.TypeAsync("y");
        (code, text) = await terminal.EndedAsync();
        Assert.Equal(0, code);
        Assert.Contains("as intended, nothing to change", text, StringComparison.Ordinal);
    }

    /// <summary>Between the look at the switch and the transaction somebody else changes it, whom the link commands before that call.</summary>
    [Theory]
    [InlineData("set port cont-mgmnt0-sw tag=8", "get port cont-mgmnt0-sw tag", "8")]
    // One thing that was edited keeps all else from being written too.
    [InlineData("set port cont-mgmnt0-sw tag=8", "get port tun-host2 protected", "false")]
    [InlineData("del-br ovsbr0", "list-br | grep -c ovsbr0 || true", "0")]
    public async Task Who_edits_the_switch_while_a_plan_is_carried_out_is_not_overwritten(
        string edit,
        string see,
        string seen
    )
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            $"""
            ovs-vsctl set port cont-mgmnt0-sw tag=7 -- set port tun-host2 protected=false
            ip link del wallabag-eth1 || ip link del cont-mgmnt0
            mkdir -p /run/meddler
            printf '#!/bin/sh\nrm /run/meddler/ip\novs-vsctl {edit}\nexec {(
                await lab.RunAsync("host1", "command -v ip")
            ).Trim()} "$@"\n' > /run/meddler/ip
            chmod +x /run/meddler/ip
            """
        );
        var applied = await lab.TryAsync(
            "host1",
            $"PATH=/run/meddler:$PATH {WeftProgram.Path} apply --yes; code=$?; test ! -e /run/meddler/ip; exit $code"
        );
        Assert.Equal(1, applied.ExitCode);
        Assert.Contains(
            SomebodyElse,
            (applied.Output + applied.Errors).ReplaceLineEndings(" "),
            StringComparison.Ordinal
        );
        Assert.Equal(seen, (await lab.RunAsync("host1", $"ovs-vsctl {see}")).Trim());
    }

    private const string NothingWasChanged = "Nothing was changed.";
    private const string SomebodyElse = "was changed by somebody else while the plan was made";
}
