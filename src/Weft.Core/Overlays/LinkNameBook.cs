namespace Weft.Core.Overlays;

/// <summary>Who has which link name on which host; finds names that two things have, shortened or not.</summary>
internal sealed class LinkNameBook(Mistakes mistakes)
{
    private readonly Dictionary<(string? Host, string Link), (string What, Position? At)> holders =
    [];

    /// <summary>Gives a link name to something, if nothing has it yet.</summary>
    /// <param name="host">The one host that it is on; null where every host has it, which must come before the others.</param>
    /// <param name="link">The link's name.</param>
    /// <param name="what">What has it.</param>
    /// <param name="at">Where the file says so, if it does.</param>
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
