using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Differential;

/// <summary>
/// Transactions made up from a seed, over a schema with every type, references strong and weak, optional values, maps
/// and sets; some of them wrong on purpose.
/// </summary>
internal sealed class RandomTransactions(int seed)
{
    /// <summary>Every atomic type as scalar, optional, set and map; constraints; an index; references; garbage collection.</summary>
    /// <remarks>
    /// No column holds between 2 and n values: ovsdb-server 3.1 writes differences of such into its file that it
    /// refuses to read back ("set must have 1 to 3 members but 5 are present"), and so loses data when it is restarted.
    /// </remarks>
    public const string Schema = """
        {"name":"chaos","version":"1.0.0","tables":{
          "node":{"isRoot":true,"indexes":[["name"]],"columns":{
            "name":{"type":"string"},
            "i":{"type":"integer"}, "r":{"type":"real"}, "b":{"type":"boolean"}, "s":{"type":"string"}, "u":{"type":"uuid"},
            "oi":{"type":{"key":"integer","min":0}}, "or":{"type":{"key":"real","min":0}},
            "ob":{"type":{"key":"boolean","min":0}}, "os":{"type":{"key":"string","min":0}}, "ou":{"type":{"key":"uuid","min":0}},
            "si":{"type":{"key":"integer","min":0,"max":"unlimited"}}, "sr":{"type":{"key":"real","min":0,"max":"unlimited"}},
            "sb":{"type":{"key":"boolean","min":0,"max":"unlimited"}}, "ss":{"type":{"key":"string","min":0,"max":"unlimited"}},
            "su":{"type":{"key":"uuid","min":0,"max":"unlimited"}},
            "few":{"type":{"key":"integer","min":1,"max":"unlimited"}},
            "level":{"type":{"key":{"type":"string","enum":["set",["low","middle","high"]]},"min":0,"max":"unlimited"}},
            "ranged":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":100},"min":0,"max":"unlimited"}},
            "mss":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
            "msi":{"type":{"key":"string","value":"integer","min":0,"max":"unlimited"}},
            "mis":{"type":{"key":"integer","value":"string","min":0,"max":"unlimited"}},
            "mur":{"type":{"key":"uuid","value":"real","min":0,"max":"unlimited"}},
            "mrb":{"type":{"key":"real","value":"boolean","min":0,"max":"unlimited"}},
            "m1":{"type":{"key":"string","value":"string","min":0,"max":1}},
            "weak":{"type":{"key":{"type":"uuid","refTable":"node","refType":"weak"},"min":0,"max":"unlimited"}},
            "leaf":{"type":{"key":{"type":"uuid","refTable":"leaf"},"min":0}},
            "leaves":{"type":{"key":"string","value":{"type":"uuid","refTable":"leaf"},"min":0,"max":"unlimited"}},
            "once":{"type":"integer","mutable":false},
            "passing":{"type":"integer","ephemeral":true}}},
          "leaf":{"columns":{
            "text":{"type":"string"}, "number":{"type":"integer"},
            "next":{"type":{"key":{"type":"uuid","refTable":"leaf"},"min":0}},
            "seen":{"type":{"key":{"type":"uuid","refTable":"node","refType":"weak"},"min":0,"max":"unlimited"}}}},
          "log":{"isRoot":true,"maxRows":200,"columns":{"line":{"type":"string"},"tags":{"type":{"key":"string","min":0,"max":"unlimited"}}}}
        }}
        """;

    private static readonly string[] s_texts =
    [
        "",
        "a",
        "b",
        "short",
        "with \"quotes\" and \\ and /",
        "line\nfeed\ttab\u0001",
        "naïve",
        "日本語",
        "🐑🐑",
        "\ufffd\uff5e",
        "true",
        "[\"set\",[]]",
        "{}",
        new('x', 300),
        " ",
    ];

    private readonly Random _random = new(seed);
    private readonly List<Guid> _nodes = [];
    private int _names;

    /// <summary>Remembers rows that were made, so that later transactions meet them.</summary>
    public void Note(IReadOnlyList<Operation> operations, TransactionResult result)
    {
        for (var i = 0; i < operations.Count; i++)
        {
            if (operations[i] is Insert { Table: "node" } && result[i].Uuid is { } uuid)
            {
                _nodes.Add(uuid);
            }
        }
        if (_nodes.Count > 200)
        {
            _nodes.RemoveRange(0, 100);
        }
    }

    /// <summary>The next transaction.</summary>
    public IReadOnlyList<Operation> Next()
    {
        _names = 0;
        var operations = new List<Operation>();
        for (var n = _random.Next(1, 6); n > 0; n--)
        {
            operations.AddRange(Some());
        }
        return operations;
    }

    private IEnumerable<Operation> Some() =>
        _random.Next(100) switch
        {
            < 30 => InsertNode(),
            < 55 => [new Update("node", Where(), Part())],
            < 75 =>
            [
                new Mutate(
                    "node",
                    Where(),
                    [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Mutation())]
                ),
            ],
            < 83 => [new Delete("node", Where(few: true))],
            < 90 => [new Insert("log", new Row { ["line"] = Text(), ["tags"] = Set(Text) })],
            < 92 => [new Delete("log", [])],
            < 95 =>
            [
                new Update(
                    "leaf",
                    [new("number", ConditionFunction.Less, Small())],
                    new Row { ["text"] = Text() }
                ),
            ],
            < 97 => [new Comment("chaos"), new Commit(false)],
            < 98 => [new Select("node", Where())],
            // Wrong on purpose: the whole transaction must leave nothing behind.
            _ => [Wrong()],
        };

    private IEnumerable<Operation> InsertNode()
    {
        var (node, leaf, chained) = ($"n{_names++}", $"l{_names++}", $"c{_names++}");
        var withLeaf = _random.Next(2) == 0;
        var row = Part();
        var complete = new Row
        {
            ["name"] = $"{_random.Next(400)}",
            ["few"] = Datum.Set(Small(), Small(), Small()),
            ["once"] = Small(),
            ["leaf"] = withLeaf ? Atom.NamedUuid(leaf) : Datum.Empty,
            ["weak"] = Datum.Set([Atom.NamedUuid(node), .. Known(2)]),
        };
        yield return new Insert("node", Merged(row, complete)) { UuidName = node };
        if (withLeaf)
        {
            yield return new Insert(
                "leaf",
                new Row
                {
                    ["text"] = Text(),
                    ["number"] = Small(),
                    ["next"] = Atom.NamedUuid(chained),
                    ["seen"] = Atom.NamedUuid(node),
                }
            )
            {
                UuidName = leaf,
            };
            yield return new Insert("leaf", new Row { ["number"] = Small() })
            {
                UuidName = chained,
            };
        }
    }

    private Operation Wrong() =>
        _random.Next(6) switch
        {
            0 => new Update("node", Where(), new Row { ["ranged"] = 1000 }),
            1 => new Update("node", Where(), new Row { ["level"] = "nowhere" }),
            2 => new Update("node", Where(), new Row { ["once"] = 5 }),
            3 => new Update("node", Where(), new Row { ["leaf"] = Guid.NewGuid() }),
            4 => new Abort(),
            _ => new Update("node", Where(), new Row { ["few"] = Datum.Empty }),
        };

    private static Row Merged(Row first, Row second)
    {
        var pairs = new Dictionary<string, Datum>(first, StringComparer.Ordinal);
        foreach (var (column, value) in second)
        {
            pairs[column] = value;
        }
        return RowOf(pairs);
    }

    private static Row RowOf(IEnumerable<KeyValuePair<string, Datum>> columns)
    {
        using var json = JsonDocument.Parse(
            Conformance.TypedOperations.Text(writer =>
            {
                writer.WriteStartObject();
                foreach (var (column, value) in columns)
                {
                    writer.WritePropertyName(column);
                    value.WriteTo(writer);
                }
                writer.WriteEndObject();
            })
        );
        return Row.FromJson(json.RootElement);
    }

    /// <summary>A few columns with values.</summary>
    private Row Part()
    {
        var pairs = new Dictionary<string, Datum>(StringComparer.Ordinal);
        for (var n = _random.Next(1, 8); n > 0; n--)
        {
            var (column, value) = Column();
            pairs[column] = value;
        }
        return RowOf(pairs);
    }

    private (string, Datum) Column() =>
        _random.Next(26) switch
        {
            0 => ("i", Integer()),
            1 => ("r", Real()),
            2 => ("b", _random.Next(2) == 0),
            3 => ("s", Text()),
            4 => ("u", Uuid()),
            5 => ("oi", Maybe(Integer)),
            6 => ("or", Maybe(Real)),
            7 => ("ob", Maybe(() => _random.Next(2) == 0)),
            8 => ("os", Maybe(Text)),
            9 => ("ou", Maybe(Uuid)),
            10 => ("si", Set(Integer)),
            11 => ("sr", Set(Real)),
            12 => ("sb", Set(() => _random.Next(2) == 0)),
            13 => ("ss", Set(Text)),
            14 => ("su", Set(Uuid)),
            15 => (
                "level",
                Datum.Set([
                    .. new Atom[] { "low", "middle", "high" }
                        .OrderBy(_ => _random.Next())
                        .Take(_random.Next(3)),
                ])
            ),
            16 => (
                "ranged",
                Datum.Set([
                    .. Enumerable.Range(0, _random.Next(4)).Select(_ => (Atom)_random.Next(101)),
                ])
            ),
            17 => ("mss", Map(Text, Text, 6)),
            18 => ("msi", Map(Text, Integer, 6)),
            19 => ("mis", Map(Small, Text, 3)),
            20 => ("mur", Map(Uuid, Real, 4)),
            21 => ("mrb", Map(Real, () => _random.Next(2) == 0, 4)),
            22 => ("m1", Map(Text, Text, 1)),
            23 => ("weak", Datum.Set(Known(4))),
            24 => ("passing", Integer()),
            _ => ("few", Datum.Set(Small(), Small())),
        };

    private Mutation Mutation() =>
        _random.Next(12) switch
        {
            // Not zero: ovsdb-server 3.1 dies of SIGFPE when a negative integer is multiplied by it (mul_int divides by it).
            0 => new(
                "i",
                (Mutator)_random.Next(5),
                _random.Next(2) == 0 ? _random.Next(1, 4) : _random.Next(-3, 0)
            ),
            1 => new("r", (Mutator)_random.Next(4), Real()),
            2 => new("si", Mutator.Insert, Set(Small)),
            3 => new("si", Mutator.Delete, Set(Small)),
            4 => new("ss", Mutator.Insert, Set(Text)),
            5 => new("ss", Mutator.Delete, Set(Text)),
            6 => new("mss", Mutator.Insert, Map(Text, Text, 3)),
            7 => new("mss", Mutator.Delete, Set(Text)),
            8 => new("msi", Mutator.Insert, Map(Text, Small, 3)),
            9 => new("si", Mutator.Add, 1),
            10 => new("weak", Mutator.Insert, Datum.Set(Known(2))),
            _ => new("sr", Mutator.Insert, Set(Real)),
        };

    private ImmutableArray<Condition> Where(bool few = false) =>
        _random.Next(few ? 3 : 7) switch
        {
            0 => [Condition.Equal("name", $"{_random.Next(400)}")],
            1 => [new("i", ConditionFunction.Equal, Small())],
            2 when _nodes.Count > 0 => [Condition.UuidIs(_nodes[_random.Next(_nodes.Count)])],
            3 =>
            [
                new("i", ConditionFunction.Less, Small()),
                new("r", ConditionFunction.GreaterOrEqual, Real()),
            ],
            4 => [Condition.Includes("si", Datum.Set(Small()))],
            5 => [new("ss", ConditionFunction.Excludes, Datum.Set(Text()))],
            _ => [Condition.Equal("name", $"{_random.Next(400)}")],
        };

    private IEnumerable<Atom> Known(int atMost) =>
        _nodes.Count == 0
            ? []
            :
            [
                .. Enumerable
                    .Range(0, _random.Next(atMost + 1))
                    .Select(_ => (Atom)_nodes[_random.Next(_nodes.Count)]),
            ];

    private Datum Maybe(Func<Atom> one) => _random.Next(3) == 0 ? Datum.Empty : one();

    private Datum Set(Func<Atom> one) =>
        Datum.Set([.. Enumerable.Range(0, _random.Next(5)).Select(_ => one())]);

    private Datum Map(Func<Atom> key, Func<Atom> value, int atMost) =>
        Datum.Map(
            Enumerable
                .Range(0, _random.Next(atMost + 1))
                .Select(_ => KeyValuePair.Create(key(), value()))
                .DistinctBy(pair => pair.Key)
        );

    private Atom Small() => _random.Next(-3, 8);

    private Atom Integer() =>
        _random.Next(4) == 0 ? _random.NextInt64(long.MinValue, long.MaxValue) : Small();

    // Fifteen digits are what the server writes of a real, so nothing finer is made up.
    private Atom Real() =>
        _random.Next(5) switch
        {
            0 => 1e37,
            1 => -1e-9,
            2 => _random.Next(-5, 6),
            _ => _random.Next(-1000, 1000) / 8.0,
        };

    private Atom Text() => s_texts[_random.Next(s_texts.Length)];

    private Atom Uuid()
    {
        var bytes = new byte[16];
        _random.NextBytes(bytes);
        // From a small set, so that sets and maps meet the same keys again.
        bytes.AsSpan(1).Fill((byte)(bytes[0] % 5));
        return new Guid(bytes);
    }
}
