using System.Text.Json;
using Weft.LabTests;
using Weft.Tracing;

namespace Weft.KernelTests;

/// <summary>What keeps encrypted hosts apart is named by <c>weft trace</c>, and by <c>weft doctor</c> on the host that is to blame.</summary>
public sealed class TraceTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Fact]
    public async Task Where_all_is_well_guard_and_association_are_on_the_way_and_the_kernel_forwards_by_the_tunnel()
    {
        var lab = await LabAsync();
        await lab.AllReachAllAsync();
        var report = await TraceAsync(lab);
        Assert.True(report.Wrong is null, report.ToJson());
        Assert.Contains(report.There, hop => hop is { Host: "host1", What: "guard host2" });
        Assert.Contains(
            report.There,
            hop =>
                hop.What == "encryption host1"
                && hop.Words.StartsWith("ESP ", StringComparison.Ordinal)
        );
        Assert.Contains(
            report.There,
            hop => hop.Words.StartsWith("sends it by the tunnel to host2", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_guard_that_is_missing_is_named()
    {
        var lab = await LabAsync();
        await lab.AllReachAllAsync();
        await lab.RunAsync(
            "host2",
            """
            ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.1/32 proto gre dir out
            ip xfrm policy delete src 192.0.2.1/32 dst 0.0.0.0/0 proto gre dir in
            """
        );
        await NamesAsync(lab, "host2", "MISSING: packets may cross in plaintext");
        await lab.WeftDoneAsync("host2", "apply", "--yes");
    }

    [Fact]
    public async Task A_daemon_that_is_dead_is_named_and_not_the_host_that_it_does_not_answer()
    {
        var lab = await LabAsync();
        await Mishap.EndCharonAsync(lab, "host2", "KILL");
        await NamesAsync(lab, "host2", "strongSwan does not answer at ");
        await Mishap.StartCharonAsync(lab, "host2");
        await lab.ApplyEverywhereAsync();
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task A_key_that_differs_is_named()
    {
        var lab = await LabAsync();
        await Mishap.WrongKeyAsync(lab, "host2");
        // What was agreed on before lasts: without it nothing crosses.
        await lab.WeftAsync("host2", "apply", "--yes");
        await lab.RunAsync("host2", "swanctl --terminate --force --ike weft-homelab/host1 || true");
        await NamesAsync(lab, "host2", "has another key, or does not accept this host's");
        await Mishap.RightKeyAsync(lab, "host2");
        await lab.ApplyEverywhereAsync();
        await lab.AllReachAllAsync();
    }

    private static async Task NamesAsync(OverlayLab lab, string host, string words)
    {
        var report = await TraceAsync(lab);
        Assert.True(report.Wrong is not null, report.ToJson());
        Assert.Contains(words, report.Wrong.Words, StringComparison.Ordinal);
        var doctor = await lab.WeftAsync(host, "doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains(words, doctor.Output, StringComparison.Ordinal);
    }

    private static async Task<TraceReport> TraceAsync(OverlayLab lab)
    {
        var result = await WeftProgram.RunAsync(
            "trace",
            TwoHosts.Wallabag,
            TwoHosts.Mastodon,
            "--lab",
            lab.Name,
            "--json"
        );
        return JsonSerializer.Deserialize(result.Output, TraceJson.Default.TraceReport)!;
    }
}
