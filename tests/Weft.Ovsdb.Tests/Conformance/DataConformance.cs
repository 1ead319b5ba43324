using System.Text.Json;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// Open vSwitch's ovsdb-data.at. The suite reads values in memory; here they go through the client's types into a
/// column of a live server and come back.
/// </summary>
public sealed class DataConformance(SuiteServer server) : IClassFixture<SuiteServer>
{
    private const string File = "ovsdb-data.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Reads_and_writes_values_as_the_suite_of_Open_vSwitch_says(string title)
    {
        var one = SuiteCases.Find(File, title);
        await server.JudgeAsync(
            File,
            async () =>
            {
                var words = SuiteText.ShellWords(OvsSuite.Expand(one.Arguments[1]));
                var expected = OvsSuite.Expand(one.Arguments[2]);
                await (
                    words[0] switch
                    {
                        "default-atoms" or "default-data" => DefaultsAsync(words[0], expected),
                        "parse-atoms" or "parse-data" => ParseAsync(one, words, expected),
                        "sort-atoms" => SortAsync(words, expected),
                        "diff-data" => DifferenceAsync(one, words, expected),
                        _ => throw SkipException(
                            "the syntax of values on ovs-vsctl's command line is no part of the protocol, and the client has none"
                        ),
                    }
                );
            }
        );
    }

    private static Xunit.Sdk.SkipException SkipException(string reason) =>
        Xunit.Sdk.SkipException.ForSkip(reason);

    private async Task DefaultsAsync(string command, string expected)
    {
        // One column for each line of the expected output; the server's defaults are what the client says they are.
        var types = expected
            .Split('\n')
            .Select(line =>
            {
                var parts = line.Split([' ', ',', ':'], StringSplitOptions.RemoveEmptyEntries);
                return command == "default-atoms" ? $"\"{parts[0]}\""
                    : parts[3] == "void" ? $$"""{"key":"{{parts[1]}}","min":{{parts[5]}}}"""
                    : $$"""{"key":"{{parts[1]}}","value":"{{parts[3]}}","min":{{parts[5]}}}""";
            })
            .ToList();
        var columns = string.Join(
            ',',
            types.Select(
                (type, at) =>
                    $$"""
                        "c{{at}}":{"type":{{type}}}
                        """
            )
        );
        var table = await LiveTable.CreateAsync(server, $"{{{columns}}}");
        var schema = (await server.Client.GetSchemaAsync(table.Database, server.Deadline)).Tables[
            "mytable"
        ];
        var inserted = await server.Client.TransactAsync(
            table.Database,
            [new Insert("mytable", new Row()), new Select("mytable", [])],
            server.Deadline
        );
        var row = Assert.Single(inserted[1].Rows);
        for (var i = 0; i < types.Count; i++)
        {
            Assert.Equal(row[$"c{i}"], schema.Columns[$"c{i}"].Type.Default);
            Assert.Equal(
                TypedOperations.Text(row[$"c{i}"]),
                TypedOperations.Text(schema.Columns[$"c{i}"].Type.Default)
            );
        }
    }

    private async Task ParseAsync(SuiteCase one, IReadOnlyList<string> words, string expected)
    {
        if (one.Title.StartsWith("no invalid UTF-8", StringComparison.Ordinal))
        {
            throw SkipException(
                "a .NET string cannot hold bytes that are no UTF-8, so the client cannot send them; that it refuses to receive them is judged among the hostile servers"
            );
        }
        var type =
            words[0] == "parse-data"
                ? LiveTable.Unbox(words[1])
                : $$"""{"key":{{LiveTable.Unbox(words[1])}}}""";
        var table = await LiveTable.CreateAsync(server, $$$"""{"c":{"type":{{{type}}}}}""");
        var values = words.Skip(2).Select(LiveTable.Unbox).ToList();
        if (one.Macro.StartsWith("OVSDB_CHECK_NEGATIVE", StringComparison.Ordinal))
        {
            Assert.Contains(
                expected,
                await RefusalAsync(table, values[0]),
                StringComparison.Ordinal
            );
            using var json = JsonDocument.Parse(values[0]);
            Assert.True(
                RefusedOrMended(json.RootElement),
                $"{values[0]} was read as if nothing were wrong"
            );
            return;
        }
        var lines = expected.Split('\n');
        Assert.Equal(lines.Length, values.Count);
        for (var i = 0; i < values.Count; i++)
        {
            using var json = JsonDocument.Parse(values[i]);
            if (
                lines[i].Contains(" error: ", StringComparison.Ordinal)
                || lines[i].StartsWith("constraint violation", StringComparison.Ordinal)
            )
            {
                Assert.Equal(lines[i], await RefusalAsync(table, values[i]));
                await TypedRefusalAsync(table, json.RootElement, lines[i]);
                continue;
            }
            var value = Datum.FromJson(json.RootElement);
            Assert.Equal(lines[i], TypedOperations.Text(value));
            var stored = await table.StoreAsync(value);
            Assert.Equal(value, stored);
            Assert.Equal(lines[i], TypedOperations.Text(stored));
        }
    }

    /// <summary>
    /// A map with a key twice is refused. A set with a value twice is read as one with it once: the server itself sends
    /// such where two reals differ in digits that it does not print.
    /// </summary>
    private static bool RefusedOrMended(JsonElement json)
    {
        try
        {
            return Datum.FromJson(json).Count < json[1].GetArrayLength();
        }
        catch (OvsdbValueException)
        {
            return true;
        }
    }

    /// <summary>The server's words about a value of column <c>c</c>, sent as it is.</summary>
    private async Task<string> RefusalAsync(LiveTable table, string value)
    {
        // In an insert a name may stand for a row; in a monitor's condition, as in the suite, it may not.
        if (value.Contains("named-uuid", StringComparison.Ordinal))
        {
            var refused = await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
                server.CallAsync(
                    "monitor_cond",
                    $$"""["{{table.Database}}","m",{"mytable":[{"where":[["c","==",{{value}}]]}]}]"""
                )
            );
            return Words(refused.Error, refused.Details, refused.Syntax);
        }
        var results = await table.DoAsync(
            $$$"""{"op":"insert","table":"mytable","row":{"c":{{{value}}}}}"""
        );
        return LiveTable.Error(results) ?? $"no error but {string.Join(',', results)}";
    }

    private static async Task TypedRefusalAsync(LiveTable table, JsonElement json, string expected)
    {
        if (json.GetRawText().Contains("named-uuid", StringComparison.Ordinal))
        {
            return;
        }
        var value = Datum.FromJson(json);
        var refused = await Assert.ThrowsAsync<OvsdbTransactionException>(() =>
            table.StoreAsync(value)
        );
        var error = Assert.Single(refused.Errors);
        Assert.Equal(0, error.Index);
        Assert.Equal(expected, Words(error.Error, error.Details, error.Syntax));
    }

    private static string Words(string error, string? details, string? syntax) =>
        $"{(syntax is null ? "" : $"syntax \"{syntax}\": ")}{error}{(details is null ? "" : $": {details}")}";

    private async Task SortAsync(IReadOnlyList<string> words, string expected)
    {
        using var json = JsonDocument.Parse(words[2]);
        var atoms = json.RootElement.EnumerateArray().Select(Atom.FromJson).ToList();
        Assert.Equal(
            expected,
            $"[{string.Join(',', atoms.Order().Select(atom => TypedOperations.Text((Datum)atom)))}]"
        );

        var table = await LiveTable.CreateAsync(
            server,
            $$$$"""{"n":{"type":"integer"},"c":{"type":{"key":{{{{LiveTable.Unbox(words[1])}}}}}}}"""
        );
        await server.Client.TransactAsync(
            table.Database,
            [
                .. atoms.Select(
                    (atom, n) => new Insert("mytable", new Row { ["c"] = atom, ["n"] = n })
                ),
            ],
            server.Deadline
        );
        var sorted = await table.TryAsync(
            """{"op":"select","table":"mytable","where":[],"columns":["c","n"],"sort":["c"]}"""
        );
        var values = sorted[0]
            .GetProperty("rows")
            .EnumerateArray()
            .Select(row => SuiteText.Json(row.GetProperty("c")));
        Assert.Equal(expected, $"[{string.Join(',', values)}]");
    }

    /// <summary>The difference between two values is what the server tells a monitor; the replica applies it.</summary>
    private async Task DifferenceAsync(SuiteCase one, IReadOnlyList<string> words, string expected)
    {
        if (one.Macro.StartsWith("OVSDB_CHECK_NEGATIVE", StringComparison.Ordinal))
        {
            throw SkipException(
                "a value too large for its column never leaves a server as a difference: it refuses the update itself"
            );
        }
        var lines = expected.Split('\n');
        await using var tap = new Hostile.Tap(server.SocketPath);
        await using var client = await server.ConnectAsync(tap.Remote);
        for (var i = 2; i + 1 < words.Count; i += 2)
        {
            var table = await LiveTable.CreateAsync(
                server,
                $$$"""{"c":{"type":{{{LiveTable.Unbox(words[1])}}}}}"""
            );
            var (difference, applied) = (
                Value(lines[(i - 2) * 2], "diff"),
                Value(lines[(i - 2) * 2 + 1], "apply diff")
            );
            await table.DoAsync(
                $$$"""{"op":"insert","table":"mytable","row":{"c":{{{LiveTable.Unbox(words[i])}}}}}"""
            );
            await using var replica = await client.MonitorAsync(
                table.Database,
                MonitorSpec.Of(TableMonitor.Of("mytable", "c")),
                server.Deadline
            );
            var before = Heard(tap).Count;
            await table.DoAsync(
                $$$"""{"op":"update","table":"mytable","where":[],"row":{"c":{{{LiveTable.Unbox(words[i + 1])}}}}}"""
            );
            await replica.WaitAsync(
                snapshot =>
                    TypedOperations.Text(snapshot["mytable"].Single().Value["c"]) == applied,
                server.Deadline
            );
            // An update without a difference is none, and the server is silent.
            Assert.Equal(words[i] == words[i + 1] ? [] : [difference], Heard(tap).Skip(before));
        }
    }

    private static string Value(string line, string label)
    {
        Assert.StartsWith($"{label}: ", line, StringComparison.Ordinal);
        return line[(label.Length + 2)..];
    }

    private static IReadOnlyList<string> Heard(Hostile.Tap tap) =>
        [
            .. tap.Heard(toClient: true)
                .Where(m =>
                    m.TryGetProperty("method", out var method)
                    && method.GetString() is "update2" or "update3"
                )
                .Select(m => m.GetProperty("params").EnumerateArray().Last())
                .SelectMany(tables => tables.GetProperty("mytable").EnumerateObject())
                .Where(row => row.Value.TryGetProperty("modify", out _))
                .Select(row => SuiteText.Json(row.Value.GetProperty("modify").GetProperty("c"))),
        ];
}
