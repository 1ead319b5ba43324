using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>The suite's JSON as the client's own types, so that both ways of the client are judged: raw and typed.</summary>
internal static class TypedOperations
{
    /// <summary>The operations of a transaction (its JSON less the database's name), or null where one has a member that no type has.</summary>
    public static IReadOnlyList<Operation>? Read(JsonElement transaction)
    {
        var operations = new List<Operation>();
        foreach (var json in transaction.EnumerateArray().Skip(1))
        {
            // "sort" is an extension for the suite's own use, in no document.
            if (json.TryGetProperty("sort", out _))
            {
                return null;
            }
            operations.Add(One(json));
        }
        return operations;
    }

    public static Condition Condition(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.True => Ovsdb.Condition.Always,
            JsonValueKind.False => Ovsdb.Condition.Never,
            _ => new(json[0].GetString()!, Function(json[1].GetString()!), Datum.FromJson(json[2])),
        };

    public static Mutation Mutation(JsonElement json) =>
        new(
            json[0].GetString()!,
            json[1].GetString() switch
            {
                "+=" => Mutator.Add,
                "-=" => Mutator.Subtract,
                "*=" => Mutator.Multiply,
                "/=" => Mutator.Divide,
                "%=" => Mutator.Modulo,
                "insert" => Mutator.Insert,
                "delete" => Mutator.Delete,
                var other => throw new NotSupportedException($"no mutator \"{other}\""),
            },
            Datum.FromJson(json[2])
        );

    public static Row Row(JsonElement json) => Ovsdb.Row.FromJson(json);

    /// <summary>What a value writes itself as, in the suite's form of JSON.</summary>
    public static string Text(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            write(writer);
        }
        return SuiteText.Json(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    public static string Text(Datum datum) => Text(datum.WriteTo);

    /// <summary>An operation's result as the server would have written it.</summary>
    public static string Text(Operation operation, OperationResult result) =>
        operation switch
        {
            Insert => $$"""{"uuid":["uuid","{{result.Uuid}}"]}""",
            Select =>
                $$"""{"rows":[{{string.Join(',', result.Rows.Select(row => Text(row.WriteTo)))}}]}""",
            Update or Mutate or Delete => $$"""{"count":{{result.Count}}}""",
            _ => "{}",
        };

    private static Operation One(JsonElement json)
    {
        var table = json.TryGetProperty("table", out var name) ? name.GetString()! : "";
        return json.GetProperty("op").GetString() switch
        {
            "insert" => new Insert(table, Row(json.GetProperty("row")))
            {
                UuidName = json.TryGetProperty("uuid-name", out var named)
                    ? named.GetString()
                    : null,
                Uuid = json.TryGetProperty("uuid", out var uuid) ? uuid.GetGuid() : null,
            },
            "select" => json.TryGetProperty("columns", out var columns)
                ? new Select(table, Where(json)) { Columns = Strings(columns) }
                : new Select(table, Where(json)),
            "update" => new Update(table, Where(json), Row(json.GetProperty("row"))),
            "mutate" => new Mutate(
                table,
                Where(json),
                [.. json.GetProperty("mutations").EnumerateArray().Select(Mutation)]
            ),
            "delete" => new Delete(table, Where(json)),
            "wait" => new Wait(
                table,
                Where(json),
                Strings(json.GetProperty("columns")),
                json.GetProperty("until").GetString() == "=="
                    ? WaitUntil.Equal
                    : WaitUntil.NotEqual,
                [.. json.GetProperty("rows").EnumerateArray().Select(Row)]
            )
            {
                Timeout = json.TryGetProperty("timeout", out var timeout)
                    ? TimeSpan.FromMilliseconds(timeout.GetInt64())
                    : null,
            },
            "commit" => new Commit(json.GetProperty("durable").GetBoolean()),
            "abort" => new Abort(),
            "comment" => new Comment(json.GetProperty("comment").GetString()!),
            "assert" => new AssertLock(json.GetProperty("lock").GetString()!),
            var other => throw new NotSupportedException($"no operation \"{other}\""),
        };
    }

    private static ImmutableArray<Condition> Where(JsonElement json) =>
        [.. json.GetProperty("where").EnumerateArray().Select(Condition)];

    private static ImmutableArray<string> Strings(JsonElement json) =>
        [.. json.EnumerateArray().Select(s => s.GetString()!)];

    private static ConditionFunction Function(string function) =>
        function switch
        {
            "==" => ConditionFunction.Equal,
            "!=" => ConditionFunction.NotEqual,
            "<" => ConditionFunction.Less,
            "<=" => ConditionFunction.LessOrEqual,
            ">" => ConditionFunction.Greater,
            ">=" => ConditionFunction.GreaterOrEqual,
            "includes" => ConditionFunction.Includes,
            "excludes" => ConditionFunction.Excludes,
            _ => throw new NotSupportedException($"no function \"{function}\""),
        };
}
