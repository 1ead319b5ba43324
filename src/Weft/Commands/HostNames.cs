using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>
/// The names that an overlay has for hosts and containers, for the shell to complete. Help would show them in place of an
/// argument's name, unless that is its <see cref="System.CommandLine.Argument.HelpName"/> too.
/// </summary>
internal static class HostNames
{
    /// <summary>The hosts of the overlay file that was named, or of the first default one that exists.</summary>
    public static IEnumerable<CompletionItem> Complete(CompletionContext context) =>
        OverlayOf(context) is { } overlay ? Items(overlay.Hosts.Select(host => host.Name)) : [];

    /// <summary>The same of an option that takes several with commas between: those that are not among them yet.</summary>
    public static IEnumerable<CompletionItem> CompleteList(CompletionContext context)
    {
        var before = context.WordToComplete[..(context.WordToComplete.LastIndexOf(',') + 1)];
        return Complete(context)
            .Where(item => !before.Split(',').Contains(item.Label, StringComparer.Ordinal))
            .Select(item => new CompletionItem(before + item.Label));
    }

    /// <summary>Its hosts and containers.</summary>
    public static IEnumerable<CompletionItem> CompleteWithContainers(CompletionContext context) =>
        OverlayOf(context) is { } overlay
            ? Items(
                overlay
                    .Hosts.Select(host => host.Name)
                    .Concat(overlay.Containers.Select(container => container.Name))
            )
            : [];

    /// <summary>The hosts of the lab that was named, or of the only one.</summary>
    public static IEnumerable<CompletionItem> CompleteOfLab(CompletionContext context)
    {
        try
        {
            return Items(Lab.Open(Named(context, "--lab")).Hosts.Select(host => host.Name));
        }
        // Only root may read a lab's record.
        catch (Exception error)
            when (error is LabException or UnauthorizedAccessException or IOException)
        {
            return [];
        }
    }

    private static Overlay? OverlayOf(CompletionContext context) =>
        (
            Named(context, "--file")
            ?? Named(context, "FILE")
            ?? CommonOptions.DefaultFiles.FirstOrDefault(File.Exists)
        )
            is { } path
            ? OverlayFile.Read(path).Overlay
            : null;

    private static string? Named(CompletionContext context, string symbol) =>
        context.ParseResult.CommandResult.Children.FirstOrDefault(result =>
            result is OptionResult { Option: var option } && option.Name == symbol
            || result is ArgumentResult { Argument: var argument } && argument.Name == symbol
        )
            is { Tokens: [{ Value: var value }] }
            ? value
            : null;

    private static IEnumerable<CompletionItem> Items(IEnumerable<string> names) =>
        names.Select(name => new CompletionItem(name));
}
