using System.Text;
using System.Text.RegularExpressions;

namespace Weft.Manuals;

/// <summary>A command's page for man(1), in the macros of man(7).</summary>
internal static partial class ManPage
{
    /// <summary>The name of the page's file.</summary>
    public static string FileName(CommandManual manual) => $"{manual.Page}.1";

    /// <summary>Writes the page.</summary>
    /// <param name="manual">The command's description.</param>
    /// <param name="all">All commands of the program.</param>
    /// <param name="version">The program's version.</param>
    /// <param name="date">The date of that version.</param>
    public static string Write(
        CommandManual manual,
        IReadOnlyList<CommandManual> all,
        string version,
        DateOnly date
    )
    {
        var page = new StringBuilder();
        Line(
            $".TH {manual.Page.ToUpperInvariant()} 1 \"{date:yyyy-MM-dd}\" \"Weft {version}\" \"Weft\""
        );
        // No hyphenation: a command line that is split at a hyphen cannot be copied.
        Line(".nh");
        Section("NAME");
        Line($"{Plain(manual.Page)} \\- {Text(FirstSentence(manual.Description))}");
        Section("SYNOPSIS");
        Line($".B {Plain(manual.Name)}");
        Line($".I {Plain(manual.Operands)}");
        Section("DESCRIPTION");
        Paragraph(manual.Description);
        Entries("ARGUMENTS", manual.Arguments);
        if (manual.Commands.Any())
        {
            Section("COMMANDS");
            foreach (var command in manual.Commands)
            {
                Line(".TP");
                Line($".BR {Plain(command.Page)} (1)");
                Paragraph(command.Description);
            }
        }
        Entries("OPTIONS", manual.Options);
        Table("EXIT STATUS", Conventions.ExitCodes);
        if (manual.IsRoot)
        {
            Table("ENVIRONMENT", Conventions.Environment);
            Table("FILES", Conventions.Files);
        }
        if (manual.Examples.Count > 0)
        {
            Section("EXAMPLES");
            foreach (var (line, does) in manual.Examples)
            {
                Line(".TP");
                Line($".B {Plain(line)}");
                Paragraph(does);
            }
        }
        Section("SEE ALSO");
        string[] others =
        [
            .. all.Where(other => IsNear(manual, other)).Select(other => $"{other.Page} (1)"),
            .. manual.IsRoot
                ? ["ovs-vsctl (8)", "ip-xfrm (8)", "swanctl (8)"]
                : Array.Empty<string>(),
        ];
        for (var index = 0; index < others.Length; index++)
        {
            Line($".BR {Plain(others[index])}{(index < others.Length - 1 ? " ," : "")}");
        }
        return page.ToString();

        void Line(string line) => page.Append(line).Append('\n');

        void Section(string name) => Line($".SH {name}");

        void Paragraph(string text) => Line(Text(text));

        void Entries(string section, IEnumerable<ManualEntry> entries)
        {
            if (!entries.Any())
            {
                return;
            }
            Section(section);
            foreach (var entry in entries)
            {
                Line(".TP");
                Line(
                    string.Join(", ", entry.Names.Select(name => $"\\fB{Plain(name)}\\fR"))
                        + (entry.Names.Count > 0 && entry.Value.Length > 0 ? " " : "")
                        + (entry.Value.Length > 0 ? $"\\fI{Plain(entry.Value)}\\fR" : "")
                );
                Paragraph(
                    entry.Default is null
                        ? entry.Description
                        : $"{entry.Description} [default: {entry.Default}]"
                );
            }
        }

        void Table(string section, IEnumerable<(string What, string Means)> rows)
        {
            Section(section);
            foreach (var (what, means) in rows)
            {
                Line(".TP");
                Line($".B {Plain(what)}");
                Paragraph(means);
            }
        }
    }

    // The program's page refers to its direct subcommands, a command's page to the commands above, below and beside it.
    private static bool IsNear(CommandManual manual, CommandManual other)
    {
        var above = Above(manual.Name);
        return other.Name != manual.Name
                && (other.Name == above || Above(other.Name) == manual.Name)
            || (other.Name != manual.Name && above != "weft" && Above(other.Name) == above);
    }

    private static string Above(string name) =>
        name.LastIndexOf(' ') is var end and > 0 ? name[..end] : "";

    // whatis(1) and apropos(1) use this line, which is short and has no full stop.
    private static string FirstSentence(string text) =>
        (
            text.IndexOf(". ", StringComparison.Ordinal) is var end and > 0 ? text[..end] : text
        ).TrimEnd('.');

    /// <summary>Formats prose, with text in backticks in bold.</summary>
    private static string Text(string text) =>
        Typed().Replace(Plain(text), match => $"\\fB{match.Groups["typed"].Value}\\fR");

    /// <summary>Escapes the characters that have a meaning in roff.</summary>
    private static string Plain(string text)
    {
        var escaped = text.Replace("\\", "\\e", StringComparison.Ordinal)
            .Replace("-", "\\-", StringComparison.Ordinal)
            .Replace("\"", "\\(dq", StringComparison.Ordinal)
            .Replace("~", "\\(ti", StringComparison.Ordinal)
            .Replace("^", "\\(ha", StringComparison.Ordinal)
            .Replace("'", "\\(aq", StringComparison.Ordinal);
        return escaped.StartsWith('.') ? $"\\&{escaped}" : escaped;
    }

    [GeneratedRegex("`(?<typed>[^`]+)`", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Typed();
}
