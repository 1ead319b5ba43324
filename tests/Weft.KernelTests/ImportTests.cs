using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Hosts that were set up by hand, on kernels of their own.</summary>
public sealed class ImportTests
{
    [Fact]
    public async Task Hosts_are_taken_over_and_no_ping_is_lost()
    {
        Needs.ALab(Isolation.Uml);
        await using var lab = await OverlayLab.BareAsync(
            OverlayLab.TwoHosts,
            new LabOptions { Isolation = Isolation.Uml }
        );
        await HandMade.SetUpAsync(lab, Datapath.Kernel);
        var imported = await WeftProgram.RunAsync("import", "--lab", lab.Name, "--name", "homelab");
        Assert.True(imported.ExitCode == 0, imported.Errors);
        await lab.WriteFileAsync(imported.Output);

        await using var containers = ContinuousPing.Start(lab, "host1", "wallabag", "10.8.2.3");
        await using var hosts = ContinuousPing.Start(lab, "host1", null, "10.8.3.2");
        await containers.AnsweredAsync();
        await hosts.AnsweredAsync();
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "apply", "--adopt", "--yes");
        }
        await containers.AnsweredAsync();
        await hosts.AnsweredAsync();
        foreach (var ping in (ContinuousPing[])[containers, hosts])
        {
            var (sent, answered) = await ping.StopAsync();
            Assert.True(sent > 100, $"{sent} sent");
            Assert.Equal(sent, answered);
        }

        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "plan", "--exit-code");
        }
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
        await lab.AllReachAllAsync();
    }
}
