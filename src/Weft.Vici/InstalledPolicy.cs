using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>A trap, drop or pass policy that is installed (strongSwan, vici/README.md, list-policy).</summary>
/// <param name="Child">The name of the child's configuration.</param>
/// <param name="Ike">The name of its connection; null where there is none.</param>
/// <param name="Mode">Of a trap that of its associations, as <c>TRANSPORT</c>; else <c>PASS</c> or <c>DROP</c>.</param>
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
