using System.Collections.Immutable;
using System.Net;

namespace Weft.Core.Engines;

/// <summary>Says that a container has addresses that its host gave it: while the record stands, nobody else gets them.</summary>
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

    /// <summary>
    /// What the MAC address of its interface is derived from, if not from its name; null if from its name. Neighbours send to
    /// the address that they know, so it outlives renaming, and the next container of that name gets another.
    /// </summary>
    public string? MacFrom { get; init; }

    /// <summary>What the MAC address of its interface is derived from.</summary>
    internal string MacOrigin => MacFrom ?? Container.Name;

    /// <summary>
    /// Those of its labels that the overlay selects by, which stand for the container while its engine does not answer.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;
}
