using System.Text;
using System.Text.RegularExpressions;
using Weft.Core.Ipsec;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weft.Core.History;

/// <summary>Makes an overlay file fit to be shown, by masking the keys that are written in it.</summary>
internal static partial class SecretMask
{
    private const string SecretKey = "psk";

    // Keys below `psk` that only say where to find the secret (OverlaySchema.Psk).
    private static readonly string[] Whereabouts = ["file", "env"];

    // A shorter text is not replaced elsewhere in the file: it is no valid key, and may be part of other words.
    private const int ShortestSecret = 8;

    /// <summary>
    /// The text with its secrets masked, and the secrets, for comparing only: nothing else of them may be shown.
    /// </summary>
    public static (string Text, IReadOnlyList<string> Secrets) Of(string text)
    {
        List<(int Start, int End, string Secret)> found;
        try
        {
            found = Find(text);
        }
        catch (YamlException)
        {
            // If the file cannot be parsed, a key may be anywhere in it.
            return ($"{Secret.Veil}\n", []);
        }
        var masked = new StringBuilder(text);
        foreach (var (start, end, _) in found.OrderByDescending(one => one.Start))
        {
            var length = text.AsSpan(start, end - start).TrimEnd().Length;
            masked.Remove(start, length).Insert(start, Secret.Veil);
        }
        // The key may occur again, such as in a comment.
        foreach (var (_, _, secret) in found.Where(one => one.Secret.Length >= ShortestSecret))
        {
            masked.Replace(secret, Secret.Veil);
        }
        return (OfComments(masked.ToString()), [.. found.Select(one => one.Secret)]);
    }

    /// <summary>The text with all masked that follows a mention of a key in a comment, since the key's end is unknown.</summary>
    public static string OfComments(string text) =>
        KeyInComment().Replace(text, $"${{name}}{Secret.Veil}");

    private static List<(int Start, int End, string Secret)> Find(string text)
    {
        var found = new List<(int, int, string)>();
        var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
        // The open collections: whether each is a mapping, and the key whose value comes next.
        var open = new Stack<(bool IsMapping, string? Key)>();
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case MappingStart or SequenceStart:
                    open.Push((parser.Current is MappingStart, null));
                    break;
                case MappingEnd or SequenceEnd:
                    open.Pop();
                    Done();
                    break;
                case Scalar scalar
                    when open.TryPeek(out var at) && at is { IsMapping: true, Key: null }:
                    open.Pop();
                    open.Push((true, scalar.Value));
                    break;
                case Scalar scalar:
                    if (IsSecret())
                    {
                        found.Add(((int)scalar.Start.Index, (int)scalar.End.Index, scalar.Value));
                    }
                    Done();
                    break;
            }
        }
        return found;

        void Done()
        {
            if (open.TryPop(out var at))
            {
                open.Push((at.IsMapping, null));
            }
        }

        bool IsSecret() =>
            open.Any(level => level.Key == SecretKey)
            && !(open.Peek() is { Key: { } key } && Whereabouts.Contains(key));
    }

    [GeneratedRegex(
        """(?<name>#.*\bpsk["']?\s*:\s*)\S.*""",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        1000
    )]
    private static partial Regex KeyInComment();
}
