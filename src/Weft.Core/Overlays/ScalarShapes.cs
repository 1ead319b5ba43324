using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Weft.Core.Ipsec;

namespace Weft.Core.Overlays;

/// <summary>Reads a text as a value.</summary>
/// <returns>
/// Null if the text is right; otherwise what is wrong and what to do, to end the sentence "… is 'text', which".
/// </returns>
internal delegate string? TextReader<T>(string text, out T value);

/// <summary>A text with a meaning, such as a name or an address.</summary>
/// <param name="expected">A description of a right text.</param>
/// <param name="pattern">A regular expression, for editors. Every right text matches it; wrong ones may too.</param>
/// <param name="read">Reads the text.</param>
internal sealed class TextShape<T>(string expected, string pattern, TextReader<T> read) : Shape<T>
{
    public override string Expected => expected;

    public override Marked<T>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        if (node is not YamlScalar { IsNull: false } scalar)
        {
            Refuse(node, place, mistakes);
            return null;
        }
        if (read(scalar.Text, out var value) is not { } wrong)
        {
            return new Marked<T>(value, scalar.At);
        }
        var found = HoldsSecret ? $"{place}" : $"{place} is {Words.Quote(scalar.Text)}, which";
        mistakes.Add(scalar.At, $"{found} {wrong}");
        return null;
    }

    /// <summary>Whether the text is valid as the key of the entry at <paramref name="place"/>.</summary>
    public bool CheckName(string text, string noun, Place place, Mistakes mistakes)
    {
        if (read(text, out _) is not { } wrong)
        {
            return true;
        }
        mistakes.Add(place.At, $"the {noun} of {place} {wrong}");
        return false;
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "string");
        json.WriteString("pattern", pattern);
    }
}

/// <summary>The value of a label: any text, including what elsewhere would be a number or a truth value.</summary>
internal sealed class LabelShape : Shape<string>
{
    public override string Expected => "what the label says, a text";

    public override Marked<string>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        if (node is YamlScalar { IsNull: false } scalar)
        {
            return new Marked<string>(scalar.Text, scalar.At);
        }
        Refuse(node, place, mistakes);
        return null;
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("type");
        foreach (var type in (string[])["string", "boolean", "integer", "number"])
        {
            json.WriteStringValue(type);
        }
        json.WriteEndArray();
    }
}

/// <summary>A secret: a text long enough not to be guessed.</summary>
/// <param name="least">The fewest characters.</param>
internal sealed class SecretShape(int least) : Shape<Secret>
{
    // Beginnings that a random key is most unlikely to have, though Base64 uses '/' too.
    private static readonly string[] Paths =
    [
        "/etc/",
        "/home/",
        "/mnt/",
        "/opt/",
        "/root/",
        "/run/",
        "/srv/",
        "/tmp/",
        "/usr/",
        "/var/",
        "./",
        "~/",
        "file:",
    ];

    public override string Expected { get; } = $"the key itself, of {least} characters or more";

    public override Marked<Secret>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        if (node is not YamlScalar { IsNull: false } scalar)
        {
            Refuse(node, place, mistakes);
            return null;
        }
        if (Paths.Any(path => scalar.Text.StartsWith(path, StringComparison.Ordinal)))
        {
            mistakes.Add(
                scalar.At,
                $"{place} is the key itself, and this looks like the path of a file that has it: write `{{ file: {scalar.Text.Replace("file:", "", StringComparison.Ordinal).Trim()} }}`"
            );
            return null;
        }
        if (scalar.Text.EnumerateRunes().Count() < least)
        {
            mistakes.Add(
                scalar.At,
                $"{place} has fewer than {least} characters, which can be guessed: write a longer key, such as `openssl rand -base64 32` makes"
            );
            return null;
        }
        return new Marked<Secret>(Secret.OfText(scalar.Text), scalar.At);
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "string");
        json.WriteNumber("minLength", least);
    }
}

/// <summary>A whole number in a range, in plain decimal digits.</summary>
internal sealed class IntegerShape(string expected, long least, long most) : Shape<long>
{
    public override string Expected { get; } = $"{expected} from {least} to {most}";

    public override Marked<long>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        if (node is not YamlScalar { IsNull: false } scalar)
        {
            Refuse(node, place, mistakes);
            return null;
        }
        if (Wrong(scalar) is not { } wrong)
        {
            return new Marked<long>(long.Parse(scalar.Text), scalar.At);
        }
        mistakes.Add(scalar.At, $"{place} is {Words.Quote(scalar.Text)}, which {wrong}");
        return null;
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "integer");
        json.WriteNumber("minimum", least);
        json.WriteNumber("maximum", most);
    }

    public override void WriteValue(Utf8JsonWriter json, string value) => json.WriteRawValue(value);

    private string? Wrong(YamlScalar scalar)
    {
        var text = scalar.Text;
        if (Meant(text) is not { } meant)
        {
            return $"is no whole number: write {Expected}";
        }
        if (meant < least || meant > most)
        {
            return $"is out of range: write {Expected}";
        }
        var plain = meant.ToString();
        if (text != plain)
        {
            return text[0] == '0' && char.IsAsciiDigit(text[1])
                ? $"begins with 0, octal to some programs: write {plain}"
                : $"is not in plain decimal digits: write {plain}";
        }
        return scalar.IsPlain ? null : "is a text because of its quotation marks: take them away";
    }

    /// <summary>
    /// The number that is meant, also in notations that are refused, so that the message can say what to write.
    /// </summary>
    private static Int128? Meant(string text)
    {
        var digits = text.Replace("_", "", StringComparison.Ordinal);
        var style = NumberStyles.AllowLeadingSign;
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            (digits, style) = (digits[2..], NumberStyles.AllowHexSpecifier);
        }
        else if (digits.StartsWith("0b", StringComparison.OrdinalIgnoreCase))
        {
            (digits, style) = (digits[2..], NumberStyles.AllowBinarySpecifier);
        }
        // More than 30 digits are out of every range, and as hexadecimal they could turn negative.
        if (digits.Length > 30 && digits.All(char.IsAsciiHexDigit))
        {
            return Int128.MaxValue;
        }
        return Int128.TryParse(digits, style, null, out var number) ? number : null;
    }
}

/// <summary>True or false.</summary>
internal sealed class BooleanShape : Shape<bool>
{
    private static readonly ImmutableArray<string> WordsForTrue = ["true", "yes", "on", "y", "1"];
    private static readonly ImmutableArray<string> WordsForFalse = ["false", "no", "off", "n", "0"];

    public override string Expected => "true or false";

    public override Marked<bool>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        switch (node)
        {
            case YamlScalar { IsPlain: true, Text: "true" or "false" } scalar:
                return new Marked<bool>(scalar.Text == "true", scalar.At);
            case YamlScalar { IsNull: false } scalar:
                mistakes.Add(
                    scalar.At,
                    $"{place} is {Words.Quote(scalar.Text)}, which is a text: write {Meant(scalar.Text)}"
                );
                return null;
            default:
                Refuse(node, place, mistakes);
                return null;
        }
    }

    public override void WriteSchema(Utf8JsonWriter json) => json.WriteString("type", "boolean");

    public override void WriteValue(Utf8JsonWriter json, string value) => json.WriteRawValue(value);

    private string Meant(string text) =>
        WordsForTrue.Contains(text, StringComparer.OrdinalIgnoreCase) ? "true"
        : WordsForFalse.Contains(text, StringComparer.OrdinalIgnoreCase) ? "false"
        : Expected;
}

/// <summary>One of a few words.</summary>
internal sealed class ChoiceShape<T>(params ImmutableArray<(string Word, T Value)> choices)
    : Shape<T>
{
    public override string Expected => Words.List(choices.Select(choice => choice.Word), "or");

    public override Marked<T>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        if (node is not YamlScalar { IsNull: false } scalar)
        {
            Refuse(node, place, mistakes);
            return null;
        }
        foreach (var (word, value) in choices)
        {
            if (scalar.Text == word)
            {
                return new Marked<T>(value, scalar.At);
            }
        }
        var fix = Words.Nearest(scalar.Text, choices.Select(choice => choice.Word)) is { } nearest
            ? $"did you mean '{nearest}'?"
            : $"write {Expected}";
        mistakes.Add(
            scalar.At,
            $"{place} is {Words.Quote(scalar.Text)}, which is not among the choices: {fix}"
        );
        return null;
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("enum");
        foreach (var (word, _) in choices)
        {
            json.WriteStringValue(word);
        }
        json.WriteEndArray();
    }
}
