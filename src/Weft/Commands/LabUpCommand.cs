using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Labs;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft lab up</c>.</summary>
internal static class LabUpCommand
{
    // A host that can be rebooted restores its overlay then, as a real one does.
    private const string ApplyAndInstall =
        "\"$@\" apply --yes && \"$@\" install --in-place >/dev/null && sync";

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
                $"Without FILE: make up an overlay of this many hosts, 1 to {SampleOverlay.MostHosts}.",
            HelpName = "N",
        };
        var userspace = new Option<bool>("--userspace")
        {
            Description = "Use Open vSwitch's userspace datapath, whatever the kernel has.",
        };
        var kernel = new Option<bool>("--kernel")
        {
            Description = "Use the kernel's datapath, and fail if there is none.",
        };
        var isolation = CommonOptions.OneOf<Isolation>(
            "--isolation",
            "KIND",
            "What hosts are made of: netns, namespaces on this machine's kernel; or uml, User Mode Linux, a kernel for each. Unless given, netns where that can do what the overlay wants."
        );
        var bare = new Option<bool>("--no-apply")
        {
            Description = "Only make the hosts: apply nothing to them.",
        };
        var engines = new Option<bool>("--engines")
        {
            Description =
                "Have containers made by their own engines, which must be installed here; else network namespaces stand in for them.",
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
            isolation,
            bare,
            engines,
        };
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
            {
                Check(parsed.GetValue(file), parsed.GetValue(hosts));
                return RunAsync(
                    terminal,
                    parsed.GetValue(file),
                    parsed.GetValue(hosts),
                    new LabOptions
                    {
                        Name = parsed.GetValue(name),
                        Datapath = Forced(parsed.GetValue(userspace), parsed.GetValue(kernel)),
                        Engines = parsed.GetValue(engines),
                    },
                    parsed.GetValue(isolation),
                    parsed.GetValue(bare),
                    cancellationToken
                );
            }
        );
        return command;
    }

    private static void Check(string? file, int? hosts)
    {
        if (file is null == hosts is null)
        {
            throw new UsageException(
                "name either an overlay FILE or, to have an overlay made up, --hosts N"
            );
        }
        if (hosts is < 1 or > SampleOverlay.MostHosts)
        {
            throw new UsageException($"--hosts takes a number from 1 to {SampleOverlay.MostHosts}");
        }
    }

    private static Datapath? Forced(bool userspace, bool kernel) =>
        (userspace, kernel) switch
        {
            (true, true) => throw new UsageException("--userspace and --kernel exclude each other"),
            (true, _) => Datapath.Userspace,
            (_, true) => Datapath.Kernel,
            _ => null,
        };

    private static async Task<int> RunAsync(
        Output terminal,
        string? path,
        int? hosts,
        LabOptions options,
        Isolation? isolation,
        bool bare,
        CancellationToken cancellationToken
    )
    {
        Machine.RequireRoot();
        var overlay = path is null
            ? SampleOverlay.Of(hosts!.Value)
            : OverlayLoader.Load(path, engine: null, datapath: null);
        var file = path is null
            ? OverlayYaml.Write(overlay)
            : await File.ReadAllBytesAsync(path, cancellationToken);
        var name = options.Name ?? overlay.Name;
        if (Lab.Find(name) is { IsUp: true } there)
        {
            return SayItIsUp(terminal, there, file);
        }
        options = options with
        {
            Isolation = await ChooseAsync(terminal, overlay, isolation, cancellationToken),
        };
        var started = Stopwatch.GetTimestamp();
        try
        {
            var lab = await terminal.WhileAsync(
                $"Making lab '{name}' of {Counted.Of(overlay.Hosts.Length, "host")}",
                progress =>
                    Lab.UpAsync(
                        overlay,
                        file,
                        options with
                        {
                            Progress = progress,
                        },
                        cancellationToken
                    )
            );
            terminal.Out.Line(
                $"[green]✓[/] {Counted.Of(lab.Hosts.Count, "host")} with Open vSwitch's {lab.Record.Datapath.Word} datapath [dim]{Since(started)}[/]"
            );
            SayWhatStandsIn(terminal, overlay, options.Engines);
            if (bare)
            {
                SayWhatNext(terminal, lab);
                return ExitCode.Done;
            }
            // What crosses is watched from before the first tunnel is made.
            await using var tap = overlay.Tunnels.Ipsec is null
                ? null
                : await WireTap.StartAsync(lab, overlay.Tunnels.Port, cancellationToken);
            return await ApplyAsync(terminal, lab, cancellationToken)
                ? await ShowAsync(terminal, lab, tap, cancellationToken)
                : ExitCode.Failed;
        }
        catch (OperationCanceledException)
        {
            await Lab.DownAsync(name, cancellationToken: CancellationToken.None);
            throw new LabException($"interrupted: lab '{name}' is removed again");
        }
    }

    /// <summary>Namespaces, unless the overlay is encrypted and this machine's own kernel cannot do that.</summary>
    private static async Task<Isolation> ChooseAsync(
        Output terminal,
        Overlay overlay,
        Isolation? wanted,
        CancellationToken cancellationToken
    )
    {
        if (wanted is not null || overlay.Tunnels.Ipsec is null)
        {
            return wanted ?? Isolation.Netns;
        }
        var datapath = await Machine.ChooseDatapathAsync(
            null,
            DatapathChoice.Auto,
            new NamespaceIsolation(),
            cancellationToken
        );
        if (datapath is Datapath.Kernel)
        {
            return Isolation.Netns;
        }
        terminal.Out.WriteLine(
            "The overlay is encrypted, which takes Open vSwitch's kernel datapath, and this machine's kernel has none:"
        );
        terminal.Out.WriteLine("each host gets a kernel of its own (User Mode Linux).");
        return Isolation.Uml;
    }

    private static async Task<bool> ApplyAsync(
        Output terminal,
        Lab lab,
        CancellationToken cancellationToken
    )
    {
        var started = Stopwatch.GetTimestamp();
        var runs = await terminal.WhileAsync(
            "Applying the overlay in each host",
            progress =>
                lab.RunEverywhereAsync(
                    lab.Record.Isolation is Isolation.Uml
                        ? ["sh", "-c", ApplyAndInstall, "weft", .. Self.Command]
                        : [.. Self.Command, "apply", "--yes"],
                    progress,
                    cancellationToken
                )
        );
        var failed = runs.Where(run => run.Result.ExitCode != 0).ToArray();
        foreach (var (host, result) in failed)
        {
            terminal.Fail($"'weft apply' failed on host '{host.Name}':");
            terminal.Error.WriteLine((result.Output + result.Errors).TrimEnd());
        }
        if (failed.Length > 0)
        {
            terminal.Fail(
                $"lab '{lab.Name}' is left up for you to look into: {Self.Name} lab exec --lab {lab.Name} {failed[0].Host.Name} bash. When done: {Self.Name} lab down {lab.Name}"
            );
            return false;
        }
        terminal.Out.Line($"[green]✓[/] overlay applied in each [dim]{Since(started)}[/]");
        return true;
    }

    private static async Task<int> ShowAsync(
        Output terminal,
        Lab lab,
        WireTap? tap,
        CancellationToken cancellationToken
    )
    {
        var report = await terminal.WhileAsync(
            "Asking every container and host whom it reaches",
            _ =>
                FleetReachability.AskAsync(
                    new LabRunner(lab),
                    lab.Record.Overlay,
                    TimeProvider.System,
                    PingCommand.WaysIn(lab),
                    cancellationToken: cancellationToken
                )
        );
        terminal.Out.WriteLine();
        ReachabilityTable.Write(terminal.Out, report);
        if (NeighbourTable.Shortage(report) is { } shortage)
        {
            terminal.Notice(shortage);
        }
        foreach (var host in report.Silent)
        {
            terminal.Fail(host.Why);
        }
        var encrypted = tap is null || Prove(terminal, await tap.StopAsync());
        terminal.Out.WriteLine();
        SayWhatNext(terminal, lab);
        return report.Reachable && encrypted ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Says what crossed between the hosts, as captured.</summary>
    /// <returns>Whether all of it was encrypted.</returns>
    private static bool Prove(Output terminal, WireCounts counts)
    {
        var plain = counts[WireKind.Tunnel] + counts[WireKind.Ssh] + counts[WireKind.Other];
        if (plain == 0 && counts.Encrypted > 0)
        {
            var icmp = counts[WireKind.Icmp];
            terminal.Out.Line(
                $"[green]✓[/] {counts.BetweenHosts} packets between hosts: all ESP or IKE"
                    + (icmp == 0 ? "" : $", but for {icmp} of ICMP about the underlay itself")
            );
            return true;
        }
        terminal.Fail(
            $"of {counts.BetweenHosts} packets between hosts {plain} were not encrypted ({counts})"
        );
        return false;
    }

    private static void SayWhatNext(Output terminal, Lab lab)
    {
        var which = Lab.All().Count > 1 ? $"--lab {lab.Name} " : "";
        terminal.Out.WriteLine($"Lab '{lab.Name}' is up.");
        terminal.Out.WriteLine(
            $"  {Self.Name} lab exec {which}{lab.Hosts[0].Name} bash   to work in a host"
        );
        terminal.Out.WriteLine($"  {Self.Name} lab down {lab.Name}   to remove it");
    }

    private static int SayItIsUp(Output terminal, Lab lab, byte[] file)
    {
        var same = File.ReadAllBytes(lab.OverlayFile).AsSpan().SequenceEqual(file);
        var message =
            $"lab '{lab.Name}' is up already{(same ? "" : ", made from another overlay file")}: see '{Self.Name} lab status {lab.Name}'; '{Self.Name} lab down {lab.Name}' removes it, --name makes another beside it";
        if (same)
        {
            terminal.Out.WriteLine(message);
            return ExitCode.Done;
        }
        terminal.Fail(message);
        return ExitCode.Failed;
    }

    private static void SayWhatStandsIn(Output terminal, Overlay overlay, bool areReal)
    {
        string[] engines =
        [
            .. overlay
                .Containers.Select(container => container.Engine)
                .Where(engine => engine is not Engine.Netns)
                .Distinct()
                .Select(engine => engine.Word),
        ];
        if (engines.Length > 0)
        {
            terminal.Out.Line(
                areReal
                    ? $"[dim]  containers of {string.Join(" and ", engines)} are made by their own engines[/]"
                    : $"[dim]  containers of {string.Join(" and ", engines)} are stood in for by network namespaces[/]"
            );
        }
    }

    private static string Since(long started) =>
        Stopwatch.GetElapsedTime(started).TotalSeconds.ToString("0.00 's'");
}
