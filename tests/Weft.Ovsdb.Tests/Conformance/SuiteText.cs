using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>The text forms Open vSwitch's test suite compares: its JSON, its filters, its shell words.</summary>
internal static partial class SuiteText
{
    /// <summary>JSON as Open vSwitch prints it with sorted members (lib/json.c, JSSF_SORT).</summary>
    public static string Json(JsonElement value) => Append(new StringBuilder(), value).ToString();

    /// <summary>As <see cref="Json(JsonElement)"/>, of text that is JSON.</summary>
    public static string Json(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Json(document.RootElement);
    }

    private static StringBuilder Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                var first = true;
                foreach (
                    var member in value
                        .EnumerateObject()
                        .OrderBy(m => m.Name, StringComparer.Ordinal)
                )
                {
                    text.Append(first ? "" : ",");
                    first = false;
                    String(text, member.Name).Append(':');
                    Append(text, member.Value);
                }
                return text.Append('}');
            case JsonValueKind.Array:
                text.Append('[');
                for (var i = 0; i < value.GetArrayLength(); i++)
                {
                    text.Append(i == 0 ? "" : ",");
                    Append(text, value[i]);
                }
                return text.Append(']');
            case JsonValueKind.String:
                return String(text, value.GetString()!);
            case JsonValueKind.Number:
                return text.Append(Number(value));
            default:
                return text.Append(value.GetRawText());
        }
    }

    /// <summary>A number as Open vSwitch prints it: an integer where it is one and fits 64 bits, else <c>%.15g</c>.</summary>
    public static string Number(JsonElement number)
    {
        if (number.TryGetInt64(out var integer))
        {
            return integer.ToString();
        }
        // The largest double, as printed, lies beyond the range of a double.
        return double.IsFinite(number.GetDouble()) ? Real(number.GetDouble()) : number.GetRawText();
    }

    /// <summary><c>%.15g</c>, integers below 2^53 without exponent (lib/json.c json_serialize, json_real_create).</summary>
    public static string Real(double real)
    {
        if (real == Math.Truncate(real) && Math.Abs(real) <= long.MaxValue / 1024)
        {
            return ((long)real).ToString();
        }
        var text = real.ToString("E14");
        var exponent = int.Parse(text[(text.IndexOf('E') + 1)..]);
        if (exponent is < -4 or >= 15)
        {
            var mantissa = text[..text.IndexOf('E')];
            mantissa = mantissa.TrimEnd('0').TrimEnd('.');
            return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        var plain = real.ToString($"F{14 - exponent}");
        return plain.Contains('.') ? plain.TrimEnd('0').TrimEnd('.') : plain;
    }

    /// <summary>A JSON string with exactly the escapes of lib/json.c.</summary>
    public static StringBuilder String(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' => text.Append($"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        return text.Append('"');
    }

    /// <summary>
    /// tests/uuidfilt.py: each UUID becomes <c>&lt;0&gt;</c>, <c>&lt;1&gt;</c>, … in the order of appearance; those that
    /// begin with ffffffff stay; sets of them are sorted.
    /// </summary>
    public static string FilterUuids(string text)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        text = Uuid()
            .Replace(
                text,
                m =>
                    $"<{(numbers.TryAdd(m.Value, numbers.Count) ? numbers.Count - 1 : numbers[m.Value])}>"
            );
        return UuidSet()
            .Replace(
                text,
                set =>
                    "[\"set\",["
                    + string.Join(
                        ',',
                        Digits()
                            .Matches(set.Value)
                            .Select(n => int.Parse(n.Value))
                            .Order()
                            .Select(n => $"[\"uuid\",\"<{n}>\"]")
                    )
                    + "]]"
            );
    }

    /// <summary>tests/ovsdb-monitor-sort.py: lines sorted inside groups that blank lines separate, UUIDs in front not counted.</summary>
    public static string SortMonitor(string text)
    {
        var result = new StringBuilder();
        var group = new List<string>();
        foreach (var line in text.Split('\n')[..^(text.EndsWith('\n') ? 1 : 0)])
        {
            if (line.Trim().Length == 0)
            {
                Flush();
                result.Append(line).Append('\n');
            }
            else if (line.StartsWith(',') && group.Count > 0)
            {
                group[^1] += line + "\n";
            }
            else
            {
                group.Add(line + "\n");
            }
        }
        Flush();
        return result.ToString();

        void Flush()
        {
            foreach (
                var line in group
                    .OrderBy(l => RowStart().IsMatch(l))
                    .ThenBy(l => RowStart().Replace(l, ""), StringComparer.Ordinal)
            )
            {
                result.Append(line);
            }
            group.Clear();
        }
    }

    /// <summary>The words a shell makes of a command: quotes taken off, <c>$name</c> put in outside single quotes.</summary>
    public static IReadOnlyList<string> ShellWords(
        string command,
        IReadOnlyDictionary<string, string>? variables = null
    )
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        var doubleQuoted = false;
        for (var at = 0; at < command.Length; at++)
        {
            var c = command[at];
            if (c == '\\' && at + 1 < command.Length)
            {
                at++;
                if (command[at] != '\n')
                {
                    word.Append(command[at]);
                    inWord = true;
                }
            }
            else if (c == '\'' && !doubleQuoted)
            {
                var end = command.IndexOf('\'', at + 1);
                word.Append(command, at + 1, end - at - 1);
                (at, inWord) = (end, true);
            }
            else if (c == '"')
            {
                (doubleQuoted, inWord) = (!doubleQuoted, true);
            }
            else if (
                c == '$'
                && variables is not null
                && Variable().Match(command, at) is { Success: true } name
            )
            {
                word.Append(variables.GetValueOrDefault(name.Groups[1].Value, ""));
                (at, inWord) = (at + name.Length - 1, true);
            }
            else if (char.IsWhiteSpace(c) && !doubleQuoted)
            {
                if (inWord)
                {
                    words.Add(word.ToString());
                }
                word.Clear();
                inWord = false;
            }
            else
            {
                word.Append(c);
                inWord = true;
            }
        }
        if (inWord)
        {
            words.Add(word.ToString());
        }
        return words;
    }

    [GeneratedRegex(
        "[0-9a-fA-F]{8}(?<!ffffffff)-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    )]
    private static partial Regex Uuid();

    [GeneratedRegex("""\["set",\[(,?\["uuid","<\d+>"\])+\]\]""")]
    private static partial Regex UuidSet();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();

    [GeneratedRegex("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")]
    private static partial Regex RowStart();

    [GeneratedRegex(@"\G\$(\w+)")]
    private static partial Regex Variable();
}
