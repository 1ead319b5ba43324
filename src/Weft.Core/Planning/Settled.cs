using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// The attachments that a planner found as they are to be, for its next run: one that is still wanted the same, and of which
/// nothing was read anew, needs no comparison. Without this a plan is the same, but takes longer with a thousand containers.
/// </summary>
public sealed class Settled
{
    private readonly Dictionary<AttachmentIntent, Ends> known = new(
        ReferenceEqualityComparer.Instance
    );

    /// <summary>Whether an attachment was found right with exactly these ends.</summary>
    internal bool Holds(AttachmentIntent attachment, in Ends ends) =>
        known.TryGetValue(attachment, out var before)
        && ReferenceEquals(before.Outer, ends.Outer)
        && ReferenceEquals(before.Inside, ends.Inside)
        && before.Namespace == ends.Namespace
        && before.HasIpv6 == ends.HasIpv6;

    /// <summary>An attachment was found right.</summary>
    internal void Add(AttachmentIntent attachment, in Ends ends) => known[attachment] = ends;

    /// <summary>Clears the memory once most of it is about attachments that nobody wants any more.</summary>
    /// <param name="wanted">How many attachments there are.</param>
    internal void Trim(int wanted)
    {
        if (known.Count > 2 * wanted)
        {
            known.Clear();
        }
    }

    /// <summary>What was read of an attachment.</summary>
    /// <param name="Outer">The host's end; null where there is none.</param>
    /// <param name="Inside">The links inside the container.</param>
    /// <param name="Namespace">The file of the container's network namespace.</param>
    /// <param name="HasIpv6">Whether the kernel speaks IPv6.</param>
    internal readonly record struct Ends(
        Link? Outer,
        IReadOnlyDictionary<string, Link> Inside,
        string Namespace,
        bool HasIpv6
    );
}
