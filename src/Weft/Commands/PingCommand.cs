using System.CommandLine;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.Commands;

/// <summary><c>weft ping</c>: the reachability matrix.</summary>
internal static class PingCommand
{
    private const int SmallestSize = 64;
    private const int LargestSize = 65_535;
    private const double DefaultTimeout = 6;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = new Argument<string?>("FILE")
        {
            Description =
                $"The overlay file of this host; {OverlaySource.HostFile} where none is given.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var lab = new Option<string?>("--lab")
        {
            Description = "Ask every host of this lab; of the only one where no name is given.",
            HelpName = "NAME",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var host = new Option<string?>("--host")
        {
            Description = "This host's name in the file, where it is not the machine's.",
            HelpName = "NAME",
        };
        var size = new Option<int?>("--size")
        {
            Description =
                "The size of the IP packets in bytes, headers and all. Without it two sizes are tried: a small one and the overlay's MTU.",
            HelpName = "BYTES",
        };
        var timeout = new Option<double>("--timeout")
        {
            Description =
                "Seconds that each answer is waited for; the question is repeated meanwhile.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => DefaultTimeout,
        };
        var json = new Option<bool>("--json") { Description = "Write JSON." };
        var command = new Command(
            "ping",
            """
            Show who reaches whom: within each network every container and host that is on this host (or in a
            lab) pings every other one, with packets that may not be fragmented.

            Exit code: 0 when everything is reached, 1 when something is not.
            """
        )
        {
            file,
            lab,
            host,
            size,
            timeout,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(size) is < SmallestSize or > LargestSize)
            {
                result.AddError($"--size takes a number from {SmallestSize} to {LargestSize}.");
            }
            if (
                result.GetResult(timeout) is not null
                && result.GetValue(timeout) is not (> 0 and <= 3600)
            )
            {
                result.AddError("--timeout takes seconds, more than 0 and at most 3600.");
            }
        });
        command.SetAction(
            (parsed, cancellationToken) =>
                Terminal.GuardAsync(async () =>
                {
                    Machine.RequireRoot();
                    var seconds = parsed.GetValue(timeout);
                    var report = parsed.GetResult(lab) is not null
                        ? await LabReachability.AskAsync(
                            Lab.Open(parsed.GetValue(lab)),
                            Options(parsed.GetValue(size), seconds),
                            cancellationToken
                        )
                        : await FromHereAsync(
                            OverlaySource
                                .Read(parsed.GetValue(file) ?? OverlaySource.HostFile)
                                .Overlay,
                            parsed.GetValue(host) ?? Environment.MachineName,
                            parsed.GetValue(size),
                            TimeSpan.FromSeconds(seconds),
                            cancellationToken
                        );
                    return Show(report, parsed.GetValue(json));
                })
        );
        return command;
    }

    private static Task<ReachabilityReport> FromHereAsync(
        Overlay overlay,
        string host,
        int? size,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        if (overlay.Hosts.All(one => one.Name != host))
        {
            throw new LabException(
                $"this machine is called '{host}', and overlay '{overlay.Name}' has no such host: say with --host which of {string.Join(", ", overlay.Hosts.Select(one => one.Name))} it is, or with --lab that you mean a lab"
            );
        }
        return HostReachability.AskAsync(
            overlay,
            host,
            size is { } one ? [one] : [ReachabilityPlan.SmallSize, OverlaySource.Mtu(overlay)],
            timeout,
            cancellationToken
        );
    }

    private static int Show(ReachabilityReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(report.ToJson());
        }
        else
        {
            foreach (var line in ReachabilityTable.Lines(report, Terminal.Width))
            {
                Terminal.Line(line);
            }
        }
        return report.Reachable ? 0 : 1;
    }

    private static string[] Options(int? size, double seconds) =>
        [
            .. size is { } bytes ? ["--size", $"{bytes}"] : Array.Empty<string>(),
            "--timeout",
            $"{seconds}",
        ];
}
