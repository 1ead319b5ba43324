using System.Diagnostics;
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
        // As where strongSwan runs as a user of its own; the charon that is started below makes another.
        await lab.RunAsync(
            "host1",
            "chown nobody:nogroup /run/charon.vici; chmod 750 /run/charon.vici"
        );
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.DeleteGuardAsync(lab);
                await IsBackAsync(Mishap.GuardStands);

                await lab.RunAsync("host1", "ip xfrm state flush");
                await ReachesAgainAsync();

                var told = (await agent.LogAsync()).Length;
                await lab.RunAsync("host1", "swanctl --terminate --force --ike weft-homelab/host2");
                await ReachesAgainAsync();
                await Eventually.IsAsync(
                    async () =>
                        (await agent.LogAsync())[told..] is var news
                        && news.IndexOf("encryption host2: keys gone", StringComparison.Ordinal)
                            is >= 0
                                and var gone
                        && news.IndexOf(
                            "encryption host2: keys agreed on",
                            gone,
                            StringComparison.Ordinal
                        ) > gone,
                    () => agent.LogAsync().Result
                );

                await Eventually.IsAsync(
                    async () =>
                    {
                        // It looks at all that there is.
                        await agent.SignalAsync("HUP");
                        return await AgeAsync() >= 3;
                    },
                    () => agent.MetricsAsync().Result
                );
                var asked = Stopwatch.GetTimestamp();
                await lab.RunAsync(
                    "host1",
                    """
                    child=$(swanctl --list-sas 2>/dev/null | sed -n 's/^  \(gre-[0-9a-f-]*\):.*/\1/p' | head -n 1)
                    swanctl --rekey --child "$child"
                    """
                );
                await Eventually.IsAsync(
                    async () => await AgeAsync() is >= 0 and < 3,
                    () => agent.MetricsAsync().Result + agent.LogAsync().Result
                );
                // It would find out by itself once a minute.
                Assert.True(Stopwatch.GetElapsedTime(asked) < TimeSpan.FromSeconds(30));

                await Mishap.EndCharonAsync(lab, "host1", "KILL");
                // That stands in the way of all else.
                await Mishap.DeleteGuardAsync(lab);
                await IsBackAsync(Mishap.GuardStands);
                await Mishap.StartCharonAsync(lab, "host1");
                await MeasuresAsync("^weft_tunnel_up{.*peer=\"host2\".*} 1$");
                await MeasuresAsync("^weft_association_age_seconds{.*peer=\"host2\".*} [0-9]+$");
                await ReachesAgainAsync();

                // A tunnel's device says of the link that it is tied to that it has number 0: that there is none.
                await lab.RunAsync(
                    "host1",
                    "ip link add name other type gretap local 192.0.2.1 remote 192.0.2.9"
                );
                await lab.RunAsync("host1", "ovs-vsctl del-port tun-host2");
                await ReachesAgainAsync();
                await lab.RunAsync("host1", "ip link del other");

                await lab.RunAsync(
                    "host1",
                    "pid=$(cat /run/openvswitch/ovsdb-server.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.05; done"
                );
                await Mishap.DeleteGuardAsync(lab);
                await IsBackAsync(Mishap.GuardStands);
                await lab.RunAsync(
                    "host1",
                    "ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off"
                );
                await ReachesAgainAsync();
            }
        );
        await agent.HasMendedAsync();
        Assert.DoesNotContain(
            "does not tell of its links",
            await agent.LogAsync(),
            StringComparison.Ordinal
        );

        Task ReachesAgainAsync() =>
            lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);

        async Task<int> AgeAsync() =>
            Regex.Match(
                await agent.MetricsAsync(),
                "^weft_association_age_seconds{.*peer=\"host2\".*} (?<age>[0-9]+)$",
                RegexOptions.Multiline
            )
                is { Success: true } match
                ? int.Parse(match.Groups["age"].ValueSpan)
                : -1;

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
