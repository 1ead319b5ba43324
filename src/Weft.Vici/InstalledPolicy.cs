using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>An installed trap, drop or pass policy (strongSwan, vici/README.md, list-policy).</summary>
/// <param name="Child">The name of the child's configuration.</param>
/// <param name="Ike">The name of its connection; null if there is none.</param>
/// <param name="Mode">
/// For a trap the mode of its associations, such as <c>TRANSPORT</c>; otherwise <c>PASS</c> or <c>DROP</c>.
/// </param>
/// <param name="LocalSelectors">The traffic selectors of this end.</param>
/// <param name="RemoteSelectors">The traffic selectors of the other end.</param>
public sealed record InstalledPolicy(
    string Child,
    string? Ike,
    string Mode,
    ImmutableArray<string> LocalSelectors,
    ImmutableArray<string> RemoteSelectors
)
{
    internal static InstalledPolicy FromSection(ViciMessage section) =>
        new(
            section.Required("child"),
            section.Text("ike"),
            section.Required("mode"),
            section.Texts("local-ts"),
            section.Texts("remote-ts")
        );
}
