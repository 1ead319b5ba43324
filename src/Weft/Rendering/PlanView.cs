using Spectre.Console;
using Weft.Core.Intents;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Shows plans.</summary>
internal static class PlanView
{
    /// <summary>Writes a plan for people.</summary>
    public static void Write(IAnsiConsole console, PlanDocument plan) =>
        OnePiece.Write(console, text => WriteLines(text, plan));

    /// <summary>Writes a plan's summary.</summary>
    public static void WriteHeading(IAnsiConsole console, PlanDocument plan) =>
        console.LineInterpolated(
            $"[bold]{plan.Host}[/] in overlay [bold]{plan.Overlay}[/]: {Summary(plan)}"
        );

    /// <summary>Writes a plan for people.</summary>
    public static void Write(IAnsiConsole console, HostIntent intent, Plan plan) =>
        Write(console, PlanJson.Of(intent, plan, withCommands: false));

    /// <summary>Writes a plan's notices, interruptions and conflicts.</summary>
    public static void WriteRemarks(Output terminal, Plan plan) =>
        WriteRemarks(
            terminal,
            [.. plan.Notices, .. plan.Interruptions],
            plan.Conflicts.Select(conflict => conflict.Message)
        );

    /// <summary>Writes notices and conflicts.</summary>
    public static void WriteRemarks(
        Output terminal,
        IEnumerable<string> notices,
        IEnumerable<string> conflicts
    )
    {
        foreach (var notice in notices)
        {
            terminal.Notice(notice);
        }
        foreach (var conflict in conflicts)
        {
            terminal.Fail(conflict);
        }
    }

    /// <summary>Writes the commands that an administrator would type.</summary>
    public static void WriteCommands(TextWriter writer, PlanDocument plan)
    {
        WriteComment($"{plan.Host} ({plan.Overlay})");
        foreach (var command in plan.Commands)
        {
            writer.WriteLine(HarmlessText.Of(command));
        }
        foreach (var notice in plan.Notices.Concat(plan.Interruptions))
        {
            WriteComment(notice);
        }

        void WriteComment(string text) =>
            // Text from another host must not continue on a line of its own, as a command.
            writer.WriteLine($"# {HarmlessText.Of(text).ReplaceLineEndings(" ")}");
    }

    /// <summary>How many changes of each kind, or how many conflicts.</summary>
    public static string Summary(PlanDocument plan)
    {
        if (plan.Conflicts.Count > 0)
        {
            return plan.Conflicts.Count == 1 ? "1 conflict" : $"{plan.Conflicts.Count} conflicts";
        }
        if (plan.Changes.Count == 0)
        {
            return "as intended, nothing to change";
        }
        int Count(string action) => plan.Changes.Count(change => change.Action == action);
        return $"{Count("add")} to add, {Count("set")} to change, {Count("remove")} to remove";
    }

    private static void WriteLines(IAnsiConsole console, PlanDocument plan)
    {
        WriteHeading(console, plan);
        if (plan.Mtu is { } mtu)
        {
            console.LineInterpolated($"  [grey]MTU {mtu.Words}[/]");
        }
        if (plan.Datapath is { } datapath)
        {
            console.LineInterpolated($"  [grey]{datapath} datapath[/]");
        }
        if (plan.Changes.Count > 0)
        {
            console.Line("");
        }
        var whatWidth = plan.Changes.Select(change => change.What.Length).DefaultIfEmpty().Max();
        var nameWidth = plan.Changes.Select(change => change.Name.Length).DefaultIfEmpty().Max();
        foreach (var change in plan.Changes)
        {
            var (sign, color) = change.Action switch
            {
                "add" => ("+", "green"),
                "set" => ("~", "yellow"),
                _ => ("-", "red"),
            };
            var name = change.Detail.Length == 0 ? change.Name : change.Name.PadRight(nameWidth);
            var what = change.What.PadRight(whatWidth);
            var detail = change.Detail.Length == 0 ? "" : $"  {change.Detail}";
            console.Line(
                $"  [{color}]{sign}[/] {what}  [bold]{name.EscapeMarkup()}[/]{detail.EscapeMarkup()}"
            );
        }
    }
}
