using System.Text;
using DiffPlex.Renderer;
using Weft.Core.Ipsec;

namespace Weft.Core.History;

/// <summary>The difference between two overlay files as <c>diff -u</c> shows it, with every key left out.</summary>
internal static class HistoryDiff
{
    private const int Context = 3;
    private const string Nothing = "/dev/null";

    /// <summary>The difference; empty if there is none that may be shown.</summary>
    /// <param name="before">The earlier file; null if there was none.</param>
    /// <param name="beforeName">The earlier file's name.</param>
    /// <param name="after">The later file; null if there is none.</param>
    /// <param name="afterName">The later file's name.</param>
    public static string Of(byte[]? before, string beforeName, byte[]? after, string afterName)
    {
        var (former, formerSecrets) = Masked(before);
        var (later, laterSecrets) = Masked(after);
        if (
            formerSecrets.Count > 0
            && laterSecrets.Count > 0
            && !formerSecrets.SequenceEqual(laterSecrets)
        )
        {
            later = later.Replace(
                Secret.Veil,
                $"{Secret.Veil} (another one)",
                StringComparison.Ordinal
            );
        }
        return former == later
            ? ""
            : UnidiffRenderer.GenerateUnidiff(
                // A final newline would count as an additional empty line.
                former.TrimEnd('\n'),
                later.TrimEnd('\n'),
                before is null ? Nothing : beforeName,
                after is null ? Nothing : afterName,
                ignoreWhitespace: false,
                ignoreCase: false,
                Context
            );
    }

    private static (string Text, IReadOnlyList<string> Secrets) Masked(byte[]? file) =>
        file is null ? ("", []) : SecretMask.Of(Encoding.UTF8.GetString(file));
}
