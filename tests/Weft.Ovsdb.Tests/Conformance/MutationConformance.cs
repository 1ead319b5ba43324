using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// Open vSwitch's ovsdb-mutation.at. The suite mutates rows in memory; here a row is inserted into a live server,
/// mutated and read back, raw and by the client's own types.
/// </summary>
public sealed class MutationConformance(SuiteServer server) : IClassFixture<SuiteServer>
{
    private const string File = "ovsdb-mutation.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Mutates_as_the_suite_of_Open_vSwitch_says(string title)
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
                    words[0] == "parse-mutations"
                        ? ParsedAsync(words, expected)
                        : ExecutedAsync(words, expected)
                );
            }
        );
    }

    private async Task RefusedAsync(IReadOnlyList<string> words, string expected)
    {
        var table = await LiveTable.CreateAsync(server, Columns(words[1]));
        var said = new StringBuilder();
        foreach (var mutations in words.Skip(2))
        {
            said.Append("test-ovsdb: ")
                .Append(LiveTable.Error(await table.TryAsync(Mutate(mutations))))
                .Append('\n');
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
            Assert.Null(LiveTable.Error(await table.TryAsync(Mutate(words[i + 2]))));
            var sent = await server.SentAsync(
                table.Database,
                new Mutate("mytable", [], [.. Mutations(words[i + 2])])
            );
            Assert.Equal(lines[i], SuiteText.Json(sent.GetProperty("mutations")));
        }
    }

    private async Task ExecutedAsync(IReadOnlyList<string> words, string expected)
    {
        var table = await LiveTable.CreateAsync(server, Columns(words[1]));
        using var rows = JsonDocument.Parse(words[3]);
        var raw = new StringBuilder();
        var typed = new StringBuilder();
        var n = 0;
        foreach (
            var mutations in JsonNode.Parse(words[2])!.AsArray().Select(m => m!.ToJsonString())
        )
        {
            raw.Append($"mutation {n, 2}:\n");
            typed.Append($"mutation {n++, 2}:\n");
            var r = 0;
            foreach (var row in rows.RootElement.EnumerateArray())
            {
                raw.Append($"row {r}: {await RawAsync(table, mutations, row)}\n");
                typed.Append($"row {r++}: {await TypedAsync(table, mutations, row)}\n");
            }
            raw.Append('\n');
            typed.Append('\n');
        }
        // The suite's files leave off some of the blank lines at the end.
        Assert.Equal(expected.TrimEnd('\n'), raw.ToString().TrimEnd('\n'));
        Assert.Equal(expected.TrimEnd('\n'), typed.ToString().TrimEnd('\n'));
    }

    private static async Task<string> RawAsync(LiveTable table, string mutations, JsonElement row)
    {
        var columns = string.Join(',', row.EnumerateObject().Select(c => $"\"{c.Name}\""));
        var select = $$"""{"op":"select","table":"mytable","where":[],"columns":[{{columns}}]}""";
        var results = await table.TryAsync(
            $$"""{"op":"insert","table":"mytable","row":{{row.GetRawText()}}}""",
            select,
            Mutate(mutations),
            select
        );
        if (LiveTable.Error(results) is { } error)
        {
            return error;
        }
        var (before, after) = (
            results[1].GetProperty("rows")[0],
            results[3].GetProperty("rows")[0]
        );
        return SuiteText.Json(before) == SuiteText.Json(after)
            ? "no change"
            : SuiteText.Json(after);
    }

    private async Task<string> TypedAsync(LiveTable table, string mutations, JsonElement json)
    {
        var row = TypedOperations.Row(json);
        try
        {
            var result = await server.Client.TransactAsync(
                table.Database,
                [
                    new Insert("mytable", row) { UuidName = "r" },
                    new Mutate(
                        "mytable",
                        [Condition.UuidIs(Atom.NamedUuid("r"))],
                        [.. Mutations(mutations)]
                    ),
                    new Select("mytable", []) { Columns = [.. row.Keys] },
                    new Delete("mytable", []),
                ],
                server.Deadline
            );
            var after = Assert.Single(result[2].Rows);
            return row.All(column => after[column.Key] == column.Value)
                ? "no change"
                : TypedOperations.Text(after.WriteTo);
        }
        catch (OvsdbTransactionException e)
        {
            var error = Assert.Single(e.Errors);
            return $"{error.Error}: {error.Details}";
        }
    }

    private static IReadOnlyList<Mutation> Mutations(string mutations)
    {
        using var json = JsonDocument.Parse(mutations);
        return [.. json.RootElement.EnumerateArray().Select(TypedOperations.Mutation)];
    }

    private static string Columns(string table) =>
        JsonNode.Parse(table)!["columns"]!.ToJsonString();

    private static string Mutate(string mutations) =>
        $$"""{"op":"mutate","table":"mytable","where":[],"mutations":{{mutations}}}""";
}
