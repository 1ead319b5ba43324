using System.Text.Json.Nodes;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>One case of ovsdb-monitor.at, whichever of its three ways it is written in, as the steps it consists of.</summary>
internal sealed record MonitorCase
{
    public required string Schema { get; init; }

    public required string Table { get; init; }

    /// <summary>Does it need the database of a cluster, of one server?</summary>
    public bool Clustered { get; init; }

    public required IReadOnlyList<MonitorStep> Steps { get; init; }

    /// <summary>What ovsdb-client prints, sorted and filtered.</summary>
    public required string Expected { get; init; }

    public static MonitorCase Read(string file, SuiteCase one)
    {
        var suite = OvsSuite.Here!;
        if (one.Macro == "AT_SETUP")
        {
            return Script(one);
        }
        var conditional = one.Macro == "OVSDB_CHECK_MONITOR_COND";
        string Argument(int at) =>
            at < one.Arguments.Count ? OvsSuite.Expand(one.Arguments[at]) : "";
        var columns = SuiteText.ShellWords(Argument(conditional ? 8 : 7)).SingleOrDefault() ?? "";
        var steps = new List<MonitorStep>();
        steps.AddRange(
            suite.Strings(file, one.Arguments[2]).Select(MonitorStep (t) => new Transact(t))
        );
        steps.Add(
            conditional
                ? new Watch("monitor_cond", columns, one.Arguments[7])
                : new Watch("monitor", columns)
        );
        steps.AddRange(
            suite.Strings(file, one.Arguments[5]).Select(MonitorStep (t) => new Transact(t))
        );
        if (conditional && one.Arguments.Count > 9)
        {
            steps.AddRange(
                suite
                    .Strings(file, one.Arguments[9])
                    .Select(MonitorStep (c) => new ChangeCondition(c))
            );
        }
        return new()
        {
            Schema = suite.Schemas[one.Arguments[1]],
            Table = one.Arguments[4],
            Steps = steps,
            Expected = Argument(6),
        };
    }

    private static MonitorCase Script(SuiteCase one)
    {
        string schema = "",
            table = "",
            expected = "";
        var clustered = false;
        var started = false;
        var steps = new List<MonitorStep>();
        SuiteScript
            .RunAsync(
                one.Script,
                new(StringComparer.Ordinal),
                (words, check) =>
                {
                    switch (words)
                    {
                        case [var function, ">", "schema"]:
                            schema = OvsSuite.Here!.Schemas[function];
                            break;
                        case ["ovsdb-tool", "create-cluster", ..]:
                            clustered = true;
                            break;
                        case ["ovsdb-client", "transact", _, var transaction]
                            when transaction != """["ordinals"]""":
                            steps.Add(new Transact(transaction));
                            break;
                        case ["ovsdb-client", ..]
                            when IsWatching()
                                && words.Contains(">")
                                && words.Any(w =>
                                    w.StartsWith("--pidfile=", StringComparison.Ordinal)
                                ):
                            throw Xunit.Sdk.SkipException.ForSkip(
                                "two clients are heard at once: it is about what ovsdb-server does"
                            );
                        case ["ovsdb-client", ..]
                            when words.FirstOrDefault(w =>
                                w.StartsWith("monitor", StringComparison.Ordinal)
                            )
                                is { } method:
                            var rest = words
                                .SkipWhile(w => !w.StartsWith("unix:", StringComparison.Ordinal))
                                .Skip(2)
                                .TakeWhile(w => w != ">")
                                .ToList();
                            var last = rest[0].StartsWith('[') ? null : rest[0];
                            rest = last is null ? rest : rest[1..];
                            table = rest[1];
                            steps.Add(
                                new Watch(
                                    method.Replace('-', '_'),
                                    rest.Count > 2 ? rest[2].Trim('[', ']') : "",
                                    rest[0]
                                )
                                {
                                    Since = last,
                                    Heard = words.Contains(">"),
                                }
                            );
                            break;
                        case [
                            "ovs-appctl",
                            "-t",
                            "ovsdb-client",
                            "ovsdb-client/cond_change",
                            _,
                            var condition,
                        ]:
                            steps.Add(new ChangeCondition(condition));
                            break;
                        case ["ovsdb-server", ..] when started:
                            // ovsdb-client ends with the server.
                            if (IsWatching())
                            {
                                steps.Add(new StopWatching());
                            }
                            steps.Add(new RestartServer());
                            break;
                        case ["ovsdb-server", ..]:
                            started = true;
                            break;
                        case ["kill", .., var pid]
                            when !pid.StartsWith("ovsdb-server", StringComparison.Ordinal):
                            steps.Add(new StopWatching());
                            break;
                    }
                    if (
                        check is [var command, ..]
                        && command.Contains("ovsdb-monitor-sort", StringComparison.Ordinal)
                    )
                    {
                        expected = check[2];
                    }
                    return Task.CompletedTask;
                }
            )
            .GetAwaiter()
            .GetResult();
        return new()
        {
            Schema = schema,
            Table = table,
            Clustered = clustered,
            Steps = steps,
            Expected = expected,
        };

        bool IsWatching() => steps.LastOrDefault(s => s is Watch or StopWatching) is Watch;
    }

    /// <summary>The columns ovsdb-client would ask for (parse_monitor_columns), and what it would leave out.</summary>
    public (IReadOnlyList<string> Columns, IReadOnlyList<string> LeftOut) Columns(string given)
    {
        var words = given
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(w => w.Trim('"'))
            .ToList();
        var leftOut = words.Where(w => w[0] == '!').Select(w => w[1..]).ToList();
        var columns = words.Where(w => w[0] != '!').ToList();
        if (columns.Count > 0)
        {
            return (columns, leftOut);
        }
        var all = JsonNode.Parse(Schema)!["tables"]![Table]!["columns"]!
            .AsObject()
            .Select(c => c.Key);
        return ([.. all.Order(StringComparer.Ordinal), "_version"], leftOut);
    }

    /// <summary>The <c>&lt;monitor-requests&gt;</c> that ovsdb-client would send.</summary>
    public string Requests(Watch watch)
    {
        var (columns, leftOut) = Columns(watch.Columns);
        var request = new JsonObject
        {
            ["columns"] = new JsonArray([.. columns.Select(c => JsonValue.Create(c))]),
        };
        if (leftOut.Count > 0)
        {
            request["select"] = new JsonObject(
                new[] { "initial", "insert", "delete", "modify" }.Select(kind =>
                    KeyValuePair.Create<string, JsonNode?>(
                        kind,
                        JsonValue.Create(!leftOut.Contains(kind))
                    )
                )
            );
        }
        if (watch.Condition is not null)
        {
            request["where"] = JsonNode.Parse(watch.Condition);
        }
        return new JsonObject { [Table] = new JsonArray(request) }.ToJsonString();
    }
}

internal abstract record MonitorStep;

internal sealed record Transact(string Json) : MonitorStep;

internal sealed record Watch(string Method, string Columns, string? Condition = null) : MonitorStep
{
    /// <summary>The transaction to go on from; the shell's text where it takes it from an earlier monitor's output.</summary>
    public string? Since { get; init; }

    /// <summary>Is this the monitor whose output the case is about?</summary>
    public bool Heard { get; init; } = true;
}

internal sealed record ChangeCondition(string Condition) : MonitorStep;

internal sealed record StopWatching : MonitorStep;

internal sealed record RestartServer : MonitorStep;
