using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>Finds slices of a network that overlap those of another host, or that lie outside the network.</summary>
internal static class SliceCheck
{
    /// <summary>Reports the mistakes in the declared slices.</summary>
    public static void Check(
        ImmutableArray<Entry<ImmutableArray<Marked<IPNetwork>?>>> declared,
        AddressBook book,
        Mistakes mistakes
    )
    {
        var placed =
            new List<(Entry<ImmutableArray<Marked<IPNetwork>?>> Host, Marked<IPNetwork> Slice)>();
        foreach (var entry in declared)
        {
            foreach (var slice in (entry.Value?.Value ?? []).OfType<Marked<IPNetwork>>())
            {
                if (book.Misplacement(slice.Value) is { } misplacement)
                {
                    mistakes.Add(
                        slice.At,
                        $"host {entry.Quoted} has slice {slice.Value}, {misplacement}: write a part of the network's subnet"
                    );
                }
                else
                {
                    placed.Add((entry, slice));
                }
            }
        }
        // Two slices that share an address are nested; in this order, those inside an outermost slice follow it.
        (Entry<ImmutableArray<Marked<IPNetwork>?>> Host, Marked<IPNetwork> Slice)? outer = null;
        foreach (
            var one in placed.OrderBy(one =>
                (
                    IPText.Bits(one.Slice.Value.BaseAddress),
                    IPText.ToNumber(one.Slice.Value.BaseAddress),
                    one.Slice.Value.PrefixLength,
                    one.Slice.At.Order
                )
            )
        )
        {
            if (outer is not { } other || !other.Slice.Value.Contains(one.Slice.Value.BaseAddress))
            {
                outer = one;
                continue;
            }
            var (earlier, later) = other.Slice.At.IsBefore(one.Slice.At)
                ? (other, one)
                : (one, other);
            mistakes.Add(
                later.Slice.At,
                $"host {later.Host.Quoted} has slice {later.Slice.Value} of network {book.Network.Quoted}, which overlaps {earlier.Slice.Value} of host {earlier.Host.Quoted} (line {earlier.Slice.At.Line}): give each host its own"
            );
        }
    }
}
