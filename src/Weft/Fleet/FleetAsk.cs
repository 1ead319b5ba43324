using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;
using Weft.Commands;
using Weft.Health;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>Runs one command on many hosts and shows the results.</summary>
internal static class FleetAsk
{
    /// <summary>Runs a command that changes something on all hosts, and reports a line for each.</summary>
    /// <param name="terminal">Where to write.</param>
    /// <param name="fleet">The hosts.</param>
    /// <param name="step">What is being done, in one word.</param>
    /// <param name="arguments">The arguments of <c>weft</c> on a host.</param>
    /// <param name="input">The standard input of each run.</param>
    /// <param name="afterwards">A message for when all hosts have succeeded.</param>
    /// <param name="withKeys">Whether to put the files that the overlay file names on the hosts, too.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="words">What to report of a host that has succeeded; "done" if null.</param>
    public static async Task<int> DoAsync(
        Output terminal,
        FleetSession fleet,
        string step,
        Func<string, IReadOnlyList<string>> arguments,
        ReadOnlyMemory<byte> input,
        string? afterwards,
        bool withKeys,
        CancellationToken cancellationToken,
        Func<HostAnswer, string>? words = null
    )
    {
        var answers = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            terminal.Out,
            board =>
                fleet.EachAsync(
                    board,
                    fleet.Hosts,
                    async (host, cancellation) =>
                    {
                        board.Step(host, step);
                        var keys = withKeys
                            ? await fleet.PutKeysAsync(host, KeyPlacing.Everywhere, cancellation)
                            : null;
                        var answer = await fleet.AskAsync(
                            host,
                            arguments(host),
                            input,
                            cancellation
                        );
                        return answer with { Remark = keys?.Remark };
                    },
                    answer =>
                        answer.ExitCode == ExitCode.Done
                            ? (true, words?.Invoke(answer) ?? "done")
                            : (false, answer.LastRemark ?? "failed"),
                    cancellationToken
                )
        );
        WriteRemarks(terminal, answers);
        return Conclude(terminal, answers, afterwards);
    }

    /// <summary>Runs <c>weft status</c> on all hosts: shows a line for each, followed by what is not as intended.</summary>
    public static Task<int> StatusAsync(
        Output terminal,
        FleetSession fleet,
        IEnumerable<string> options,
        bool json,
        CancellationToken cancellationToken
    )
    {
        var width = fleet.Hosts.Max(host => host.Length);
        return ShowAsync(
            terminal,
            fleet,
            "status",
            options,
            json,
            StatusJsonContext.Default.StatusDocument,
            "has no status",
            (answer, host) =>
            {
                var sign = answer.ExitCode == ExitCode.Done ? "[green]✓[/]" : "[red]✗[/]";
                var verdict = host.Healthy ? "as intended" : "[red]not as intended[/]";
                // If a tunnel is not encrypted, the lines below say so.
                var tunnels = host.Items.Where(item => item.Kind == "encryption").ToList();
                var encryption =
                    tunnels.Count > 0 && tunnels.TrueForAll(item => item.State == "ok")
                        ? ", encrypted"
                        : "";
                var agent = JsonNode.Parse(answer.Output)!["agent"] is null
                    ? "no agent"
                    : "agent runs";
                terminal.Out.Line(
                    $"{sign} [bold]{answer.Host.PadRight(width).EscapeMarkup()}[/]  {verdict}  [grey]MTU {host.Mtu}, {host.Datapath} datapath{encryption}, {agent}[/]"
                );
                foreach (
                    var item in host.Items.Where(item => item.State is not ("ok" or "waiting"))
                )
                {
                    terminal.Out.Line(
                        $"    [yellow]~[/] {item.Kind.EscapeMarkup()} [bold]{item.Name.EscapeMarkup()}[/]  {(item.Detail ?? item.Intended).EscapeMarkup()}"
                    );
                }
                foreach (var conflict in host.Conflicts)
                {
                    terminal.Out.Line($"    [red]✗[/] {conflict.EscapeMarkup()}");
                }
            },
            cancellationToken
        );
    }

    /// <summary>Runs <c>weft doctor</c> on all hosts: shows what is not well on each.</summary>
    public static Task<int> DoctorAsync(
        Output terminal,
        FleetSession fleet,
        IEnumerable<string> options,
        bool json,
        CancellationToken cancellationToken
    ) =>
        ShowAsync(
            terminal,
            fleet,
            "doctor",
            options,
            json,
            FindingJson.Default.FindingArray,
            "could not be examined",
            (answer, findings) =>
            {
                Finding[] ill = [.. findings.Where(finding => finding.Verdict is not Verdict.Well)];
                terminal.Out.Line(
                    $"[bold]{answer.Host.EscapeMarkup()}[/]: {findings.Length - ill.Length} of {findings.Length} well"
                );
                DoctorCommand.WriteLines(terminal, ill);
            },
            cancellationToken
        );

    /// <summary>Reports how many hosts are well, and returns the exit code.</summary>
    public static int Conclude(
        Output terminal,
        IReadOnlyCollection<HostAnswer> answers,
        string? afterwards
    )
    {
        string[] left = [.. answers.Where(answer => !answer.IsDone).Select(answer => answer.Host)];
        var hosts = Counted.Of(answers.Count, "host");
        if (left.Length == 0)
        {
            terminal.Out.Line($"[green]✓[/] {hosts}: all well");
            if (afterwards is not null)
            {
                terminal.Out.WriteLine(afterwards);
            }
        }
        else
        {
            terminal.Out.Line(
                $"[red]✗[/] {answers.Count - left.Length} of {hosts} well; not {string.Join(", ", left).EscapeMarkup()}"
            );
        }
        return CodeOf(answers);
    }

    /// <summary>Runs a command that answers in JSON on all hosts, and shows the answers or writes them as JSON.</summary>
    /// <param name="terminal">Where to write.</param>
    /// <param name="fleet">The hosts.</param>
    /// <param name="command">The command of weft.</param>
    /// <param name="options">More options for it.</param>
    /// <param name="json">Whether to write JSON.</param>
    /// <param name="type">The type of an answer.</param>
    /// <param name="silence">What to say of a host without a valid answer, as in "has no status".</param>
    /// <param name="write">Shows the answer of one host.</param>
    /// <param name="cancellationToken">Stops it.</param>
    private static async Task<int> ShowAsync<T>(
        Output terminal,
        FleetSession fleet,
        string command,
        IEnumerable<string> options,
        bool json,
        JsonTypeInfo<T> type,
        string silence,
        Action<HostAnswer, T> write,
        CancellationToken cancellationToken
    )
        where T : class
    {
        var told = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            lines: null,
            board =>
                fleet.AskAsync(
                    board,
                    fleet.Hosts,
                    "asking",
                    host => [command, "-", "--as", host, "--json", .. options],
                    fleet.File,
                    answer =>
                        Parse(answer.Output, type) is null
                            ? (false, answer.Fault)
                            : (answer.ExitCode == ExitCode.Done, "answered"),
                    cancellationToken
                )
        );
        var said = told.Select(answer => Parse(answer.Output, type)).ToList();
        HostAnswer[] answers =
        [
            .. told.Zip(said, (answer, one) => answer with { IsUnread = one is null }),
        ];
        if (json)
        {
            FleetJson.Write(Console.Out, answers);
            return CodeOf(answers);
        }
        foreach (var (answer, one) in answers.Zip(said))
        {
            if (one is not null)
            {
                write(answer, one);
            }
            else
            {
                terminal.Out.Line($"[red]✗[/] {answer.Why(silence).EscapeMarkup()}");
            }
        }
        WriteRemarks(terminal, answers.Where(answer => !answer.IsUnread));
        return Conclude(terminal, answers, null);
    }

    private static void WriteRemarks(Output terminal, IEnumerable<HostAnswer> answers)
    {
        foreach (var answer in answers)
        {
            foreach (var remark in answer.Remarks.Concat(answer.Remark is { } own ? [own] : []))
            {
                terminal.Notice($"{answer.Host}: {remark}");
            }
        }
    }

    private static int CodeOf(IEnumerable<HostAnswer> answers) =>
        answers.All(answer => answer.IsDone) ? ExitCode.Done : ExitCode.Failed;

    private static T? Parse<T>(string json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
