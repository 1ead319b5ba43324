using System.Text;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>A lab made from an overlay file, with the program to apply it.</summary>
internal sealed class OverlayLab : IAsyncDisposable
{
    /// <summary>DESIGN's main job, as the README gives it.</summary>
    public static string TwoHosts { get; } =
        System.IO.File.ReadAllText(Path.Combine(Repository.Root, "examples", "two-hosts.yaml"));

    /// <summary>Where a host has its overlay file.</summary>
    public const string File = "/etc/weft/overlay.yaml";

    private readonly TestLab lab;

    private OverlayLab(TestLab lab) => this.lab = lab;

    public Lab Lab => lab.Lab;

    public IReadOnlyList<LabHost> Hosts => lab.Lab.Hosts;

    public string Name => lab.Lab.Name;

    /// <summary>Makes the hosts and applies nothing.</summary>
    public static async Task<OverlayLab> BareAsync(string yaml, LabOptions? options = null) =>
        new(await TestLab.UpAsync(Parse(yaml), Encoding.UTF8.GetBytes(yaml), options));

    /// <summary>Makes the hosts and applies the file in each.</summary>
    public static async Task<OverlayLab> UpAsync(string yaml, LabOptions? options = null)
    {
        var made = await BareAsync(yaml, options);
        try
        {
            await made.ApplyEverywhereAsync();
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    public static Overlay Parse(string yaml)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml));
        Assert.True(result.Overlay is not null, string.Join('\n', result.Mistakes));
        return result.Overlay;
    }

    /// <summary>Runs the program in a host.</summary>
    public Task<ToolResult> WeftAsync(string host, params IEnumerable<string> arguments) =>
        lab[host].RunAsync([WeftProgram.Path, .. arguments], default, Needs.Cancellation);

    /// <summary>Runs the program in a host; it must not fail.</summary>
    public async Task<string> WeftDoneAsync(string host, params IEnumerable<string> arguments)
    {
        var result = await WeftAsync(host, arguments);
        Assert.True(
            result.ExitCode == 0,
            $"{host}: {result.ExitCode}\n{result.Output}{result.Errors}"
        );
        return result.Output;
    }

    public async Task ApplyEverywhereAsync()
    {
        foreach (
            var (host, result) in await lab.Lab.RunEverywhereAsync(
                [WeftProgram.Path, "apply", "--yes"],
                null,
                Needs.Cancellation
            )
        )
        {
            Assert.True(result.ExitCode == 0, $"{host.Name}: {result.Output}{result.Errors}");
        }
    }

    /// <summary>Gives every host another overlay file.</summary>
    public async Task WriteFileAsync(string yaml)
    {
        foreach (var host in Hosts)
        {
            await WriteFileAsync(host.Name, yaml);
        }
    }

    /// <summary>Gives a host another overlay file.</summary>
    public async Task WriteFileAsync(string host, string yaml)
    {
        var result = await lab[host]
            .RunAsync(
                ["sh", "-c", $"cat > {File}"],
                Encoding.UTF8.GetBytes(yaml),
                Needs.Cancellation
            );
        Assert.Equal(0, result.ExitCode);
    }

    /// <summary>Runs a script in a host; it must not fail.</summary>
    public Task<string> RunAsync(string host, string script) => lab.RunAsync(host, script);

    /// <summary>Runs a script in a host, whatever comes of it.</summary>
    public Task<ToolResult> TryAsync(string host, string script) =>
        lab[host].RunAsync(["sh", "-c", script], default, Needs.Cancellation);

    /// <summary>
    /// Pings with a packet of that many bytes that may not be fragmented, until it is answered: a bridge that
    /// speaks the spanning tree protocol forwards nothing in its first seconds.
    /// </summary>
    public async Task ReachesAsync(string host, string? container, string address, int size)
    {
        // With a deadline it asks until it is answered (ping(8)): a process for each question is slow on a kernel that is one.
        var ping = Ping(container, address, size, "-i 0.2 -w 5");
        ToolResult last = new(0, "", "");
        await Eventually.IsAsync(
            async () => (last = await TryAsync(host, ping)).ExitCode == 0,
            () => $"{host} {container} → {address} with {size} bytes: {last.Output}{last.Errors}"
        );
    }

    /// <summary>One try with a packet of that many bytes that may not be fragmented.</summary>
    public Task<ToolResult> PingAsync(string host, string? container, string address, int size) =>
        TryAsync(host, Ping(container, address, size, "-W 1"));

    /// <summary>A packet of one byte more than fits, which may not be fragmented, is refused where it is sent, and aloud.</summary>
    public async Task RefusesLargerAsync(string host, string? container, string address, int mtu)
    {
        var refused = await PingAsync(host, container, address, mtu + 1);
        Assert.NotEqual(0, refused.ExitCode);
        // In the words of one version or another of ping(8).
        Assert.Contains(
            "message too long",
            refused.Output + refused.Errors,
            StringComparison.OrdinalIgnoreCase
        );
    }

    /// <summary>The matrix of the whole lab: everything that should reach something does.</summary>
    public async Task AllReachAllAsync()
    {
        var result = await WeftProgram.RunAsync("ping", "--lab", Name, "--timeout", "30");
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
    }

    /// <summary>Turns a host off and on again.</summary>
    public Task RebootAsync(string host, bool cut) => lab.RebootAsync(host, cut);

    /// <summary>Has kernels that boot from now on say that they have run for so many seconds when they start their first process.</summary>
    public void BootAt(int uptime) => lab.BootAt(uptime);

    public async ValueTask DisposeAsync() => await lab.DisposeAsync();

    private static string Ping(string? container, string address, int size, string patience)
    {
        var ipv6 = address.Contains(':', StringComparison.Ordinal);
        var payload = size - (ipv6 ? 40 : 20) - 8;
        var inside = container is null ? "" : $"ip netns exec {container} ";
        return $"{inside}ping -n -c 1 {patience} -M do -s {payload} {address} 2>&1";
    }
}
