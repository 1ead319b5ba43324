using Weft.Core;
using Weft.Core.Linux;
using Weft.Fleet;
using Weft.Rendering;

namespace Weft.Tests;

/// <summary>What is decided about many hosts before any of them is reached.</summary>
public sealed class FleetTests
{
    [Fact]
    public void MTUs_shrink_everywhere_before_one_grows_anywhere() =>
        Assert.Equal(
            [
                ["b", "d"],
                ["a", "c", "e"],
            ],
            FleetApply.Phases([
                Plan("a", 1400, 1458),
                Plan("b", 1458, 1446),
                Plan("c", null, 1446),
                Plan("d", 9000, 1446),
                Plan("e", 1446, 1446),
            ])
        );

    [Fact]
    public void Where_no_MTU_shrinks_all_hosts_change_at_once() =>
        Assert.Equal(
            [
                ["a", "b"],
            ],
            FleetApply.Phases([Plan("a", 1400, 1458), Plan("b", null, 1458)])
        );

    [Theory]
    [InlineData(62, "x86_64")]
    [InlineData(183, "aarch64")]
    public void A_binary_says_which_machines_it_is_for(byte machine, string name)
    {
        using var file = new TemporaryFile([.. "\u007fELF"u8, .. new byte[14], machine, 0, 0, 0]);
        var binary = WeftBinary.Read(file.Path);
        Assert.Equal(name, binary.Machine);
        Assert.Equal(64, binary.Hash.Length);
    }

    [Fact]
    public void What_no_host_could_run_is_refused()
    {
        using var script = new TemporaryFile([.. "#!/bin/sh\necho weft and more\n"u8]);
        Assert.Throws<HostException>(() => WeftBinary.Read(script.Path));
        // EM_386
        using var old = new TemporaryFile([.. "\u007fELF"u8, .. new byte[14], 3, 0, 0, 0]);
        Assert.Throws<HostException>(() => WeftBinary.Read(old.Path));
        Assert.Throws<HostException>(() => WeftBinary.Read("/nowhere/weft"));
    }

    [Fact]
    public void What_a_host_remarks_is_told_on_without_what_it_was_doing_and_what_its_lines_begin_with()
    {
        var answer = new HostAnswer(
            "a",
            new ToolResult(
                1,
                "",
                "… Negotiating keys\n! a key is in a file now\nweft: it failed\n  and why\n"
            ),
            null
        );
        Assert.Equal(["a key is in a file now", "it failed", "and why"], answer.Remarks);
        Assert.Equal(
            "host 'a' has no plan: a key is in a file now; it failed; and why",
            answer.Why("has no plan")
        );
    }

    [Theory]
    [InlineData("plan --all --host a", "not both")]
    [InlineData("plan --all --as a", "say one of them")]
    [InlineData("plan --all --bare", "say one of them")]
    [InlineData("apply --all --boot", "say one of them")]
    [InlineData("plan --jobs 3", "say which with --host or --all")]
    [InlineData("plan --all --jobs 0", "--jobs takes a number")]
    [InlineData("plan --host nobody", "has no host 'nobody'")]
    [InlineData("apply --json", "--json is for --host and --all")]
    [InlineData("apply --all --json", "add --yes")]
    [InlineData("apply --all", "add --yes")]
    [InlineData("install --all --root /mnt", "are for this machine")]
    [InlineData("uninstall --all", "add --yes")]
    [InlineData("uninstall --all --root /mnt", "say one of them")]
    [InlineData("uninstall", "only with --host or --all")]
    [InlineData("uninstall --jobs 3", "say which with --host or --all")]
    [InlineData("top --all --as a", "say one of them")]
    [InlineData("top --all --lab", "say one of them")]
    [InlineData("top --jobs 3", "say which with --host or --all")]
    [InlineData("import --host a", "exclude each other")]
    [InlineData("upgrade", "say on which with --host or --all")]
    [InlineData("upgrade --all --installed /usr/bin/weft", "is no upgrade")]
    public async Task What_contradicts_itself_is_wrong_usage(string line, string said)
    {
        var result = await WeftProgram.RunOnAsync(
            "name: fleet\nhosts: { a: 192.0.2.1 }\n",
            line.Split(' ')
        );
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains(said, result.Errors, StringComparison.Ordinal);
    }

    /// <summary>There is no overlay yet that would know the hosts.</summary>
    [Theory]
    [InlineData("import --host a --json", "exclude each other")]
    [InlineData("import --host a --lab", "say one of them")]
    [InlineData("import --jobs 3", "say which with --host")]
    [InlineData("import --host a --jobs 0", "--jobs takes a number")]
    [InlineData("import --host a --installed weft", "begins with /")]
    [InlineData("import --host ,", "names no host")]
    [InlineData("import --host=-oProxyCommand=sh", "is not where SSH reaches a host")]
    [InlineData("import --host a,2001:db8::1", "write it in brackets")]
    public async Task What_ssh_could_not_reach_is_wrong_usage(string line, string said)
    {
        var result = await WeftProgram.RunAsync(line.Split(' '));
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains(said, result.Errors, StringComparison.Ordinal);
    }

    private static HostPlan Plan(string host, int? before, int after) =>
        new(
            host,
            new PlanDocument(
                "fleet",
                host,
                new MtuDocument(after, before, "", after, host, []),
                "kernel",
                [],
                [],
                [],
                [],
                []
            ),
            null,
            null
        );

    private sealed class TemporaryFile : IDisposable
    {
        public TemporaryFile(byte[] content)
        {
            Path = System.IO.Path.GetTempFileName();
            File.WriteAllBytes(Path, content);
        }

        public string Path { get; }

        public void Dispose() => File.Delete(Path);
    }
}
