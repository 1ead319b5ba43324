using System.Text;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Ovsdb;

namespace Weft.Bench;

/// <summary>A bare lab host for benchmarks.</summary>
internal sealed class BenchHost : IAsyncDisposable
{
    public static readonly string Weft = Path.GetFullPath(
        Environment.GetEnvironmentVariable("WEFT_BINARY") ?? "artifacts/weft"
    );

    private readonly Lab lab;

    private BenchHost(Lab lab, OvsdbClient client)
    {
        this.lab = lab;
        Client = client;
    }

    /// <summary>A client that is connected to the host's switch.</summary>
    public OvsdbClient Client { get; }

    private LabHost Host => lab.Hosts[0];

    /// <summary>Makes the first host of an overlay, with its containers and without the others.</summary>
    public static async Task<BenchHost> MakeAsync(string yaml)
    {
        var overlay = Parse(yaml);
        var alone = overlay with { Hosts = [overlay.Hosts[0]] };
        var made = await Lab.UpAsync(
            alone,
            Encoding.UTF8.GetBytes(yaml),
            new LabOptions { Name = $"bench-{Environment.ProcessId}-{Guid.NewGuid():N}"[..20] }
        );
        var client = await OvsdbClient.ConnectAsync(
            $"unix:/proc/{made.Hosts[0].Pid}/root/run/openvswitch/db.sock"
        );
        return new BenchHost(made, client);
    }

    public static Overlay Parse(string yaml)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml));
        return result.Overlay
            ?? throw new InvalidOperationException(string.Join('\n', result.Mistakes));
    }

    /// <summary>Runs the program on the host.</summary>
    public Task WeftAsync(params IEnumerable<string> arguments) => RunAsync([Weft, .. arguments]);

    /// <summary>Runs a script on the host.</summary>
    public Task ScriptAsync(string script) => RunAsync(["bash", "-eu"], script);

    /// <summary>Runs a command on the host and returns its output.</summary>
    public async Task<string> OutputAsync(params IEnumerable<string> command) =>
        (await RunAsync(command)).Output;

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Lab.DownAsync(lab.Name);
    }

    private async Task<ToolResult> RunAsync(IEnumerable<string> command, string input = "")
    {
        var result = await Host.RunAsync(command, Encoding.UTF8.GetBytes(input));
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{string.Join(' ', command)}: {result.Output}{result.Errors}"
            );
        }
        return result;
    }
}
