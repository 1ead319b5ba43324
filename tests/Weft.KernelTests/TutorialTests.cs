using System.Text;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// Types docs/tutorial.md, every block of it, on two hosts with kernels of their own that know nothing of Weft yet. Behind the
/// language of a block stands where it is typed.
/// </summary>
public sealed class TutorialTests
{
    private const string Bare = """
        name: homelab
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        tunnels: { type: gre, ipsec: { psk: { file: /etc/weft/psk } } }
        """;

    // A lab's hosts have no SSH: what would be copied by it goes the lab's way.
    private const string Copy = """
        #!/bin/sh
        set -eu
        for last; do :; done
        case $last in
        root@192.0.2.1:*) host=host1 ;;
        root@192.0.2.2:*) host=host2 ;;
        *) exit 1 ;;
        esac
        into=${last#*:}
        while [ $# -gt 1 ]; do
          "$WEFT" lab exec --lab "$LAB" "$host" -- sh -c 'mkdir -p "$0"; cd "$0"; cat >"$1"; chmod "$2" "$1"' "$HOST_HOME" "$into${1##*/}" "$(stat -c %a "$1")" <"$1"
          shift
        done
        """;

    [Fact]
    public async Task Every_command_of_the_tutorial_does_what_it_says()
    {
        var package = Needs.APackage();
        KernelLab.NeedsEncryption();
        var page = Recipes.Of("tutorial.md");

        await using var lab = await OverlayLab.BareAsync(
            Bare,
            new LabOptions { Isolation = Isolation.Uml }
        );
        foreach (var host in lab.Hosts)
        {
            // What the lab has for hosts that somebody applies the overlay on: these are fresh. The index of all the machine's
            // man pages is slow to make. Without lists apt knows of no newer package, which it could not fetch here.
            await lab.RunAsync(
                host.Name,
                "rm -rf /etc/weft /var/lib/man-db/auto-update /var/lib/apt/lists/*"
            );
        }
        var laptop = Directory.CreateTempSubdirectory("weft-tutorial-");
        try
        {
            var programs = laptop.CreateSubdirectory("bin");
            var scp = Path.Combine(programs.FullName, "scp");
            await File.WriteAllTextAsync(scp, Copy, Needs.Cancellation);
            File.SetUnixFileMode(
                scp,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
            laptop.CreateSubdirectory("artifacts");
            File.CreateSymbolicLink(
                Path.Combine(laptop.FullName, "artifacts", "weft"),
                WeftProgram.Path
            );
            var seen = new StringBuilder();
            foreach (var (_, place, commands) in page.Left)
            {
                seen.AppendLine($"--- {place}\n{commands}");
                switch (place)
                {
                    case "laptop" when commands.Trim() == "./build.sh deb":
                        // `./build.sh test` has made the same before it ran this.
                        var name = Path.GetFileName(package);
                        File.Copy(package, Path.Combine(laptop.FullName, "artifacts", name));
                        break;
                    case "laptop":
                        seen.Append(await OnLaptopAsync(commands));
                        break;
                    case "both":
                        seen.Append(await Recipes.TypeAsync(lab, "host1", commands));
                        seen.Append(await Recipes.TypeAsync(lab, "host2", commands));
                        break;
                    case var host when commands.Trim() == "reboot":
                        await lab.RebootAsync(host, cut: false);
                        break;
                    default:
                        seen.Append(await Recipes.TypeAsync(lab, place, commands));
                        break;
                }
            }
            var all = seen.ToString();
            Assert.Contains("✓ encrypted: host1", all, StringComparison.Ordinal);
            Assert.Matches("IP 192\\.0\\.2\\.[12] > 192\\.0\\.2\\.[12]: ESP\\(", all);
            Assert.DoesNotContain("GREv0", all, StringComparison.Ordinal);
            foreach (var host in lab.Hosts)
            {
                Assert.Equal(
                    "",
                    await lab.RunAsync(
                        host.Name,
                        "ovs-vsctl list-br; ls -d /etc/weft /var/lib/weft /usr/bin/weft 2>/dev/null || true; ip xfrm policy list priority 1466263156"
                    )
                );
            }
        }
        finally
        {
            laptop.Delete(recursive: true);
        }

        async Task<string> OnLaptopAsync(string commands)
        {
            var result = await Core.Linux.Tool.RunAsync(
                ["bash", "-euc", $"cd '{laptop.FullName}'\n{commands}"],
                environment: new Dictionary<string, string>
                {
                    ["PATH"] =
                        $"{laptop.FullName}/bin:{Environment.GetEnvironmentVariable("PATH")}",
                    ["WEFT"] = WeftProgram.Path,
                    ["LAB"] = lab.Name,
                    ["HOST_HOME"] = Recipes.Home,
                },
                cancellationToken: Needs.Cancellation
            );
            Assert.True(result.ExitCode == 0, $"{commands}\n{result.Output}{result.Errors}");
            return result.Output + result.Errors;
        }
    }
}
