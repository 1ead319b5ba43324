namespace Weft.Core.Observation;

/// <summary>Finds the two ends of a veth pair that are in different network namespaces.</summary>
/// <param name="links">The links of the host.</param>
internal sealed class LinkPairs(IReadOnlyDictionary<string, Link> links)
{
    private readonly ILookup<int, Link> outer = links
        .Values.Where(link => link.Kind == "veth")
        .ToLookup(link => link.Index);

    /// <summary>The end on the host of a pair whose other end is inside a container; null where there is none.</summary>
    /// <param name="inner">The end inside the container.</param>
    public Link? HostEndOf(Link inner) =>
        inner is { Kind: "veth", PeerIndex: { } index }
            ? outer[index].FirstOrDefault(end => end.PeerIndex == inner.Index)
            : null;
}
