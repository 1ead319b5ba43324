using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>A ping that goes on while something else happens.</summary>
internal sealed partial class ContinuousPing : IAsyncDisposable
{
    /// <summary>
    /// How many answers may be missing where MTUs change in the userspace datapath: Open vSwitch sets a port up anew then, and may
    /// drop what is in it. A plain <c>ip link set cont-mgmnt0 mtu</c>, with no Weft there, lost 1 of 600 pings in 20 changes.
    /// </summary>
    public const int MostLostToMtu = 4;

    private readonly Process process;
    private readonly ConcurrentQueue<string> lines = new();
    private readonly Task read;
    private readonly Task<string> errors;

    private ContinuousPing(Process process)
    {
        this.process = process;
        read = ReadAsync();
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Begins to ping from one container to another.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The container's host.</param>
    /// <param name="container">The container; null for the host itself.</param>
    /// <param name="address">Who is asked, at an IPv4 address.</param>
    /// <param name="size">The length of a packet in bytes, which may not be fragmented.</param>
    public static ContinuousPing Start(
        OverlayLab lab,
        string host,
        string? container,
        string address,
        int size = 84
    ) =>
        new(
            Tool.Start(
                lab.Lab[host]
                    .Enter(
                        container,
                        "ping",
                        "-n",
                        "-i",
                        "0.01",
                        "-M",
                        "do",
                        "-s",
                        (size - 28).ToString(),
                        address
                    ),
                lab.Lab[host].Environment
            )
        );

    /// <summary>Waits until a number of questions more were answered than before.</summary>
    public Task AnsweredAsync(int more = 50)
    {
        var enough = lines.Count + more;
        return Eventually.IsAsync(() => lines.Count >= enough);
    }

    /// <summary>Stops it.</summary>
    /// <returns>
    /// How many were sent up to the last that was answered, and how many of them were answered: what was under way when
    /// it was stopped counts as neither.
    /// </returns>
    public async Task<(int Sent, int Answered)> StopAsync()
    {
        ProcessIdentity.Of(process.Id)?.Send(Libc.SigInt);
        await process.WaitForExitAsync(Needs.Cancellation);
        await read;
        var output = string.Join('\n', lines);
        var answers = Answer()
            .Matches(output)
            .Select(match => int.Parse(match.Groups["number"].Value))
            .ToHashSet();
        Assert.True(answers.Count > 0, output + await errors);
        return (answers.Max(), answers.Count);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        ProcessIdentity.Of(process.Id)?.Send(Libc.SigInt);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            lines.Enqueue(line);
        }
    }

    [GeneratedRegex("bytes from .* icmp_seq=(?<number>\\d+)", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Answer();
}
