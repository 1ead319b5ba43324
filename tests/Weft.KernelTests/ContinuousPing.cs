using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Weft.Core.Linux;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>A ping that goes on while something else happens.</summary>
internal sealed partial class ContinuousPing : IAsyncDisposable
{
    private readonly Process process;
    private readonly Task<string> output;
    private readonly Task<string> errors;

    private ContinuousPing(Process process)
    {
        this.process = process;
        output = process.StandardOutput.ReadToEndAsync();
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Begins to ping from one container to another.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The container's host.</param>
    /// <param name="container">The container.</param>
    /// <param name="address">Who is asked.</param>
    public static ContinuousPing Start(
        OverlayLab lab,
        string host,
        string container,
        string address
    ) =>
        new(
            Tool.Start(
                lab.Lab[host].Enter(container, "ping", "-n", "-q", "-i", "0.01", address),
                lab.Lab[host].Environment
            )
        );

    /// <summary>Stops it.</summary>
    /// <returns>How many were sent, and how many of them were answered.</returns>
    public async Task<(int Sent, int Answered)> StopAsync()
    {
        ProcessIdentity.Of(process.Id)?.Send(Libc.SigInt);
        await process.WaitForExitAsync(Needs.Cancellation);
        var summary = Summary().Match(await output);
        Assert.True(summary.Success, await output + await errors);
        return (Number("sent"), Number("answered"));

        int Number(string group) =>
            int.Parse(summary.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        ProcessIdentity.Of(process.Id)?.Send(Libc.SigInt);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    [GeneratedRegex(
        "(?<sent>\\d+) packets transmitted, (?<answered>\\d+) received",
        RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Summary();
}
