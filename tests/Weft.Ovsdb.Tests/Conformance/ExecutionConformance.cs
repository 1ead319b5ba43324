using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>Open vSwitch's ovsdb-execution.at: schema, transactions, answers.</summary>
public sealed partial class ExecutionConformance(
    SuiteServer server,
    ReadOnlySuiteServer readOnlyServer
) : IClassFixture<SuiteServer>, IClassFixture<ReadOnlySuiteServer>
{
    private const string File = "ovsdb-execution.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Answers_as_the_suite_of_Open_vSwitch_says(string title)
    {
        var one = SuiteCases.Find(File, title);
        var on = one.Macro == "OVSDB_CHECK_EXECUTION_RO" ? readOnlyServer : server;
        await on.JudgeAsync(
            File,
            async () =>
            {
                var schema = OvsSuite.Here!.Schemas[one.Arguments[1]];
                var transactions = OvsSuite.Here.Strings(File, one.Arguments[2]);
                var expected = OvsSuite.Expand(one.Arguments[3]);
                await RawAsync(on, schema, transactions, expected);
                await TypedAsync(on, schema, transactions, expected);
            }
        );
    }

    private static async Task RawAsync(
        SuiteServer on,
        string schema,
        IReadOnlyList<string> transactions,
        string expected
    )
    {
        var database = await on.AddAsync(schema);
        var lines = new List<string>();
        foreach (var transaction in transactions)
        {
            lines.Add(
                SuiteText.Json(await on.CallAsync("transact", Renamed(transaction, database)))
            );
        }
        Assert.Equal(
            expected,
            SuiteText.FilterUuids(string.Concat(lines.Select(line => line + "\n")))
        );
    }

    /// <summary>
    /// The same by operations and results of the client's own types. A transaction that fails gives its errors alone
    /// there, so what the other operations answered is taken out of what is expected too.
    /// </summary>
    private static async Task TypedAsync(
        SuiteServer on,
        string schema,
        IReadOnlyList<string> transactions,
        string expected
    )
    {
        var database = await on.AddAsync(schema);
        var answers = expected.TrimEnd('\n').Split('\n');
        var wanted = new List<string>();
        var got = new List<string>();
        for (var i = 0; i < transactions.Count; i++)
        {
            using var json = JsonDocument.Parse(transactions[i]);
            IReadOnlyList<Operation>? operations;
            try
            {
                operations = TypedOperations.Read(json.RootElement);
            }
            catch (OvsdbValueException)
            {
                // The types refuse at once what the server refuses as a syntax error.
                Assert.Contains("\"error\":\"syntax error\"", answers[i], StringComparison.Ordinal);
                continue;
            }
            if (operations is null)
            {
                wanted.Add(answers[i]);
                got.Add(
                    SuiteText.Json(
                        await on.CallAsync("transact", Renamed(transactions[i], database))
                    )
                );
                continue;
            }
            wanted.Add(ErrorsAlone(answers[i]));
            try
            {
                var result = await on.Client.TransactAsync(database, operations, on.Deadline);
                got.Add(
                    $"[{string.Join(',', operations.Select((o, at) => TypedOperations.Text(o, result[at])))}]"
                );
            }
            catch (OvsdbTransactionException e)
            {
                got.Add(
                    string.Join(
                        ',',
                        e.Errors.Select(error => $"{error.Index ?? operations.Count}:{Text(error)}")
                    )
                );
            }
        }
        Assert.Equal(Numbered(wanted), Numbered(got));
    }

    private static string Renamed(string transaction, string database) =>
        FirstString().Replace(transaction, $"[\"{database}\"", 1);

    private static string ErrorsAlone(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        var errors = json
            .RootElement.EnumerateArray()
            .Select((result, at) => (at, result))
            .Where(r => r.result.TryGetProperty("error", out _))
            .Select(r => $"{r.at}:{SuiteText.Json(r.result)}")
            .ToList();
        return errors.Count == 0 ? answer : string.Join(',', errors);
    }

    private static string Text(OperationError error) =>
        SuiteText.Json(
            JsonSerializer.Serialize(
                new Dictionary<string, string?>(StringComparer.Ordinal)
                {
                    ["error"] = error.Error,
                    ["details"] = error.Details,
                    ["syntax"] = error.Syntax,
                }
                    .Where(member => member.Value is not null)
                    .ToDictionary(StringComparer.Ordinal)
            )
        );

    /// <summary>UUIDs, or the numbers the suite has in their place, numbered anew in the order of appearance.</summary>
    private static string Numbered(IEnumerable<string> lines) =>
        SuiteText.FilterUuids(
            Number()
                .Replace(
                    string.Concat(lines.Select(line => line + "\n")),
                    m => $"00000000-0000-0000-0000-{int.Parse(m.Groups[1].Value):x12}"
                )
        );

    [GeneratedRegex("^\\[\"\\w+\"")]
    private static partial Regex FirstString();

    [GeneratedRegex("<([0-9]+)>")]
    private static partial Regex Number();
}
