using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.Commands;

/// <summary><c>weft lab up</c>.</summary>
internal static class LabUpCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = new Argument<string?>("FILE")
        {
            Description = "The overlay file.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var name = new Option<string?>("--name")
        {
            Description = "The lab's name; the overlay's where none is given.",
            HelpName = "NAME",
        };
        var hosts = new Option<int?>("--hosts")
        {
            Description =
                $"Without FILE: make up an overlay of so many hosts, 1 to {SampleOverlay.MostHosts}.",
            HelpName = "N",
        };
        var userspace = new Option<bool>("--userspace")
        {
            Description = "Use Open vSwitch's userspace datapath, whatever the kernel has.",
        };
        var kernel = new Option<bool>("--kernel")
        {
            Description = "Use the kernel's datapath, and refuse where there is none.",
        };
        var bare = new Option<bool>("--no-apply")
        {
            Description = "Only make the hosts: apply nothing to them.",
        };
        var command = new Command(
            "up",
            "Make the hosts of an overlay, apply the overlay in each, and show who reaches whom."
        )
        {
            file,
            name,
            hosts,
            userspace,
            kernel,
            bare,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(file) is null == (result.GetValue(hosts) is null))
            {
                result.AddError("Name either an overlay FILE or, to have one made up, --hosts N.");
            }
            if (result.GetValue(hosts) is < 1 or > SampleOverlay.MostHosts)
            {
                result.AddError($"--hosts takes a number from 1 to {SampleOverlay.MostHosts}.");
            }
            if (result.GetValue(userspace) && result.GetValue(kernel))
            {
                result.AddError("--userspace and --kernel exclude each other.");
            }
        });
        command.SetAction(
            (parsed, cancellationToken) =>
                Terminal.GuardAsync(() =>
                    RunAsync(
                        parsed.GetValue(file),
                        parsed.GetValue(hosts),
                        new LabOptions
                        {
                            Name = parsed.GetValue(name),
                            Datapath =
                                parsed.GetValue(userspace) ? Datapath.Userspace
                                : parsed.GetValue(kernel) ? Datapath.Kernel
                                : null,
                        },
                        parsed.GetValue(bare),
                        cancellationToken
                    )
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string? path,
        int? hosts,
        LabOptions options,
        bool bare,
        CancellationToken cancellationToken
    )
    {
        var (overlay, file) = path is not null
            ? OverlaySource.Read(path)
            : OverlaySource.MakeUp(hosts!.Value);
        var name = options.Name ?? overlay.Name;
        if (Lab.Find(name) is { IsUp: true } there)
        {
            return SayItIsUp(there, file);
        }
        var started = Stopwatch.GetTimestamp();
        var lab = await Terminal.WhileAsync(
            $"Making lab '{name}' of {Counted(overlay.Hosts.Length, "host")}",
            progress =>
                Lab.UpAsync(overlay, file, options with { Progress = progress }, cancellationToken)
        );
        Terminal.Line(
            $"[green]✓[/] {Counted(lab.Hosts.Count, "host")} with Open vSwitch's {Word(lab.Record.Datapath)} datapath [dim]{Since(started)}[/]"
        );
        SayWhatStandsIn(overlay);
        if (bare)
        {
            SayWhatNext(lab);
            return 0;
        }
        try
        {
            return await ApplyAsync(lab, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await Lab.DownAsync(lab.Name, cancellationToken: CancellationToken.None);
            throw;
        }
    }

    private static async Task<int> ApplyAsync(Lab lab, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var runs = await Terminal.WhileAsync(
            "Applying the overlay in each host",
            progress =>
                lab.RunEverywhereAsync(
                    [.. Self.Command, "apply", "--yes"],
                    progress,
                    cancellationToken
                )
        );
        foreach (var run in runs.Where(run => run.Result.ExitCode != 0))
        {
            Terminal.Error(
                $"host '{run.Host.Name}': 'weft apply' failed with exit code {run.Result.ExitCode}:\n{run.Result.Output}{run.Result.Errors}"
            );
        }
        if (runs.Any(run => run.Result.ExitCode != 0))
        {
            Terminal.Error(
                $"lab '{lab.Name}' is up for you to look into: 'weft lab exec --lab {lab.Name} HOST bash', and 'weft lab down {lab.Name}' when done"
            );
            return 1;
        }
        Terminal.Line($"[green]✓[/] overlay applied in each [dim]{Since(started)}[/]");
        Terminal.Line("");
        var report = await Terminal.WhileAsync(
            "Pinging",
            _ => LabReachability.AskAsync(lab, [], cancellationToken)
        );
        foreach (var line in ReachabilityTable.Lines(report, Terminal.Width))
        {
            Terminal.Line(line);
        }
        Terminal.Line("");
        SayWhatNext(lab);
        return report.Reachable ? 0 : 1;
    }

    private static int SayItIsUp(Lab lab, byte[] file)
    {
        var same = File.ReadAllBytes(lab.OverlayFile).AsSpan().SequenceEqual(file);
        var message =
            $"lab '{lab.Name}' is up already{(same ? "" : ", made from another overlay file")}: see 'weft lab status {lab.Name}'; 'weft lab down {lab.Name}' removes it, --name makes another beside it";
        if (same)
        {
            Terminal.Line(Markup.Escape(message));
            return 0;
        }
        Terminal.Error(message);
        return 1;
    }

    private static void SayWhatStandsIn(Overlay overlay)
    {
        string[] engines =
        [
            .. overlay
                .Containers.Select(container => container.Engine)
                .Where(engine => engine is not Engine.Netns)
                .Distinct()
                .Select(engine => engine.ToString().ToLowerInvariant()),
        ];
        if (engines.Length > 0)
        {
            Terminal.Line(
                $"[dim]  containers of {string.Join(" and ", engines)} are stood in for by network namespaces[/]"
            );
        }
    }

    private static void SayWhatNext(Lab lab)
    {
        var which = Lab.All().Count > 1 ? $"--lab {lab.Name} " : "";
        Terminal.Line(
            Markup.Escape(
                $"Lab '{lab.Name}' is up. Work in it: weft lab exec {which}{lab.Hosts[0].Name} bash. Remove it: weft lab down {lab.Name}"
            )
        );
    }

    private static string Counted(int count, string what) =>
        $"{count} {what}{(count == 1 ? "" : "s")}";

    private static string Word(Datapath datapath) =>
        datapath is Datapath.Kernel ? "kernel" : "userspace";

    private static string Since(long started) =>
        Stopwatch
            .GetElapsedTime(started)
            .TotalSeconds.ToString("0.00 's'", CultureInfo.InvariantCulture);
}
