using System.CommandLine;
using System.Globalization;

namespace Weft.Commands;

/// <summary>Spans of time as people write them: <c>90s</c>, <c>2m</c>, <c>1h</c>.</summary>
internal static class Durations
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>An option that takes one.</summary>
    public static Option<Duration> Option(string name, string description, TimeSpan unlessGiven) =>
        new(name)
        {
            Description = description,
            HelpName = "TIME",
            DefaultValueFactory = _ => new Duration(unlessGiven),
            CustomParser = result =>
            {
                if (TryParse(result.Tokens[0].Value, out var span))
                {
                    return new Duration(span);
                }
                result.AddError(
                    $"'{result.Tokens[0].Value}' is no time for {name}: write a number and s, m or h, such as 90s, up to a day."
                );
                return default;
            },
        };

    /// <summary>Reads one; a number alone is seconds.</summary>
    public static bool TryParse(string text, out TimeSpan span)
    {
        var seconds = text is [.., var unit]
            ? unit switch
            {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                _ => 0,
            }
            : 0;
        span = default;
        if (
            !double.TryParse(
                seconds == 0 ? text : text[..^1],
                NumberStyles.AllowDecimalPoint,
                null,
                out var number
            )
        )
        {
            return false;
        }
        number *= Math.Max(1, seconds);
        if (number <= 0 || number > Longest.TotalSeconds)
        {
            return false;
        }
        span = TimeSpan.FromSeconds(number);
        return true;
    }
}

/// <summary>A span of time that help shows as people write it.</summary>
internal readonly record struct Duration(TimeSpan Span)
{
    /// <inheritdoc/>
    public override string ToString() =>
        Span.TotalSeconds % 60 == 0 ? $"{Span.TotalMinutes:0}m" : $"{Span.TotalSeconds:0}s";
}
