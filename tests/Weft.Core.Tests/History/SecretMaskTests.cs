using System.Text;
using Weft.Core.History;

namespace Weft.Core.Tests.History;

public sealed class SecretMaskTests
{
    private const string Secret = "a secret, 0123456789";

    [Theory]
    [InlineData("tunnels: { ipsec: { psk: \"a secret, 0123456789\" } }")]
    [InlineData("tunnels:\n  ipsec:\n    psk: 'a secret, 0123456789' # the key\n")]
    [InlineData("tunnels: { ipsec: { psk: { key: \"a secret, 0123456789\" } } }")]
    [InlineData(
        "tunnels:\n  ipsec:\n    psk:\n      key: >-\n        a secret,\n        0123456789\nname: x\n"
    )]
    [InlineData("tunnels:\n  ipsec:\n    psk: |-\n      a secret, 0123456789\nname: x\n")]
    [InlineData("tunnels: { ipsec: { psk: \"a secret\\x2c 0123456789\" } }")]
    [InlineData(
        "# psk: a secret, 0123456789\ntunnels: { ipsec: { psk: { file: /etc/weft/psk } } }"
    )]
    [InlineData(
        "tunnels: { ipsec: { psk: 'a secret, 0123456789' } } # was a secret, 0123456789 once"
    )]
    [InlineData("psk: { key: 'a secret, 0123456789', file: /x }\nbroken: [")]
    [InlineData("é: 'ü' # ß\ntunnels: { ipsec: { psk: 'a secret, 0123456789' } }")]
    public void Nothing_of_a_key_is_left(string text)
    {
        var (masked, _) = SecretMask.Of(text);
        Assert.Contains(Core.Ipsec.Secret.Veil, masked, StringComparison.Ordinal);
        foreach (var part in (string[])[Secret, "a secret", "0123456789", "\\x2c"])
        {
            Assert.DoesNotContain(part, masked, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tunnels: { ipsec: { psk: { file: /etc/weft/psk } } }\n")]
    [InlineData("tunnels: { ipsec: { psk: { env: WEFT_PSK } } }\n")]
    [InlineData("networks:\n  cont: { vlan: 200, subnet: 10.8.2.0/24 }\n")]
    [InlineData("")]
    public void All_else_is_as_it_was(string text) => Assert.Equal(text, SecretMask.Of(text).Text);

    [Fact]
    public void The_rest_of_the_file_is_there()
    {
        Assert.Equal(
            $$"""
            tunnels:
              ipsec:
                psk: {{Core.Ipsec.Secret.Veil}} # the key
                manager: strongswan
            name: x

            """,
            SecretMask
                .Of(
                    $$"""
                    tunnels:
                      ipsec:
                        psk: "{{Secret}}" # the key
                        manager: strongswan
                    name: x

                    """
                )
                .Text
        );
    }

    [Fact]
    public void A_difference_shows_lines_and_of_keys_only_that_they_differ()
    {
        var diff = HistoryDiff.Of(
            Encoding.UTF8.GetBytes($"name: x\npsk: {Secret}\na: 1\nb: 2\n"),
            "1",
            Encoding.UTF8.GetBytes("name: x\npsk: another secret 1234\na: 1\nb: 3\n"),
            "2"
        );
        Assert.Equal(
            [
                "--- 1",
                "+++ 2",
                "@@ -1,4 +1,4 @@",
                " name: x",
                $"-psk: {Core.Ipsec.Secret.Veil}",
                $"+psk: {Core.Ipsec.Secret.Veil} (another one)",
                " a: 1",
                "-b: 2",
                "+b: 3",
            ],
            diff.TrimEnd().ReplaceLineEndings("\n").Split('\n')
        );
    }

    [Fact]
    public void Files_that_are_the_same_differ_in_nothing_and_a_first_file_is_all_new()
    {
        var file = "name: x\n"u8.ToArray();
        Assert.Equal("", HistoryDiff.Of(file, "1", file, "2"));
        Assert.Contains("+name: x", HistoryDiff.Of(null, "", file, "1"), StringComparison.Ordinal);
        Assert.Contains("-name: x", HistoryDiff.Of(file, "1", null, "2"), StringComparison.Ordinal);
    }
}
