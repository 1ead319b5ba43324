using System.Collections.Immutable;
using System.CommandLine;
using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft addresses</c>: who has which address on this host, and whether that is as it should be.</summary>
internal static class AddressesCommand
{
    /// <summary>The command and those in it.</summary>
    public static Command Create()
    {
        var options = new AddressOptions();
        var json = CommonOptions.Json();
        var command = new WeftCommand(
            "addresses",
            "List who has which address on this host: those of the overlay file, and those given from this host's slices."
        )
        {
            Examples =
            [
                ("weft addresses", "of each container on this host"),
                ("weft addresses check", "exit code 1 if one is leaked, there twice, or unknown"),
                ("weft addresses slices", "what each host gives out"),
                ("weft addresses release web", "what a container had that is gone for good"),
            ],
        };
        command.AddAll(options.With(json));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var (overlay, host, store) = options.Load(parsed);
                var records = store.Read();
                var seen = await ReadAsync(overlay, host, store, cancellationToken);
                var rows = AddressRows.Of(overlay, host, records, seen);
                if (parsed.GetValue(json))
                {
                    AddressJson.Write(Console.Out, rows);
                }
                else
                {
                    AddressView.Write(terminal, rows);
                }
                Tell(terminal, seen);
                return ExitCode.Done;
            }
        );
        command.Add(Check());
        command.Add(ShowSlices());
        command.Add(Release());
        return command;
    }

    private static WeftCommand Check()
    {
        var options = new AddressOptions();
        var command = new WeftCommand(
            "check",
            "Look for addresses that are leaked, that two have, or that nobody knows of; exit code 1 if there are any."
        );
        command.AddAll(options.With());
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var (overlay, host, store) = options.Load(parsed);
                var records = store.Read();
                var seen = await ReadAsync(overlay, host, store, cancellationToken);
                var faults = AddressAudit.Find(
                    overlay,
                    host,
                    records,
                    [.. seen.Sightings.Values],
                    Answered(overlay, host, store, seen),
                    seen.Links.ToDictionary(
                        container => container.Key,
                        container =>
                            container
                                .Value.Values.SelectMany(link => link.Addresses)
                                .Select(address => address.Address)
                                .ToImmutableArray()
                    )
                );
                foreach (var fault in faults)
                {
                    terminal.Out.LineInterpolated($"[red]{fault.Kind}[/]  {fault.Message}");
                }
                Tell(terminal, seen);
                if (faults.IsEmpty)
                {
                    terminal.Out.Line("[green]✓[/] no address is leaked, there twice, or unknown");
                }
                return faults.IsEmpty ? ExitCode.Done : ExitCode.Failed;
            }
        );
        return command;
    }

    private static WeftCommand ShowSlices()
    {
        var options = new AddressOptions();
        var command = new WeftCommand(
            "slices",
            "Show which part of each subnet each host gives addresses out of, and the same for the overlay file."
        );
        command.AddAll(options.With());
        command.SetAction(
            (parsed, terminal, _) =>
            {
                SliceView.Write(terminal, options.LoadFile(parsed));
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }

    private static WeftCommand Release()
    {
        var options = new AddressOptions();
        var name = new Argument<string>("NAME") { Description = "The container." };
        var command = new WeftCommand(
            "release",
            "Free the addresses that this host gave a container, for others or for itself anew."
        );
        command.AddAll([name, .. options.With()]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var (overlay, host, store) = options.Load(parsed);
                var container = parsed.GetValue(name)!;
                var seen = await ReadAsync(overlay, host, store, cancellationToken);
                if (
                    seen.Sightings.Values.FirstOrDefault(sighting =>
                        sighting.Key.Name == container && sighting.IsReady
                    ) is
                    { } running
                )
                {
                    throw new UsageException(
                        $"{running.Key} runs and uses its addresses: stop it first"
                    );
                }
                using var only = await HostLock.TakeAsync(new Notices(terminal), cancellationToken);
                var records = store.Read();
                var released = records.Where(record => record.Container.Name == container).ToList();
                if (released.Count == 0)
                {
                    throw new UsageException(
                        $"this host gave no container '{container}' an address: `weft addresses` says who has one"
                    );
                }
                store.Write(records.RemoveRange(released));
                foreach (var record in released)
                {
                    terminal.Out.LineInterpolated(
                        $"[red]-[/] {record.Container}: {string.Join(", ", record.Addresses)} of network {record.Network}"
                    );
                }
                return ExitCode.Done;
            }
        );
        return command;
    }

    private static async Task<ContainersSeen> ReadAsync(
        Overlay overlay,
        string host,
        AddressStore store,
        CancellationToken cancellationToken
    )
    {
        await using var engines = new EngineSet(engine => ContainerEngines.Of(engine));
        return await ContainerReader.ReadAsync(
            engines,
            new ContainerInterest(overlay, host, store.HasAnyOf),
            cancellationToken
        );
    }

    private static HashSet<Engine> Answered(
        Overlay overlay,
        string host,
        AddressStore store,
        ContainersSeen seen
    ) => [.. new ContainerInterest(overlay, host, store.HasAnyOf).Engines.Except(seen.Silent.Keys)];

    private static void Tell(Output terminal, ContainersSeen seen)
    {
        foreach (var silence in seen.Silent.Values)
        {
            terminal.Notice(silence);
        }
    }
}

/// <summary>What the commands about addresses take.</summary>
internal sealed class AddressOptions
{
    private readonly Argument<string?> file = CommonOptions.File();
    private readonly Option<string?> host = CommonOptions.As();
    private readonly Option<string> state = new("--state-dir")
    {
        Description = "Where this host keeps which addresses it gave to whom.",
        HelpName = "DIRECTORY",
        DefaultValueFactory = _ => AddressStore.DefaultDirectory,
    };

    /// <summary>All of them, with a command's own.</summary>
    public IEnumerable<Symbol> With(params IEnumerable<Symbol> own) => [file, host, .. own, state];

    /// <summary>Reads the overlay.</summary>
    /// <inheritdoc cref="OverlayLoader.Load" path="/exception"/>
    public Overlay LoadFile(ParseResult parsed) =>
        OverlayLoader.Load(parsed.GetValue(file), CommonOptions.EngineOfEnvironment, null);

    /// <summary>Reads the overlay, and finds which host this is and what it gave out.</summary>
    /// <inheritdoc cref="OverlayLoader.Load" path="/exception"/>
    public (Overlay Overlay, string Host, AddressStore Store) Load(ParseResult parsed)
    {
        var overlay = LoadFile(parsed);
        return (
            overlay,
            OverlayLoader.RequireHost(overlay, parsed.GetValue(host)),
            new AddressStore(overlay.Name, parsed.GetValue(state)!)
        );
    }
}
