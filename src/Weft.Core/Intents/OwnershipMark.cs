using System.Collections.Immutable;

namespace Weft.Core.Intents;

/// <summary>
/// How Weft marks what it created: a key in a row's <c>external_ids</c>, a link's alias, a policy's priority, a route's protocol.
/// </summary>
public static class OwnershipMark
{
    /// <summary>The key whose value is the overlay's name.</summary>
    public const string Key = "weft";

    /// <summary>
    /// The key beside <see cref="Key"/> on a row that Weft adopted instead of creating it. The row keeps its name and Ethernet
    /// address, since a change would cut off the traffic through it.
    /// </summary>
    public const string AdoptedKey = "weft-adopted";

    /// <summary>The value of <see cref="AdoptedKey"/>.</summary>
    public const string AdoptedValue = "true";

    // No overlay's name contains a colon.
    private const string AdoptedSuffix = ":adopted";

    /// <summary>
    /// The priority of the guard's policies, "Weft" in ASCII, as a policy has no room for a name. The kernel prefers the policy
    /// with the smallest number. strongSwan's have about 370,000, so they take precedence where they exist.
    /// </summary>
    public const uint GuardPriority = 0x5765_6674;

    /// <summary>
    /// The protocol of routes that Weft created, "W" in ASCII, as a route has no room for a name. Numbers above RTPROT_STATIC are
    /// free for programs to use (rtnetlink(7)).
    /// </summary>
    public const byte RouteProtocol = 0x57;

    /// <summary>The alias of an overlay's links.</summary>
    public static string Alias(string overlay) => $"{Key}:{overlay}";

    /// <summary>The alias of links that an overlay adopted: they keep their names and Ethernet addresses.</summary>
    public static string AdoptedAlias(string overlay) => $"{Alias(overlay)}{AdoptedSuffix}";

    /// <summary>Whether a link's alias says that an overlay adopted it.</summary>
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
