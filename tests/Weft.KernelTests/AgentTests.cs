using System.Text.RegularExpressions;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>An agent keeps the encryption of its host: what is taken away is back by itself, and nothing of it crosses in plaintext.</summary>
public sealed class AgentTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Fact]
    public async Task What_encrypts_and_guards_is_mended_with_nobody_typing_anything()
    {
        var lab = await LabAsync();
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await lab.RunAsync(
                    "host1",
                    """
                    ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out
                    ip xfrm policy delete src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in
                    """
                );
                await IsBackAsync("ip xfrm policy | grep -c 'action block' | grep -x 2");

                await lab.RunAsync("host1", "ip xfrm state flush");
                await ReachesAgainAsync();

                await lab.RunAsync("host1", "swanctl --terminate --force --ike weft-homelab/host2");
                await ReachesAgainAsync();

                await Mishap.EndCharonAsync(lab, "host1", "KILL");
                await Mishap.StartCharonAsync(lab, "host1");
                await MeasuresAsync("^weft_tunnel_up{.*peer=\"host2\".*} 1$");
                await MeasuresAsync("^weft_association_age_seconds{.*peer=\"host2\".*} [0-9]+$");
                await ReachesAgainAsync();

                await lab.RunAsync("host1", "ovs-vsctl del-port tun-host2");
                await ReachesAgainAsync();
            }
        );
        await agent.HasMendedAsync();

        Task ReachesAgainAsync() =>
            lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);

        Task MeasuresAsync(string line) =>
            Eventually.IsAsync(
                async () => Regex.IsMatch(await agent.MetricsAsync(), line, RegexOptions.Multiline),
                () => $"no {line} in {agent.MetricsAsync().Result}{agent.LogAsync().Result}"
            );

        Task IsBackAsync(string condition) =>
            Eventually.IsAsync(
                async () => (await lab.TryAsync("host1", condition)).ExitCode == 0,
                () => lab.RunAsync("host1", "ip xfrm policy").Result + agent.LogAsync().Result
            );
    }
}
