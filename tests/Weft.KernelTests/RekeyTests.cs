using System.Text.RegularExpressions;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>New keys take the place of old ones while packets cross.</summary>
public sealed partial class RekeyTests
{
    private const int Rekeys = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Each key is for a second: they run out as those of an hour do, and nobody asks for the next. A host with two others has
    /// two of them run out each second, and each carries packets.
    /// </summary>
    [Fact]
    public async Task A_hundred_keys_that_run_out_lose_no_packet_and_let_none_cross_in_plaintext()
    {
        const string ThirdAddress = "10.8.2.4";
        await using var lab = await KernelLab.UpAsync(
            KernelLab
                .TwoHosts.Replace(
                    "  ipsec:\n",
                    "  ipsec:\n    rekey: 1\n",
                    StringComparison.Ordinal
                )
                .Replace(
                    "  host2: 192.0.2.2\n",
                    "  host2: 192.0.2.2\n  host3: 192.0.2.3\n",
                    StringComparison.Ordinal
                )
                .Replace(
                    "host2: 10.8.3.2",
                    "host2: 10.8.3.2, host3: 10.8.3.3",
                    StringComparison.Ordinal
                )
                .Replace(
                    "containers:\n",
                    $"containers:\n  third: {{ host: host3, engine: lxd, networks: {{ cont-mgmnt0: {ThirdAddress} }} }}\n",
                    StringComparison.Ordinal
                )
        );
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, ThirdAddress, 100);
        var before = await NumberAsync();
        (int Sent, int Answered) third = default;
        var second = await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await using var ping = ContinuousPing.Start(
                    lab,
                    "host1",
                    TwoHosts.Wallabag,
                    ThirdAddress
                );
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(
                    Needs.Cancellation
                );
                deadline.CancelAfter(Patience);
                while (await NumberAsync() - before < Rekeys)
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), deadline.Token);
                }
                third = await ping.StopAsync();
            }
        );
        foreach (var (sent, answered) in ((int Sent, int Answered)[])[second, third])
        {
            Assert.True(answered == sent, $"{answered} of {sent} were answered");
        }

        async Task<int> NumberAsync() =>
            Numbers()
                .Matches(await lab.RunAsync("host1", "swanctl --list-sas"))
                .Max(match => int.Parse(match.Groups["number"].Value));
    }

    // The daemon counts the children that it has ever made.
    [GeneratedRegex("gre-[0-9a-f-]+: #(?<number>\\d+)", RegexOptions.None, 1000)]
    private static partial Regex Numbers();
}
