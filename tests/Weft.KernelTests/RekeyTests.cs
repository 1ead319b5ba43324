using System.Globalization;
using System.Text.RegularExpressions;

namespace Weft.KernelTests;

/// <summary>New keys take the place of old ones while packets cross.</summary>
public sealed partial class RekeyTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    private const int Rekeys = 100;

    [Fact]
    public async Task A_hundred_rekeys_lose_no_packet_and_let_none_cross_in_plaintext()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        var child = Child().Match(await lab.RunAsync("host1", "swanctl --list-sas")).Value;
        var before = await NumberAsync();
        var (sent, answered) = await Wire.StaysEncryptedAsync(
            lab,
            () =>
                lab.RunAsync(
                    "host1",
                    // One that is asked for while another is under way is that other.
                    $"for time in $(seq {Rekeys + Rekeys / 10}); do swanctl --rekey --child {child} >/dev/null; done"
                )
        );
        Assert.True(answered == sent, $"{answered} of {sent} were answered");
        Assert.InRange(await NumberAsync() - before, Rekeys, int.MaxValue);

        async Task<int> NumberAsync() =>
            Numbers()
                .Matches(await lab.RunAsync("host1", "swanctl --list-sas"))
                .Max(match =>
                    int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture)
                );
    }

    [GeneratedRegex("gre-[0-9a-f-]+", RegexOptions.None, 1000)]
    private static partial Regex Child();

    // The daemon counts the children that it has ever made.
    [GeneratedRegex("gre-[0-9a-f-]+: #(?<number>\\d+)", RegexOptions.None, 1000)]
    private static partial Regex Numbers();
}
