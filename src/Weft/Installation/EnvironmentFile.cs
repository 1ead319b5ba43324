using System.Collections;
using System.Text;

namespace Weft.Installation;

/// <summary>Variables as a file that systemd sets them from (<c>EnvironmentFile=</c> in systemd.exec(5)).</summary>
internal static class EnvironmentFile
{
    /// <summary>This process's own variables, as what is done in its place has them.</summary>
    public static string Own =>
        Of(
            Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .Select(one => ((string)one.Key, (string?)one.Value ?? ""))
                // A service has its own, and what stands in the file counts more.
                .Where(one => one.Item1 != "NOTIFY_SOCKET")
        );

    /// <summary>Variables as the text of the file. What systemd does not take is left out: it would write it into its log, with the value.</summary>
    public static string Of(IEnumerable<(string Name, string Value)> variables)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in variables)
        {
            if (IsName(name) && !value.Any(IsRefused))
            {
                text.Append(name).Append("=\"");
                foreach (var character in value)
                {
                    text.Append(character is '"' or '\\' or '`' or '$' ? "\\" : "")
                        .Append(character);
                }
                text.Append("\"\n");
            }
        }
        return text.ToString();
    }

    private static bool IsName(string name) =>
        name.Length > 0
        && !char.IsAsciiDigit(name[0])
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_');

    private static bool IsRefused(char character) =>
        char.IsControl(character) && character is not ('\t' or '\n');
}
