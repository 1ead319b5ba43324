using System.Collections.Immutable;
using System.Net;

namespace Weft.Core.Engines;

/// <summary>That a container has addresses which its host gave it: as long as this stands nobody else gets them.</summary>
public sealed record AddressRecord
{
    /// <summary>The container, by the name that it had last.</summary>
    public required ContainerKey Container { get; init; }

    /// <summary>What its engine knows it by across renaming: <see cref="ContainerSighting.Id"/>.</summary>
    public required string Id { get; init; }

    /// <summary>The name of the network.</summary>
    public required string Network { get; init; }

    /// <summary>The addresses, at most one of each family.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>Since when the container has them.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Since when no container needs them; null while one does.</summary>
    public DateTimeOffset? GoneSince { get; init; }

    /// <summary>Those of its labels that the overlay selects by, by which it is known while its engine does not answer.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;
}
