using System.Globalization;
using Spectre.Console;
using Weft.Core.Intents;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Shows plans.</summary>
internal static class PlanView
{
    /// <summary>Writes a plan for people.</summary>
    public static void Write(IAnsiConsole console, HostIntent intent, Plan plan)
    {
        console.MarkupLineInterpolated(
            $"[bold]{plan.Host}[/] in overlay [bold]{plan.Overlay}[/]: {Summary(plan)}"
        );
        if (intent.Mtu is { } mtu)
        {
            console.MarkupLineInterpolated($"  [grey]MTU {mtu.Explain()}[/]");
        }
        if (intent.Switch is { } @switch)
        {
            console.MarkupLineInterpolated(
                $"  [grey]{(@switch.Userspace ? "userspace" : "kernel")} datapath[/]"
            );
        }
        if (!plan.IsEmpty)
        {
            console.WriteLine();
        }
        var whatWidth = plan.Changes.Select(change => change.What.Length).DefaultIfEmpty().Max();
        var nameWidth = plan.Changes.Select(change => change.Name.Length).DefaultIfEmpty().Max();
        foreach (var change in plan.Changes)
        {
            var (sign, color) = change.Action switch
            {
                ChangeAction.Add => ("+", "green"),
                ChangeAction.Set => ("~", "yellow"),
                _ => ("-", "red"),
            };
            var name = change.Detail.Length == 0 ? change.Name : change.Name.PadRight(nameWidth);
            console.MarkupLine(
                $"  [{color}]{sign}[/] {change.What.PadRight(whatWidth)}  [bold]{name.EscapeMarkup()}[/]"
                    + (change.Detail.Length == 0 ? "" : $"  {change.Detail.EscapeMarkup()}")
            );
        }
    }

    /// <summary>Writes what stands in the way of a plan, and what its reader should know.</summary>
    public static void WriteRemarks(Output terminal, Plan plan)
    {
        foreach (var notice in plan.Notices)
        {
            terminal.Notice(notice);
        }
        foreach (var conflict in plan.Conflicts)
        {
            terminal.Fail(conflict.Message);
        }
    }

    /// <summary>Writes the commands that an administrator would type.</summary>
    public static void WriteCommands(TextWriter writer, Plan plan)
    {
        writer.WriteLine($"# {plan.Host} ({plan.Overlay})");
        foreach (var command in plan.Commands)
        {
            writer.WriteLine(command);
        }
        foreach (var notice in plan.Notices)
        {
            writer.WriteLine($"# {notice}");
        }
    }

    /// <summary>How many of each.</summary>
    public static string Summary(Plan plan)
    {
        if (!plan.Conflicts.IsEmpty)
        {
            return plan.Conflicts.Length == 1
                ? "1 conflict"
                : string.Create(CultureInfo.InvariantCulture, $"{plan.Conflicts.Length} conflicts");
        }
        if (plan.IsEmpty)
        {
            return "as intended, nothing to change";
        }
        int Count(ChangeAction action) => plan.Changes.Count(change => change.Action == action);
        return $"{Count(ChangeAction.Add)} to add, {Count(ChangeAction.Set)} to change, {Count(ChangeAction.Remove)} to remove";
    }
}
