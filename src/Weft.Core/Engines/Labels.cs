using System.Collections.Immutable;

namespace Weft.Core.Engines;

/// <summary>Labels as sightings have them.</summary>
internal static class Labels
{
    /// <summary>No labels.</summary>
    public static ImmutableSortedDictionary<string, string> None { get; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Labels in the order of their keys; one without a value has an empty one.</summary>
    public static ImmutableSortedDictionary<string, string> Sorted(
        this IReadOnlyDictionary<string, string?>? labels
    ) =>
        labels is null
            ? None
            : labels.ToImmutableSortedDictionary(
                label => label.Key,
                label => label.Value ?? "",
                StringComparer.Ordinal
            );
}
