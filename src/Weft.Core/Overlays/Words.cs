using System.Globalization;
using System.Text;

namespace Weft.Core.Overlays;

/// <summary>Helpers for messages about names.</summary>
internal static class Words
{
    private const int LongestQuote = 60;

    /// <summary>The text in single quotes, shortened; characters unsafe to print on a terminal are written as numbers.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("'");
        foreach (var rune in text.EnumerateRunes())
        {
            if (quoted.Length > LongestQuote)
            {
                return quoted.Append("…'").ToString();
            }
            quoted.Append(IsPrintable(rune) ? rune.ToString() : $"\\u{rune.Value:x4}");
        }
        return quoted.Append('\'').ToString();
    }

    /// <summary>"a, b and c".</summary>
    public static string List(IEnumerable<string> items, string last = "and")
    {
        var all = items.ToList();
        return all.Count < 2
            ? string.Concat(all)
            : $"{string.Join(", ", all.SkipLast(1))} {last} {all[^1]}";
    }

    /// <summary>
    /// The candidate that differs from <paramref name="text"/> by the fewest typing errors (a letter missing, added, wrong, or
    /// swapped with its neighbour; case is ignored), if there is at most one error in three letters.
    /// </summary>
    public static string? Nearest(string text, IEnumerable<string> candidates)
    {
        var limit = Math.Max(1, (text.Length + 1) / 3);
        string? nearest = null;
        foreach (var candidate in candidates)
        {
            if (Math.Abs(candidate.Length - text.Length) > limit)
            {
                continue;
            }
            var distance = Distance(text.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance <= limit)
            {
                nearest = candidate;
                limit = distance - 1;
            }
        }
        return nearest;
    }

    /// <summary>The optimal string alignment distance (Damerau 1964).</summary>
    private static int Distance(string a, string b)
    {
        var before = new int[b.Length + 1];
        var last = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var row = new int[b.Length + 1];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
                }
            }
            (before, last) = (last, row);
        }
        return last[b.Length];
    }

    private static bool IsPrintable(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
            );
}
