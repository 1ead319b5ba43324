using Weft.Core.Observation;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>An observation as an agent has it: what nothing moved is the very thing that was seen before.</summary>
internal static class Renewed
{
    public static HostObservation By(HostObservation before, HostObservation now) =>
        now with
        {
            Links = Renew(before.Links, now.Links),
            Inside = now.Inside.ToDictionary(
                pair => pair.Key,
                pair =>
                    before.Inside.TryGetValue(pair.Key, out var former)
                        ? Renew(former, pair.Value)
                        : pair.Value
            ),
        };

    private static IReadOnlyDictionary<string, Link> Renew(
        IReadOnlyDictionary<string, Link> before,
        IReadOnlyDictionary<string, Link> now
    )
    {
        var links = now.ToDictionary(
            pair => pair.Key,
            pair =>
                before.TryGetValue(pair.Key, out var former) && IsSame(former, pair.Value)
                    ? former
                    : pair.Value
        );
        return
            links.Count == before.Count
            && links.All(pair => ReferenceEquals(before.GetValueOrDefault(pair.Key), pair.Value))
            ? before
            : links;
    }

    private static bool IsSame(Link one, Link other) =>
        WithoutLists(one) == WithoutLists(other)
        && one.Addresses.SequenceEqual(other.Addresses)
        && one.Leased.SequenceEqual(other.Leased)
        && one.LinkLocal.SequenceEqual(other.LinkLocal)
        && one.Routes.SequenceEqual(other.Routes);

    private static Link WithoutLists(Link link) =>
        link with
        {
            Addresses = [],
            Leased = [],
            LinkLocal = [],
            Routes = [],
        };
}
