using System.CommandLine;
using Weft.Core;
using Weft.Core.History;

namespace Weft.Commands;

/// <summary>Which overlay's history is meant.</summary>
internal static class HistoryOptions
{
    /// <summary>The option.</summary>
    public static Option<string?> Overlay() =>
        new("--overlay")
        {
            Description = "The overlay's name, if this host has had several.",
            HelpName = "NAME",
        };

    /// <summary>The history of the overlay that was named, or of the only one.</summary>
    /// <exception cref="HostException">There is none.</exception>
    /// <exception cref="UsageException">There is none of that name, or there are several.</exception>
    public static HistoryStore Choose(string? named)
    {
        var all = HistoryStore.All().ToList();
        return named is not null
            ? all.Find(store => store.Overlay == named)
                ?? throw new UsageException(
                    $"nothing was applied here of an overlay '{named}', as far as you may see: be root, and check the name"
                )
            : all switch
            {
                [var only] => only,
                [] => throw new HostException(
                    Environment.IsPrivilegedProcess
                        ? "nothing was applied on this host yet"
                        : "seeing what was applied on this host takes root's rights: use sudo"
                ),
                _ => throw new UsageException(
                    $"this host has had several overlays, say which one with --overlay: {string.Join(", ", all.Select(store => store.Overlay))}"
                ),
            };
    }

    /// <summary>The entry with a number.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static HistoryEntry Entry(HistoryBook book, int number) =>
        book[number]
        ?? throw new UsageException(
            $"there is no entry {number} in the history: `weft history` lists them"
        );
}
