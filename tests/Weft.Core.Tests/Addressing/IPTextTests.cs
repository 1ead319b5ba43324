using System.Net;
using System.Net.Sockets;
using CsCheck;
using Weft.Core.Addressing;

namespace Weft.Core.Tests.Addressing;

/// <summary>What is refused, and how it is said, stands among the cases of Overlays/Mistakes.txt.</summary>
public sealed class IPTextTests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.8.2.2")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("fd00:8::2")]
    [InlineData("FD00:8:0:0::0002")]
    [InlineData("1:2:3:4:5:6:7:8")]
    [InlineData("1:2:3:4:5:6:7::")]
    [InlineData("::192.0.2.1")]
    [InlineData("64:ff9b::192.0.2.1")]
    public void Addresses_in_their_usual_forms_are_read(string text)
    {
        Assert.True(IPText.TryReadAddress(text, out var address, out var wrong), wrong);
        Assert.Equal(IPAddress.Parse(text), address);
    }

    [Theory]
    [InlineData("10.8.2.0/24", 24)]
    [InlineData("10.0.0.0/8", 8)]
    [InlineData("128.0.0.0/1", 1)]
    [InlineData("10.8.2.254/31", 31)]
    [InlineData("fd00:8::/64", 64)]
    [InlineData("8000::/1", 1)]
    [InlineData("fd00:8::fffe/127", 127)]
    public void Subnets_are_read(string text, int prefix)
    {
        Assert.True(IPText.TryReadSubnet(text, out var subnet, out var wrong), wrong);
        Assert.Equal(text, subnet.ToString());
        Assert.Equal(prefix, subnet.PrefixLength);
    }

    [Fact]
    public void Any_address_is_read_from_its_own_text_unless_it_hides_another() =>
        Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16], Gen.OneOf<byte>(0, 0xFF).Array[16])
            .Select(bytes => new IPAddress(bytes))
            .Sample(address =>
                Assert.Equal(
                    !address.IsIPv4MappedToIPv6,
                    IPText.TryReadAddress(address.ToString(), out var read, out _)
                        && read.Equals(address)
                )
            );

    [Fact]
    public void Addresses_are_numbers_and_back() =>
        Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16])
            .Select(bytes => new IPAddress(bytes))
            .Sample(address =>
                Assert.Equal(
                    address,
                    IPText.FromNumber(IPText.ToNumber(address), address.AddressFamily)
                )
            );

    [Fact]
    public void Of_any_address_with_any_prefix_the_subnet_that_it_is_in_is_named() =>
        Gen.Select(Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16]), Gen.Int[1, 127])
            .Where((bytes, prefix) => prefix < bytes.Length * 8)
            .Where((bytes, _) => !new IPAddress(bytes).IsIPv4MappedToIPv6)
            .Sample(
                (bytes, prefix) =>
                {
                    var address = new IPAddress(bytes);
                    if (!IPText.TryReadSubnet($"{address}/{prefix}", out var subnet, out var wrong))
                    {
                        Assert.StartsWith("has host bits set: write ", wrong);
                        var meant = wrong.Split(' ', ',')[5];
                        Assert.True(IPText.TryReadSubnet(meant, out subnet, out wrong), wrong);
                    }
                    Assert.Equal(prefix, subnet.PrefixLength);
                    Assert.True(subnet.Contains(address));
                }
            );

    [Theory]
    [InlineData("10.8.2.1", AddressFamily.InterNetwork, 0x0A080201)]
    [InlineData("::ff", AddressFamily.InterNetworkV6, 0xFF)]
    public void A_number_has_its_most_significant_byte_first(
        string text,
        AddressFamily family,
        uint number
    )
    {
        Assert.Equal((UInt128)number, IPText.ToNumber(IPAddress.Parse(text)));
        Assert.Equal(IPAddress.Parse(text), IPText.FromNumber(number, family));
    }
}
