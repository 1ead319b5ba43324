using System.Text;
using System.Text.Json;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Ipsec;

public sealed class SecretTests
{
    private const string Text = "correct horse battery staple";

    [Fact]
    public void Its_bytes_are_there_for_who_asks_for_them() =>
        Assert.Equal(Text, Encoding.UTF8.GetString(Secret.OfText(Text).Reveal()));

    [Fact]
    public void Nothing_that_prints_it_or_what_it_is_part_of_gives_it_away()
    {
        var overlay = Overlay();
        var intent = TwoHosts.Intent(overlay);
        string[] printed =
        [
            $"{Secret.OfText(Text)}",
            $"{overlay}",
            $"{overlay.Tunnels}",
            $"{intent}",
            $"{intent.Ipsec}",
            $"{intent.Ipsec!.Credentials}",
            JsonSerializer.Serialize(Secret.OfText(Text)),
            JsonSerializer.Serialize(overlay.Tunnels.Ipsec),
            JsonSerializer.Serialize((object)(InlineKey)intent.Ipsec!.Credentials),
            string.Join('\n', TwoHosts.Bare().PlanFor(intent).Commands),
        ];
        Assert.All(printed, text => Assert.DoesNotContain("horse", text));
        Assert.Contains("••••", $"{intent.Ipsec}");
    }

    [Fact]
    public void Two_are_the_same_if_their_bytes_are()
    {
        Assert.Equal(Secret.OfText(Text), Secret.OfText(Text));
        Assert.Equal(Secret.OfText(Text).GetHashCode(), Secret.OfText(Text).GetHashCode());
        Assert.NotEqual(Secret.OfText(Text), Secret.OfText(Text + " "));
        Assert.Equal(Overlay().Tunnels, Overlay().Tunnels);
    }

    private static Overlay Overlay() =>
        TwoHosts.Read(
            TwoHosts.File.Replace("type: gre }", $"type: gre, ipsec: {{ psk: {Text} }} }}")
        );
}
