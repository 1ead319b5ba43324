using System.Diagnostics;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>What is seen on a link, by tcpdump.</summary>
internal sealed class Capture : IAsyncDisposable
{
    private readonly Process tcpdump;
    private readonly List<string> lines = [];
    private readonly TaskCompletionSource listening = new();
    private readonly Task reading;
    private readonly Task waiting;

    private Capture(Process tcpdump)
    {
        this.tcpdump = tcpdump;
        reading = ReadAsync();
        waiting = WaitAsync();
    }

    /// <summary>The packets so far, a line each.</summary>
    public IReadOnlyList<string> Packets
    {
        get
        {
            lock (lines)
            {
                return [.. lines];
            }
        }
    }

    /// <summary>Begins, and returns once packets are being seen.</summary>
    public static async Task<Capture> StartAsync(
        LabHost host,
        string? container,
        string link,
        string filter
    )
    {
        var capture = new Capture(
            Tool.Start(
                host.Enter(
                    container,
                    "tcpdump",
                    "-n",
                    "-l",
                    "-e",
                    "--immediate-mode",
                    "-i",
                    link,
                    filter
                )
            )
        );
        await capture.listening.Task.WaitAsync(TimeSpan.FromSeconds(60), Needs.Cancellation);
        return capture;
    }

    public async ValueTask DisposeAsync()
    {
        tcpdump.Kill(entireProcessTree: true);
        await Task.WhenAll(reading, waiting);
        tcpdump.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await tcpdump.StandardOutput.ReadLineAsync(CancellationToken.None) is { } line)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }

    private async Task WaitAsync()
    {
        while (await tcpdump.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
        {
            if (line.Contains("listening on", StringComparison.Ordinal))
            {
                listening.TrySetResult();
            }
        }
        listening.TrySetException(
            new InvalidOperationException("tcpdump ended before it listened")
        );
    }
}
