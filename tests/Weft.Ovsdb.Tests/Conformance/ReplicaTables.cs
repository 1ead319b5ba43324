using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// What a replica went through, held against the tables ovsdb-client would have printed: group by group, the rows that
/// came with their values, the rows that changed with their new values, the rows that went.
/// </summary>
internal sealed partial class ReplicaTables(MonitorCase monitored)
{
    private readonly List<List<string>> _groups = [];
    private Snapshot _before = Snapshot.Empty;
    private IReadOnlyList<string> _columns = [];
    private IReadOnlyList<string> _leftOut = [];

    /// <summary>The replica's first snapshot.</summary>
    public void Begin(Watch watch, Snapshot snapshot)
    {
        (_columns, _leftOut) = monitored.Columns(watch.Columns);
        _columns = [.. _columns.Where(c => c != "_version")];
        Note(snapshot, "initial");
    }

    /// <summary>What differs from the snapshot before is one group.</summary>
    public void Note(Snapshot snapshot, string inserted = "insert")
    {
        var old = _before.Tables.GetValueOrDefault(monitored.Table)?.ToDictionary() ?? [];
        var group = new List<string>();
        foreach (var (uuid, row) in snapshot[monitored.Table])
        {
            Assert.Equal(uuid, row.Uuid);
            if (!old.Remove(uuid, out var before))
            {
                Add(group, inserted, $"{uuid},{inserted},{Cells(row)}");
            }
            else if (!before.Equals(row))
            {
                Add(group, "modify", $"{uuid},modify,{Cells(row)}");
            }
        }
        foreach (var gone in old.Keys)
        {
            Add(group, "delete", $"{gone},delete");
        }
        _groups.Add(group);
        _before = snapshot;
    }

    /// <summary>A second monitor begins, and the output of the first is lost.</summary>
    public void Forget() => _groups.Clear();

    public void Compare() => Assert.Equal(Normal(Expected()), Normal(_groups));

    private void Add(List<string> group, string kind, string line)
    {
        if (!_leftOut.Contains(kind))
        {
            group.Add(line);
        }
    }

    private string Cells(Row row) =>
        string.Join(',', _columns.Select(column => TypedOperations.Text(row[column])));

    /// <summary>The printed tables without <c>_version</c>, and with the default where ovsdb-server leaves a value out.</summary>
    private IEnumerable<List<string>> Expected()
    {
        using var json = JsonDocument.Parse(monitored.Schema);
        var types = DatabaseSchema.FromJson(json.RootElement).Tables[monitored.Table].Columns;
        var text = Label()
            .Replace(
                monitored.Expected,
                m => $"00000000-0000-0000-0000-{int.Parse(m.Groups[1].Value):x12}"
            );
        foreach (var table in text.Split("\n\n"))
        {
            var lines = table
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(line => !line.Contains("last_id", StringComparison.Ordinal))
                .Select(Cells)
                .ToList();
            var group = new List<string>();
            var changed = "";
            foreach (var line in lines.Skip(1))
            {
                var cells = _columns.Select(column =>
                    line[lines[0].IndexOf(column)] is { Length: > 0 } cell
                        ? cell
                        : TypedOperations.Text(types[column].Type.Default)
                );
                switch (line[1])
                {
                    case "old":
                        changed = line[0];
                        break;
                    case "new":
                        group.Add($"{changed},modify,{string.Join(',', cells)}");
                        break;
                    case "delete":
                        group.Add($"{line[0]},delete");
                        break;
                    default:
                        group.Add($"{line[0]},{line[1]},{string.Join(',', cells)}");
                        break;
                }
            }
            yield return group;
        }
    }

    /// <summary>Groups that are empty dropped, UUIDs numbered as they appear, lines in an order that the numbering does not move.</summary>
    private static string Normal(IEnumerable<List<string>> groups)
    {
        var sorted = groups
            .Where(group => group.Count > 0)
            .Select(group =>
                string.Join('\n', group.OrderBy(line => line[36..], StringComparer.Ordinal))
            );
        var numbered = SuiteText.FilterUuids(string.Join("\n\n", sorted)).Split("\n\n");
        return string.Join(
            "\n\n",
            numbered.Select(group =>
                string.Join('\n', group.Split('\n').Order(StringComparer.Ordinal))
            )
        );
    }

    /// <summary>The cells of a line of CSV.</summary>
    private static List<string> Cells(string line)
    {
        var cells = new List<string> { "" };
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"')
            {
                cells[^1] += line[i++];
            }
            else if (line[i] == '"')
            {
                quoted = !quoted;
            }
            else if (line[i] == ',' && !quoted)
            {
                cells.Add("");
            }
            else
            {
                cells[^1] += line[i];
            }
        }
        return cells;
    }

    [GeneratedRegex("<([0-9]+)>")]
    private static partial Regex Label();
}
