using CsCheck;
using Weft.Core.Addressing;

namespace Weft.Core.Tests.Addressing;

public sealed class MacAddressTests
{
    // The last five octets of XXH3 (64 bits) of the words with a NUL between each two, behind 02.
    [Theory]
    [InlineData("02:18:e2:09:67:a1", "homelab", "wallabag", "cont-mgmnt0")]
    [InlineData("02:d2:89:ae:68:cd", "homelab", "mastodon", "cont-mgmnt0")]
    public void Derived_addresses_never_change(string address, params string[] words) =>
        Assert.Equal(address, MacAddress.Derive(words).ToString());

    [Fact]
    public void Derived_addresses_are_unicast_and_locally_administered() =>
        Gen
            .String.Array[1, 4]
            .Sample(words =>
            {
                var address = MacAddress.Derive(words);
                Assert.False(address.IsMulticast);
                Assert.False(address.IsZero);
                Assert.StartsWith("02:", address.ToString());
                Assert.Equal(address, MacAddress.Derive(words));
            });

    [Fact]
    public void Words_do_not_run_into_each_other() =>
        Assert.NotEqual(MacAddress.Derive("ab", "c"), MacAddress.Derive("a", "bc"));

    [Fact]
    public void What_is_printed_is_read_back() =>
        Gen
            .Byte.Array[6]
            .Sample(octets =>
            {
                var text = string.Join(':', octets.Select(octet => octet.ToString("x2")));
                Assert.True(MacAddress.TryParse(text, out var address));
                Assert.Equal(text, address.ToString());
                Assert.True(MacAddress.TryParse(text.ToUpperInvariant(), out var upper));
                Assert.Equal(address, upper);
                Assert.Equal((octets[0] & 1) != 0, address.IsMulticast);
                Assert.Equal(octets.All(octet => octet == 0), address.IsZero);
            });

    [Theory]
    [InlineData("")]
    [InlineData(":::::")]
    [InlineData("02:00:00:00:00")]
    [InlineData("02:00:00:00:00:00:00")]
    [InlineData("2:0:0:0:0:0")]
    [InlineData("02-00-00-00-00-00")]
    [InlineData("02:00:00:00:00:0g")]
    [InlineData(" 2:00:00:00:00:00")]
    [InlineData("+2:00:00:00:00:00")]
    [InlineData("02:00:00:00:00:00 ")]
    [InlineData("020000000000")]
    [InlineData("٠٢:00:00:00:00:00")]
    public void What_is_no_address_is_not_read(string text) =>
        Assert.False(MacAddress.TryParse(text, out _));
}
