using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>What crosses between the hosts while something happens.</summary>
internal static class Wire
{
    /// <summary>Watches the segment.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="meanwhile">What happens.</param>
    public static async Task<WireCounts> WatchAsync(OverlayLab lab, Func<Task> meanwhile)
    {
        await using var tap = await WireTap.StartAsync(lab.Lab, null, Needs.Cancellation);
        await meanwhile();
        return await tap.StopAsync();
    }

    /// <summary>
    /// Something happens while wallabag pings mastodon a hundred times a second, and in the end it is answered again:
    /// none of it crosses in plaintext.
    /// </summary>
    /// <param name="lab">The two hosts.</param>
    /// <param name="meanwhile">What happens.</param>
    /// <returns>The pings that were sent and answered.</returns>
    public static async Task<(int Sent, int Answered)> StaysEncryptedAsync(
        OverlayLab lab,
        Func<Task> meanwhile
    )
    {
        (int Sent, int Answered) pings = default;
        var crossed = await WatchAsync(
            lab,
            async () =>
            {
                await using var ping = ContinuousPing.Start(
                    lab,
                    "host1",
                    TwoHosts.Wallabag,
                    TwoHosts.MastodonAddress
                );
                await meanwhile();
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
                pings = await ping.StopAsync();
            }
        );
        NothingPlain(crossed);
        return pings;
    }

    /// <summary>No packet in plaintext but what hosts tell each other about the underlay itself, and some encrypted.</summary>
    public static void NothingPlain(WireCounts crossed)
    {
        Assert.True(crossed[WireKind.Tunnel] == 0, crossed.ToString());
        Assert.True(crossed[WireKind.Other] == 0, crossed.ToString());
        // A capture that sees nothing would show nothing.
        Assert.True(crossed.Encrypted > 0, crossed.ToString());
    }

    /// <summary>How many packets a host's kernel has blocked, by its own count.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The host.</param>
    /// <param name="counter">A line of /proc/net/xfrm_stat.</param>
    public static async Task<int> BlockedAsync(OverlayLab lab, string host, string counter) =>
        Column(
            (await lab.RunAsync(host, "cat /proc/net/xfrm_stat"))
                .Split('\n')
                .Single(line => line.StartsWith(counter, StringComparison.Ordinal)),
            1
        );

    /// <summary>How many echo requests have reached a container.</summary>
    public static async Task<int> EchoRequestsAsync(OverlayLab lab, string host, string container)
    {
        var lines = (await lab.RunAsync(host, $"ip netns exec {container} cat /proc/net/snmp"))
            .Split('\n')
            .Where(line => line.StartsWith("Icmp:", StringComparison.Ordinal))
            .ToArray();
        return Column(lines[1], Array.IndexOf(lines[0].Split(' '), "InEchos"));
    }

    private static int Column(string line, int index) =>
        int.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[index]);
}
