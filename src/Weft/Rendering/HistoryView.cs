using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Weft.Core;
using Weft.Core.History;

namespace Weft.Rendering;

/// <summary>Shows the history of what was applied on a host.</summary>
internal static class HistoryView
{
    /// <summary>Writes the whole history, the newest entry first.</summary>
    public static void Write(Output terminal, HistoryStore store, HistoryBook book, bool withDiffs)
    {
        if (!withDiffs)
        {
            AlignedRows.Write(
                terminal.Out,
                [
                    ["", "when", "what", "who", "from", "host", "became"],
                    .. book.Entries.Reverse().Select(entry => Row(book, entry)),
                ]
            );
            return;
        }
        foreach (var entry in book.Entries.Reverse())
        {
            WriteEntry(terminal, store, book, entry);
            terminal.Out.WriteLine();
        }
    }

    /// <summary>Writes one entry, and what it changed in the overlay file.</summary>
    public static void WriteEntry(
        Output terminal,
        HistoryStore store,
        HistoryBook book,
        HistoryEntry entry
    )
    {
        terminal.Out.Line(string.Join("  ", Row(book, entry).Where(cell => cell.Length > 0)));
        foreach (var line in Diff(store, book, entry).TrimEnd().Split('\n'))
        {
            terminal.Out.Line(
                line switch
                {
                    ['+', ..] => $"[green]{line.EscapeMarkup()}[/]",
                    ['-', ..] => $"[red]{line.EscapeMarkup()}[/]",
                    _ => line.EscapeMarkup(),
                }
            );
        }
    }

    /// <summary>The whole history as JSON, the oldest entry first.</summary>
    public static string Json(HistoryStore store, HistoryBook book, bool withDiffs) =>
        JsonSerializer.Serialize(
            [
                .. book.Entries.Select(entry => new HistoryEntryDocument(
                    entry.Number,
                    entry.Time,
                    entry.Did,
                    entry.By,
                    entry.From,
                    entry.Host,
                    entry.State,
                    entry.Trial?.Reason,
                    entry.Number == book.Settled?.Number,
                    entry.File is { } file ? store.PathOf(file) : null,
                    withDiffs ? Diff(store, book, entry) : null
                )),
            ],
            HistoryViewJson.Default.HistoryEntryDocumentArray
        );

    private static string[] Row(HistoryBook book, HistoryEntry entry) =>
        [
            $"{entry.Number}{(entry.Number == book.Settled?.Number ? "*" : "")}",
            entry.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss"),
            entry.Did.EscapeMarkup(),
            (entry.By ?? "").EscapeMarkup(),
            (entry.From ?? "").EscapeMarkup(),
            entry.Host.EscapeMarkup(),
            Became(entry),
        ];

    private static string Became(HistoryEntry entry) =>
        entry switch
        {
            { State: EntryState.Trying, Trial: { } trial } =>
                $"[yellow]waits to be confirmed until {trial.Deadline.ToLocalTime():HH:mm:ss}[/]",
            { State: EntryState.Confirmed } => "[green]confirmed[/]",
            { State: EntryState.Reverting, Trial: { } trial } =>
                $"[red]goes back: {trial.Reason.EscapeMarkup()}[/]",
            { State: EntryState.Reverted, Trial: { } trial } =>
                $"[red]went back: {(trial.Reason ?? "").EscapeMarkup()}[/]",
            _ => "",
        };

    private static string Diff(HistoryStore store, HistoryBook book, HistoryEntry entry)
    {
        var former = book.Before(entry);
        try
        {
            return HistoryDiff.Of(
                former?.File is { } before ? store.FileOf(before) : null,
                $"{former?.Number}",
                entry.File is { } file ? store.FileOf(file) : null,
                $"{entry.Number}"
            );
        }
        catch (HostException exception)
        {
            return $"({exception.Message})";
        }
    }
}

/// <summary>An entry of the history for scripts.</summary>
internal sealed record HistoryEntryDocument(
    int Number,
    DateTimeOffset Time,
    string Did,
    string? By,
    string? From,
    string Host,
    EntryState State,
    string? Reason,
    bool InForce,
    string? File,
    string? Diff
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(HistoryEntryDocument[]))]
internal sealed partial class HistoryViewJson : JsonSerializerContext;
