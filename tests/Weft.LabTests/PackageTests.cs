using System.Text;
using Weft.Core.Linux;
using Weft.Installation;

namespace Weft.LabTests;

/// <summary>
/// The Debian package, by Debian's own tools, in a root that is thrown away: what it brings, that it comes and goes cleanly,
/// and that it and <c>weft install</c> do not get into each other's way.
/// </summary>
public sealed class PackageTests
{
    private const string Package = "/run/weft.deb";

    // A unit in /etc goes before that of a package (systemd.unit(5)).
    private const string GuardAtBoot =
        "cd /; for unit in etc usr/lib; do unit=$unit/systemd/system/weft-guard.service; if [ -e $unit ]; then break; fi; done; grep ^ExecStart= $unit";

    private static readonly string Encrypted = $"""
        name: homelab
        hosts: {"{"} {Environment.MachineName}: 192.0.2.1, other: 192.0.2.2 {"}"}
        tunnels: {"{"} ipsec: {"{"} psk: {"{"} file: /etc/weft/psk {"}"} {"}"} {"}"}
        """;

    [Fact]
    public async Task It_brings_its_own_files_enables_nothing_and_is_gone_when_it_is_removed()
    {
        await using var root = await WithPackageAsync();
        var before = await WrittenAsync(root);
        await root.RunAsync($"dpkg -i {Package}");
        var owned = Lines(await root.RunAsync("dpkg -L weft"));
        Assert.Superset(
            new HashSet<string>
            {
                "/usr/bin/weft",
                "/usr/share/man/man1/weft.1.gz",
                "/usr/share/man/man1/weft-lab-up.1.gz",
                "/usr/share/bash-completion/completions/weft",
                "/usr/share/zsh/vendor-completions/_weft",
                "/usr/share/fish/vendor_completions.d/weft.fish",
                "/usr/share/doc/weft/copyright",
                "/usr/share/doc/weft/changelog.gz",
                "/usr/lib/systemd/system/weft.service",
                "/usr/lib/systemd/system/weft-guard.service",
                "/usr/lib/systemd/system/weft-agent.service",
            },
            owned.ToHashSet()
        );
        Assert.Empty((await WrittenAsync(root)).Except(before).Except(owned));
        Assert.Equal(
            "",
            await root.RunAsync("dpkg-query -W -f '${Conffiles}' weft; dpkg -V weft; dpkg --audit")
        );
        // The command line is what the tests were built with, and the machine's own is not touched.
        Assert.Equal(
            (await WeftProgram.RunAsync("--version")).Output,
            await root.RunAsync("/usr/bin/weft --version")
        );
        Assert.Equal(
            "/usr/share/man/man1/weft-apply.1.gz\n",
            await root.RunAsync("man -w weft-apply")
        );

        await root.RunAsync("dpkg -r weft");
        Assert.Empty((await WrittenAsync(root)).Except(before));
        await root.RunAsync("dpkg -i /run/weft.deb && dpkg --purge weft");
        Assert.Empty((await WrittenAsync(root)).Except(before));
        Assert.NotEqual(0, (await root.TryAsync("dpkg-query -W weft")).ExitCode);
    }

    [Fact]
    public async Task Install_leaves_the_services_to_the_package_and_a_newer_package_leaves_what_install_put()
    {
        await using var root = await WithPackageAsync();
        await root.RunAsync($"dpkg -i {Package}");
        await root.RunAsync(
            "mkdir -m 700 /etc/weft && cat >/etc/weft/overlay.yaml && chmod 600 /etc/weft/overlay.yaml",
            Encoding.UTF8.GetBytes(Encrypted)
        );
        var installed = await root.RunAsync($"weft install --as {Environment.MachineName}");
        Assert.Contains("systemd does not run here", installed, StringComparison.Ordinal);
        string[] put =
        [
            HostFiles.Hold,
            .. HostFiles.Services.Select(service =>
                $"/etc/systemd/system/{service}.d/10-weft.conf"
            ),
        ];
        Assert.Equal(
            put.Order(StringComparer.Ordinal),
            Lines(await root.RunAsync("cat /var/lib/weft/installed")).Order(StringComparer.Ordinal)
        );
        // systemd agrees that the drop-ins name the host, and enables the package's services.
        await root.RunAsync($"systemctl enable {string.Join(' ', HostFiles.Services)}");
        Assert.Equal(
            "/usr/lib/systemd/system/weft.service\n",
            await root.RunAsync(
                "readlink -f /etc/systemd/system/multi-user.target.wants/weft.service"
            )
        );
        var verified = await root.TryAsync(
            $"systemd-analyze verify {string.Join(' ', HostFiles.Services)}"
        );
        Assert.DoesNotContain("weft", verified.Errors, StringComparison.Ordinal);
        foreach (var service in HostFiles.Services)
        {
            var commands = Lines(
                await root.RunAsync(
                    $"cat /usr/lib/systemd/system/{service} /etc/systemd/system/{service}.d/10-weft.conf | grep ^ExecStart="
                )
            );
            Assert.Equal("ExecStart=", commands[^2]);
            Assert.EndsWith(
                $" --as {Environment.MachineName}",
                commands[^1],
                StringComparison.Ordinal
            );
            Assert.Equal(commands[0] + $" --as {Environment.MachineName}", commands[^1]);
        }

        var kept = await root.RunAsync($"sha256sum {string.Join(' ', put)} /etc/weft/*");
        await root.RunAsync(
            $"""
            dpkg-deb -R {Package} /run/newer
            sed -i 's/^Version: .*/&.1/' /run/newer/DEBIAN/control
            echo newer >/run/newer/usr/share/doc/weft/newer
            dpkg-deb --root-owner-group -Znone -b /run/newer /run/newer.deb
            dpkg -i /run/newer.deb
            test -e /usr/share/doc/weft/newer
            """
        );
        Assert.Equal(kept, await root.RunAsync($"sha256sum {string.Join(' ', put)} /etc/weft/*"));

        var purged = await root.RunAsync("dpkg --purge weft");
        Assert.Contains("/etc/weft is kept", purged, StringComparison.Ordinal);
        Assert.Equal(
            ["/etc/weft/overlay.yaml"],
            Lines(
                    await root.RunAsync(
                        "find /etc/weft /var/lib/weft /run/weft /etc/systemd/system -name '*weft*' -o -path '*weft*' -type f 2>/dev/null || true"
                    )
                )
                .Where(path => path != "/etc/weft")
        );
    }

    [Fact]
    public async Task What_an_earlier_install_put_stays_in_force_until_the_package_takes_its_place()
    {
        await using var root = await WithPackageAsync();
        await root.RunAsync(
            "mkdir /etc/weft && cat >/etc/weft/overlay.yaml",
            Encoding.UTF8.GetBytes(Encrypted)
        );
        await root.RunAsync(
            $"""
            dpkg -x {Package} /run/build
            /run/build/usr/bin/weft install
            systemctl enable {string.Join(' ', HostFiles.Services)}
            """
        );
        var hint = await root.RunAsync($"dpkg -i {Package}");
        Assert.Contains("/usr/bin/weft install", hint, StringComparison.Ordinal);
        Assert.Equal("ExecStart=/usr/local/bin/weft guard\n", await root.RunAsync(GuardAtBoot));

        // What is not the package's does not go with it.
        await root.RunAsync(
            "mkdir -p /var/lib/weft/encrypted && dpkg --purge weft && test -d /var/lib/weft/encrypted"
        );
        Assert.Equal("ExecStart=/usr/local/bin/weft guard\n", await root.RunAsync(GuardAtBoot));
        await root.RunAsync(
            $"systemctl is-enabled {string.Join(' ', HostFiles.Services)} && /usr/local/bin/weft --version && dpkg -i {Package}"
        );

        // What is put in place of this program from elsewhere is what runs, until the package's is.
        await root.RunAsync("/usr/local/bin/weft upgrade --refresh");

        await root.RunAsync("/usr/bin/weft install");
        await root.RunAsync("/usr/bin/weft upgrade --refresh");
        var refused = await root.TryAsync("/run/build/usr/bin/weft upgrade --refresh");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("the newer package", refused.Errors, StringComparison.Ordinal);
        Assert.Equal([HostFiles.Hold], Lines(await root.RunAsync("cat /var/lib/weft/installed")));
        Assert.NotEqual(0, (await root.TryAsync("test -e /usr/local/bin/weft")).ExitCode);
        // As install does it where systemd runs.
        await root.RunAsync($"systemctl reenable {string.Join(' ', HostFiles.Services)}");
        Assert.Equal("ExecStart=/usr/bin/weft guard\n", await root.RunAsync(GuardAtBoot));
        Assert.Equal(
            "enabled\nenabled\nenabled\n",
            await root.RunAsync($"systemctl is-enabled {string.Join(' ', HostFiles.Services)}")
        );
    }

    [Fact]
    public async Task It_is_not_removed_from_under_the_tunnels_of_an_encrypted_overlay()
    {
        await using var root = await WithPackageAsync();
        await root.RunAsync(
            $"dpkg -i {Package} && mkdir /etc/weft && cat >/etc/weft/overlay.yaml && weft install",
            Encoding.UTF8.GetBytes(Encrypted)
        );
        var removed = await root.RunAsync(
            """
            mkdir -p /run/openvswitch
            rm -f /etc/openvswitch/conf.db
            ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
            dpkg -r weft && exit 9
            ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile=/run/ovsdb.pid --detach --log-file=/run/ovsdb.log -vconsole:off
            trap 'kill "$(cat /run/ovsdb.pid)"' EXIT
            ovs-vsctl --no-wait init -- add-br ovsbr0 -- add-port ovsbr0 tun-other \
              -- set interface tun-other type=gre options:remote_ip=192.0.2.2 -- set port tun-other external_ids:weft=homelab
            dpkg -r weft && exit 9
            dpkg-query -W -f '${db:Status-Status}\n' weft
            test -e /etc/systemd/system/ovs-vswitchd.service.d/weft.conf
            ovs-vsctl --no-wait del-br ovsbr0
            dpkg -r weft
            """
        );
        Assert.Contains("start Open vSwitch and run `weft destroy`", removed);
        Assert.Contains("tunnels of the encrypted overlay are left (tun-other)", removed);
        Assert.Contains("\ninstalled\n", removed);
        Assert.NotEqual(
            0,
            (
                await root.TryAsync(
                    $"test -e {HostFiles.Hold} || test -e {Path.GetDirectoryName(HostFiles.Hold)}"
                )
            ).ExitCode
        );
    }

    /// <summary>
    /// Where systemd runs, an agent that runs becomes the new one, and a strongSwan that came with the package is begun again,
    /// unless the machine's policy says no.
    /// </summary>
    [Fact]
    public async Task Where_systemd_runs_only_what_has_to_be_is_restarted_and_policy_is_heeded()
    {
        Assert.SkipUnless(
            File.Exists("/lib/systemd/system/strongswan-starter.service"),
            "strongSwan's service is missing: install the Debian package strongswan-starter"
        );
        await using var root = await WithPackageAsync();
        await root.RunAsync(
            """
            mkdir -p /run/systemd/system
            cat >/usr/bin/systemctl <<'END'
            #!/bin/sh
            echo "$*" >>/run/asked
            END
            rm -f /usr/sbin/policy-rc.d
            """
        );
        // Its package starts strongSwan while its plugins are not configured, which it ends without.
        var first = await AskedByAsync($"dpkg -i {Package}");
        Assert.Equal("--system daemon-reload", first[0]);
        Assert.Equal("--quiet --system restart strongswan-starter.service", first[^1]);
        Assert.Equal(
            ["--system daemon-reload", "try-restart weft-agent.service"],
            await AskedByAsync($"dpkg -i {Package}")
        );
        Assert.Equal(
            [
                "disable --quiet weft-guard.service weft.service weft-agent.service",
                "stop weft-agent.service",
                "daemon-reload",
                "stop weft-agent.service weft.service weft-guard.service",
                "--system daemon-reload",
            ],
            await AskedByAsync("dpkg -r weft")
        );
        // One that can be asked is left alone.
        await root.RunAsync(
            "dpkg --purge weft; perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' /run/charon.vici"
        );
        Assert.Equal(["--system daemon-reload"], await AskedByAsync($"dpkg -i {Package}"));
        await root.RunAsync("rm /run/charon.vici");
        await root.RunAsync(
            "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
        );
        await root.RunAsync($"dpkg -i {Package}");
        Assert.Equal(["--system daemon-reload"], await AskedByAsync($"dpkg -i {Package}"));

        async Task<string[]> AskedByAsync(string command) =>
            Lines(
                await root.RunAsync($"rm -f /run/asked; {command} >/dev/null 2>&1; cat /run/asked")
            );
    }

    [Theory]
    [InlineData("amd64", "Advanced Micro Devices X86-64")]
    [InlineData("arm64", "AArch64")]
    public async Task Lintian_finds_nothing_wrong_and_the_program_is_for_the_packages_machines(
        string architecture,
        string machine
    )
    {
        // All that `./build.sh deb` has made are in one directory.
        var package = Needs.APackage();
        package = package.Replace(
            $"_{await OfAsync("dpkg", "--print-architecture")}.deb",
            $"_{architecture}.deb",
            StringComparison.Ordinal
        );
        Assert.SkipUnless(
            File.Exists(package),
            $"there is no package for {architecture}: ./build.sh deb {architecture} makes it"
        );
        Assert.SkipWhen(
            Tool.Find("lintian") is null,
            "this machine has no lintian: apt-get install lintian"
        );
        var found = await Tool.RunAsync(
            ["lintian", "--fail-on=error,warning", "--allow-root", "--no-user-dirs", package],
            cancellationToken: Needs.Cancellation
        );
        Assert.True(found.ExitCode == 0, found.Output + found.Errors);

        Assert.Equal(architecture, await OfAsync("dpkg-deb", "--field", package, "Architecture"));
        var directory = Directory.CreateTempSubdirectory("weft-package-");
        try
        {
            await OfAsync("dpkg-deb", "--extract", package, directory.FullName);
            Assert.Matches(
                $@"Machine:\s+{machine}\n",
                await OfAsync(
                    "readelf",
                    "--file-header",
                    Path.Combine(directory.FullName, "usr/bin/weft")
                )
            );
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<string> OfAsync(params string[] command)
    {
        var result = await Tool.RunAsync(command, cancellationToken: Needs.Cancellation);
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        return result.Output.TrimEnd('\n');
    }

    private static async Task<ThrowAwayRoot> WithPackageAsync()
    {
        var package = Needs.APackage();
        var root = await ThrowAwayRoot.MakeAsync();
        try
        {
            await root.RunAsync(
                // Neither is this test's business: the machine's own switch, and the index of all its man pages, which is slow.
                $"cat >{Package}; rm -rf /etc/weft /var/lib/weft /usr/local/bin/weft /etc/openvswitch/conf.db /var/lib/man-db/auto-update",
                await File.ReadAllBytesAsync(package, Needs.Cancellation)
            );
            return root;
        }
        catch
        {
            await root.DisposeAsync();
            throw;
        }
    }

    /// <summary>What was written in the root, without what dpkg and its triggers keep for themselves.</summary>
    private static async Task<string[]> WrittenAsync(ThrowAwayRoot root) =>
        Lines(
            await root.RunAsync(
                """
                cd /run/written
                find . -type f -o -type l | sed 's/^\.//' |
                  grep -vE '^/(var/(lib/dpkg|log|cache|backups)/|run/|tmp/|root/)' || true
                """
            )
        );

    private static string[] Lines(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
