using System.Collections.Immutable;

namespace Weft.Core.Intents;

/// <summary>How Weft marks what it made: a key in a row's <c>external_ids</c>, the alias of a link, the priority of a policy.</summary>
public static class OwnershipMark
{
    /// <summary>The key whose value is the overlay's name.</summary>
    public const string Key = "weft";

    /// <summary>
    /// The key beside <see cref="Key"/> on a row that Weft did not make but took over: it keeps its name and its Ethernet
    /// address, since another would cut what goes by it.
    /// </summary>
    public const string AdoptedKey = "weft-adopted";

    /// <summary>The value of <see cref="AdoptedKey"/>.</summary>
    public const string AdoptedValue = "true";

    // No overlay's name has a colon.
    private const string AdoptedSuffix = ":adopted";

    /// <summary>
    /// The priority of the guard's policies, "Weft" in ASCII: a policy has no room for a name. The kernel takes the
    /// policy with the smallest number, and those of strongSwan have about 370,000, so that they win where they are.
    /// </summary>
    public const uint GuardPriority = 0x5765_6674;

    /// <summary>
    /// The protocol of routes that Weft made, "W" in ASCII: a route has no room for a name, and numbers above
    /// RTPROT_STATIC are for programs to take (rtnetlink(7)).
    /// </summary>
    public const byte RouteProtocol = 0x57;

    /// <summary>The alias of links of an overlay.</summary>
    public static string Alias(string overlay) => $"{Key}:{overlay}";

    /// <summary>The alias of links that an overlay took over: they keep their names and Ethernet addresses.</summary>
    public static string AdoptedAlias(string overlay) => $"{Alias(overlay)}{AdoptedSuffix}";

    /// <summary>Whether a link's alias says that an overlay took it over.</summary>
    public static bool IsAdopted(string? alias) =>
        Marked(alias)?.EndsWith(AdoptedSuffix, StringComparison.Ordinal) == true;

    /// <summary>The overlay that a link's alias names; null if it names none.</summary>
    public static string? OfAlias(string? alias) =>
        Marked(alias) is { } marked
            ? marked.EndsWith(AdoptedSuffix, StringComparison.Ordinal)
                ? marked[..^AdoptedSuffix.Length]
                : marked
            : null;

    private static string? Marked(string? alias) =>
        alias?.StartsWith(Key + ":", StringComparison.Ordinal) == true
            ? alias[(Key.Length + 1)..]
            : null;

    /// <summary>The overlay that a row's <c>external_ids</c> name; null if they name none.</summary>
    public static string? OfRow(ImmutableSortedDictionary<string, string> externalIds) =>
        externalIds.GetValueOrDefault(Key);
}
