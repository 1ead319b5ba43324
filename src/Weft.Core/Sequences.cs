using System.Collections.Immutable;

namespace Weft;

/// <summary>
/// The queries of <see cref="Enumerable"/> that this program starts with, without what they cost there: on the result of another
/// query <c>Select</c> is a generic virtual method, which a program compiled ahead of time finds by reading its own metadata.
/// </summary>
internal static class Sequences
{
    public static IEnumerable<TResult> Select<TSource, TResult>(
        this IEnumerable<TSource> source,
        Func<TSource, TResult> selector
    ) =>
        source is TSource[] or List<TSource>
            ? Enumerable.Select(source, selector)
            : Each(source, selector);

    public static IEnumerable<TResult> Select<TSource, TResult>(
        this ImmutableArray<TSource> source,
        Func<TSource, TResult> selector
    ) => ImmutableArrayExtensions.Select(source, selector);

    private static IEnumerable<TResult> Each<TSource, TResult>(
        IEnumerable<TSource> source,
        Func<TSource, TResult> selector
    )
    {
        foreach (var item in source)
        {
            yield return selector(item);
        }
    }
}
