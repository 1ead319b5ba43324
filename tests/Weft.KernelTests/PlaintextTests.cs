using System.Text.RegularExpressions;
using Weft.Core.Linux;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// Whatever happens to daemons, keys, associations and policies while containers talk: nothing of it crosses in
/// plaintext, and applying opens the way again.
/// </summary>
public sealed partial class PlaintextTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Theory]
    [InlineData("host1", "host2")]
    [InlineData("host2", "host1")]
    public async Task Hosts_are_applied_one_long_before_the_other(string first, string second)
    {
        var lab = await LabAsync();
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
        }
        var (container, address) =
            first == "host1"
                ? (TwoHosts.Wallabag, TwoHosts.MastodonAddress)
                : (TwoHosts.Mastodon, TwoHosts.WallabagAddress);
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                var alone = await lab.WeftAsync(first, "apply", "--yes");
                Assert.Equal(0, alone.ExitCode);
                Assert.Contains(
                    $"nothing crosses to {second} yet: ",
                    alone.Errors,
                    StringComparison.Ordinal
                );
                var before = await StoppedAsync(lab, first);
                await using var ping = ContinuousPing.Start(lab, first, container, address);
                await StopsAsync(lab, first, before);
                await lab.WeftDoneAsync(second, "apply", "--yes");
                await lab.ReachesAsync(first, container, address, 100);
            }
        );
        Wire.NothingPlain(crossed);
    }

    [Fact]
    public async Task One_host_has_a_wrong_key_and_then_the_right_one()
    {
        var lab = await LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.WrongKeyAsync(lab, "host2");
                var wrong = await lab.WeftAsync("host2", "apply", "--yes");
                await Mishap.RightKeyAsync(lab, "host2");
                Assert.Contains(
                    "host1 has another key, or does not accept this host's",
                    wrong.Errors,
                    StringComparison.Ordinal
                );
                var right = await lab.WeftDoneAsync("host2", "apply", "--yes");
                Assert.Contains("encrypted: host1", right, StringComparison.Ordinal);
            }
        );
    }

    [Fact]
    public async Task The_daemon_of_one_host_is_killed_and_started_again()
    {
        var lab = await LabAsync();
        string[] left = [];
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.EndCharonAsync(lab, "host2", "KILL");
                left = await AssociationsAsync(lab);
                Assert.NotEmpty(left);
                var status = await lab.WeftAsync("host2", "status");
                Assert.Equal(1, status.ExitCode);
                Assert.Contains(
                    "encrypted by what was agreed on last, and nothing will follow it: strongSwan does not answer",
                    status.Output,
                    StringComparison.Ordinal
                );
                await Mishap.StartCharonAsync(lab, "host2");
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );
        // What the killed daemon has left behind would be used once nothing newer is there, and the other host has no
        // part in it.
        Assert.Empty(left.Intersect(await AssociationsAsync(lab)));
    }

    [Fact]
    public async Task Status_says_why_nothing_crosses()
    {
        const string Forget = "swanctl --terminate --force --ike weft-homelab/host2 >/dev/null";
        var lab = await LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                // What failed at an earlier mishap is forgotten.
                await lab.WeftDoneAsync("host1", "apply", "--yes");
                await Mishap.WrongKeyAsync(lab, "host2");
                await lab.WeftAsync("host2", "apply", "--yes");
                await lab.RunAsync("host1", Forget);
                await SaysAsync(lab, "host1", "the hosts did not agree on any: a key, ");
                // Who has tried says what it was, and keeps it.
                await SaysAsync(lab, "host2", "host1 has another key, or does not accept ");
                await lab.WeftAsync("host1", "apply", "--yes");
                await SaysAsync(lab, "host1", "host2 has another key, or does not accept ");

                await Mishap.RightKeyAsync(lab, "host2");
                await Mishap.EndCharonAsync(lab, "host2", "KILL");
                await lab.WeftAsync("host1", "apply", "--yes");
                await SaysAsync(lab, "host1", "host2 was asked at 192.0.2.2 and has not answered");
                await Mishap.StartCharonAsync(lab, "host2");
                await lab.WeftDoneAsync("host2", "apply", "--yes");

                // One that is stuck holds nobody up for long, and what it has agreed on goes on.
                await lab.RunAsync("host2", "kill -STOP $(cat /run/charon.pid)");
                const string Agreed = "ip xfrm state | grep 'proto esp' | sort";
                var before = await lab.RunAsync("host2", Agreed);
                await Task.WhenAll(
                    SaysAsync(lab, "host2", "charon was silent for 10 s"),
                    lab.WeftAsync("host2", "doctor")
                );
                Assert.Equal(before, await lab.RunAsync("host2", Agreed));
                await lab.RunAsync("host2", "kill -CONT $(cat /run/charon.pid)");
                await lab.WeftDoneAsync("host2", "status");
            }
        );
    }

    [Fact]
    public async Task Open_vSwitch_is_killed_and_started_again() =>
        await AnyManager.StandsOpenVSwitchKilledAsync(await LabAsync());

    [Fact]
    public async Task Associations_are_flushed_by_hand() =>
        await AnyManager.StandsAssociationsFlushedAsync(await LabAsync());

    [Fact]
    public async Task An_association_without_a_child_counts_as_down_until_apply_negotiates_one()
    {
        var lab = await LabAsync();
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                ToolResult status = new(0, "", "");
                // The first packet that comes along has the kernel ask for keys, and it is up again.
                await Eventually.IsAsync(
                    async () =>
                    {
                        await lab.TryAsync(
                            "host2",
                            """
                            child=$(swanctl --list-sas 2>/dev/null | sed -n 's/^  \(gre-[0-9a-f-]*\):.*/\1/p' | head -n 1)
                            swanctl --terminate --child "$child"
                            """
                        );
                        status = await lab.WeftAsync("host2", "status");
                        return status.ExitCode == 1;
                    },
                    () => status.Output + status.Errors
                );
                Assert.Contains(
                    "DOWN, nothing crosses: the hosts know each other and have agreed on nothing",
                    status.Output,
                    StringComparison.Ordinal
                );
                var applied = await lab.WeftDoneAsync("host2", "apply", "--yes");
                Assert.Contains("encrypted: host1", applied, StringComparison.Ordinal);
                await lab.WeftDoneAsync("host2", "status");
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
            }
        );
        Wire.NothingPlain(crossed);
    }

    [Fact]
    public async Task Two_hosts_that_begin_at_once_end_with_one_association()
    {
        const int Rounds = 5;
        var lab = await LabAsync();
        var met = 0;
        var children = await Task.WhenAll(
            lab.Hosts.Select(host =>
                lab.RunAsync(
                    host.Name,
                    "swanctl --list-conns 2>/dev/null | sed -n 's/^  \\(gre-[0-9a-f-]*\\):.*/\\1/p'"
                )
            )
        );
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                for (var round = 0; round < Rounds; round++)
                {
                    await Task.WhenAll(
                        lab.RunAsync("host1", Forget("host2")),
                        lab.RunAsync("host2", Forget("host1"))
                    );
                    // host2 finds that it was asked in the moment in which it is told to ask.
                    await lab.RunAsync("host2", "kill -STOP $(cat /run/charon.pid)");
                    var begun = lab
                        .Hosts.Zip(
                            children,
                            (host, child) =>
                                lab.TryAsync(
                                    host.Name,
                                    $"swanctl --initiate --timeout 30 --child {child}"
                                )
                        )
                        .ToList();
                    await lab.RunAsync(
                        "host1",
                        "until swanctl --list-sas 2>/dev/null | grep -q CONNECTING; do sleep 0.1; done"
                    );
                    await lab.RunAsync(
                        "host2",
                        """
                        until [ "$(grep -c /run/charon.vici /proc/net/unix)" -gt 1 ]; do sleep 0.1; done
                        kill -CONT $(cat /run/charon.pid)
                        """
                    );
                    await Task.WhenAll(begun);
                    met += Established().Count(await ListAsync("host1")) > 1 ? 1 : 0;

                    await lab.ApplyEverywhereAsync();
                    string[] said = [];
                    await Eventually.IsAsync(
                        async () =>
                        {
                            said = await Task.WhenAll(ListAsync("host1"), ListAsync("host2"));
                            return Agreed(said[0]) is var (into, from)
                                && Agreed(said[1]) == (from, into);
                        },
                        () => string.Join('\n', said)
                    );
                }
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
            }
        );
        Wire.NothingPlain(crossed);
        Assert.True(met > 0, "the hosts never began at once, so that nothing was proved");

        Task<string> ListAsync(string host) => lab.RunAsync(host, "swanctl --list-sas 2>/dev/null");

        static string Forget(string peer) =>
            $"swanctl --terminate --force --ike weft-homelab/{peer} || true";
    }

    [Fact]
    public async Task The_daemons_policies_are_deleted_by_hand()
    {
        var lab = await LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                // The other host's next key brings the policies back, however soon that is due.
                var before = await StoppedAsync(lab, "host2");
                await lab.RunAsync(
                    "host2",
                    """
                    for direction in in out; do
                      case $direction in in) ends='src 192.0.2.1/32 dst 192.0.2.2/32';; out) ends='src 192.0.2.2/32 dst 192.0.2.1/32';; esac
                      ip xfrm policy delete $ends proto gre dir $direction
                    done
                    """
                );
                await StopsAsync(lab, "host2", before);
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );
    }

    [Fact]
    public async Task The_guard_is_deleted_by_hand() =>
        await AnyManager.StandsGuardDeletedAsync(await LabAsync());

    [Fact]
    public async Task Plaintext_with_a_peers_address_does_not_arrive()
    {
        const int Packets = 10;
        var lab = await LabAsync();
        var before = await RefusedAsync(lab, "host2");
        var arrived = await Wire.EchoRequestsAsync(lab, "host2", TwoHosts.Mastodon);
        var forged = await ForgedPacket.MakeAsync(lab);
        forged.Send(Packets);
        await Eventually.IsAsync(async () => await RefusedAsync(lab, "host2") == before + Packets);
        Assert.Equal(arrived, await Wire.EchoRequestsAsync(lab, "host2", TwoHosts.Mastodon));
        var refused = await RefusedAsync(lab, "host2");
        Assert.Contains(
            $", {refused} in",
            await lab.WeftDoneAsync("host2", "status"),
            StringComparison.Ordinal
        );

        // The control: the very same arrives where the guard does not stand.
        await lab.RunAsync("host2", "ip xfrm policy flush");
        try
        {
            forged.Send(Packets);
            await Eventually.IsAsync(async () =>
                await Wire.EchoRequestsAsync(lab, "host2", TwoHosts.Mastodon) == arrived + Packets
            );
        }
        finally
        {
            await lab.WeftDoneAsync("host2", "apply", "--yes");
        }
        await lab.AllReachAllAsync();
    }

    /// <summary>The numbers by which a host takes packets and sends them, where it has one association and one child of it; null otherwise.</summary>
    /// <param name="said">What swanctl lists.</param>
    private static (string In, string Out)? Agreed(string said)
    {
        var matches = Associations().Matches(said);
        string[] Of(string group) =>
            [.. matches.SelectMany(match => match.Groups[group].Captures).Select(one => one.Value)];
        return
            Of("ike") is ["ESTABLISHED"]
            && Of("child") is ["INSTALLED"]
            && Of("in") is [var into]
            && Of("out") is [var from]
            ? (into, from)
            : null;
    }

    [GeneratedRegex(
        @"^weft-\S+ #\d+, (?<ike>\w+)|^  gre-\S+ #\d+, reqid \d+, (?<child>\w+)|^    in  (?<in>[0-9a-f]+)|^    out (?<out>[0-9a-f]+)",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline,
        1000
    )]
    private static partial Regex Associations();

    [GeneratedRegex("^weft-.* ESTABLISHED,", RegexOptions.Multiline, 1000)]
    private static partial Regex Established();

    /// <summary>The associations that host2's kernel has, by their numbers.</summary>
    private static async Task<string[]> AssociationsAsync(OverlayLab lab) =>
        (await lab.RunAsync("host2", "ip xfrm state | grep -o 'proto esp spi 0x[0-9a-f]*'")).Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries
        );

    /// <summary>Waits until status says on a host why nothing crosses.</summary>
    private static async Task SaysAsync(OverlayLab lab, string host, string why)
    {
        ToolResult last = new(0, "", "");
        await Eventually.IsAsync(
            async () =>
            {
                last = await lab.WeftAsync(host, "status", "--json");
                return last.ExitCode == 1 && last.Output.Contains(why, StringComparison.Ordinal);
            },
            () => last.Output + last.Errors
        );
    }

    /// <summary>How many packets the kernel refused because they were not encrypted: by the daemon's policy where that stands, else by the guard.</summary>
    private static async Task<int> RefusedAsync(OverlayLab lab, string host) =>
        await Wire.BlockedAsync(lab, host, "XfrmInPolBlock")
        + await Wire.BlockedAsync(lab, host, "XfrmInTmplMismatch");

    /// <summary>Waits until a host's kernel has had to block more packets of its own tunnels, or to have more wait for keys, than before.</summary>
    private static Task StopsAsync(OverlayLab lab, string host, int before) =>
        Eventually.IsAsync(
            async () => await StoppedAsync(lab, host) > before,
            () =>
                lab.RunAsync(
                    host,
                    "cat /proc/net/xfrm_stat; ip xfrm state; ip xfrm policy; ip -s link; ovs-dpctl show"
                ).Result
        );

    private static async Task<int> StoppedAsync(OverlayLab lab, string host) =>
        await Wire.BlockedAsync(lab, host, "XfrmOutPolBlock")
        + await Wire.BlockedAsync(lab, host, "XfrmOutNoStates")
        // A host that lets nothing in has nothing to answer, and so may send nothing that could be blocked.
        + await Wire.BlockedAsync(lab, host, "XfrmInPolBlock");
}
