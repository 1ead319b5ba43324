using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Observation;

/// <summary>What the engines know of a host's containers, and what is inside those that matter.</summary>
/// <param name="Sightings">All containers.</param>
/// <param name="Silent">The engines that matter and did not answer, and why.</param>
/// <param name="Links">The links inside each running container that matters, by name.</param>
internal sealed record ContainersSeen(
    ImmutableDictionary<ContainerKey, ContainerSighting> Sightings,
    ImmutableSortedDictionary<Engine, string> Silent,
    ImmutableDictionary<ContainerKey, ImmutableDictionary<string, Link>> Links
);

/// <summary>Asks engines for their containers, all of them at the same time, and looks into those that matter.</summary>
internal static class ContainerReader
{
    // A device that Weft has had one of these make stays theirs when the file names no container of theirs any more.
    private static readonly Engine[] Keepers = [Engine.Lxd, Engine.Incus];

    public static async Task<ContainersSeen> ReadAsync(
        EngineSet engines,
        ContainerInterest interest,
        CancellationToken cancellationToken
    )
    {
        var answers = await Task.WhenAll(
            interest.Engines.Union(Keepers).Select(engine => AskAsync(engines.Of(engine)))
        );
        var sightings = answers
            .SelectMany(answer => answer.Containers ?? [])
            .ToImmutableDictionary(container => container.Key);
        return new ContainersSeen(
            sightings,
            answers
                .Where(answer => answer.Silence is not null)
                .ToImmutableSortedDictionary(answer => answer.Engine, answer => answer.Silence!),
            LookInside(sightings.Values.Where(interest.Includes))
        );

        async Task<Answer> AskAsync(IContainerEngine engine)
        {
            try
            {
                var containers = await engine.ListAsync(cancellationToken);
                return new Answer(
                    engine.Engine,
                    containers,
                    containers is null && interest.Engines.Contains(engine.Engine)
                        ? $"{engine.Engine.ToString().ToLowerInvariant()} does not run on this host"
                        : null
                );
            }
            catch (HostException exception)
            {
                return new Answer(engine.Engine, null, exception.Message);
            }
        }
    }

    private static ImmutableDictionary<ContainerKey, ImmutableDictionary<string, Link>> LookInside(
        IEnumerable<ContainerSighting> containers
    )
    {
        var inside = ImmutableDictionary.CreateBuilder<
            ContainerKey,
            ImmutableDictionary<string, Link>
        >();
        foreach (var container in containers.Where(container => container.IsReady))
        {
            if (LinkReader.Read(container.Namespace!) is { } links)
            {
                inside[container.Key] = links;
            }
        }
        return inside.ToImmutable();
    }

    private sealed record Answer(
        Engine Engine,
        ImmutableArray<ContainerSighting>? Containers,
        string? Silence
    );
}
