using System.Text.RegularExpressions;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Hosts with real kernels that are turned off and on: they come back whole, and nothing crosses in plaintext meanwhile.</summary>
public sealed partial class BootTests
{
    private static readonly string Encrypted = File.ReadAllText(
        Path.Combine(Repository.Root, "examples", "ipsec.yaml")
    );

    private const string Units = "/etc/systemd/system";

    /// <summary>What services may do there, and no more.</summary>
    private const string AsTheService =
        "setpriv --bounding-set=-all,+net_admin,+sys_admin,+dac_read_search --inh-caps=-all --no-new-privs";

    [Fact]
    public async Task A_rebooted_host_comes_back_whole_with_nobody_typing_and_nothing_crosses_in_plaintext()
    {
        await using var lab = await UpAsync();
        await lab.AllReachAllAsync();

        await using var tap = await WireTap.StartAsync(
            Lab.Open(lab.Name),
            null,
            Needs.Cancellation
        );
        using var pings = Tool.Start(
            Lab.Open(lab.Name)["host1"]
                .Enter("wallabag", "ping", "-n", "-O", "-i", "0.1", "10.8.2.3")
        );
        var replies = pings.StandardOutput.ReadToEndAsync(Needs.Cancellation);
        foreach (
            var cut in (string[][])
                [
                    [],
                    ["--power-cut"],
                ]
        )
        {
            var rebooted = await WeftProgram.RunAsync([
                "lab",
                "reboot",
                "--lab",
                lab.Name,
                "host2",
                .. cut,
            ]);
            Assert.True(rebooted.ExitCode == 0, rebooted.Output + rebooted.Errors);
            await lab.AllReachAllAsync();
            foreach (var host in (string[])["host1", "host2"])
            {
                var status = await RunAsync(lab, host, $"{WeftProgram.Path} status");
                Assert.True(status.ExitCode == 0, $"{host}: {status.Output}{status.Errors}");
                Assert.Contains("✓ guard", status.Output, StringComparison.Ordinal);
            }
        }
        ProcessIdentity.Of(pings.Id)!.Value.Send(Libc.SigTerm);
        var counts = await tap.StopAsync();
        Assert.True(counts[WireKind.Tunnel] == 0, counts.ToString());
        Assert.True(counts[WireKind.Esp] > 100, counts.ToString());
        var answered = (await replies).Split('\n');
        Assert.Contains(answered, line => line.Contains("no answer", StringComparison.Ordinal));
        Assert.Contains(
            answered.SkipWhile(line => !line.Contains("no answer", StringComparison.Ordinal)),
            line => line.Contains("bytes from", StringComparison.Ordinal)
        );
        TestContext.Current.TestOutputHelper?.WriteLine(counts.ToString());

        // What the services are allowed to do is enough to make all of it, though somebody who is not root copied the files here.
        var remade = await RunAsync(
            lab,
            "host2",
            $"""
            chown 1000:1000 /etc/weft/overlay.yaml /etc/weft/psk
            ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.1/32 proto gre dir out
            ip xfrm policy delete src 192.0.2.1/32 dst 0.0.0.0/0 proto gre dir in
            ip link del cont-mgmnt0
            ip link del cont-mgmnt0-br
            {AsTheService} {WeftProgram.Path} guard && {AsTheService} {WeftProgram.Path} apply --boot
            """
        );
        Assert.True(remade.ExitCode == 0, remade.Output + remade.Errors);
        Assert.Contains("the guard of 1 host stands", remade.Output, StringComparison.Ordinal);
        await lab.AllReachAllAsync();
    }

    /// <summary>
    /// Open vSwitch has its tunnel port back before anybody has negotiated anything: whether what is sent then crosses in
    /// plaintext depends on the guard alone.
    /// </summary>
    [Fact]
    public async Task Between_the_start_of_the_switch_and_the_first_key_only_the_guard_keeps_plaintext_from_the_wire()
    {
        await using var lab = await UpAsync();
        await lab.AllReachAllAsync();
        var guarded = await SendAtBootAsync("weft.service");
        Assert.True(guarded.Wire[WireKind.Tunnel] == 0, guarded.ToString());
        Assert.True(guarded.Blocked > 0, guarded.ToString());

        // The control: the same without the guard.
        var unguarded = await SendAtBootAsync(
            "weft.service weft-guard.service ovs-vswitchd.service.d/weft.conf"
        );
        Assert.True(unguarded.Wire[WireKind.Tunnel] > 0, unguarded.ToString());
        TestContext.Current.TestOutputHelper?.WriteLine($"{guarded} | {unguarded}");

        async Task<(WireCounts Wire, int Blocked)> SendAtBootAsync(string without)
        {
            var removed = await RunAsync(lab, "host2", $"cd {Units} && rm -f {without} && sync");
            Assert.True(removed.ExitCode == 0, removed.Errors);
            await using var tap = await WireTap.StartAsync(
                Lab.Open(lab.Name),
                null,
                Needs.Cancellation
            );
            await Lab.Open(lab.Name).RebootAsync("host2", cut: false, Needs.Cancellation);
            var port = await RunAsync(
                lab,
                "host2",
                """
                ovs-vsctl --timeout=60 wait-until interface tun-host1 'ofport>0' -- get interface tun-host1 ofport
                ip xfrm state count
                ip address add 10.8.3.2/24 dev host-mgmnt0
                ip link set host-mgmnt0 up
                ping -n -c 3 -W 1 10.8.3.1
                awk '$1 == "XfrmOutPolBlock" { print "blocked " $2 }' /proc/net/xfrm_stat
                """
            );
            Assert.Matches(PortAndNoAssociation(), port.Output);
            Assert.Contains(", 0 received", port.Output, StringComparison.Ordinal);
            var blocked = port.Output.Split("blocked ")[1];
            return (await tap.StopAsync(), int.Parse(blocked));
        }
    }

    [Fact]
    public async Task Services_are_told_the_name_of_a_host_that_learns_it_after_they_run()
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        const string Starts = $"grep ^ExecStart= {Units}/weft.service";
        await lab.WeftDoneAsync("host1", "install", "--in-place", "--no-enable");
        Assert.DoesNotContain(
            "--as",
            await lab.RunAsync("host1", Starts),
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", "echo localhost >/etc/hostname");
        await lab.WeftDoneAsync("host1", "install", "--in-place", "--no-enable");
        Assert.Contains(
            "--as host1",
            await lab.RunAsync("host1", Starts),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_host_whose_guard_cannot_stand_does_not_start_its_switch()
    {
        await using var lab = await UpAsync();
        await RunAsync(lab, "host2", "echo 'hosts: {}' > /etc/weft/overlay.yaml; sync");
        var failed = await Assert.ThrowsAsync<LabException>(() =>
            Lab.Open(lab.Name).RebootAsync("host2", cut: false, Needs.Cancellation)
        );
        Assert.Contains("overlay.yaml", failed.Message, StringComparison.Ordinal);
        var running = await RunAsync(lab, "host2", "pidof ovs-vswitchd");
        Assert.NotEqual(0, running.ExitCode);
    }

    [GeneratedRegex(
        @"^[1-9]\d*\n[^\n]*\bSAD count 0\b",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex PortAndNoAssociation();

    private static async Task<OverlayLab> UpAsync()
    {
        Needs.ALab();
        try
        {
            Machine.Check(new UmlIsolation());
        }
        catch (LabException exception)
        {
            Assert.Skip(exception.Message);
        }
        var lab = await OverlayLab.UpAsync(
            Encrypted,
            new LabOptions { Isolation = Isolation.Uml, Datapath = Datapath.Kernel }
        );
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "install", "--in-place");
        }
        return lab;
    }

    /// <summary>Runs a script in a host, which may have been rebooted since the lab was made.</summary>
    private static Task<ToolResult> RunAsync(OverlayLab lab, string host, string script) =>
        Lab.Open(lab.Name)[host].RunAsync(["sh", "-c", script], default, Needs.Cancellation);
}
