using System.CommandLine;
using Weft.Commands;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>The options of every command that can be run on many hosts, over SSH from another machine.</summary>
/// <param name="hasOverlay">Whether hosts are named as in the overlay file; otherwise as for <c>ssh</c>.</param>
internal sealed class FleetOptions(bool hasOverlay = true)
{
    private const int MostJobs = 256;

    private readonly Option<string[]> hosts = new("--host")
    {
        Description =
            (
                hasOverlay
                    ? "Do it on this host of the overlay, over SSH"
                    : "Do it on the host that ssh reaches by this name"
            ) + "; several with commas between, or by saying it again.",
        HelpName = hasOverlay ? "NAME" : "[USER@]NAME[:PORT]",
        CompletionSources = { context => hasOverlay ? HostNames.CompleteList(context) : [] },
    };
    private readonly Option<bool> all = new("--all")
    {
        Description = "Do it on all hosts of the overlay, over SSH.",
    };
    private readonly Option<int> jobs = new("--jobs")
    {
        Description = $"With {Meaning(hasOverlay, "and")}: on how many hosts at a time.",
        HelpName = "N",
        DefaultValueFactory = _ => HostRunners.DefaultJobs,
    };
    private readonly Option<string[]> binaries = new("--binary")
    {
        Description =
            $"With {Meaning(hasOverlay, "and")}: copy this weft to the hosts instead of the one that runs here, for machines of another architecture.",
        HelpName = "FILE",
    };
    private readonly Option<string?> installed = new("--installed")
    {
        Description =
            $"With {Meaning(hasOverlay, "and")}: run the weft that is installed on the hosts there, and copy none.",
        HelpName = "PATH",
    };

    /// <summary>All options.</summary>
    public IEnumerable<Symbol> All =>
        [hosts, .. hasOverlay ? [all] : (Symbol[])[], jobs, binaries, installed];

    /// <summary>Whether the user asks to run the command on hosts over SSH.</summary>
    /// <exception cref="UsageException">The options contradict each other.</exception>
    public bool IsMeant(
        ParseResult parsed,
        Option<string?>? here = null,
        Option<string?>? lab = null
    )
    {
        var isNamed = parsed.GetResult(hosts) is not null;
        var isMeant = isNamed || IsAll(parsed);
        if (isNamed && IsAll(parsed))
        {
            throw new UsageException("say --all, or name hosts with --host, not both");
        }
        if (isMeant && here is not null && parsed.GetValue(here) is not null)
        {
            throw new UsageException(
                "--as says which host this machine is, and --host and --all which hosts are reached over SSH: say one of them"
            );
        }
        if (isMeant && lab is not null && parsed.GetResult(lab) is not null)
        {
            throw new UsageException(
                $"--lab is for the hosts of a lab, and {Meaning(hasOverlay, "and")} for others: say one of them"
            );
        }
        if (
            !isMeant
            && (
                parsed.GetResult(jobs) is { Implicit: false }
                || parsed.GetResult(binaries) is not null
                || parsed.GetResult(installed) is not null
            )
        )
        {
            throw new UsageException(
                $"--jobs, --binary and --installed are for hosts that are reached over SSH: say which with {Meaning(hasOverlay, "or")}"
            );
        }
        return isMeant;
    }

    /// <summary>Whether to use the weft that is on the hosts already.</summary>
    public bool IsInstalled(ParseResult parsed) => parsed.GetValue(installed) is not null;

    /// <inheritdoc cref="Open(ParseResult, Overlay, string)"/>
    public FleetSession Open(ParseResult parsed, HostOptions options) =>
        Open(parsed, options.Load(parsed), options.FileOf(parsed));

    /// <summary>Opens an overlay file as it is, without options that override it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="named">The file; null for the first default one that exists.</param>
    /// <inheritdoc cref="Open(ParseResult, Overlay, string)" path="/exception"/>
    public FleetSession Open(ParseResult parsed, string? named)
    {
        var path = OverlayLoader.PathOf(named);
        return Open(parsed, OverlayLoader.Load(path, engine: null, datapath: null), path);
    }

    /// <summary>The chosen hosts of the overlay, and how to reach them.</summary>
    /// <exception cref="UsageException">The overlay has no such host, or a value is out of range.</exception>
    public FleetSession Open(ParseResult parsed, Overlay overlay, string file)
    {
        var most = JobsOf(parsed);
        var named = Named(parsed)
            .Select(name => OverlayLoader.RequireHost(overlay, name))
            .ToHashSet(StringComparer.Ordinal);
        return new FleetSession(
            overlay,
            file,
            RunnerOf(
                parsed,
                [
                    .. overlay
                        .Hosts.Where(host => IsAll(parsed) || named.Contains(host.Name))
                        .Select(host => (host.Name, SshTarget.Of(host))),
                ]
            ),
            most
        );
    }

    /// <summary>The chosen hosts, named as for <c>ssh</c>, and their SSH targets.</summary>
    /// <exception cref="UsageException">A name is not valid for ssh, or a value is out of range.</exception>
    public (SshRunner Runner, IReadOnlyDictionary<string, SshTarget> Targets) Open(
        ParseResult parsed
    )
    {
        var targets = new OrderedDictionary<string, SshTarget>(StringComparer.Ordinal);
        foreach (var name in Named(parsed))
        {
            targets[name] = SshTarget.TryParse(name, out var target, out var wrong)
                ? target
                : throw new UsageException($"--host: '{name}' {wrong}");
        }
        return (RunnerOf(parsed, [.. targets.Select(pair => (pair.Key, pair.Value))]), targets);
    }

    /// <summary>The number of hosts to work on at a time.</summary>
    /// <exception cref="UsageException">The number is out of range.</exception>
    public int JobsOf(ParseResult parsed) =>
        parsed.GetValue(jobs) is >= 1 and <= MostJobs and var most
            ? most
            : throw new UsageException($"--jobs takes a number from 1 to {MostJobs}");

    private bool IsAll(ParseResult parsed) => hasOverlay && parsed.GetValue(all);

    private IEnumerable<string> Named(ParseResult parsed) =>
        (parsed.GetValue(hosts) ?? []).SelectMany(names =>
            names.Split(',', StringSplitOptions.RemoveEmptyEntries)
        );

    private SshRunner RunnerOf(ParseResult parsed, IReadOnlyList<(string, SshTarget)> targets)
    {
        if (targets is [])
        {
            throw new UsageException("--host names no host");
        }
        if (parsed.GetValue(installed) is { } path && !path.StartsWith('/'))
        {
            throw new UsageException(
                $"--installed takes the path of weft on the hosts, which begins with /, not '{path}'"
            );
        }
        return new SshRunner(
            targets,
            new Lazy<IReadOnlyList<WeftBinary>>(() =>
                [
                    .. (parsed.GetValue(binaries) ?? []).Select(WeftBinary.Read),
                    .. WeftBinary.OfSelf() is { } self ? [self] : (WeftBinary[])[],
                ]
            ),
            parsed.GetValue(installed),
            new Output(parsed.GetValue(CommonOptions.NoColor)).Notice
        );
    }

    private static string Meaning(bool hasOverlay, string conjunction) =>
        hasOverlay ? $"--host {conjunction} --all" : "--host";
}
