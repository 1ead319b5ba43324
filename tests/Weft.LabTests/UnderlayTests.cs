using System.Collections.Immutable;
using System.Net;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.LabTests;

public sealed class UnderlayTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("192.0.2.0/24", "192.0.2.1", "192.0.2.2")]
    [InlineData("192.0.2.0/23", "192.0.2.1", "192.0.3.1")]
    [InlineData("0.0.0.0/0", "192.0.2.1", "10.0.0.1")]
    [InlineData("10.0.0.0/23", "10.0.0.255", "10.0.0.1")]
    [InlineData("10.0.0.0/22", "10.0.1.0", "10.0.1.255")]
    [InlineData("192.0.2.0/24", "192.0.2.1")]
    [InlineData("2001:db8::/64", "2001:db8::1", "2001:db8::2")]
    [InlineData("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff")]
    [InlineData("2001:db8::/32", "2001:db8:ffff::1", "2001:db8::1")]
    [InlineData("::/0", "2001:db8::1", "fd00::1")]
    public void One_subnet_holds_all_hosts_and_none_is_at_its_edge(
        string expected,
        params string[] addresses
    ) =>
        Assert.Equal(
            IPNetwork.Parse(expected),
            Underlay.Subnet([.. addresses.Select(IPAddress.Parse)])
        );

    [Fact]
    public async Task Ten_hosts_reach_one_another_over_IPv4_at_their_full_MTU()
    {
        await using var lab = await TestLab.UpAsync(
            TestLab.HostsAt(1500, Enumerable.Range(1, 10).Select(host => $"192.0.2.{host}"))
        );
        await AllReachAsync(lab, 84, 1500);
        Assert.All(
            await AskAsync(lab, TimeSpan.FromSeconds(2), 1501),
            result => Assert.Equal(Outcome.TooLong, result.Outcome)
        );
    }

    [Fact]
    public async Task Ten_hosts_reach_one_another_over_IPv6_at_their_full_MTU()
    {
        await using var lab = await TestLab.UpAsync(
            TestLab.HostsAt(9000, Enumerable.Range(1, 10).Select(host => $"2001:db8::{host}"))
        );
        await AllReachAsync(lab, 84, 9000);
        Assert.All(
            await AskAsync(lab, TimeSpan.FromSeconds(2), 9001),
            result => Assert.Equal(Outcome.TooLong, result.Outcome)
        );
    }

    [Theory]
    [InlineData("192.0.2.1", "10.0.0.1")]
    [InlineData("10.255.255.255", "172.16.0.0")]
    [InlineData("2001:db8::1", "fd00::1")]
    public async Task Hosts_of_different_subnets_reach_one_another_without_a_router(
        params string[] addresses
    )
    {
        await using var lab = await TestLab.UpAsync(TestLab.HostsAt(1500, addresses));
        await AllReachAsync(lab, 84);
    }

    [Fact]
    public async Task The_smaller_MTU_of_a_host_is_its_own()
    {
        var overlay = TestLab.HostsAt(1500, "192.0.2.1", "192.0.2.2");
        await using var lab = await TestLab.UpAsync(
            overlay with
            {
                Hosts = [overlay.Hosts[0], overlay.Hosts[1] with { Mtu = 1400 }],
            }
        );
        await AllReachAsync(lab, 1400);
        var results = await AskAsync(lab, TimeSpan.FromSeconds(2), 1401);
        Assert.Equal(Outcome.TooLong, results.Single(one => one.From.Host == "host2").Outcome);
        Assert.Equal(Outcome.Lost, results.Single(one => one.From.Host == "host1").Outcome);
    }

    [Fact]
    public async Task Two_labs_with_the_same_addresses_never_meet()
    {
        await using var one = await TestLab.UpAsync(
            TestLab.HostsAt(1500, "192.0.2.1", "192.0.2.2")
        );
        await using var other = await TestLab.UpAsync(
            TestLab.HostsAt(1500, "192.0.2.1", "192.0.2.3")
        );
        await AllReachAsync(one, 84);
        await AllReachAsync(other, 84);

        Assert.Equal(Outcome.Reached, await FromHost1Async(one, "192.0.2.2"));
        Assert.Equal(Outcome.Unreachable, await FromHost1Async(one, "192.0.2.3"));
        Assert.Equal(Outcome.Unreachable, await FromHost1Async(other, "192.0.2.2"));
    }

    [Fact]
    public async Task A_segment_carries_nothing_but_the_hosts_own_packets()
    {
        await using var lab = await TestLab.UpAsync(TestLab.HostsAt(1500, "192.0.2.1"));
        var links = await WeftProgram.InNamespaceAsync(
            lab.Lab.Record.Segment.Init!.Value.Pid,
            "ip -o link; ip -o address; ip route"
        );
        Assert.DoesNotContain(
            "inet",
            links.Replace("127.0.0.1", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
        Assert.Equal(
            ["lo", "port1", "segment"],
            links
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(':', '@')[1].Trim())
                .Order(StringComparer.Ordinal)
        );
    }

    private static async Task<Outcome> FromHost1Async(TestLab lab, string address) =>
        (
            await ProberOf(lab)
                .RunAsync(
                    [
                        new Probe(
                            "underlay",
                            new Endpoint("host1", null, IPAddress.Parse("192.0.2.1")),
                            new Endpoint("someone", null, IPAddress.Parse(address)),
                            84
                        ),
                    ],
                    TimeSpan.FromSeconds(5),
                    Needs.Cancellation
                )
        )
            .Single()
            .Outcome;

    private static async Task AllReachAsync(TestLab lab, params int[] sizes)
    {
        var hosts = lab.Lab.Hosts.Count;
        var results = await AskAsync(lab, Patience, sizes);
        Assert.Equal(hosts * (hosts - 1) * sizes.Length, results.Length);
        Assert.All(results, result => Assert.Equal(Outcome.Reached, result.Outcome));
        Assert.All(results, result => Assert.InRange(result.Milliseconds!.Value, 0.001, 30_000));
    }

    private static Task<ImmutableArray<ProbeResult>> AskAsync(
        TestLab lab,
        TimeSpan patience,
        params int[] sizes
    )
    {
        Endpoint[] hosts =
        [
            .. lab.Lab.Hosts.Select(host => new Endpoint(
                host.Name,
                null,
                IPAddress.Parse(host.Address)
            )),
        ];
        return ProberOf(lab)
            .RunAsync(
                from source in hosts
                from destination in hosts
                where source != destination
                from size in sizes
                select new Probe("underlay", source, destination, size),
                patience,
                Needs.Cancellation
            );
    }

    private static Prober ProberOf(TestLab lab) =>
        new(endpoint => $"/proc/{lab[endpoint.Host].Pid}/ns/net", TimeProvider.System);
}
