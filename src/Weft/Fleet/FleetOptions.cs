using System.CommandLine;
using Weft.Commands;
using Weft.Core.Overlays;

namespace Weft.Fleet;

/// <summary>What every command takes that can be run on many hosts from a machine that is none of them.</summary>
internal sealed class FleetOptions
{
    private const int MostJobs = 256;

    private readonly Option<string[]> hosts = new("--host")
    {
        Description =
            "Do it on this host of the overlay, over SSH; several with commas between, or by saying it again.",
        HelpName = "NAME",
    };
    private readonly Option<bool> all = new("--all")
    {
        Description = "Do it on all hosts of the overlay, over SSH.",
    };
    private readonly Option<int> jobs = new("--jobs")
    {
        Description = "With --host and --all: on how many hosts at a time.",
        HelpName = "N",
        DefaultValueFactory = _ => HostRunners.DefaultJobs,
    };
    private readonly Option<string[]> binaries = new("--binary")
    {
        Description =
            "With --host and --all: the weft to put on hosts in place of this one, such as that for machines of another kind.",
        HelpName = "FILE",
    };
    private readonly Option<string?> installed = new("--installed")
    {
        Description =
            "With --host and --all: run the weft that is there on the hosts, and put none in place.",
        HelpName = "PATH",
    };

    /// <summary>All of them.</summary>
    public IEnumerable<Symbol> All => [hosts, all, jobs, binaries, installed];

    /// <summary>Whether the command is meant for hosts that are reached over SSH.</summary>
    /// <exception cref="UsageException">That contradicts itself.</exception>
    public bool IsMeant(
        ParseResult parsed,
        Option<string?>? here = null,
        Option<string?>? lab = null
    )
    {
        var isNamed = parsed.GetResult(hosts) is not null;
        var isMeant = isNamed || parsed.GetValue(all);
        if (isNamed && parsed.GetValue(all))
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
                "--lab is for the hosts of a lab, and --host and --all are for others: say one of them"
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
                "--jobs, --binary and --installed are for hosts that are reached over SSH: say which with --host or --all"
            );
        }
        return isMeant;
    }

    /// <summary>Whether weft is on the hosts already, to be left as it is.</summary>
    public bool IsInstalled(ParseResult parsed) => parsed.GetValue(installed) is not null;

    /// <summary>The hosts that are meant, and how to reach them.</summary>
    /// <exception cref="UsageException">The overlay has no such host, or a value is out of range.</exception>
    public FleetSession Open(ParseResult parsed, Overlay overlay, string file)
    {
        var most = parsed.GetValue(jobs);
        if (most is < 1 or > MostJobs)
        {
            throw new UsageException($"--jobs takes a number from 1 to {MostJobs}");
        }
        if (parsed.GetValue(installed) is { } path && !path.StartsWith('/'))
        {
            throw new UsageException(
                $"--installed takes the path of weft on the hosts, which begins with /, not '{path}'"
            );
        }
        var named = (parsed.GetValue(hosts) ?? [])
            .SelectMany(names => names.Split(',', StringSplitOptions.RemoveEmptyEntries))
            .Select(name => OverlayLoader.RequireHost(overlay, name))
            .ToHashSet(StringComparer.Ordinal);
        return new FleetSession(
            overlay,
            file,
            [.. overlay.Hosts.Where(host => parsed.GetValue(all) || named.Contains(host.Name))],
            parsed.GetValue(binaries) ?? [],
            parsed.GetValue(installed),
            most
        );
    }
}
