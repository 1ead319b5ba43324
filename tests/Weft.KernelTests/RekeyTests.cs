using System.Globalization;
using System.Text.RegularExpressions;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>New keys take the place of old ones while packets cross.</summary>
public sealed partial class RekeyTests
{
    private const int Rekeys = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Each key is for a second: they run out as those of an hour do, and nobody asks for the next.</summary>
    [Fact]
    public async Task A_hundred_keys_that_run_out_lose_no_packet_and_let_none_cross_in_plaintext()
    {
        await using var lab = await KernelLab.UpAsync(
            KernelLab.TwoHosts.Replace(
                "  ipsec:\n",
                "  ipsec:\n    rekey: 1\n",
                StringComparison.Ordinal
            )
        );
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        var before = await NumberAsync();
        var (sent, answered) = await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(
                    Needs.Cancellation
                );
                deadline.CancelAfter(Patience);
                while (await NumberAsync() - before < Rekeys)
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), deadline.Token);
                }
            }
        );
        Assert.True(answered == sent, $"{answered} of {sent} were answered");

        async Task<int> NumberAsync() =>
            Numbers()
                .Matches(await lab.RunAsync("host1", "swanctl --list-sas"))
                .Max(match =>
                    int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture)
                );
    }

    // The daemon counts the children that it has ever made.
    [GeneratedRegex("gre-[0-9a-f-]+: #(?<number>\\d+)", RegexOptions.None, 1000)]
    private static partial Regex Numbers();
}
