using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// What <c>ovsdb-client monitor --format=csv -d json</c> prints, from the JSON of a monitor's reply and updates
/// (ovsdb-client.c: monitor_print_table, monitor2_print_table; lib/table.c: table_print_csv__).
/// </summary>
internal sealed class MonitorTables(string table, IReadOnlyList<string> columns)
{
    private readonly StringBuilder _text = new();
    private bool _first = true;

    public IReadOnlyList<string> Columns => columns;

    public override string ToString() => _text.ToString();

    /// <summary>The reply of <c>monitor</c> (initial) or the tables of an <c>update</c>.</summary>
    public void Add(JsonElement updates, bool initial)
    {
        foreach (var rows in Rows(updates))
        {
            foreach (var (uuid, update) in rows)
            {
                var old = update.TryGetProperty("old", out var o) ? o : default;
                var now = update.TryGetProperty("new", out var n) ? n : default;
                if (initial)
                {
                    Row(uuid, "initial", now);
                }
                else if (old.ValueKind != JsonValueKind.Object)
                {
                    Row(uuid, "insert", now);
                }
                else if (now.ValueKind != JsonValueKind.Object)
                {
                    Row(uuid, "delete", old);
                }
                else
                {
                    Row(uuid, "old", old);
                    Row("", "new", now);
                }
            }
        }
    }

    /// <summary>The reply of <c>monitor_cond</c> or the tables of an <c>update2</c> or <c>update3</c>.</summary>
    public void Add2(JsonElement updates)
    {
        foreach (var rows in Rows(updates))
        {
            foreach (var (uuid, update) in rows)
            {
                var change = update.EnumerateObject().Single();
                Row(uuid, change.Name, change.Value);
            }
        }
    }

    /// <summary>The reply of <c>monitor_cond_since</c>.</summary>
    public void Found(bool found, string transaction, JsonElement updates)
    {
        _text.Append($"found: {(found ? "true" : "false")}, last_id: {transaction}\n");
        Add2(updates);
    }

    /// <summary>An <c>update3</c>.</summary>
    public void Since(string transaction, JsonElement updates)
    {
        _text.Append($"\nlast_id: {transaction}");
        Add2(updates);
    }

    private IEnumerable<IReadOnlyList<(string Uuid, JsonElement Update)>> Rows(JsonElement updates)
    {
        if (!updates.TryGetProperty(table, out var rows))
        {
            yield break;
        }
        _text.Append(_first ? "" : "\n");
        _first = false;
        _text.AppendJoin(',', ["row", "action", .. columns]).Append('\n');
        yield return [.. rows.EnumerateObject().Select(row => (row.Name, row.Value))];
    }

    private void Row(string uuid, string action, JsonElement row)
    {
        _text.Append(uuid).Append(',').Append(action);
        foreach (var column in columns)
        {
            _text.Append(',');
            if (row.ValueKind == JsonValueKind.Object && row.TryGetProperty(column, out var value))
            {
                _text.Append(Cell(SuiteText.Json(value)));
            }
        }
        _text.Append('\n');
    }

    private static string Cell(string content) =>
        content.AsSpan().IndexOfAny("\n\",") < 0
            ? content
            : $"\"{content.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
