using System.Collections.Immutable;
using System.Net;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.LabTests;

/// <summary>The matrix over links that are made by hand: what it says is what is so.</summary>
public sealed class ReachabilityTests : IAsyncLifetime
{
    private const int Mtu = 1458;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    private TestLab lab = null!;

    public async ValueTask InitializeAsync()
    {
        lab = await TestLab.UpAsync(DualStack(SampleOverlay.Of(2)));
        await Task.WhenAll(JoinAsync(1, 2), JoinAsync(2, 1));
    }

    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
        }
    }

    [Fact]
    public async Task All_that_is_well_is_reached_at_every_size_in_both_families()
    {
        var report = await FleetReachability.AskAsync(
            new LabRunner(lab.Lab, [WeftProgram.Path]),
            lab.Lab.Record.Overlay,
            TimeProvider.System,
            ["--timeout", "20"],
            cancellationToken: Needs.Cancellation
        );
        Assert.Empty(report.Silent);
        Assert.True(report.Reachable, report.ToJson());
        // Two networks, two ways in each, two families, two sizes.
        Assert.Equal(16, report.Results.Length);
        Assert.Equal(16, report.Results.Distinct().Count());
        Assert.Equal([84, Mtu], report.Results.Select(result => result.Size).Distinct().Order());
    }

    [Fact]
    public async Task The_command_shows_it_and_its_exit_code_says_it()
    {
        var well = await WeftProgram.RunAsync("ping", "--lab", lab.Lab.Name, "--timeout", "20");
        Assert.True(well.ExitCode == 0, well.Output + well.Errors);
        Assert.Contains("all 8 ways are open", well.Output, StringComparison.Ordinal);

        var large = await WeftProgram.RunAsync("ping", "--lab", lab.Lab.Name, "--size", "1459");
        Assert.Equal(1, large.ExitCode);
        Assert.Contains("8 of 8 ways are not open", large.Output, StringComparison.Ordinal);
        Assert.Contains("1459 bytes: message too long", large.Output, StringComparison.Ordinal);

        var json = await WeftProgram.RunAsync(
            "ping",
            "--lab",
            lab.Lab.Name,
            "--size",
            "1459",
            "--json"
        );
        Assert.Equal(1, json.ExitCode);
        Assert.All(
            ReachabilityReport.FromJson(json.Output).Results,
            result => Assert.Equal(Outcome.TooLong, result.Outcome)
        );
    }

    [Fact]
    public async Task Where_an_MTU_is_larger_than_the_tunnel_small_packets_alone_get_through()
    {
        foreach (var container in new[] { 1, 2 })
        {
            await lab.RunAsync(
                $"host{container}",
                $"ip -n c{container} link set eth1 mtu 1500; ip link set c{container}-eth1 mtu 1500"
            );
        }
        Assert.Equal(Outcome.Reached, await AskAsync("c1", "10.8.2.2", 84, Patience));
        Assert.Equal(Outcome.Lost, await AskAsync("c1", "10.8.2.2", 1500, Moment));
        Assert.Equal(Outcome.Lost, await AskAsync("c1", "fd00:2::2", 1500, Moment));
    }

    [Fact]
    public async Task A_tunnel_that_is_gone_loses_everything()
    {
        Assert.Equal(Outcome.Reached, await AskAsync("c1", "10.8.2.2", 84, Patience));
        await lab.RunAsync("host2", "ovs-vsctl del-port tun");
        Assert.Equal(Outcome.Lost, await AskAsync("c1", "10.8.2.2", 84, Moment));
    }

    [Fact]
    public async Task What_comes_in_the_time_that_is_given_is_reached()
    {
        await lab.RunAsync("host2", "ovs-vsctl del-port tun");
        var asking = AskAsync("c1", "10.8.2.2", 84, Patience);
        await Task.Delay(TimeSpan.FromMilliseconds(500), Needs.Cancellation);
        Assert.False(asking.IsCompleted);
        await lab.RunAsync("host2", TunnelTo(1));
        Assert.Equal(Outcome.Reached, await asking);
    }

    [Theory]
    [InlineData("10.8.2.99")]
    [InlineData("fd00:2::99")]
    public async Task An_address_that_nobody_answers_for_is_unreachable(string address) =>
        Assert.Equal(
            Outcome.Unreachable,
            await AskAsync("c1", address, 84, TimeSpan.FromSeconds(6))
        );

    [Fact]
    public async Task A_container_without_its_link_or_address_or_namespace_is_told_apart()
    {
        await lab.RunAsync("host1", "ip -n c1 link set eth1 down");
        Assert.Equal(Outcome.Unreachable, await AskAsync("c1", "10.8.2.2", 84, Moment));
        await lab.RunAsync("host1", "ip -n c1 address flush dev eth1");
        Assert.Equal(Outcome.NoAddress, await AskAsync("c1", "10.8.2.2", 84, Moment));
        await lab.RunAsync("host1", "ip netns delete c1");
        Assert.Equal(Outcome.NotRunning, await AskAsync("c1", "10.8.2.2", 84, Moment));

        var shown = await WeftProgram.RunAsync("ping", "--lab", lab.Lab.Name, "--timeout", "1");
        Assert.Equal(1, shown.ExitCode);
        Assert.Contains("c1 does not run on host1", shown.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task This_process_stays_in_its_own_network()
    {
        var there = await lab.RunAsync("host1", "ip netns exec c1 readlink /proc/self/ns/net");
        await AskAsync("c1", "10.8.2.2", 84, Patience);
        Assert.DoesNotContain(there.Trim(), Namespaces());

        static string[] Namespaces() =>
            [
                .. Directory
                    .EnumerateDirectories("/proc/self/task")
                    .Select(thread => new FileInfo($"{thread}/ns/net").LinkTarget)
                    .OfType<string>()
                    .Distinct(),
            ];
    }

    private async Task<Outcome> AskAsync(
        string container,
        string address,
        int size,
        TimeSpan patience
    )
    {
        var to = IPAddress.Parse(address);
        var from = IPAddress.Parse(
            to.AddressFamily is System.Net.Sockets.AddressFamily.InterNetworkV6
                ? "fd00:2::1"
                : "10.8.2.1"
        );
        var probe = new Probe(
            "cont-mgmnt0",
            new Endpoint("host1", container, from),
            new Endpoint("host2", "c2", to),
            size
        );
        var prober = new Prober(
            endpoint => $"/proc/{lab["host1"].Pid}/root/run/netns/{endpoint.Container}",
            TimeProvider.System
        );
        return (await prober.RunAsync([probe], patience, Needs.Cancellation)).Single().Outcome;
    }

    // What an administrator would do by hand, without a container bridge.
    private Task<string> JoinAsync(int host, int other)
    {
        var datapath = lab.Lab.Record.Datapath is Datapath.Userspace ? "netdev" : "system";
        return lab.RunAsync(
            $"host{host}",
            $"""
            ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type={datapath} -- set interface ovsbr0 mtu_request={Mtu}
            {TunnelTo(other)}
            ip link add c{host}-eth1 mtu {Mtu} type veth peer name eth1 mtu {Mtu} netns c{host}
            ip link set c{host}-eth1 up
            ip -n c{host} address add 10.8.2.{host}/24 dev eth1
            ip -n c{host} address add fd00:2::{host}/64 dev eth1 nodad
            ip -n c{host} link set eth1 up
            ovs-vsctl add-port ovsbr0 c{host}-eth1 tag=200
            ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 -- set interface host-mgmnt0 type=internal mtu_request={Mtu}
            ip address add 10.8.3.{host}/24 dev host-mgmnt0
            ip address add fd00:3::{host}/64 dev host-mgmnt0 nodad
            ip link set host-mgmnt0 up
            """
        );
    }

    private static string TunnelTo(int host) =>
        $"ovs-vsctl add-port ovsbr0 tun -- set interface tun type=gre options:remote_ip=192.0.2.{host}";

    private static Overlay DualStack(Overlay overlay) =>
        overlay with
        {
            Networks =
            [
                overlay.Networks[0] with
                {
                    Subnets = [.. overlay.Networks[0].Subnets, IPNetwork.Parse("fd00:2::/64")],
                },
                overlay.Networks[1] with
                {
                    Subnets = [.. overlay.Networks[1].Subnets, IPNetwork.Parse("fd00:3::/64")],
                    Hosts =
                    [
                        .. overlay
                            .Networks[1]
                            .Hosts.Select(
                                (host, index) =>
                                    host with
                                    {
                                        Addresses = Both(host.Addresses, $"fd00:3::{index + 1}"),
                                    }
                            ),
                    ],
                },
            ],
            Containers =
            [
                .. overlay.Containers.Select(
                    (container, index) =>
                        container with
                        {
                            Attachments =
                            [
                                container.Attachments[0] with
                                {
                                    Addresses = Both(
                                        container.Attachments[0].Addresses,
                                        $"fd00:2::{index + 1}"
                                    ),
                                },
                            ],
                        }
                ),
            ],
        };

    private static ImmutableArray<IPAddress> Both(ImmutableArray<IPAddress> ipv4, string ipv6) =>
        [.. ipv4, IPAddress.Parse(ipv6)];
}
