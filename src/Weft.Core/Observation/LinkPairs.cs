namespace Weft.Core.Observation;

/// <summary>Which two links are the ends of one veth pair, where they are in different network namespaces.</summary>
public static class LinkPairs
{
    /// <summary>The end on the host of a pair whose other end is inside a container; null where there is none.</summary>
    /// <param name="inner">The end inside the container.</param>
    /// <param name="links">The links of the host.</param>
    public static Link? HostEndOf(Link inner, IReadOnlyDictionary<string, Link> links) =>
        inner is { Kind: "veth", PeerIndex: { } index }
            ? links.Values.FirstOrDefault(outer =>
                outer.Index == index && outer.Kind == "veth" && outer.PeerIndex == inner.Index
            )
            : null;
}
