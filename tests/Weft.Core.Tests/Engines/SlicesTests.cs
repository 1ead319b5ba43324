using System.Net;
using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Tests.Overlays;

namespace Weft.Core.Tests.Engines;

public sealed class SlicesTests
{
    [Fact]
    public void No_two_hosts_give_out_one_address_and_none_that_somebody_has() =>
        OverlayGen.Overlay.Sample(
            overlay =>
            {
                var slices = new Slices(overlay);
                foreach (var network in overlay.Networks)
                {
                    foreach (var subnet in network.Subnets)
                    {
                        var given = new HashSet<IPAddress>();
                        var (lowest, highest) = IPText.Hosts(subnet);
                        foreach (var host in overlay.Hosts)
                        {
                            var slice = slices.Of(network, subnet, host.Name);
                            var own = new HashSet<IPAddress>(slices.Declared);
                            for (var count = 0; count < 40; count++)
                            {
                                if (slice.FirstFree(own.Contains) is not { } address)
                                {
                                    break;
                                }
                                Assert.True(own.Add(address));
                                Assert.True(given.Add(address), $"{address} twice in {overlay}");
                                Assert.True(slice.Contains(address));
                                Assert.True(subnet.Contains(address));
                                Assert.InRange(IPText.ToNumber(address), lowest, highest);
                                Assert.All(
                                    network.Slices.Where(other => other.Host != host.Name),
                                    other =>
                                        Assert.DoesNotContain(
                                            other.Slices,
                                            part => part.Contains(address)
                                        )
                                );
                            }
                        }
                    }
                }
            },
            iter: 500
        );

    [Fact]
    public void What_can_be_declared_is_taken_as_it_is_and_changes_no_other_slice() =>
        OverlayGen.Overlay.Sample(
            overlay =>
            {
                var slices = new Slices(overlay);
                foreach (var network in overlay.Networks)
                {
                    foreach (var subnet in network.Subnets)
                    {
                        var declarable = overlay
                            .Hosts.Select(host => slices.Of(network, subnet, host.Name))
                            .ToList();
                        for (var i = 0; i < declarable.Count; i++)
                        {
                            if (declarable[i].Declarable() is not { } part)
                            {
                                continue;
                            }
                            Assert.True(
                                part.PrefixLength >= declarable[i].Part!.Value.PrefixLength
                                    && declarable[i].Part!.Value.Contains(part.BaseAddress)
                            );
                            Assert.All(
                                declarable.Where((_, other) => other != i),
                                other =>
                                    Assert.False(
                                        other.Declarable() is { } theirs
                                            && (
                                                theirs.Contains(part.BaseAddress)
                                                || part.Contains(theirs.BaseAddress)
                                            )
                                    )
                            );
                        }
                    }
                }
            },
            iter: 500
        );

    [Fact]
    public void All_of_a_slice_can_be_given_out_and_no_more()
    {
        var overlay = Overlay(
            """
            name: a
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              n:
                vlan: 5
                subnet: 10.8.2.0/28
                hosts: { host1: 10.8.2.1, host2: 10.8.2.8 }
                slices: { host2: 10.8.2.2/31 }
            containers:
              c: { host: host2, engine: netns, networks: { n: { address: 10.8.2.5, routes: { 0.0.0.0/0: 10.8.2.6 } } } }
            """
        );
        Assert.Equal(["10.8.2.4", "10.8.2.7"], All(overlay, "host1"));
        Assert.Equal(["10.8.2.2", "10.8.2.3"], All(overlay, "host2"));
    }

    [Fact]
    public void In_a_large_subnet_a_free_address_is_found_without_a_search()
    {
        var overlay = Overlay(
            """
            name: a
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              n: { vlan: 5, subnet: "fd00:8:2::/64", slices: { host2: "fd00:8:2::/66" } }
            """
        );
        Assert.Equal(
            ["fd00:8:2:0:4000::", "fd00:8:2:0:4000::1", "fd00:8:2:0:4000::2"],
            All(overlay, "host1").Take(3)
        );
    }

    private static Core.Overlays.Overlay Overlay(string yaml) => RosterTests.Read(yaml);

    private static IEnumerable<string> All(Core.Overlays.Overlay overlay, string host)
    {
        var slices = new Slices(overlay);
        var network = overlay.Networks[0];
        var taken = new HashSet<IPAddress>(slices.Declared);
        while (
            slices.Of(network, network.Subnets[0], host).FirstFree(taken.Contains) is { } address
        )
        {
            taken.Add(address);
            yield return address.ToString();
        }
    }
}
