using System.Text.Json;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// Open vSwitch's ovsdb-types.at. The suite parses a type; here a column of that type goes to the server and its
/// schema comes back through the client.
/// </summary>
public sealed class TypesConformance(SuiteServer server) : IClassFixture<SuiteServer>
{
    private const string File = "ovsdb-types.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Reads_a_type_as_the_suite_of_Open_vSwitch_says(string title)
    {
        var one = SuiteCases.Find(File, title);
        await server.JudgeAsync(
            File,
            async () =>
            {
                var words = SuiteText.ShellWords(OvsSuite.Expand(one.Arguments[1]));
                var expected = OvsSuite.Expand(one.Arguments[2]);
                var column =
                    words[0] == "parse-type"
                        ? LiveTable.Unbox(words[1])
                        : $$"""{"key":{{LiveTable.Unbox(words[1])}}}""";
                var schema = LiveTable.Schema($$$"""{"c":{"type":{{{column}}}}}""");
                if (one.Macro.StartsWith("OVSDB_CHECK_NEGATIVE", StringComparison.Ordinal))
                {
                    await RefusedAsync(schema, expected);
                }
                else
                {
                    await AcceptedAsync(schema, words[0] == "parse-type", expected);
                }
            }
        );
    }

    private async Task RefusedAsync(string schema, string expected)
    {
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => server.AddAsync(schema));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);

        // The client need not find every mistake in a schema, but must not fail in any undocumented way.
        using var json = JsonDocument.Parse(schema);
        Assert.True(
            Record.Exception(() => DatabaseSchema.FromJson(json.RootElement))
                is null
                    or OvsdbValueException
        );
    }

    private async Task AcceptedAsync(string schema, bool whole, string expected)
    {
        var database = await server.AddAsync(schema);
        var raw = await server.CallAsync("get_schema", $"[\"{database}\"]");
        var type = raw.GetProperty("tables")
            .GetProperty("mytable")
            .GetProperty("columns")
            .GetProperty("c")
            .GetProperty("type");
        var theirs =
            whole || type.ValueKind == JsonValueKind.String ? type : type.GetProperty("key");
        Assert.Equal(expected, SuiteText.Json(theirs));

        var read = (await server.Client.GetSchemaAsync(database, server.Deadline))
            .Tables["mytable"]
            .Columns["c"]
            .Type;
        Assert.Equal(expected, whole ? Text(read) : Text(read.Key));
    }

    /// <summary>As ovsdb_type_to_json of lib/ovsdb-types.c writes it.</summary>
    private static string Text(ColumnType type)
    {
        if (type.IsScalar && !Text(type.Key).StartsWith('{'))
        {
            return Text(type.Key);
        }
        var members = new List<string> { $"\"key\":{Text(type.Key)}" };
        if (type.Max != 1)
        {
            members.Add($"\"max\":{type.Max?.ToString() ?? "\"unlimited\""}");
        }
        if (type.Min != 1)
        {
            members.Add($"\"min\":{type.Min}");
        }
        if (type.Value is not null)
        {
            members.Add($"\"value\":{Text(type.Value)}");
        }
        return $"{{{string.Join(',', members)}}}";
    }

    /// <summary>As ovsdb_base_type_to_json of lib/ovsdb-types.c writes it.</summary>
    private static string Text(BaseType type)
    {
        var name = $"\"{type.Kind.ToString().ToLowerInvariant()}\"";
        var members = new List<string>();
        Add("enum", type.Enum is null ? null : TypedOperations.Text(type.Enum));
        Add("maxInteger", type.MaxInteger?.ToString());
        Add("maxLength", type.MaxLength?.ToString());
        Add("maxReal", type.MaxReal is { } maximum ? SuiteText.Real(maximum) : null);
        Add("minInteger", type.MinInteger?.ToString());
        Add("minLength", type.MinLength?.ToString());
        Add("minReal", type.MinReal is { } minimum ? SuiteText.Real(minimum) : null);
        Add("refTable", type.RefTable is null ? null : $"\"{type.RefTable}\"");
        Add("refType", type.RefType == ReferenceType.Weak ? "\"weak\"" : null);
        return members.Count == 0 ? name : $"{{{string.Join(',', members)},\"type\":{name}}}";

        void Add(string member, string? value)
        {
            if (value is not null)
            {
                members.Add($"\"{member}\":{value}");
            }
        }
    }
}
