using System.Collections.Immutable;

namespace Weft;

/// <summary>
/// Cheaper replacements for the <see cref="Enumerable"/> queries that run at start-up. On the result of another query,
/// <c>Select</c> is a generic virtual method, which a natively compiled program resolves by reading its own metadata.
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
