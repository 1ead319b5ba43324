using System.Collections;
using System.Text;

namespace Weft.Installation;

/// <summary>Writes variables in the format of systemd's environment files (<c>EnvironmentFile=</c> in systemd.exec(5)).</summary>
internal static class EnvironmentFile
{
    /// <summary>This process's own variables, for a service that acts in its place.</summary>
    public static string Own =>
        Of(
            Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .Select(one => ((string)one.Key, (string?)one.Value ?? ""))
                // A service has its own NOTIFY_SOCKET, which one in the file would override.
                .Where(one => one.Item1 != "NOTIFY_SOCKET")
        );

    /// <summary>
    /// The text of the file. Omits variables that systemd would refuse, because it logs these with their values.
    /// </summary>
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
