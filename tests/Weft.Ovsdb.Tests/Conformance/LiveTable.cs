using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>A table <c>mytable</c> on a live server, of the columns a case names: what the suite judges in memory is judged there.</summary>
internal sealed partial class LiveTable
{
    private readonly SuiteServer _server;

    private LiveTable(SuiteServer server, string database)
    {
        _server = server;
        Database = database;
    }

    public string Database { get; }

    /// <summary>A schema whose table <c>mytable</c> has these columns; tables they refer to are there too, empty.</summary>
    public static string Schema(string columns)
    {
        var others = ReferredTable()
            .Matches(columns)
            .Select(m => m.Groups[1].Value)
            .Distinct(StringComparer.Ordinal)
            .Select(name => $$$""","{{{name}}}":{"columns": {"x": {"type": "integer"} } }""");
        return $$$"""{"name":"judge","tables":{"mytable":{"columns":{{{columns}}}}{{{string.Concat(others)}}}}}""";
    }

    /// <summary>Makes it on the server.</summary>
    public static async Task<LiveTable> CreateAsync(SuiteServer server, string columns) =>
        new(server, await server.AddAsync(Schema(columns)));

    /// <summary>test-ovsdb takes an array of one for what is in it.</summary>
    public static string Unbox(string json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return root.ValueKind == JsonValueKind.Array && root.GetArrayLength() == 1
            ? root[0].GetRawText()
            : root.GetRawText();
    }

    /// <summary>The server's results, one an operation, of a transaction that leaves nothing behind.</summary>
    public async Task<IReadOnlyList<JsonElement>> TryAsync(params IEnumerable<string> operations)
    {
        var result = await _server.CallAsync(
            "transact",
            $$"""["{{Database}}",{{string.Join(',', operations)}},{"op":"abort"}]"""
        );
        return [.. result.EnumerateArray()];
    }

    /// <summary>The server's results of a transaction that stays.</summary>
    public async Task<IReadOnlyList<JsonElement>> DoAsync(params IEnumerable<string> operations)
    {
        var result = await _server.CallAsync(
            "transact",
            $$"""["{{Database}}",{{string.Join(',', operations)}}]"""
        );
        return [.. result.EnumerateArray()];
    }

    /// <summary>Puts a value into column <c>c</c> by the client's own types and reads it back so.</summary>
    public async Task<Datum> StoreAsync(Datum value)
    {
        var result = await _server.Client.TransactAsync(
            Database,
            [
                new Insert("mytable", new Row { ["c"] = value }) { UuidName = "r" },
                new Select("mytable", [Condition.UuidIs(Atom.NamedUuid("r"))]) { Columns = ["c"] },
                new Delete("mytable", [Condition.UuidIs(Atom.NamedUuid("r"))]),
            ],
            _server.Deadline
        );
        return Assert.Single(result[1].Rows)["c"];
    }

    /// <summary>The first error among results as ovsdb_error_to_string of lib/ovsdb-error.c words it, or null.</summary>
    public static string? Error(IEnumerable<JsonElement> results) =>
        results
            .Where(r =>
                r.ValueKind == JsonValueKind.Object
                && r.TryGetProperty("error", out var e)
                && e.GetString() != "aborted"
            )
            .Select(Error)
            .FirstOrDefault();

    public static string Error(JsonElement error)
    {
        var syntax = error.TryGetProperty("syntax", out var s)
            ? $"syntax \"{s.GetString()}\": "
            : "";
        var details = error.TryGetProperty("details", out var d) ? $": {d.GetString()}" : "";
        return $"{syntax}{error.GetProperty("error").GetString()}{details}";
    }

    [GeneratedRegex("\"refTable\": *\"([A-Za-z_]\\w*)\"")]
    private static partial Regex ReferredTable();
}
