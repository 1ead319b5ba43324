using System.Text.Json;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Hosts with kernels of their own, looked after by SSH from a machine that is none of them.</summary>
public sealed class FleetTests
{
    private const string Home = "/run/home";
    private const string New = $"{Home}/new.psk";

    [Fact]
    public async Task An_encrypted_overlay_is_applied_and_its_key_replaced_from_one_machine_and_no_packet_is_lost()
    {
        const string Former = "the-key-that-the-hosts-begin-with";
        const string Next = "the-key-of-all-hosts-from-now-on";
        KernelLab.NeedsEncryption();
        await using var fleet = await FleetLab.UpAsync(
            FleetLab.WithLaptop(KernelLab.TwoHosts),
            KernelLab.Options
        );
        var lab = fleet.Lab;
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(KernelLab.TwoHosts);
        await fleet.WriteFileAsync($"{Former}\n", $"{Home}/psk");
        await fleet.WriteFileAsync($"{Next}\n", New);
        foreach (var host in fleet.Hosts)
        {
            await lab.RunAsync(host, "rm -r /etc/weft");
        }

        await SaysAsync("2 of 2 hosts as intended", "apply", "--all", "--yes");
        await HaveKeyAsync(Former);
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await AreEncryptedAsync();

        var (sent, answered) = await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                foreach (var step in (string[])["accept", "use", "finish"])
                {
                    await SaysAsync("2 hosts: all well", $"rotate {step} {New}", "--all");
                    await AreEncryptedAsync();
                }
            }
        );
        TestContext.Current.TestOutputHelper!.WriteLine($"{answered} of {sent} were answered");
        Assert.True(sent > 100, $"{sent} sent");
        Assert.Equal(sent, answered);
        await HaveKeyAsync(Next);

        // The former key beside the overlay file takes nobody's place, and the new one is what the hosts have.
        await SaysAsync("`weft rotate`", "apply", "--all", "--yes");
        await HaveKeyAsync(Next);
        await lab.RunAsync(FleetLab.Laptop, $"mv {New} {Home}/psk");
        Assert.DoesNotContain(
            "rotate",
            await fleet.WeftDoneAsync("apply", "--all", "--yes"),
            StringComparison.Ordinal
        );
        await fleet.WeftDoneAsync("ping", "--all", "--timeout", "30");

        // What fits before and after is not lost where an MTU shrinks, nor where it grows again.
        const int Narrow = 1324;
        await using var ping = ContinuousPing.Start(
            lab,
            "host1",
            TwoHosts.Wallabag,
            TwoHosts.MastodonAddress,
            Narrow
        );
        await ping.AnsweredAsync();
        foreach (var (underlay, mtu) in new[] { (1400, Narrow), (1500, 1424) })
        {
            await fleet.WriteFileAsync(
                KernelLab.TwoHosts.Replace(
                    "host2: 192.0.2.2",
                    $"host2: {{ address: 192.0.2.2, mtu: {underlay} }}",
                    StringComparison.Ordinal
                )
            );
            await fleet.WeftDoneAsync("apply", "--all", "--yes");
            await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, mtu);
            await ping.AnsweredAsync();
        }
        (sent, answered) = await ping.StopAsync();
        Assert.Equal(sent, answered);

        async Task SaysAsync(string words, string command, params string[] arguments)
        {
            var said = await fleet.WeftDoneAsync(command, arguments);
            Assert.Contains(words, said, StringComparison.Ordinal);
            Assert.DoesNotContain(Former, said, StringComparison.Ordinal);
            Assert.DoesNotContain(Next, said, StringComparison.Ordinal);
        }

        async Task HaveKeyAsync(string key)
        {
            foreach (var host in fleet.Hosts)
            {
                Assert.Equal(key, (await lab.RunAsync(host, "cat /etc/weft/psk")).Trim());
            }
        }

        async Task AreEncryptedAsync()
        {
            await SaysAsync("kernel datapath, encrypted, ", "status", "--all");
            var status = await fleet.WeftAsync("status", "--all", "--json");
            Assert.Equal(
                [("host2", "ok"), ("host1", "ok")],
                JsonDocument
                    .Parse(status.Output)
                    .RootElement.EnumerateArray()
                    .SelectMany(host =>
                        host.GetProperty("result").GetProperty("items").EnumerateArray()
                    )
                    .Where(item => item.GetProperty("kind").GetString() == "encryption")
                    .Select(item =>
                        (
                            item.GetProperty("name").GetString()!,
                            item.GetProperty("state").GetString()!
                        )
                    )
            );
        }
    }
}
