using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weft.Core.Overlays;

/// <summary>Explains errors of the YAML parser in terms of the overlay file.</summary>
internal static class YamlAdvice
{
    private const string OpenQuote =
        "a quotation mark opens here and is not closed: add the other one";
    private const string NoPair =
        "a 'key: value' belongs here: indent it like its neighbours, with a space after the ':'";

    private const string ForgottenColon =
        "no 'key: value' is here: a ':' and a space belong after the key";

    // The parser takes a line without ': ' for a text that continues in the next line or stands alone, and fails there:
    private static readonly ImmutableArray<string> AfterForgottenColon =
    [
        "found invalid mapping",
        "could not find expected ':'",
        "did not find expected key",
        "did not find expected <document start>",
    ];

    // The parser's wording of the most common mistakes, and the advice for each.
    private static readonly ImmutableArray<(string Problem, string Advice)> Known =
    [
        (
            "nested too deep",
            "lists and mappings are nested 32 levels deep here, and an overlay file has six: take most away"
        ),
        ("tab", "a tab is here: indent with spaces, YAML allows nothing else"),
        ("a quoted scalar, found unexpected", OpenQuote),
        ("double-quoted scalar, found wrong indentation", OpenQuote),
        (
            "unknown escape character",
            "a backslash is in a text in double quotes: use single quotes"
        ),
        ("cannot start any token", "no value begins with this character: put the value in quotes"),
        (
            "found invalid mapping",
            "a second ':' is in this entry: give the second key a line of its own, indented like its neighbours"
        ),
        ("did not find expected key", NoPair),
        ("could not find expected ':'", NoPair),
        (
            "did not find expected '-' indicator",
            "a list item belongs here: begin it with '- ', indented like its neighbours"
        ),
        (
            "did not find expected node content",
            "a value belongs here: write one, or put it in quotes"
        ),
    ];

    /// <summary>The position of the mistake, and a message: what it is and what to do.</summary>
    /// <param name="error">The parser's exception.</param>
    /// <param name="text">The file's text.</param>
    /// <param name="here">The position up to which the parser has read.</param>
    /// <param name="innermost">The start of the innermost open collection.</param>
    public static (Position At, string Message) On(
        Exception error,
        string text,
        Position here,
        ParsingEvent? innermost
    )
    {
        var at = error is YamlException { Start: var mark, End.Index: > 0 }
            ? new Position((int)mark.Line, (int)mark.Column)
            : here;
        var end = Position.After(text);
        at = end.IsBefore(at) ? end : at;
        if (IsAfterTwoColons(text, at))
        {
            return (at, "an address that ends with '::' is here, a key to YAML: put it in quotes");
        }
        if (
            AfterForgottenColon.Any(problem =>
                error.Message.Contains(problem, StringComparison.OrdinalIgnoreCase)
            ) && LineWithoutPairBefore(text, at) is { } line
        )
        {
            return (line, ForgottenColon);
        }
        var isOfBrackets =
            error is not YamlException
            || error.Message.Contains("did not find expected ','", StringComparison.Ordinal);
        if (isOfBrackets && innermost is SequenceStart or MappingStart)
        {
            return OnBrackets(at, innermost);
        }
        var advice = Known
            .Where(known => error.Message.Contains(known.Problem, StringComparison.Ordinal))
            .Select(known => known.Advice)
            .FirstOrDefault();
        return (
            at,
            advice
                ?? $"this is not YAML ({error.Message.TrimEnd('.')}): look here and in the line above"
        );
    }

    private static (Position At, string Message) OnBrackets(Position at, ParsingEvent innermost)
    {
        var (opening, closing) = innermost is SequenceStart ? ('[', ']') : ('{', '}');
        return at.Line == innermost.Start.Line
            ? (at, $"a '{closing}' or a ',' belongs before this: add it")
            : (
                new((int)innermost.Start.Line, (int)innermost.Start.Column),
                $"'{opening}' opens here and is not closed: add the '{closing}'"
            );
    }

    /// <summary>
    /// Where the lines without a key and a value begin that come right before the pair in this line; null if there are none.
    /// </summary>
    private static Position? LineWithoutPairBefore(string text, Position at)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n').Take(at.Line).ToArray();
        if (!IsPair(lines[^1]))
        {
            return null;
        }
        Position? first = null;
        for (var number = at.Line - 1; number > 0; number--)
        {
            var content = lines[number - 1].Trim();
            if (content is "" or ['#', ..])
            {
                continue;
            }
            if (IsPair(content) || IsOfList(content))
            {
                break;
            }
            first = new Position(number, lines[number - 1].IndexOf(content[0]) + 1);
        }
        return first;
    }

    private static bool IsPair(string line) =>
        line.Split(" #")[0].TrimEnd() is var content
        && (content.Contains(": ", StringComparison.Ordinal) || content.EndsWith(':'));

    private static bool IsOfList(string content) =>
        content is ['-', ' ', ..] or [.., ',' or ']' or '}'];

    private static bool IsAfterTwoColons(string text, Position at)
    {
        var line = 1;
        foreach (var content in text.AsSpan().EnumerateLines())
        {
            if (line++ == at.Line)
            {
                return at.Column >= 2
                    && at.Column <= content.Length
                    && content.Slice(at.Column - 2, 2) is "::";
            }
        }
        return false;
    }
}
