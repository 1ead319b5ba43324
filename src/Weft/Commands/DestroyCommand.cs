using System.CommandLine;

namespace Weft.Commands;

/// <summary><c>weft destroy</c>: takes the overlay off this host again.</summary>
internal static class DestroyCommand
{
    /// <summary>The command: an apply of nothing.</summary>
    public static Command Create() =>
        ApplyCommand.Create(
            "destroy",
            "Remove from this host what Weft made for the overlay, and nothing else.",
            question: "Remove?",
            destroys: true,
            ("weft destroy overlay.yaml", "show what goes and ask"),
            ("weft destroy --yes overlay.yaml", "do not ask"),
            ("weft destroy --host host3 overlay.yaml", "from another host, over SSH")
        );
}
