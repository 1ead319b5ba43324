using System.Text;

namespace Weft.Core.Overlays;

/// <summary>Writes the list of keys for the documentation: one table for each mapping, outermost first.</summary>
internal static class KeyReference
{
    public static string Of(ObjectShape root)
    {
        var text = new StringBuilder();
        Write(text, "the file itself", path: "", root);
        return text.ToString();
    }

    private static void Write(StringBuilder text, string title, string path, ObjectShape shape)
    {
        text.Append($"### {title}\n\n");
        text.Append("| key | takes | unless given | what it is |\n|---|---|---|---|\n");
        foreach (var key in shape.Keys)
        {
            var absent = key switch
            {
                { Required: true } => "**required**",
                { RequiredUnless: { } other } => $"**required**, unless `{other.Name}` is there",
                { Default: { } value } => $"`{value}`",
                _ => "–",
            };
            text.Append(
                $"| `{key.Name}` | {Cell(key.Shape.Expected)} | {absent} | {Cell(key.Description)} |\n"
            );
        }
        text.Append('\n');
        foreach (var key in shape.Keys)
        {
            switch (key.Shape)
            {
                case ObjectShape inner:
                    Write(text, $"`{path}{key.Name}`", $"{path}{key.Name}.", inner);
                    break;
                case MapShape<Fields> { Value: ObjectShape inner }:
                    Write(text, $"each entry of `{path}{key.Name}`", $"{path}{key.Name}.*.", inner);
                    break;
            }
        }
    }

    /// <summary>Text for a table cell: single-quoted words become code, and '|' is escaped.</summary>
    private static string Cell(string text)
    {
        var cell = new StringBuilder();
        var isCode = false;
        for (var i = 0; i < text.Length; i++)
        {
            var beside = isCode ? text.ElementAtOrDefault(i + 1) : text.ElementAtOrDefault(i - 1);
            // An apostrophe has a letter or digit on that side; a quotation mark does not.
            var isMark = text[i] == '\'' && !char.IsLetterOrDigit(beside);
            isCode ^= isMark;
            cell.Append(isMark ? '`' : text[i]);
        }
        return cell.Replace("|", "\\|").ToString();
    }
}
