using System.Net;
using CsCheck;
using Weft.Core.Addressing;

namespace Weft.Core.Tests.Addressing;

public sealed class SubnetPartsTests
{
    private static Gen<IPNetwork> Subnet { get; } =
        from isIpv6 in Gen.Bool
        from prefix in isIpv6 ? Gen.Int[8, 127] : Gen.Int[8, 31]
        from seed in Gen.ULong
        select isIpv6
            ? new IPNetwork(Base(IPAddress.Parse("fd00::"), prefix, seed), prefix)
            : new IPNetwork(Base(IPAddress.Parse("10.0.0.0"), prefix, seed & 0xFF_FFFF), prefix);

    [Theory]
    [InlineData("10.8.2.0/24", 1, "10.8.2.0/24")]
    [InlineData("10.8.2.0/24", 2, "10.8.2.0/25 10.8.2.128/25")]
    [InlineData("10.8.2.0/24", 3, "10.8.2.0/26 10.8.2.128/25 10.8.2.64/26")]
    [InlineData("10.8.2.0/24", 4, "10.8.2.0/26 10.8.2.128/26 10.8.2.64/26 10.8.2.192/26")]
    [InlineData(
        "10.8.2.0/24",
        5,
        "10.8.2.0/27 10.8.2.128/26 10.8.2.64/26 10.8.2.192/26 10.8.2.32/27"
    )]
    [InlineData("10.8.2.0/30", 3, "10.8.2.0/31 10.8.2.2/31 -")]
    [InlineData("10.8.2.0/31", 3, "10.8.2.0/32 10.8.2.1/32 -")]
    [InlineData("fd00:8:2::/64", 3, "fd00:8:2::/66 fd00:8:2:0:8000::/65 fd00:8:2:0:4000::/66")]
    [InlineData("fd00::/127", 2, "fd00::/128 fd00::1/128")]
    public void Parts_are_where_people_can_work_them_out(string subnet, int hosts, string parts) =>
        Assert.Equal(
            parts,
            string.Join(
                ' ',
                Parts(IPNetwork.Parse(subnet), hosts).Select(part => part?.ToString() ?? "-")
            )
        );

    [Fact]
    public void Parts_share_no_address_and_leave_none_out() =>
        Gen.Select(Subnet, Gen.Int[1, 300])
            .Sample(
                (subnet, hosts) =>
                {
                    var ends = Parts(subnet, hosts)
                        .OfType<IPNetwork>()
                        .Select(IPText.Ends)
                        .OrderBy(part => part.First)
                        .ToList();
                    Assert.Equal(IPText.Ends(subnet).First, ends[0].First);
                    Assert.Equal(IPText.Ends(subnet).Last, ends[^1].Last);
                    Assert.All(
                        ends.Zip(ends.Skip(1)),
                        pair => Assert.Equal(pair.First.Last + 1, pair.Second.First)
                    );
                },
                iter: 2000
            );

    [Fact]
    public void A_host_that_is_added_takes_the_far_half_of_one_part_and_moves_no_beginning() =>
        Gen.Select(Subnet, Gen.Int[1, 300])
            .Sample(
                (subnet, hosts) =>
                {
                    var before = Parts(subnet, hosts);
                    var after = Parts(subnet, hosts + 1);
                    var changed = before
                        .Zip(after)
                        .Where(pair => pair.First != pair.Second)
                        .ToList();
                    Assert.All(
                        before.Zip(after),
                        pair => Assert.Equal(pair.First?.BaseAddress, pair.Second?.BaseAddress)
                    );
                    if (after[^1] is not { } added)
                    {
                        Assert.Empty(changed);
                        return;
                    }
                    var (larger, smaller) = Assert.Single(changed);
                    Assert.Equal(IPText.Ends(larger!.Value).Last, IPText.Ends(added).Last);
                    Assert.Equal(IPText.Ends(smaller!.Value).Last + 1, IPText.Ends(added).First);
                    Assert.Equal(smaller.Value.PrefixLength, added.PrefixLength);
                },
                iter: 2000
            );

    [Fact]
    public void Every_part_has_an_address_that_a_host_can_have() =>
        Gen.Select(Subnet, Gen.Int[1, 300])
            .Sample(
                (subnet, hosts) =>
                {
                    var (lowest, highest) = IPText.Hosts(subnet);
                    foreach (var part in Parts(subnet, hosts).OfType<IPNetwork>())
                    {
                        var (first, last) = IPText.Ends(part);
                        Assert.True(
                            UInt128.Max(first, lowest) <= UInt128.Min(last, highest),
                            $"{part} of {subnet}"
                        );
                    }
                },
                iter: 2000
            );

    private static List<IPNetwork?> Parts(IPNetwork subnet, int hosts) =>
        [.. Enumerable.Range(0, hosts).Select(number => SubnetParts.Of(subnet, number, hosts))];

    private static IPAddress Base(IPAddress range, int prefix, ulong seed)
    {
        var bits = IPText.Bits(range);
        var number = IPText.ToNumber(range) | seed;
        return IPText.FromNumber(number >> (bits - prefix) << (bits - prefix), range.AddressFamily);
    }
}
