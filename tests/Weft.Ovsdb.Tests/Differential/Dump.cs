using System.Text.Json;
using Weft.Ovsdb.Tests.Conformance;

namespace Weft.Ovsdb.Tests.Differential;

/// <summary>The whole of a database as text, once as ovsdb-client tells it and once as a replica does, to be the same.</summary>
internal static class Dump
{
    /// <summary>What <c>ovsdb-client dump</c> prints, a second opinion that shares no line of code with the client.</summary>
    public static async Task<string> OfServerAsync(string remote, string database)
    {
        var text = await OvsdbServer.RunAsync(
            "ovsdb-client",
            "--timeout=60",
            "--format=json",
            "--data=json",
            "dump",
            remote,
            database
        );
        var rows = new List<string>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var table = JsonDocument.Parse(line);
            var name = table.RootElement.GetProperty("caption").GetString()!.Split(' ')[0];
            var headings = table
                .RootElement.GetProperty("headings")
                .EnumerateArray()
                .Select(h => h.GetString()!)
                .ToList();
            foreach (var row in table.RootElement.GetProperty("data").EnumerateArray())
            {
                var cells = row.EnumerateArray().ToList();
                rows.Add(
                    Line(
                        name,
                        cells[headings.IndexOf("_uuid")][1].GetString()!,
                        headings
                            .Zip(cells)
                            .Where(c => c.First[0] != '_')
                            .Select(c => (c.First, Canonical(c.Second)))
                    )
                );
            }
        }
        return Text(rows);
    }

    /// <summary>The tables of a snapshot.</summary>
    public static string Of(Snapshot snapshot) =>
        Text(
            snapshot.Tables.SelectMany(table =>
                table.Value.Select(row => Line(table.Key, row.Key.ToString(), Columns(row.Value)))
            )
        );

    /// <summary>The rows of one table, from a select.</summary>
    public static string Of(string table, IEnumerable<Row> rows) =>
        Text(rows.Select(row => Line(table, row.Uuid!.Value.ToString(), Columns(row))));

    private static IEnumerable<(string, string)> Columns(Row row) =>
        row.Where(column => column.Key[0] != '_')
            .Select(column =>
            {
                using var json = JsonDocument.Parse(TypedOperations.Text(column.Value));
                return (column.Key, Canonical(json.RootElement));
            });

    private static string Line(
        string table,
        string uuid,
        IEnumerable<(string Name, string Value)> columns
    ) =>
        $"{table} {uuid} {string.Join(' ', columns.OrderBy(c => c.Name, StringComparer.Ordinal).Select(c => $"{c.Name}={c.Value}"))}";

    private static string Text(IEnumerable<string> rows) =>
        string.Join('\n', rows.Order(StringComparer.Ordinal));

    /// <summary>A value whatever the order of its members: ovsdb-client sorts strings by bytes, others may not.</summary>
    private static string Canonical(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array
        && value[0].GetString() is "set" or "map"
        && value[1].ValueKind == JsonValueKind.Array
            ? $"{value[0].GetString()}[{string.Join(',', value[1].EnumerateArray().Select(SuiteText.Json).Order(StringComparer.Ordinal))}]"
            : SuiteText.Json(value);
}
