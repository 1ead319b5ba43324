using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Observation;

/// <summary>What the engines know of a host's containers, and what is inside those that matter.</summary>
/// <param name="Sightings">All containers.</param>
/// <param name="Silent">The engines that matter and did not answer, and why.</param>
/// <param name="Links">The links inside each running container that matters, by name.</param>
public sealed record ContainersSeen(
    IReadOnlyDictionary<ContainerKey, ContainerSighting> Sightings,
    ImmutableSortedDictionary<Engine, string> Silent,
    IReadOnlyDictionary<ContainerKey, IReadOnlyDictionary<string, Link>> Links
);

/// <summary>Asks engines for their containers, all of them at the same time, and looks into those that matter.</summary>
public static class ContainerReader
{
    // Asked even if the file names no container of theirs any more: they keep the devices that Weft has had them make.
    /// <summary>The engines that keep what they were told.</summary>
    public static IReadOnlyList<Engine> Keepers { get; } = [Engine.Lxd, Engine.Incus];

    /// <summary>Reads all that matters.</summary>
    /// <param name="engines">The doors to the engines.</param>
    /// <param name="interest">What matters.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">A container could not be looked into.</exception>
    public static async Task<ContainersSeen> ReadAsync(
        EngineSet engines,
        ContainerInterest interest,
        CancellationToken cancellationToken
    )
    {
        var answers = await AskAsync(
            engines,
            interest.Engines.Union(Keepers),
            interest,
            cancellationToken
        );
        var sightings = answers
            .SelectMany(answer => answer.Containers ?? [])
            // A container that is renamed while its engine is asked may be listed under both names, of which another has taken
            // the former.
            .DistinctBy(container => container.Key)
            .ToDictionary(container => container.Key);
        return new ContainersSeen(
            sightings,
            SilentOf(answers),
            LookInside(sightings.Values.Where(interest.Includes))
        );
    }

    /// <summary>Asks engines for all their containers.</summary>
    /// <param name="engines">The doors to the engines.</param>
    /// <param name="which">Which engines.</param>
    /// <param name="interest">What matters: any other engine may be down.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<IReadOnlyList<EngineListing>> AskAsync(
        EngineSet engines,
        IEnumerable<Engine> which,
        ContainerInterest interest,
        CancellationToken cancellationToken
    )
    {
        return await Task.WhenAll(which.Select(engine => AskOneAsync(engines.Of(engine))));

        async Task<EngineListing> AskOneAsync(IContainerEngine engine)
        {
            try
            {
                var containers = await engine.ListAsync(cancellationToken);
                return new EngineListing(
                    engine.Engine,
                    containers,
                    containers is null && interest.Misses(engine.Engine) ? engine.Absence : null
                );
            }
            catch (HostException exception)
            {
                return new EngineListing(engine.Engine, null, exception.Message);
            }
        }
    }

    /// <summary>The engines that should have answered and did not, and why.</summary>
    public static ImmutableSortedDictionary<Engine, string> SilentOf(
        IEnumerable<EngineListing> answers
    ) =>
        answers
            .Where(answer => answer.Silence is not null)
            .ToImmutableSortedDictionary(answer => answer.Engine, answer => answer.Silence!);

    /// <summary>
    /// The links inside a container; null if it has no network of its own, or has ended since its engine reported it.
    /// </summary>
    /// <param name="container">The container.</param>
    /// <exception cref="HostException">It cannot be looked into.</exception>
    public static IReadOnlyDictionary<string, Link>? LinksOf(ContainerSighting container) =>
        IsThere(container) ? LinkReader.Read(container.Namespace!) : null;

    /// <summary>Whether a container is still where its engine said, in a network of its own.</summary>
    /// <param name="container">The container.</param>
    public static bool IsThere(ContainerSighting container) =>
        container.IsReady
        && ContainerProcesses.IsStill(container.Namespace!, container.NamespaceId);

    private static Dictionary<ContainerKey, IReadOnlyDictionary<string, Link>> LookInside(
        IEnumerable<ContainerSighting> containers
    )
    {
        var inside = new Dictionary<ContainerKey, IReadOnlyDictionary<string, Link>>();
        foreach (var container in containers)
        {
            if (LinksOf(container) is { } links)
            {
                inside[container.Key] = links;
            }
        }
        return inside;
    }
}

/// <summary>What one engine said.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Containers">Its containers; null where it did not answer.</param>
/// <param name="Silence">Why it did not, where that matters.</param>
public sealed record EngineListing(
    Engine Engine,
    ImmutableArray<ContainerSighting>? Containers,
    string? Silence
);
