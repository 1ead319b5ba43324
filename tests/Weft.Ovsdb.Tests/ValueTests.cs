using System.Text;
using System.Text.Json;
using CsCheck;

namespace Weft.Ovsdb.Tests;

public sealed class ValueTests
{
    private static readonly Gen<Atom> AnyAtom = Gen.OneOf(
        Gen.Long.Select(static v => (Atom)v),
        Gen.Double.Where(double.IsFinite).Select(static v => (Atom)v),
        Gen.Bool.Select(static v => (Atom)v),
        Gen.String.Where(IsText).Select(static v => (Atom)v),
        Gen.Guid.Select(static v => (Atom)v),
        Gen.Char['a', 'z'].Array[1, 8].Select(static v => Atom.NamedUuid(new string(v)))
    );

    private static readonly Gen<Datum> AnyDatum = Gen.OneOf(
        AnyAtom.Select(static v => (Datum)v),
        AnyAtom.Array[0, 8].Select(static v => Datum.Set(v.AsEnumerable())),
        Gen.Select(AnyAtom, AnyAtom)
            .Array[0, 8]
            .Select(static v => Datum.Map(v.DistinctBy(static p => p.Item1).ToArray()))
    );

    [Fact]
    public void An_unsigned_integer_is_held_as_it_is_and_a_character_is_text()
    {
        const ulong Odd = (1UL << 53) + 1;
        Assert.Equal((long)Odd, ((Datum)Odd).AsInteger());
        Assert.Equal(long.MaxValue, ((Atom)(ulong)long.MaxValue).AsInteger());
        Assert.Throws<OvsdbValueException>(() => (Atom)(1UL << 63));
        Assert.Throws<OvsdbValueException>(() => (Datum)ulong.MaxValue);
        Assert.Equal(uint.MaxValue, ((Datum)uint.MaxValue).AsInteger());
        Assert.Equal(ushort.MaxValue, ((Datum)ushort.MaxValue).AsInteger());
        Assert.Equal(255, ((Datum)byte.MaxValue).AsInteger());
        Assert.Equal(-1, ((Datum)(sbyte)-1).AsInteger());
        Assert.Equal("x", ((Datum)'x').AsString());
        Assert.Throws<OvsdbValueException>(() => (Atom)'\0');
        Assert.Throws<OvsdbValueException>(() => (Atom)'\ud800');
    }

    [Fact]
    public void What_is_written_reads_back_as_the_same() =>
        AnyDatum.Sample(static datum => Assert.Equal(datum, Read(Write(datum))));

    [Fact]
    public void Order_and_repetition_do_not_matter_in_a_set() =>
        AnyAtom
            .Array[0, 8]
            .Sample(static atoms =>
                Assert.Equal(Datum.Set(atoms), Datum.Set(atoms.Reverse().Concat(atoms)))
            );

    [Fact]
    public void A_difference_leads_from_one_value_to_the_other() =>
        Gen.Select(Gen.Int[0, 9].Array[0, 8], Gen.Int[0, 9].Array[0, 8])
            .Sample(
                static (a, b) =>
                {
                    // The definition of ovsdb-server(7), section 4.1.14, written as sets and dictionaries.
                    var both = a.Intersect(b).ToHashSet();
                    var setDifference = a.Union(b)
                        .Where(x => !both.Contains(x))
                        .Select(static x => (Atom)x);
                    Assert.Equal(Numbers(b), Numbers(a).Apply(Datum.Set(setDifference)));

                    var mapA = a.Distinct().ToDictionary(static k => k, static k => k);
                    var mapB = b.Distinct().ToDictionary(static k => k, static k => k * (k % 2));
                    var mapDifference = mapA
                        .Keys.Union(mapB.Keys)
                        .Where(k =>
                            !(
                                mapA.TryGetValue(k, out var x)
                                && mapB.TryGetValue(k, out var y)
                                && x == y
                            )
                        )
                        .Select(k =>
                            KeyValuePair.Create<Atom, Atom>(
                                k,
                                mapB.TryGetValue(k, out var y) ? y : mapA[k]
                            )
                        );
                    Assert.Equal(Pairs(mapB), Pairs(mapA).Apply(Datum.Map(mapDifference)));
                }
            );

    [Theory]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("1.0", 1)]
    [InlineData("1e18", 1_000_000_000_000_000_000)]
    public void Integers_keep_all_their_64_bits(string json, long value)
    {
        Assert.Equal(value, Read(json).AsInteger());
        Assert.Equal(value.ToString(), Write(value));
    }

    [Fact]
    public void A_number_reads_as_a_real_whether_it_has_a_fraction_or_not()
    {
        Assert.Equal(1.5, Read("1.5").AsReal());
        Assert.Equal(1.0, Read("1").AsReal());
        Assert.Equal((Datum)1, (Datum)1.0);
        Assert.Throws<OvsdbValueException>(() => Read("1.5").AsInteger());
    }

    [Fact]
    public void A_scalar_is_the_set_of_it()
    {
        Assert.Equal(Read("""["set",[5]]"""), Read("5"));
        Assert.Equal("5", Write(Datum.Set(5)));
        Assert.Equal("""["set",[]]""", Write(Datum.Empty));
        Assert.Equal("""["map",[]]""", Write(Datum.EmptyMap));
        Assert.Equal(Datum.Empty, Datum.EmptyMap);
        Assert.Equal("""["map",[["a",1]]]""", Write(Datum.Map(("a", 1))));
        var uuid = Guid.Parse("01234567-89ab-cdef-0123-456789abcdef");
        Assert.Equal("""["uuid","01234567-89ab-cdef-0123-456789abcdef"]""", Write(uuid));
        Assert.Equal("""["named-uuid","row1"]""", Write(Atom.NamedUuid("row1")));
    }

    [Fact]
    public void What_the_server_loses_in_printing_does_no_harm()
    {
        Assert.Equal(Datum.Set(0.3), Read("""["set",[0.3,0.3]]"""));
        Assert.Equal(double.MaxValue, Read("1.79769313486232e+308").AsReal());
        Assert.Equal(double.MinValue, Read("-1.79769313486232e+308").AsReal());
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("[1]")]
    [InlineData("""["uuid","no"]""")]
    [InlineData("""["uuid",1]""")]
    [InlineData("""["named-uuid","1a"]""")]
    [InlineData("""["named-uuid",""]""")]
    [InlineData("""["set",1]""")]
    [InlineData("""["set",[null]]""")]
    [InlineData("""["set",[["set",[]]]]""")]
    [InlineData("""["map",[1]]""")]
    [InlineData("""["map",[[1]]]""")]
    [InlineData("""["map",[[1,2],[1,3]]]""")]
    [InlineData("""["bag",[1]]""")]
    [InlineData("""[1,2]""")]
    [InlineData("1e999")]
    [InlineData("\"\\ud800\"")]
    public void Bad_shapes_are_refused(string json) =>
        Assert.Throws<OvsdbValueException>(() => Read(json));

    [Fact]
    public void A_reader_that_does_not_fit_says_what_it_wanted_and_what_is_there()
    {
        var error = Assert.Throws<OvsdbValueException>(() => Datum.Set("a", "b").AsString());
        Assert.Equal("expected exactly one string, got [\"a\", \"b\"]", error.Message);
        Assert.Throws<OvsdbValueException>(() => Datum.Empty.AsInteger());
        Assert.Throws<OvsdbValueException>(() => Datum.Map(("a", "b")).Strings);
        Assert.Throws<OvsdbValueException>(() => Datum.Set(1).StringMap);
        Assert.Throws<OvsdbValueException>(() => ((Datum)"x").AsOptionalBoolean());
        Assert.Null(Datum.Empty.AsOptionalReal());
        Assert.Null(Datum.Empty.AsOptionalUuid());
        Assert.Empty(Datum.Empty.StringMap);
        Assert.Equal(
            "expected a row with the column \"nam\", got one with name",
            Assert.Throws<OvsdbValueException>(() => new Row { ["name"] = 1 }["nam"]).Message
        );
    }

    [Fact]
    public void What_the_server_cannot_take_is_refused_before_it_is_sent()
    {
        Assert.Throws<OvsdbValueException>(() => (Atom)double.NaN);
        Assert.Throws<OvsdbValueException>(() => (Atom)double.PositiveInfinity);
        Assert.Throws<OvsdbValueException>(() => (Atom)"a\0b");
        Assert.Throws<OvsdbValueException>(() => (Atom)"a\ud800b");
        Assert.Throws<OvsdbValueException>(() => Atom.NamedUuid("has space"));
        Assert.Throws<OvsdbValueException>(() => new Insert("t", new Row()) { UuidName = "1st" });
        Assert.Throws<OvsdbValueException>(() => Datum.Map(("a", 1), ("a", 2)));
    }

    [Fact]
    public void A_row_of_many_columns_finds_each_whatever_their_order()
    {
        var row = new Row
        {
            ["b"] = 2,
            ["c"] = 3,
            ["d"] = 4,
            ["e"] = 5,
            ["f"] = 6,
            ["g"] = 7,
            ["h"] = 8,
            ["i"] = 9,
            ["j"] = 10,
            ["a"] = 11,
        };
        Assert.Equal(10, row.Count);
        Assert.Equal(11, row["a"]);
        Assert.Equal(10, row["j"]);
        Assert.Equal(
            row,
            new Row
            {
                ["j"] = 10,
                ["i"] = 9,
                ["h"] = 8,
                ["g"] = 7,
                ["f"] = 6,
                ["e"] = 5,
                ["d"] = 4,
                ["c"] = 3,
                ["b"] = 2,
                ["a"] = 11,
            }
        );
        Assert.NotEqual(row, new Row { ["a"] = 11 });
    }

    private static Datum Numbers(IEnumerable<int> numbers) =>
        Datum.Set(numbers.Select(static n => (Atom)n));

    private static Datum Pairs(Dictionary<int, int> pairs) =>
        Datum.Map(pairs.Select(static p => KeyValuePair.Create<Atom, Atom>(p.Key, p.Value)));

    private static bool IsText(string value) =>
        !value.Contains('\0')
        && value.EnumerateRunes().All(static rune => rune != Rune.ReplacementChar);

    private static Datum Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Datum.FromJson(document.RootElement);
    }

    private static string Write(Datum datum)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            datum.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
