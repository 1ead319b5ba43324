using System.Text;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// Types docs/second-day.md on an encrypted overlay: a host comes, another machine takes its place, moves and goes, and what
/// the overlay rests on becomes new.
/// </summary>
public sealed class SecondDayTests
{
    private const string Apply = "weft apply --yes";

    private const string Hosts = "host1: 192.0.2.1, host2: 192.0.2.2";

    [Fact]
    public async Task Every_command_of_the_page_on_the_second_day_does_what_it_says()
    {
        var package = Needs.APackage();
        KernelLab.NeedsEncryption();
        var page = Recipes.Of("second-day.md");
        // The name of the last is that of the machine that stands by; it is none of the overlay's.
        await using var lab = await OverlayLab.BareAsync(
            File($"{Hosts}, host3: 192.0.2.3, spare: 192.0.2.4"),
            new LabOptions { Isolation = Isolation.Uml }
        );
        await lab.WriteFileAsync(File(Hosts));
        foreach (var host in (string[])["host1", "host2"])
        {
            await TypeAsync(host, $"weft install\n{Apply}");
        }
        await lab.ReachesAsync("host1", "c1", "10.8.2.2", 84);

        var comes = page.Next("A host comes").Commands;
        await ComesAsync("host3", File($"{Hosts}, host3: 192.0.2.3"), comes);
        var address = await lab.RunAsync("host3", Address);
        await lab.ReachesAsync("host1", "c1", "10.8.2.3", 84);
        await lab.ReachesAsync("host3", "c3", "10.8.2.2", 84);

        // Another machine takes its place, at another address.
        await lab.RunAsync("host3", "ip link set eth0 down");
        await lab.RunAsync("spare", "hostname host3; ip netns add c3");
        await ComesAsync("spare", File($"{Hosts}, host3: 192.0.2.4"), comes);
        Assert.Equal(address, await lab.RunAsync("spare", Address));
        await lab.ReachesAsync("host1", "c1", "10.8.2.3", 84);

        // It moves.
        await lab.RunAsync("spare", "ip addr add 192.0.2.5/24 dev eth0");
        var moved = File($"{Hosts}, host3: 192.0.2.5");
        await lab.WriteFileAsync("spare", moved);
        await TypeAsync("spare", Apply);
        await OthersFollowAsync(moved);
        await lab.ReachesAsync("spare", "c3", "10.8.2.2", 84);

        await TypeAsync("spare", page.Next("A host goes").Commands);
        await OthersFollowAsync(File(Hosts));
        Assert.DoesNotMatch(
            "ovsbr0|proto gre",
            await lab.RunAsync("spare", "ovs-vsctl list-br; ip xfrm policy")
        );
        Assert.DoesNotContain(
            "host3",
            await lab.RunAsync("host1", "ovs-vsctl list-ports ovsbr0; swanctl --list-conns"),
            StringComparison.Ordinal
        );

        await lab.Lab["host1"]
            .RunAsync(
                ["tee", $"{Recipes.Home}/weft_0.0.0_amd64.deb"],
                await System.IO.File.ReadAllBytesAsync(package, Needs.Cancellation),
                Needs.Cancellation
            );
        // The index of all the machine's man pages is slow to make.
        await lab.RunAsync("host1", "rm -f /var/lib/man-db/auto-update");
        Assert.Contains(
            "nothing to change",
            await TypeAsync("host1", page.Next("A new Weft").Commands),
            StringComparison.Ordinal
        );
        await TypeAsync("host1", "/usr/bin/weft install");
        Assert.Equal(
            "/usr/bin/weft\n",
            await lab.RunAsync("host1", "ls /usr/bin/weft /usr/local/bin/weft 2>/dev/null || true")
        );

        // The newest is there already, and no service runs in a lab that the package would start anew.
        await TypeAsync("host1", page.Next("A new Open vSwitch").Commands);

        var look = page.Next("A new kernel").Commands;
        page.AreAllTaken();
        await lab.RebootAsync("host2", cut: false);
        await TypeAsync("host2", look);
        await TypeAsync("host1", look);

        async Task ComesAsync(string host, string file, string commands)
        {
            await lab.RunAsync(
                host,
                $"mkdir -p {Recipes.Home}; mv {OverlayLab.File} {Recipes.Home}"
            );
            var written = await lab.Lab[host]
                .RunAsync(
                    ["tee", $"{Recipes.Home}/overlay.yaml"],
                    Encoding.UTF8.GetBytes(file),
                    Needs.Cancellation
                );
            Assert.Equal(0, written.ExitCode);
            await TypeAsync(host, commands);
            // From here on the host's own is meant, in /etc.
            await TypeAsync(host, "rm overlay.yaml");
            await OthersFollowAsync(file);
        }

        async Task OthersFollowAsync(string file)
        {
            foreach (var host in (string[])["host1", "host2"])
            {
                await lab.WriteFileAsync(host, file);
                await TypeAsync(host, Apply);
            }
        }

        Task<string> TypeAsync(string host, string commands) =>
            Recipes.TypeAsync(lab, host, commands);
    }

    private const string Address = "ip -n c3 -br link show eth1 | grep -o '..:..:..:..:..:..'";

    private static string File(string hosts)
    {
        var containers = Enumerable
            .Range(1, hosts.Contains("host3", StringComparison.Ordinal) ? 3 : 2)
            .Select(one =>
                $"  c{one}: {{ host: host{one}, engine: netns, networks: {{ cont: 10.8.2.{one} }} }}"
            );
        return $$"""
            name: homelab
            hosts: { {{hosts}} }
            tunnels: { ipsec: { psk: { file: /etc/weft/psk } } }
            networks:
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
            containers:
            {{string.Join('\n', containers)}}
            """;
    }
}
