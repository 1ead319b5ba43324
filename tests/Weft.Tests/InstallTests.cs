using Weft.Core.Linux;
using Weft.Installation;

namespace Weft.Tests;

/// <summary>What <c>weft install</c> puts into a file system, and that <c>weft uninstall</c> takes that away and no more.</summary>
public sealed class InstallTests : IDisposable
{
    private const string Plain = """
        name: homelab
        hosts: { north: 192.0.2.1, south: 192.0.2.2 }
        """;

    private const string Encrypted =
        Plain + "\ntunnels: { ipsec: { psk: \"correct horse battery staple\" } }";

    private readonly string root = Directory.CreateTempSubdirectory("weft-install-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task It_puts_the_file_and_the_services_in_place_and_the_second_time_nothing()
    {
        var first = await InstallAsync(Encrypted);
        Assert.Equal(ExitCode.Done, first.ExitCode);
        Assert.Equal(
            [
                "etc/systemd/system/ovs-vswitchd.service.d/weft.conf",
                "etc/systemd/system/weft-agent.service",
                "etc/systemd/system/weft-guard.service",
                "etc/systemd/system/weft.service",
                "etc/weft/overlay.yaml",
                "var/lib/weft/installed",
            ],
            Files()
        );
        // It may hold the key, and does here.
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(At("etc/weft/overlay.yaml"))
        );
        Assert.Contains(
            "systemctl enable weft-guard.service",
            first.Output,
            StringComparison.Ordinal
        );

        var written = Files().Select(file => File.GetLastWriteTimeUtc(At(file))).ToArray();
        var second = await InstallAsync(null);
        Assert.Equal(ExitCode.Done, second.ExitCode);
        Assert.DoesNotContain("  + ", second.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("  ~ ", second.Output, StringComparison.Ordinal);
        Assert.Equal(written, Files().Select(file => File.GetLastWriteTimeUtc(At(file))));
    }

    [Fact]
    public async Task The_switch_is_held_back_only_where_the_overlay_is_encrypted()
    {
        const string Hold = "etc/systemd/system/ovs-vswitchd.service.d/weft.conf";
        await InstallAsync(Plain);
        Assert.False(File.Exists(At(Hold)));
        await InstallAsync(Encrypted);
        Assert.Contains(
            "Requires=weft-guard.service",
            await ReadAsync(Hold),
            StringComparison.Ordinal
        );
        await InstallAsync(Plain);
        Assert.False(Directory.Exists(Path.GetDirectoryName(At(Hold))));
    }

    [Theory]
    [InlineData("weft-guard.service", "Before")]
    [InlineData("weft.service", "Wants")]
    [InlineData("weft.service", "After")]
    [InlineData("weft-agent.service", "After")]
    public async Task Open_vSwitch_is_known_by_the_names_of_all_distributions(
        string unit,
        string option
    )
    {
        await InstallAsync(Encrypted);
        var named = (await ReadAsync($"etc/systemd/system/{unit}"))
            .Split('\n')
            .Single(line => line.StartsWith($"{option}=", StringComparison.Ordinal))[
                (option.Length + 1)..
            ]
            .Split(' ');
        Assert.Contains("openvswitch-switch.service", named);
        Assert.Contains("openvswitch.service", named);
    }

    [Fact]
    public async Task Uninstall_removes_what_was_put_and_nothing_else()
    {
        Directory.CreateDirectory(At("etc/systemd/system/ovs-vswitchd.service.d"));
        await File.WriteAllTextAsync(
            At("etc/systemd/system/ovs-vswitchd.service.d/other.conf"),
            "",
            TestContext.Current.CancellationToken
        );
        await InstallAsync(Encrypted);
        var removed = await WeftProgram.RunAsync("uninstall", "--root", root);
        Assert.Equal(ExitCode.Done, removed.ExitCode);
        Assert.Contains("etc/weft/overlay.yaml  kept", removed.Output, StringComparison.Ordinal);
        Assert.Equal(
            ["etc/systemd/system/ovs-vswitchd.service.d/other.conf", "etc/weft/overlay.yaml"],
            Files()
        );
        Assert.Contains(
            "has put nothing here",
            (await WeftProgram.RunAsync("uninstall", "--root", root)).Output,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_put_is_known_though_the_list_of_it_was_lost(bool again)
    {
        await InstallAsync(Encrypted, "--as", "north");
        Directory.Delete(At("var/lib/weft"), recursive: true);
        if (again)
        {
            await InstallAsync(Encrypted, "--as", "north");
        }
        Assert.Equal(
            ExitCode.Done,
            (await WeftProgram.RunAsync("uninstall", "--root", root)).ExitCode
        );
        Assert.Equal(["etc/weft/overlay.yaml"], Files().Except(["usr/local/bin/weft"]));
    }

    [Theory]
    [InlineData("psk: { file: /root/weft.psk }", "/root/weft.psk")]
    [InlineData("psk: { file: /tmp/weft.psk }", "/tmp/weft.psk")]
    [InlineData("certificates: { key: /home/alex/HOST.key }", "/home/alex/HOST.key")]
    [InlineData("psk: { file: /etc/weft/psk }", null)]
    [InlineData("certificates: true", null)]
    public async Task A_key_where_the_services_cannot_see_it_is_told_of(string keys, string? file)
    {
        var result = await InstallAsync($"{Plain}\ntunnels: {{ ipsec: {{ {keys} }} }}");
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.Equal(
            file is not null,
            result.Errors.Contains(
                $"{file} is there: move it to /etc/weft",
                StringComparison.Ordinal
            )
        );
    }

    [Theory]
    [InlineData("/tmp", true)]
    [InlineData("/var/tmp", true)]
    [InlineData("/opt", false)]
    public async Task A_program_where_the_services_cannot_see_it_is_told_of(
        string above,
        bool isHidden
    )
    {
        if (!isHidden && !Environment.IsPrivilegedProcess)
        {
            Assert.Skip($"it takes root's rights to put a program below {above}");
        }
        var directory = Path.Combine(above, $"weft-test-{Guid.NewGuid():N}");
        Directory.CreateDirectory(directory);
        try
        {
            // A build for development is many files.
            var source = File.Exists($"{WeftProgram.Path}.dll")
                ? $"{Path.GetDirectoryName(WeftProgram.Path)}/."
                : WeftProgram.Path;
            Assert.Equal(0, (await RunAsync(["cp", "-r", source, directory])).ExitCode);
            var program = Path.Combine(directory, Path.GetFileName(WeftProgram.Path));
            var overlay = At("overlay.yaml");
            await File.WriteAllTextAsync(overlay, Plain, TestContext.Current.CancellationToken);
            var result = await RunAsync([
                program,
                "install",
                "--in-place",
                "--root",
                root,
                overlay,
            ]);
            Assert.Equal(ExitCode.Done, result.ExitCode);
            Assert.Equal(
                isHidden,
                result.Errors.Contains(
                    $"{program} is there: put it elsewhere",
                    StringComparison.Ordinal
                )
            );
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>What is built into a kernel stands with its modules only: who does not see it plans otherwise than who does.</summary>
    [Theory]
    [InlineData("weft.service")]
    [InlineData("weft-agent.service")]
    public async Task Who_plans_sees_what_the_kernel_has(string unit)
    {
        await InstallAsync(Plain);
        Assert.DoesNotContain(
            "\nProtectKernelModules=yes",
            await ReadAsync($"etc/systemd/system/{unit}"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Services_that_go_before_those_of_the_package_are_told_of_and_are_what_the_host_runs()
    {
        const string GoBefore = "go before the Debian package's";
        Directory.CreateDirectory(At("usr/lib/systemd/system"));
        await File.WriteAllTextAsync(
            At("usr/lib/systemd/system/weft-guard.service"),
            "",
            TestContext.Current.CancellationToken
        );
        var placement = new Placement(root);
        Assert.True(HostFiles.RunPackaged(placement));

        var put = await InstallAsync(Plain, "--prefix", "/usr/local");
        Assert.Equal(ExitCode.Done, put.ExitCode);
        Assert.Contains(GoBefore, put.Errors, StringComparison.Ordinal);
        Assert.False(HostFiles.RunPackaged(placement));

        var left = await InstallAsync(Plain);
        Assert.Equal(ExitCode.Done, left.ExitCode);
        Assert.DoesNotContain(GoBefore, left.Errors, StringComparison.Ordinal);
        Assert.True(HostFiles.RunPackaged(placement));
    }

    [Fact]
    public async Task An_overlay_file_that_is_a_link_stays_one_and_what_it_leads_to_is_replaced()
    {
        var token = TestContext.Current.CancellationToken;
        var checkout = Directory.CreateDirectory(At("var/git")).FullName;
        Directory.CreateDirectory(At("etc/weft"));
        var target = Path.Combine(checkout, "overlay.yaml");
        await File.WriteAllTextAsync(target, "the former\n", token);
        const UnixFileMode ReadByGroup =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(target, ReadByGroup);
        var link = At("etc/weft/overlay.yaml");
        File.CreateSymbolicLink(link, target);
        var placement = new Placement(root);

        Assert.Equal(Placing.Replaced, placement.Put(HostFiles.OverlayFile("new"u8.ToArray())));
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        Assert.Equal("new", await File.ReadAllTextAsync(target, token));
        Assert.Equal(ReadByGroup, File.GetUnixFileMode(target));
        Assert.Equal(Placing.Same, placement.Put(HostFiles.OverlayFile("new"u8.ToArray())));

        // One that leads out of what is to be a host's root is another machine's.
        var elsewhere = Path.GetTempFileName();
        File.Delete(link);
        File.CreateSymbolicLink(link, elsewhere);
        placement.Put(HostFiles.OverlayFile("new"u8.ToArray()));
        Assert.Null(new FileInfo(link).LinkTarget);
        Assert.Empty(await File.ReadAllTextAsync(elsewhere, token));
        File.Delete(elsewhere);
    }

    [Theory]
    [InlineData("hosts: { north: 192.0.2.1 }", "", "name")]
    [InlineData(Plain, "--as east", "north, south")]
    [InlineData(Plain, "--root relative", "relative")]
    [InlineData(null, "", "etc/weft/overlay.yaml")]
    public async Task What_is_wrong_is_named_and_nothing_is_put(
        string? yaml,
        string more,
        string word
    )
    {
        var refused = await InstallAsync(
            yaml,
            more.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        );
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(word, refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Errors, StringComparison.Ordinal);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task A_prefix_that_a_service_cannot_name_is_refused()
    {
        var refused = await InstallAsync(Plain, "--prefix", "/opt/my programs");
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task An_overlay_that_is_encrypted_after_it_was_installed_is_told_that_the_switch_does_not_wait_for_the_guard()
    {
        var placement = new Placement(root);
        await InstallAsync(Plain);
        var enabled = Directory.CreateDirectory(At("etc/systemd/system/multi-user.target.wants"));
        var guard = Path.Combine(enabled.FullName, "weft-guard.service");
        File.CreateSymbolicLink(guard, "/etc/systemd/system/weft-guard.service");
        Assert.Null(HostFiles.WhyUnheld(placement));

        await File.WriteAllTextAsync(
            At("etc/weft/overlay.yaml"),
            Encrypted,
            TestContext.Current.CancellationToken
        );
        Assert.Contains("`weft install`", HostFiles.WhyUnheld(placement), StringComparison.Ordinal);
        File.Delete(guard);
        Assert.Null(HostFiles.WhyUnheld(placement));

        File.CreateSymbolicLink(guard, "/etc/systemd/system/weft-guard.service");
        await InstallAsync(null);
        Assert.Null(HostFiles.WhyUnheld(placement));
    }

    /// <summary>One file can be copied; a build for development is many, and half of them would be worth nothing.</summary>
    [Fact]
    public async Task It_puts_the_program_in_place_where_that_is_one_file()
    {
        var result = await WeftProgram.RunOnAsync(Plain, "install", "--root", root);
        if (File.Exists($"{WeftProgram.Path}.dll"))
        {
            Assert.Equal(ExitCode.Usage, result.ExitCode);
            Assert.Contains("--in-place", result.Errors, StringComparison.Ordinal);
            Assert.Empty(Files());
            return;
        }
        Assert.Equal(ExitCode.Done, result.ExitCode);
        var token = TestContext.Current.CancellationToken;
        Assert.Equal(
            await File.ReadAllBytesAsync(WeftProgram.Path, token),
            await File.ReadAllBytesAsync(At("usr/local/bin/weft"), token)
        );
        Assert.Contains(
            "\nExecStart=/usr/local/bin/weft guard\n",
            await ReadAsync("etc/systemd/system/weft-guard.service"),
            StringComparison.Ordinal
        );
        await WeftProgram.RunAsync("uninstall", "--root", root);
        Assert.Equal(["etc/weft/overlay.yaml"], Files());
    }

    [Fact]
    public async Task Systemd_understands_the_services_and_finds_them_confined()
    {
        if (Tool.Find("systemd-analyze") is null)
        {
            Assert.Skip("this machine has no systemd-analyze");
        }
        await InstallAsync(Encrypted, "--as", "north");
        string[] units = [.. HostFiles.Services];
        var verified = await RunAsync(["systemd-analyze", "verify", .. units.Select(Unit)]);
        // What is on this machine besides is not this test's business.
        Assert.DoesNotContain(
            verified.Errors.Split('\n'),
            line => units.Any(unit => line.Contains(unit, StringComparison.Ordinal))
        );
        foreach (var unit in units)
        {
            var rated = await RunAsync([
                "systemd-analyze",
                "security",
                "--offline=true",
                "--threshold=50",
                Unit(unit),
            ]);
            Assert.True(rated.ExitCode == 0, rated.Output);
            // An `ip` that the program waits for is not ended before.
            Assert.Contains(
                "\nKillMode=mixed\n",
                await ReadAsync($"etc/systemd/system/{unit}"),
                StringComparison.Ordinal
            );
            Assert.Contains(
                " --as north\n",
                await ReadAsync($"etc/systemd/system/{unit}"),
                StringComparison.Ordinal
            );
        }

        string Unit(string name) => At($"etc/systemd/system/{name}");
    }

    private async Task<ToolResult> InstallAsync(string? yaml, params string[] more)
    {
        string[] command =
        [
            "install",
            "--in-place",
            .. more.Contains("--root") ? (string[])[] : ["--root", root],
            .. more,
        ];
        return yaml is null
            ? await WeftProgram.RunAsync(command)
            : await WeftProgram.RunOnAsync(yaml, command);
    }

    private string At(string path) => Path.Combine(root, path);

    private Task<string> ReadAsync(string path) =>
        File.ReadAllTextAsync(At(path), TestContext.Current.CancellationToken);

    private string[] Files() =>
        [
            .. Directory
                .EnumerateFiles(root, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(root, file))
                .Order(StringComparer.Ordinal),
        ];

    private static Task<ToolResult> RunAsync(string[] command) =>
        Tool.RunAsync(command, cancellationToken: TestContext.Current.CancellationToken);
}
