using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weft.Core.Overlays;

/// <summary>A YAML node and the position at which it begins.</summary>
internal abstract record YamlNode(Position At);

/// <summary>A text, quoted or plain; the schema decides its meaning.</summary>
internal sealed record YamlScalar(Position At, string Text, bool IsPlain) : YamlNode(At)
{
    /// <summary>Whether this is empty, or one of YAML 1.2's words for null (core schema, section 10.3.2).</summary>
    public bool IsNull => IsPlain && Text is "" or "~" or "null" or "Null" or "NULL";
}

internal sealed record YamlSequence(Position At, ImmutableArray<YamlNode> Items) : YamlNode(At);

/// <summary>Keys and values in the file's order, duplicates included.</summary>
/// <param name="At">Where it begins.</param>
/// <param name="Entries">The keys and values.</param>
/// <param name="IsWhole">False if part of the mapping was refused: a key that is missing here may be in that part.</param>
internal sealed record YamlMapping(
    Position At,
    ImmutableArray<(YamlScalar Key, YamlNode Value)> Entries,
    bool IsWhole = true
) : YamlNode(At);

/// <summary>A node that was refused already; nothing more is reported about it.</summary>
internal sealed record YamlRefused(Position At) : YamlNode(At);

/// <summary>
/// Reads YAML into a tree with positions. It refuses the features of YAML that make a file hard to read (anchors, tags, several
/// documents), so that everything about a host is written where the host is.
/// </summary>
internal sealed class YamlTree
{
    // An overlay file has six levels; the limit bounds the recursion, and the parser's own look-ahead.
    private const int DeepestLevel = 32;

    private readonly Mistakes mistakes;
    private readonly string text;
    private readonly Scanner scanner;
    private readonly Parser parser;
    private readonly Stack<ParsingEvent> open = [];

    private YamlTree(string text, Mistakes mistakes)
    {
        this.text = text;
        this.mistakes = mistakes;
        scanner = new Scanner(new StringReader(text), skipComments: true);
        parser = new Parser(scanner);
    }

    /// <summary>Reads the file's one document; null if there is none or it is not YAML.</summary>
    public static YamlNode? Read(string text, Mistakes mistakes) =>
        new YamlTree(text, mistakes).ReadFile();

    private YamlNode? ReadFile()
    {
        try
        {
            Next();
            Next();
            if (parser.Current is StreamEnd)
            {
                return null;
            }
            Next();
            var root = ReadNode();
            Next();
            if (parser.Current is DocumentStart second)
            {
                mistakes.Add(
                    Start(second),
                    "a second document begins here, and one file holds one overlay: give it a file of its own"
                );
            }
            return root;
        }
        // On some malformed input the parser throws whatever exceptions its own code runs into; to the user, all of it is bad
        // YAML.
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            var (at, message) = YamlAdvice.On(
                error,
                text,
                Here,
                open.Count > 0 ? open.Peek() : null
            );
            mistakes.Add(at, message);
            return null;
        }
    }

    /// <summary>The position up to which the parser has read.</summary>
    private Position Here => At(scanner.CurrentPosition);

    /// <summary>Reads the node that begins with the current event, and moves to the event after it.</summary>
    private YamlNode ReadNode()
    {
        var start = parser.Current!;
        if (start is NodeEvent node)
        {
            RefuseDecoration(node);
        }
        switch (start)
        {
            case Scalar scalar:
                Next();
                return new YamlScalar(
                    Start(scalar),
                    scalar.Value,
                    scalar.Style is ScalarStyle.Plain
                );
            case SequenceStart or MappingStart:
                open.Push(start);
                if (open.Count > DeepestLevel)
                {
                    throw new MaximumRecursionLevelReachedException(
                        start.Start,
                        start.End,
                        "nested too deep"
                    );
                }
                Next();
                YamlNode collection =
                    start is SequenceStart ? ReadItems(Start(start)) : ReadEntries(Start(start));
                Next();
                open.Pop();
                return collection;
            case AnchorAlias alias:
                mistakes.Add(
                    Start(alias),
                    "an alias ('*…') stands for a value that is elsewhere: write the value here"
                );
                Next();
                return new YamlRefused(Start(alias));
            default:
                throw new InvalidOperationException($"no node begins with '{start}'");
        }
    }

    private YamlSequence ReadItems(Position at)
    {
        var items = ImmutableArray.CreateBuilder<YamlNode>();
        while (parser.Current is not SequenceEnd)
        {
            items.Add(ReadNode());
        }
        return new YamlSequence(at, items.ToImmutable());
    }

    private YamlMapping ReadEntries(Position at)
    {
        var entries = ImmutableArray.CreateBuilder<(YamlScalar, YamlNode)>();
        var isWhole = true;
        while (parser.Current is not MappingEnd)
        {
            var key = ReadNode();
            if (key is YamlScalar { IsPlain: true, Text: "<<" })
            {
                mistakes.Add(
                    key.At,
                    "'<<' takes in keys that are elsewhere: write the keys themselves here"
                );
                isWhole = false;
                Skip();
                continue;
            }
            var value = ReadNode();
            if (key is YamlScalar name)
            {
                entries.Add((name, value));
                continue;
            }
            isWhole = false;
            if (key is not YamlRefused)
            {
                mistakes.Add(key.At, "a list or mapping stands where a key belongs: write a name");
            }
        }
        return new YamlMapping(at, entries.ToImmutable(), isWhole);
    }

    private void RefuseDecoration(NodeEvent node)
    {
        if (!node.Anchor.IsEmpty)
        {
            mistakes.Add(
                Start(node),
                "an anchor ('&…') names this value for use elsewhere: take the name away and write the value out in each place"
            );
        }
        if (!node.Tag.IsEmpty)
        {
            mistakes.Add(
                Start(node),
                $"a YAML tag ('!…') is here, and the keys alone decide what a value is: take it away"
            );
        }
    }

    private void Skip()
    {
        var depth = 0;
        do
        {
            depth += parser.Current!.NestingIncrease;
            Next();
        } while (depth > 0);
    }

    private void Next() => parser.MoveNext();

    private static Position Start(ParsingEvent @event) => At(@event.Start);

    private static Position At(Mark mark) => new((int)mark.Line, (int)mark.Column);
}
