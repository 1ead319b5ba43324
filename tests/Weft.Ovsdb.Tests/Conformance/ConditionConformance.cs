using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// Open vSwitch's ovsdb-condition.at. The suite parses conditions and evaluates them over rows in memory; here they
/// are the <c>where</c> of a select on a live server, or of a monitor where any clause is enough.
/// </summary>
public sealed class ConditionConformance(SuiteServer server) : IClassFixture<SuiteServer>
{
    private const string File = "ovsdb-condition.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Evaluates_conditions_as_the_suite_of_Open_vSwitch_says(string title)
    {
        var one = SuiteCases.Find(File, title);
        await server.JudgeAsync(
            File,
            async () =>
            {
                if (one.Macro == "AT_SETUP")
                {
                    var check = Assert.Single(one.Script, line => line.Check is not null).Check!;
                    await RefusedAsync([.. SuiteText.ShellWords(check[0]).Skip(1)], check[3]);
                    return;
                }
                var words = SuiteText.ShellWords(OvsSuite.Expand(one.Arguments[1]));
                var expected = OvsSuite.Expand(one.Arguments[2]);
                await (
                    words[0] switch
                    {
                        "parse-conditions" => ParsedAsync(words, expected),
                        "evaluate-conditions" => EvaluatedAsync(words, expected),
                        "evaluate-conditions-any" => EvaluatedByMonitorAsync(words, expected),
                        _ => throw Xunit.Sdk.SkipException.ForSkip(
                            "how a server orders conditions among each other in memory is nothing that a client can see"
                        ),
                    }
                );
            }
        );
    }

    private async Task RefusedAsync(IReadOnlyList<string> words, string expected)
    {
        var table = await LiveTable.CreateAsync(server, Columns(words[1]));
        var said = new StringBuilder();
        foreach (var condition in words.Skip(2))
        {
            var raw = LiveTable.Error(await table.TryAsync(Select(condition)));
            said.Append("test-ovsdb: ").Append(raw).Append('\n');

            var typed = await Assert.ThrowsAsync<OvsdbTransactionException>(() =>
                server.Client.TransactAsync(
                    table.Database,
                    [new Select("mytable", Where(condition))],
                    server.Deadline
                )
            );
            var error = Assert.Single(typed.Errors);
            Assert.Equal(raw, $"syntax \"{error.Syntax}\": {error.Error}: {error.Details}");
        }
        Assert.Equal(expected, said.ToString());
    }

    private async Task ParsedAsync(IReadOnlyList<string> words, string expected)
    {
        var table = await LiveTable.CreateAsync(server, Columns(words[1]));
        var lines = expected.Split('\n');
        Assert.Equal(lines.Length, words.Count - 2);
        for (var i = 0; i < lines.Length; i++)
        {
            var results = await table.TryAsync(Select(words[i + 2]));
            Assert.Null(LiveTable.Error(results));
            var sent = await server.SentAsync(
                table.Database,
                new Select("mytable", Where(words[i + 2]))
            );

            // The suite prints clauses in the order in which the server would try them; for a client all orders are one.
            Assert.Equal(Clauses(lines[i]), Clauses(sent.GetProperty("where").GetRawText()));
        }
    }

    private async Task EvaluatedAsync(IReadOnlyList<string> words, string expected)
    {
        var (table, rows) = await FilledAsync(words);
        var conditions = JsonNode
            .Parse(words[2])!
            .AsArray()
            .Select(c => c!.ToJsonString())
            .ToList();
        var raw = new List<string>();
        var typed = new List<string>();
        foreach (var condition in conditions)
        {
            var results = await table.TryAsync(Select(condition));
            raw.Add(
                Marks(
                    rows,
                    results[0]
                        .GetProperty("rows")
                        .EnumerateArray()
                        .Select(row => row.GetProperty("n").GetInt64())
                )
            );
            var result = await server.Client.TransactAsync(
                table.Database,
                [new Select("mytable", Where(condition)) { Columns = ["n"] }],
                server.Deadline
            );
            typed.Add(Marks(rows, result[0].Rows.Select(row => row["n"].AsInteger())));
        }
        Assert.Equal(expected, Numbered(raw));
        Assert.Equal(expected, Numbered(typed));
    }

    private async Task EvaluatedByMonitorAsync(IReadOnlyList<string> words, string expected)
    {
        var (table, rows) = await FilledAsync(words);
        var marks = new List<string>();
        foreach (var condition in JsonNode.Parse(words[2])!.AsArray())
        {
            await using var replica = await server.Client.MonitorAsync(
                table.Database,
                MonitorSpec.Of(
                    TableMonitor.Of("mytable", "n") with
                    {
                        Where = Where(condition!.ToJsonString()),
                    }
                ),
                server.Deadline
            );
            marks.Add(
                Marks(rows, replica.Snapshot["mytable"].Values.Select(row => row["n"].AsInteger()))
            );
        }
        Assert.Equal(expected, Numbered(marks));
    }

    /// <summary>The rows of a case, numbered by a column of their own.</summary>
    private async Task<(LiveTable Table, int Rows)> FilledAsync(IReadOnlyList<string> words)
    {
        var columns = JsonNode.Parse(Columns(words[1]))!.AsObject();
        columns["n"] = new JsonObject { ["type"] = "integer" };
        var table = await LiveTable.CreateAsync(server, columns.ToJsonString());
        using var rows = JsonDocument.Parse(words[3]);
        await server.Client.TransactAsync(
            table.Database,
            [
                .. rows
                    .RootElement.EnumerateArray()
                    .Select(
                        (json, n) =>
                        {
                            var (name, value) = TypedOperations.Row(json).Single();
                            return new Insert("mytable", new Row { [name] = value, ["n"] = n });
                        }
                    ),
            ],
            server.Deadline
        );
        return (table, rows.RootElement.GetArrayLength());
    }

    private static string Columns(string table) =>
        JsonNode.Parse(table)!["columns"]!.ToJsonString();

    private static string Select(string condition) =>
        $$"""{"op":"select","table":"mytable","where":{{condition}}}""";

    private static ImmutableArray<Condition> Where(string condition)
    {
        using var json = JsonDocument.Parse(condition);
        return [.. json.RootElement.EnumerateArray().Select(TypedOperations.Condition)];
    }

    private static IEnumerable<string> Clauses(string condition)
    {
        using var json = JsonDocument.Parse(condition);
        return
        [
            .. json
                .RootElement.EnumerateArray()
                .Select(SuiteText.Json)
                .Order(StringComparer.Ordinal),
        ];
    }

    private static string Marks(int rows, IEnumerable<long> matched)
    {
        var met = matched.ToHashSet();
        return string.Concat(
            Enumerable
                .Range(0, rows)
                .Select(n => $"{(n % 5 == 0 ? " " : "")}{(met.Contains(n) ? 'T' : '-')}")
        );
    }

    private static string Numbered(IEnumerable<string> marks) =>
        string.Join('\n', marks.Select((mark, at) => $"condition {at, 2}:{mark}"));
}
