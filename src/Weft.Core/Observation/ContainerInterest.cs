using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Observation;

/// <summary>Which of a host's containers an overlay has to do with.</summary>
public sealed class ContainerInterest
{
    private readonly HashSet<ContainerKey> named;
    private readonly Selection[] selections;
    private readonly Func<Engine, bool> hasRecords;

    /// <summary>Which of a host's containers an overlay has to do with.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="hasRecords">Whether a container of an engine has an address of the overlay's by this host's records.</param>
    public ContainerInterest(Overlay overlay, string host, Func<Engine, bool> hasRecords)
    {
        this.hasRecords = hasRecords;
        named =
        [
            .. overlay
                .Containers.Where(container => container.Host == host)
                .Select(container => container.Key),
        ];
        selections =
        [
            .. overlay.Selections.Where(selection =>
                selection.Host is null || selection.Host == host
            ),
        ];
        Engines = named
            .Select(container => container.Engine)
            .Concat(
                selections.SelectMany(selection =>
                    selection.Engine is { } one ? [one] : Enum.GetValues<Engine>()
                )
            )
            .ToHashSet();
    }

    private ContainerInterest()
    {
        named = [];
        selections = [];
        hasRecords = _ => false;
        Engines = Enum.GetValues<Engine>().ToHashSet();
        IsEverything = true;
    }

    /// <summary>Every container of every engine that runs.</summary>
    public static ContainerInterest Everything { get; } = new();

    /// <summary>Whether any container matters, of whichever engine there is.</summary>
    public bool IsEverything { get; }

    /// <summary>The engines whose containers they are.</summary>
    public ISet<Engine> Engines { get; }

    /// <summary>
    /// Whether it matters that an engine does not run: the overlay names it, or a container of it has an address. An engine
    /// that could only have containers with the right labels, and never had one, is not missed.
    /// </summary>
    public bool Misses(Engine engine) =>
        !IsEverything
        && (
            named.Any(container => container.Engine == engine)
            || Array.Exists(selections, selection => selection.Engine == engine)
            || Engines.Contains(engine) && hasRecords(engine)
        );

    /// <summary>Whether the overlay has a place for a container.</summary>
    public bool Includes(ContainerSighting container) =>
        IsEverything
        || named.Contains(container.Key)
        || Array.Exists(selections, selection => selection.Selects(container));
}
