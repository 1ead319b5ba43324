using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;
using Weft.Commands;
using Weft.Health;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>One command on many hosts, and what came of it.</summary>
internal static class FleetAsk
{
    /// <summary>Runs weft on all hosts to change something, and says a line for each.</summary>
    /// <param name="terminal">Where to write.</param>
    /// <param name="fleet">The hosts.</param>
    /// <param name="step">What is being done, in a word.</param>
    /// <param name="arguments">What follows <c>weft</c> on a host.</param>
    /// <param name="input">What each reads.</param>
    /// <param name="afterwards">What is said when all have done it.</param>
    /// <param name="withKeys">Whether the files that the overlay file names go along.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<int> DoAsync(
        Output terminal,
        FleetSession fleet,
        string step,
        Func<string, IReadOnlyList<string>> arguments,
        ReadOnlyMemory<byte> input,
        string? afterwards,
        bool withKeys,
        CancellationToken cancellationToken
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
                        var remark = withKeys ? await fleet.PutKeysAsync(host, cancellation) : null;
                        var answer = await fleet.AskAsync(
                            host,
                            arguments(host),
                            input,
                            cancellation
                        );
                        return answer with { Remark = remark };
                    },
                    answer =>
                        answer.ExitCode == ExitCode.Done
                            ? (true, "done")
                            : (false, answer.LastRemark ?? "failed"),
                    cancellationToken
                )
        );
        WriteRemarks(terminal, answers);
        return Conclude(terminal, answers, afterwards);
    }

    /// <summary><c>weft install</c> on all hosts.</summary>
    public static Task<int> InstallAsync(
        Output terminal,
        FleetSession fleet,
        bool inPlace,
        bool noEnable,
        CancellationToken cancellationToken
    ) =>
        DoAsync(
            terminal,
            fleet,
            "installing",
            host =>
                [
                    "install",
                    "-",
                    "--as",
                    host,
                    .. inPlace ? ["--in-place"] : (string[])[],
                    .. noEnable ? ["--no-enable"] : (string[])[],
                ],
            fleet.File,
            "They restore the overlay when they boot; `systemctl start weft-agent` on a host makes its agent keep it from now on.",
            withKeys: true,
            cancellationToken
        );

    /// <summary><c>weft status</c> of all hosts: a line for each, and below it what is not as intended.</summary>
    public static async Task<int> StatusAsync(
        Output terminal,
        FleetSession fleet,
        IEnumerable<string> options,
        bool json,
        CancellationToken cancellationToken
    )
    {
        var answers = await AskAsync(
            terminal,
            fleet,
            host => ["status", "-", "--as", host, "--json", .. options],
            cancellationToken
        );
        if (json)
        {
            FleetJson.Write(Console.Out, answers);
            return CodeOf(answers);
        }
        var width = answers.Max(answer => answer.Host.Length);
        foreach (var answer in answers)
        {
            var name = answer.Host.PadRight(width).EscapeMarkup();
            if (Parse(answer.Output, StatusJsonContext.Default.StatusDocument) is not { } host)
            {
                terminal.Out.MarkupLine(
                    $"[red]✗[/] {name}  {answer.Why("has no status").EscapeMarkup()}"
                );
                continue;
            }
            var agent = JsonNode.Parse(answer.Output)!["agent"] is null ? "no agent" : "agent runs";
            var isWell = answer.ExitCode == ExitCode.Done;
            terminal.Out.MarkupLine(
                $"{(isWell ? "[green]✓[/]" : "[red]✗[/]")} [bold]{name}[/]  {(host.Healthy ? "as intended" : "[red]not as intended[/]")}  [grey]MTU {host.Mtu}, {host.Datapath} datapath, {agent}[/]"
            );
            foreach (var item in host.Items.Where(item => item.State is not ("ok" or "waiting")))
            {
                terminal.Out.MarkupLine(
                    $"    [yellow]~[/] {item.Kind.EscapeMarkup()} [bold]{item.Name.EscapeMarkup()}[/]  {(item.Detail ?? item.Intended).EscapeMarkup()}"
                );
            }
            foreach (var conflict in host.Conflicts)
            {
                terminal.Out.MarkupLine($"    [red]✗[/] {conflict.EscapeMarkup()}");
            }
        }
        WriteRemarks(terminal, answers.Where(answer => answer.Output.Length > 0));
        return Conclude(terminal, answers, null);
    }

    /// <summary><c>weft doctor</c> on all hosts: of each what is not well.</summary>
    public static async Task<int> DoctorAsync(
        Output terminal,
        FleetSession fleet,
        IEnumerable<string> options,
        bool json,
        CancellationToken cancellationToken
    )
    {
        var answers = await AskAsync(
            terminal,
            fleet,
            host => ["doctor", "-", "--as", host, "--json", .. options],
            cancellationToken
        );
        if (json)
        {
            FleetJson.Write(Console.Out, answers);
            return CodeOf(answers);
        }
        foreach (var answer in answers)
        {
            if (Parse(answer.Output, FindingJson.Default.FindingArray) is not { } findings)
            {
                terminal.Out.MarkupLine(
                    $"[red]✗[/] {answer.Why("could not be examined").EscapeMarkup()}"
                );
                continue;
            }
            Finding[] ill = [.. findings.Where(finding => finding.Verdict is not Verdict.Well)];
            terminal.Out.MarkupLine(
                $"[bold]{answer.Host.EscapeMarkup()}[/]: {findings.Length - ill.Length} of {findings.Length} well"
            );
            DoctorCommand.WriteLines(terminal, ill);
        }
        return Conclude(terminal, answers, null);
    }

    /// <summary>Says how many hosts are well, and gives the exit code.</summary>
    public static int Conclude(
        Output terminal,
        IReadOnlyCollection<HostAnswer> answers,
        string? afterwards
    )
    {
        string[] left =
        [
            .. answers
                .Where(answer => answer.ExitCode != ExitCode.Done)
                .Select(answer => answer.Host),
        ];
        var hosts = $"{answers.Count} {(answers.Count == 1 ? "host" : "hosts")}";
        if (left.Length == 0)
        {
            terminal.Out.MarkupLine($"[green]✓[/] {hosts}: all well");
            if (afterwards is not null)
            {
                terminal.Out.WriteLine(afterwards);
            }
        }
        else
        {
            terminal.Out.MarkupLine(
                $"[red]✗[/] {answers.Count - left.Length} of {hosts} well; not {string.Join(", ", left).EscapeMarkup()}"
            );
        }
        return CodeOf(answers);
    }

    private static Task<IReadOnlyList<HostAnswer>> AskAsync(
        Output terminal,
        FleetSession fleet,
        Func<string, IReadOnlyList<string>> arguments,
        CancellationToken cancellationToken
    ) =>
        FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            lines: null,
            board =>
                fleet.AskAsync(
                    board,
                    fleet.Hosts,
                    "asking",
                    arguments,
                    fleet.File,
                    answer => (answer.ExitCode == ExitCode.Done, "answered"),
                    cancellationToken
                )
        );

    private static void WriteRemarks(Output terminal, IEnumerable<HostAnswer> answers)
    {
        foreach (var answer in answers)
        {
            foreach (var remark in answer.Remarks.Concat(answer.Remark is { } own ? [own] : []))
            {
                terminal.Notice($"{answer.Host}: {remark.TrimStart('!', ' ')}");
            }
        }
    }

    private static int CodeOf(IEnumerable<HostAnswer> answers) =>
        answers.All(answer => answer.ExitCode == ExitCode.Done) ? ExitCode.Done : ExitCode.Failed;

    private static T? Parse<T>(
        string json,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type
    )
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
