using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>
/// What the host looks like, kept up to date by looking only at what moved: a host with a thousand containers is not read
/// anew because one of them started.
/// </summary>
/// <param name="host">The doors to the host.</param>
internal sealed class HostMirror(LocalHost host)
{
    private const int ContainersAtOnce = 8;

    private readonly Lock gate = new();
    private readonly HashSet<Engine> staleEngines = [];
    private readonly HashSet<ContainerKey> staleContainers = [];
    private readonly HashSet<ContainerKey> staleInsides = [];
    private readonly HashSet<int> staleNamespaces = [];
    private readonly HashSet<int> staleLinks = [];
    private bool isAllStale = true;
    private LinkWatch? linkWatch;

    // Not altered once it was shown: whoever has seen it may be looking at it still.
    private Dictionary<ContainerKey, ContainerSighting> sightings = [];
    private ImmutableSortedDictionary<Engine, string> silent = ImmutableSortedDictionary<
        Engine,
        string
    >.Empty;
    private Dictionary<ContainerKey, IReadOnlyDictionary<string, Link>> inside = [];
    private IReadOnlyDictionary<string, Link> links = new Dictionary<string, Link>();
    private ImmutableArray<AttachmentIntent> known = [];
    private Dictionary<string, ContainerKey> places = [];
    private ImmutableArray<ContainerKey> unknown = [];
    private ImmutableArray<ContainerKey> blocked = [];

    /// <summary>Anything may have changed.</summary>
    public void Everything()
    {
        lock (gate)
        {
            isAllStale = true;
        }
    }

    /// <summary>Has the kernel say from now on when links or addresses change.</summary>
    /// <param name="changed">Is told too.</param>
    /// <exception cref="HostException">The kernel does not tell.</exception>
    public void WatchLinks(Action<LinkEvent> changed) =>
        linkWatch = LinkWatch.Start(moved =>
        {
            LinksChanged(moved);
            changed(moved);
        });

    private void LinksChanged(LinkEvent moved)
    {
        lock (gate)
        {
            if (moved.IsOverrun)
            {
                isAllStale = true;
            }
            else if (moved.Namespace is { } number)
            {
                staleNamespaces.Add(number);
            }
            else if (moved.Index is { } index)
            {
                staleLinks.Add(index);
            }
        }
    }

    /// <summary>An engine says that something happened to a container, or to any.</summary>
    public void ContainerChanged(Engine engine, string? name)
    {
        lock (gate)
        {
            if (name is null)
            {
                staleEngines.Add(engine);
            }
            else
            {
                staleContainers.Add(new ContainerKey(engine, name));
            }
        }
    }

    /// <summary>
    /// Whether something keeps containers from their places that may end without an event: their engine does not say more of
    /// them, though it answers, or another interface inside has the name of a place.
    /// </summary>
    public bool IsKept => !unknown.IsEmpty || !blocked.IsEmpty;

    /// <summary>These are to be looked at again.</summary>
    public void AskAgain()
    {
        lock (gate)
        {
            staleContainers.UnionWith(unknown);
            staleInsides.UnionWith(blocked);
        }
    }

    /// <summary>Marks as stale what a plan that is about to be carried out will change.</summary>
    public void Touch(Plan plan)
    {
        lock (gate)
        {
            foreach (var change in plan.Changes.OfType<NicChange>())
            {
                staleContainers.Add(change.Container);
                staleInsides.Add(change.Container);
            }
            var lines = plan
                .Changes.OfType<BatchChange>()
                .SelectMany(change => change.Lines)
                .ToList();
            // The kernel sends no event for a setting. A link that is yet to be made sends one itself.
            foreach (var line in lines)
            {
                if (
                    line is { Namespace: null, LinkOfSetting: { } name }
                    && links.TryGetValue(name, out var link)
                )
                {
                    staleLinks.Add(link.Index);
                }
            }
            var spaces = lines
                .Select(line => line.Namespace)
                .Concat(plan.Changes.OfType<ChecksumChange>().Select(change => change.Namespace))
                .OfType<string>()
                .Select(ContainerSighting.PathOf)
                .ToHashSet(StringComparer.Ordinal);
            if (spaces.Count == 0)
            {
                return;
            }
            foreach (var container in inside.Keys)
            {
                if (
                    sightings.TryGetValue(container, out var sighting)
                    && sighting.Namespace is { } space
                    && spaces.Contains(space)
                )
                {
                    staleInsides.Add(container);
                }
            }
        }
    }

    /// <summary>
    /// Notes which host end belongs to which container, to understand events of links, and which containers cannot have their
    /// place.
    /// </summary>
    public void Know(HostIntent intent, Plan plan)
    {
        var inTheWay = plan
            .Conflicts.Where(conflict => conflict.StandsAlone)
            .Select(conflict => conflict.Name)
            .ToHashSet(StringComparer.Ordinal);
        blocked =
            inTheWay.Count == 0
                ? []
                :
                [
                    .. intent
                        .Attachments.Where(place => inTheWay.Contains(place.InterfaceName))
                        .Select(place => place.Key)
                        .Distinct(),
                ];
        if (intent.Attachments != known)
        {
            known = intent.Attachments;
            places = known.ToDictionary(
                attachment => attachment.HostEnd,
                attachment => attachment.Key,
                StringComparer.Ordinal
            );
        }
    }

    /// <summary>Reads what is stale, and says what the host looks like.</summary>
    /// <exception cref="HostException">The host could not be read.</exception>
    public async Task<HostObservation> ObserveAsync(
        HostOverlay on,
        CancellationToken cancellationToken
    )
    {
        linkWatch?.Drain();
        var stale = TakeStale(on.Interest);
        try
        {
            await RefreshEnginesAsync(stale, on.Interest, cancellationToken);
            await RefreshContainersAsync(stale, cancellationToken);
            ShareNetworks(stale);
            RefreshLinks(stale);
            RefreshInsides(stale, on.Interest);
            if (stale.HasCopied)
            {
                unknown = [.. ContainerSighting.Unknown(sightings.Values, on.Interest.Includes)];
            }
        }
        catch
        {
            Everything();
            throw;
        }
        return on.WithRecords(
            await host.ObserveAsync(
                new ContainersSeen(sightings, silent, inside),
                links,
                on.Credentials,
                cancellationToken
            )
        );
    }

    private Stale TakeStale(ContainerInterest interest)
    {
        lock (gate)
        {
            var engines = isAllStale
                ? interest.Engines.Union(ContainerReader.Keepers).ToHashSet()
                :
                [
                    .. staleEngines,
                    // It did not tell of all its containers when it was last asked, and it is there again.
                    .. staleContainers
                        .Select(container => container.Engine)
                        .Where(silent.ContainsKey),
                ];
            var stale = new Stale(
                engines,
                [.. staleContainers.Where(container => !engines.Contains(container.Engine))],
                isAllStale
                    ? [.. sightings.Keys, .. inside.Keys]
                    : [.. staleInsides, .. staleContainers],
                new HashSet<int>(isAllStale ? [] : staleNamespaces),
                isAllStale ? null : [.. staleLinks]
            );
            isAllStale = false;
            staleEngines.Clear();
            staleContainers.Clear();
            staleInsides.Clear();
            staleNamespaces.Clear();
            staleLinks.Clear();
            return stale;
        }
    }

    private async Task RefreshEnginesAsync(
        Stale stale,
        ContainerInterest interest,
        CancellationToken cancellationToken
    )
    {
        foreach (
            var answer in await ContainerReader.AskAsync(
                host.Engines,
                stale.Engines,
                interest,
                cancellationToken
            )
        )
        {
            silent = answer.Silence is { } silence
                ? silent.SetItem(answer.Engine, silence)
                : silent.Remove(answer.Engine);
            // What an engine had when it last answered is all that is known of it.
            if (answer.Containers is not { } containers)
            {
                continue;
            }
            var gone = sightings
                .Keys.Where(container => container.Engine == answer.Engine)
                .Except(containers.Select(container => container.Key))
                .ToList();
            foreach (var container in gone)
            {
                Forget(container, stale);
            }
            foreach (var container in containers)
            {
                See(container, stale);
            }
        }
    }

    private async Task RefreshContainersAsync(Stale stale, CancellationToken cancellationToken) =>
        await Parallel.ForEachAsync(
            stale.Containers,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = ContainersAtOnce,
                CancellationToken = cancellationToken,
            },
            async (container, token) =>
            {
                lock (stale)
                {
                    if (stale.Unanswered.Contains(container.Engine))
                    {
                        return;
                    }
                }
                try
                {
                    var found = await host
                        .Engines.Of(container.Engine)
                        .FindAsync(container.Name, token);
                    lock (stale)
                    {
                        if (found is null)
                        {
                            Forget(container, stale);
                        }
                        else
                        {
                            See(found, stale);
                        }
                    }
                }
                catch (HostException exception)
                {
                    lock (stale)
                    {
                        silent = silent.SetItem(container.Engine, exception.Message);
                        stale.Unanswered.Add(container.Engine);
                    }
                    // The next look asks it for all of them.
                    ContainerChanged(container.Engine, null);
                }
            }
        );

    /// <summary>Of containers that share one network, one that runs tells whether it lives for the others too.</summary>
    private void ShareNetworks(Stale stale)
    {
        if (!stale.HasCopied)
        {
            return;
        }
        foreach (var container in ContainerSighting.Shared(sightings.Values))
        {
            See(container, stale);
        }
    }

    private void See(ContainerSighting seen, Stale stale)
    {
        var before = sightings.GetValueOrDefault(seen.Key);
        var container = seen.With(before);
        if (
            before is null
            || (before.Namespace, before.NamespaceId)
                != (container.Namespace, container.NamespaceId)
        )
        {
            stale.Insides.Add(container.Key);
        }
        if (before != container)
        {
            Sightings(stale)[container.Key] = container;
        }
    }

    private void Forget(ContainerKey container, Stale stale)
    {
        stale.Insides.Add(container);
        if (sightings.ContainsKey(container))
        {
            Sightings(stale).Remove(container);
        }
    }

    /// <summary>The containers, to be altered: a copy of what was shown, made once for all that is stale.</summary>
    private Dictionary<ContainerKey, ContainerSighting> Sightings(Stale stale)
    {
        if (!stale.HasCopied)
        {
            stale.HasCopied = true;
            sightings = new(sightings);
        }
        return sightings;
    }

    private void RefreshLinks(Stale stale)
    {
        if (stale.Namespaces.Count > 0)
        {
            stale.Insides.UnionWith(
                from link in links.Values
                where link.PeerNamespace is { } number && stale.Namespaces.Contains(number)
                where places.ContainsKey(link.Name)
                select places[link.Name]
            );
        }
        if (stale.Links is { Count: 0 })
        {
            return;
        }
        var before = links;
        links = stale.Links is { } moved ? LinkReader.Read(before, moved) : LinkReader.Read();
        foreach (var (name, container) in places)
        {
            if (EndOf(before, name) != EndOf(links, name))
            {
                stale.Insides.Add(container);
            }
        }

        static (int, int?, int?)? EndOf(IReadOnlyDictionary<string, Link> links, string name) =>
            links.TryGetValue(name, out var link)
                ? (link.Index, link.PeerIndex, link.PeerNamespace)
                : null;
    }

    private void RefreshInsides(Stale stale, ContainerInterest interest)
    {
        // An engine that does not answer does not report containers that have ended either.
        stale.Insides.UnionWith(
            inside.Keys.Where(container =>
                silent.ContainsKey(container.Engine)
                && sightings.TryGetValue(container, out var sighting)
                && !ContainerReader.IsThere(sighting)
            )
        );
        if (stale.Insides.Count == 0)
        {
            return;
        }
        inside = new(inside);
        foreach (var container in stale.Insides)
        {
            if (
                sightings.TryGetValue(container, out var sighting)
                && interest.Includes(sighting)
                && ContainerReader.LinksOf(sighting) is { } found
            )
            {
                inside[container] = found;
            }
            else
            {
                inside.Remove(container);
            }
        }
    }

    private sealed record Stale(
        IReadOnlyCollection<Engine> Engines,
        IReadOnlyCollection<ContainerKey> Containers,
        HashSet<ContainerKey> Insides,
        IReadOnlySet<int> Namespaces,
        // Their numbers; null if any may have moved.
        HashSet<int>? Links
    )
    {
        public bool HasCopied { get; set; }

        /// <summary>The engines that did not answer for one of their containers: they are not asked for the others.</summary>
        public HashSet<Engine> Unanswered { get; } = [];
    }
}
