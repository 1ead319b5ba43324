using System.Text.RegularExpressions;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>The hosts of an overlay on this machine, joined by a wire that is connected to nothing else.</summary>
internal sealed partial class Lab
{
    private const int MostAtOnce = 16;
    private static readonly TimeSpan PowerOffPatience = TimeSpan.FromSeconds(30);

    private readonly LabDirectory home;
    private readonly IIsolation isolation;

    private Lab(LabDirectory directory, LabRecord record, IIsolation isolation)
    {
        home = directory;
        this.isolation = isolation;
        Record = record;
        Hosts = [.. record.Hosts.Select(host => new LabHost(record, host, isolation))];
    }

    /// <summary>The lab's record.</summary>
    public LabRecord Record { get; }

    /// <summary>The lab's name.</summary>
    public string Name => Record.Name;

    /// <summary>The hosts, in the order of the overlay file.</summary>
    public IReadOnlyList<LabHost> Hosts { get; }

    /// <summary>The lab's copy of the overlay file.</summary>
    public string OverlayFile => home.OverlayFile;

    /// <summary>Whether every host was made and still runs.</summary>
    public bool IsUp =>
        Record.Complete && Record.Segment.Holder.IsAlive && Hosts.All(host => host.IsAlive);

    /// <summary>The host of that name.</summary>
    /// <exception cref="LabException">There is none.</exception>
    public LabHost this[string host] =>
        Hosts.FirstOrDefault(candidate => candidate.Name == host)
        ?? throw new LabException(
            $"lab '{Name}' has no host '{host}': its hosts are {string.Join(", ", Hosts.Select(candidate => candidate.Name))}"
        );

    /// <summary>Runs a command on every host, several at a time.</summary>
    /// <param name="command">The command.</param>
    /// <param name="progress">Called with a word on how many are done.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The result of each host, in the order of the hosts.</returns>
    public async Task<IReadOnlyList<(LabHost Host, ToolResult Result)>> RunEverywhereAsync(
        IReadOnlyList<string> command,
        Action<string>? progress,
        CancellationToken cancellationToken
    )
    {
        var runs = new (LabHost, ToolResult)[Hosts.Count];
        var done = 0;
        await ForEachHostAsync(
            async (index, cancellation) =>
            {
                runs[index] = (
                    Hosts[index],
                    await Hosts[index].RunAsync(command, cancellationToken: cancellation)
                );
                progress?.Invoke($"{Interlocked.Increment(ref done)} of {runs.Length} done");
            },
            cancellationToken
        );
        return runs;
    }

    /// <summary>Turns a host off and on again; its disk is as it left it.</summary>
    /// <param name="host">The host's name.</param>
    /// <param name="cut">Whether to cut its power without an orderly power-off.</param>
    /// <param name="cancellationToken">Stops waiting; the host may then be off.</param>
    /// <returns>The lab as it is now; this object still has the host's old process.</returns>
    /// <exception cref="LabException">There is no such host, it cannot be rebooted, or it does not come up again.</exception>
    public async Task<Lab> RebootAsync(
        string host,
        bool cut,
        CancellationToken cancellationToken = default
    )
    {
        using var only = await LabLock.TakeAsync(Name, null, cancellationToken);
        var index = Record.Hosts.ToList().FindIndex(one => one.Name == this[host].Name);
        if (!isolation.CanReboot)
        {
            throw new LabException(
                $"host '{host}' is made of namespaces, which have no kernel to boot: make the lab with --isolation uml"
            );
        }
        var old = Record.Hosts[index];
        if (!cut)
        {
            await PowerOffAsync(Hosts[index], cancellationToken);
        }
        await isolation.RemoveAsync(old, cancellationToken);

        using var holder = isolation.Prepare(home, Record, old);
        var record = With(Record, old with { Process = new HeldProcess(holder.Identity) });
        home.Write(record);
        record = With(
            record,
            old with
            {
                Process = await isolation.MakeAsync(holder, record, old, cancellationToken),
            }
        );
        home.Write(record);
        var lab = new Lab(home, record, isolation);
        var booted = await lab.Hosts[index]
            .RunAsync(
                ["sh", "-c", LabDirectory.Script("host-boot.sh"), "host-boot.sh", .. old.Boot],
                default,
                cancellationToken
            );
        return booted.ExitCode == 0
            ? lab
            : throw new LabException(
                $"host '{host}' was started again and did not get ready: {booted.Errors.Trim()}"
            );

        LabRecord With(LabRecord all, HostRecord changed) =>
            all with
            {
                Hosts = [.. all.Hosts.Select((one, at) => at == index ? changed : one)],
            };
    }

    private static async Task PowerOffAsync(LabHost host, CancellationToken cancellationToken)
    {
        if (!host.IsAlive)
        {
            return;
        }
        // The host is gone before it can report an exit code: that it is gone is the answer.
        using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        told.CancelAfter(PowerOffPatience);
        var asking = host.RunAsync(["poweroff", "-f"], default, told.Token);
        while (host.IsAlive && !told.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
        await told.CancelAsync();
        await asking.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>The command on the machine that captures what crosses between the hosts (tcpdump(8)).</summary>
    /// <param name="arguments">More arguments for it.</param>
    public IReadOnlyList<string> Capture(params IEnumerable<string> arguments) =>
        [
            "nsenter",
            $"--net={Segment.NamespaceOf(Record.Segment)}",
            "tcpdump",
            "-n",
            "-i",
            Segment.Bridge,
            .. arguments,
        ];

    /// <summary>Looks into every host.</summary>
    public async Task<IReadOnlyList<HostState>> StatesAsync(CancellationToken cancellationToken)
    {
        var states = new HostState[Hosts.Count];
        await ForEachHostAsync(
            async (index, cancellation) =>
                states[index] = await HostState.OfAsync(Hosts[index], cancellation),
            cancellationToken
        );
        return states;
    }

    /// <summary>Makes a lab: its hosts with Open vSwitch, underlay address, containers and overlay file, and nothing applied.</summary>
    /// <param name="overlay">What to make the hosts of.</param>
    /// <param name="file">The overlay file as it is, byte for byte.</param>
    /// <param name="options">How to make it.</param>
    /// <param name="cancellationToken">Stops it, and what was made so far is removed.</param>
    /// <exception cref="LabException">It could not be made; nothing of it is left.</exception>
    public static async Task<Lab> UpAsync(
        Overlay overlay,
        ReadOnlyMemory<byte> file,
        LabOptions options,
        CancellationToken cancellationToken = default
    )
    {
        var kind = Of(options.Isolation);
        Machine.Check(kind, overlay, options.Engines);
        var directory = new LabDirectory(ValidName(options.Name ?? overlay.Name));
        using var only = await LabLock.TakeAsync(
            directory.Name,
            options.Progress,
            cancellationToken
        );
        if (Find(directory.Name) is { IsUp: true })
        {
            throw new LabException(
                $"lab '{directory.Name}' is up already: look at it with 'weft lab status {directory.Name}', or remove it with 'weft lab down {directory.Name}'"
            );
        }
        await RemoveAsync(directory);
        var datapath = await Machine.ChooseDatapathAsync(
            options.Datapath,
            overlay.Datapath,
            kind,
            cancellationToken
        );
        try
        {
            directory.Create();
            await File.WriteAllBytesAsync(directory.OverlayFile, file, cancellationToken);
            var maker = new LabMaker(directory, overlay, datapath, kind, options);
            return new Lab(directory, await maker.MakeAsync(file, cancellationToken), kind);
        }
        catch
        {
            options.Progress?.Invoke("removing what was made");
            await RemoveAsync(directory);
            throw;
        }
    }

    /// <summary>All labs that have a record, up or not.</summary>
    public static IReadOnlyList<Lab> All() =>
        [.. LabDirectory.All().Select(lab => Find(lab.Name)).OfType<Lab>()];

    /// <summary>The lab of that name, or the only one where no name is given.</summary>
    /// <exception cref="LabException">There is no such lab, or there are several.</exception>
    public static Lab Open(string? name)
    {
        if (name is not null)
        {
            return Find(name)
                ?? throw new LabException(
                    $"there is no lab '{name}': see 'weft lab list', or make one with 'weft lab up'"
                );
        }
        return All() switch
        {
            [var only] => only,
            [] => throw new LabException("there is no lab: make one with 'weft lab up'"),
            var several => throw new LabException(
                $"there are {several.Count} labs, say which one: {string.Join(", ", several.Select(lab => lab.Name))}"
            ),
        };
    }

    /// <summary>Removes a lab, in whatever state it is, without a trace.</summary>
    /// <param name="name">The lab's name.</param>
    /// <param name="progress">Called with a word on what is being done.</param>
    /// <param name="cancellationToken">Stops waiting; what is left can be removed by another call.</param>
    /// <returns>Whether there was something to remove.</returns>
    public static async Task<bool> DownAsync(
        string name,
        Action<string>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        Machine.RequireRoot();
        var directory = new LabDirectory(ValidName(name));
        if (!directory.Exists)
        {
            return false;
        }
        using var only = await LabLock.TakeAsync(name, progress, cancellationToken);
        await RemoveAsync(directory);
        return true;
    }

    /// <summary>The lab of that name; null where none has a record.</summary>
    public static Lab? Find(string name)
    {
        var directory = new LabDirectory(ValidName(name));
        return directory.Read() is { } record
            ? new Lab(directory, record, Of(record.Isolation))
            : null;
    }

    private Task ForEachHostAsync(
        Func<int, CancellationToken, ValueTask> action,
        CancellationToken cancellationToken
    ) =>
        Parallel.ForAsync(
            0,
            Hosts.Count,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = MostAtOnce,
                CancellationToken = cancellationToken,
            },
            action
        );

    private static IIsolation Of(Isolation isolation) =>
        isolation is Isolation.Uml ? new UmlIsolation() : new NamespaceIsolation();

    private static async Task RemoveAsync(LabDirectory directory)
    {
        if (directory.Read() is { } record)
        {
            var kind = Of(record.Isolation);
            await Parallel.ForEachAsync(
                record.Hosts,
                new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce },
                async (host, cancellationToken) => await kind.RemoveAsync(host, cancellationToken)
            );
            await Holder.EndAsync(record.Segment, CancellationToken.None);
        }
        directory.Remove();
    }

    private static string ValidName(string name) =>
        NamePattern().IsMatch(name)
            ? name
            : throw new LabException(
                $"'{name}' cannot be a lab's name: use up to 63 letters, digits, '-', '_' and '.', beginning with a letter or digit"
            );

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NamePattern();
}
