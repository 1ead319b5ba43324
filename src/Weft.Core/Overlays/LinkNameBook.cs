namespace Weft.Core.Overlays;

/// <summary>The link names taken on each host; finds two things that have the same name, shortened or not.</summary>
internal sealed class LinkNameBook(Mistakes mistakes)
{
    private readonly Dictionary<(string? Host, string Link), (string What, Position? At)> holders =
    [];

    /// <summary>Reserves a link name, or reports that something else has it.</summary>
    /// <param name="host">
    /// The one host with this link; null for every host. Names on every host must be reserved before the others.
    /// </param>
    /// <param name="link">The link's name.</param>
    /// <param name="what">The owner of the link, for messages.</param>
    /// <param name="at">The position in the file that gives rise to the name; null if none does.</param>
    public void Take(string? host, string link, string what, Position? at)
    {
        if (
            !holders.TryGetValue((null, link), out var holder)
            && (host is null || !holders.TryGetValue((host, link), out holder))
        )
        {
            holders.Add((host, link), (what, at));
            return;
        }
        var line = holder.At is { } known ? $" (line {known.Line})" : "";
        mistakes.Add(
            at ?? Position.Beginning,
            $"{what} has the link name '{link}', which {holder.What}{line} has already: rename one of them"
        );
    }
}
