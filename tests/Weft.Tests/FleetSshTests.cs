using System.Text;
using Weft.Core.Linux;
using Weft.Rendering;

namespace Weft.Tests;

/// <summary>
/// What goes to a host and comes back, by an <c>ssh</c> that is a script: the host is a directory, its weft another script,
/// and its login shell whatever a test wants.
/// </summary>
public sealed class FleetSshTests : IDisposable
{
    private const string Overlay = """
        name: fleet
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        tunnels: { type: gre, ipsec: { certificates: true } }

        """;

    private readonly string directory = Directory.CreateTempSubdirectory("weft-fleet-").FullName;

    /// <summary>Makes the host, and what goes with the overlay file here.</summary>
    public FleetSshTests()
    {
        Write("here/overlay.yaml", Overlay);
        Write("ssh-says", "");
        Write("plan.json", PlanOf());
        Program(
            "tools/ssh",
            $$"""
            while :; do
              case $1 in
                -G | -O) exit 0 ;;
                -o | -p) shift 2 ;;
                -*) shift ;;
                *) break ;;
              esac
            done
            shift
            command=$(printf %s "$*" | sed 's|/etc/weft|{{directory}}/etc|g; s|/usr/local/bin|{{directory}}/bin|g')
            printf '%s\0' "$command" >>{{directory}}/commands
            . {{directory}}/ssh-says
            exec sh -c "$command"
            """
        );
        Program("tools/id", "echo 0");
        Program("tools/uname", "echo x86_64");
        Program(
            "weft",
            $"""
            cat >/dev/null
            case $1 in
              plan) cat {directory}/plan.json ;;
              apply) cat {directory}/etc/pki/host1.pem >{directory}/applied; echo '✓ done' ;;
            esac
            """
        );
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task A_no_leaves_the_certificates_that_a_host_has()
    {
        Certificates("etc/pki", "former");
        Certificates("here/pki", "next");
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var asked = await RefuseAsync();
        Assert.Contains("3 to change", asked.Output, StringComparison.Ordinal);
        Assert.Contains("/etc/weft/pki/host1.pem", asked.Output, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed.", asked.Output, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(At("etc/pki")))
        {
            Assert.Equal("former", File.ReadAllText(file));
        }

        // What a host has none of is put for the plan, which a no does not deny.
        File.Delete(At("etc/pki/host1.key"));
        asked = await RefuseAsync();
        Assert.DoesNotContain("Nothing was changed.", asked.Output, StringComparison.Ordinal);
        Assert.Contains(
            "/etc/weft/pki/host1.key on host1",
            asked.Output.ReplaceLineEndings(" "),
            StringComparison.Ordinal
        );
        Assert.Equal("next", File.ReadAllText(At("etc/pki/host1.key")));
        Assert.Equal("former", File.ReadAllText(At("etc/pki/host1.pem")));
    }

    [Theory]
    [InlineData(null, true)]
    // As when the connection was lost between the two: others in their place are what mends it.
    [InlineData("/etc/weft/pki/host1.key is not the key of host1.pem", true)]
    [InlineData("a bridge ovsbr0 is there that is not Weft's", false)]
    public async Task Certificates_are_replaced_on_hosts_that_are_applied_and_before_that(
        string? conflict,
        bool isApplied
    )
    {
        Certificates("etc/pki", "former");
        Certificates("here/pki", "next");
        Write("plan.json", PlanOf(conflict));
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal(isApplied ? 0 : 1, applied.ExitCode);
        foreach (var file in Directory.EnumerateFiles(At("etc/pki")))
        {
            Assert.Equal(isApplied ? "next" : "former", File.ReadAllText(file));
        }
        Assert.Equal(isApplied, File.Exists(At("applied")));
        if (isApplied)
        {
            Assert.Equal("next", File.ReadAllText(At("applied")));
        }
    }

    [Fact]
    public async Task What_a_login_shell_says_is_no_answer_and_no_notice()
    {
        Certificates("here/pki", "first");
        Write(
            "ssh-says",
            "echo Welcome; printf 'no end of line'; echo 'setlocale: cannot change locale' >&2"
        );
        var planned = await RunAsync(Command("plan"));
        Assert.Equal((0, ""), (planned.ExitCode, planned.Errors));
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal((0, ""), (applied.ExitCode, applied.Errors));

        // Where nothing was run, it is what tells why.
        Write("ssh-says", "echo 'Connection closed by 192.0.2.1' >&2; exit 255");
        Assert.Contains(
            "host 'host1' was not reached: Connection closed by 192.0.2.1",
            (await RunAsync(Command("plan"))).Errors,
            StringComparison.Ordinal
        );
    }

    /// <summary>A quoted word ends with its line in csh.</summary>
    [Fact]
    public async Task What_a_login_shell_is_given_is_one_line()
    {
        Certificates("here/pki", "first");
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal((0, ""), (applied.ExitCode, applied.Errors));
        Assert.Equal("first", File.ReadAllText(At("etc/pki/host1.key")));
        var commands = File.ReadAllText(At("commands"));
        Assert.Contains("mv -f", commands, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', commands);
    }

    [Fact]
    public async Task A_program_that_a_host_cannot_run_leaves_the_one_there_in_its_place()
    {
        Certificates("here/pki", "first");
        Program("bin/weft", "echo the former one");
        var former = File.ReadAllText(At("bin/weft"));
        const byte X64 = 62;
        Write(
            "here/weft",
            Encoding.Latin1.GetString([
                .. "\u007fELF"u8,
                .. Enumerable.Repeat((byte)1, 14),
                X64,
                0,
                1,
                1,
            ])
        );
        var planned = await RunAsync([
            WeftProgram.Path,
            "plan",
            "--host",
            "host1",
            "--binary",
            At("here/weft"),
            At("here/overlay.yaml"),
        ]);
        Assert.Equal(1, planned.ExitCode);
        Assert.Contains(
            "host 'host1': /usr/local/bin/weft could not be put in place",
            planned.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal(former, File.ReadAllText(At("bin/weft")));
        Assert.Equal([At("bin/weft")], Directory.EnumerateFiles(At("bin")));
    }

    private string At(string path) => Path.Combine(directory, path);

    private string[] Command(string command, params string[] options) =>
        [
            WeftProgram.Path,
            command,
            "--host",
            "host1",
            "--installed",
            At("weft"),
            .. options,
            At("here/overlay.yaml"),
        ];

    /// <summary>Applies on a terminal, where a question is answered with no.</summary>
    private Task<ToolResult> RefuseAsync() =>
        RunAsync(
            [
                "script",
                "--quiet",
                "--return",
                "--command",
                string.Join(' ', Command("apply")),
                "/dev/null",
            ],
            "n\n"
        );

    private Task<ToolResult> RunAsync(IReadOnlyList<string> command, string input = "") =>
        Tool.RunAsync(
            command,
            Encoding.UTF8.GetBytes(input),
            new Dictionary<string, string>
            {
                ["PATH"] = $"{At("tools")}:{Tool.Path}",
                ["TERM"] = "dumb",
                ["SHELL"] = "/bin/sh",
            },
            cancellationToken: TestContext.Current.CancellationToken
        );

    private void Certificates(string where, string content)
    {
        foreach (var name in new[] { "ca.pem", "host1.pem", "host1.key" })
        {
            Write($"{where}/{name}", content);
        }
    }

    private void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), content, Encoding.Latin1);
        File.SetUnixFileMode(At(path), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private void Program(string path, string script)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(
            At(path),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
    }

    private static string PlanOf(string? conflict = null) =>
        PlanJson.Text([
            new PlanDocument(
                "fleet",
                "host1",
                null,
                null,
                [],
                conflict is null ? [] : [conflict],
                [],
                [],
                []
            ),
        ]);
}
