using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Core.History;

/// <summary>
/// Reads and writes a history list as JSON. Every command reads it first, to find out whether a try is open. It is read member by
/// member, since a serializer would first inspect all types, which made up a fifth of the functions that <c>weft plan</c> ran.
/// </summary>
internal static class HistoryJson
{
    /// <summary>The version of the format that is written.</summary>
    public const int Version = 1;

    /// <summary>The format version that a list states.</summary>
    /// <exception cref="JsonException">It states none.</exception>
    public static int VersionOf(JsonElement list) => Need(list, "version").GetInt32();

    /// <summary>The entries of a list of this version.</summary>
    /// <exception cref="JsonException">A member is missing or has an unknown value.</exception>
    /// <exception cref="InvalidOperationException">A value is of the wrong JSON type.</exception>
    /// <exception cref="FormatException">A value is not in the expected format.</exception>
    /// <exception cref="OverflowException">A time is too long.</exception>
    public static ImmutableArray<HistoryEntry> EntriesOf(JsonElement list) =>
        [.. Need(list, "entries").EnumerateArray().Select(EntryOf)];

    /// <summary>The content of the file for a list.</summary>
    public static byte[] Format(ImmutableArray<HistoryEntry> entries)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteStartArray("entries");
            foreach (var entry in entries)
            {
                Write(json, entry);
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return bytes.WrittenSpan.ToArray();
    }

    private static HistoryEntry EntryOf(JsonElement json) =>
        new()
        {
            Number = Need(json, "number").GetInt32(),
            Time = Need(json, "time").GetDateTimeOffset(),
            Did = NeedText(json, "did"),
            By = Text(json, "by"),
            From = Text(json, "from"),
            Host = NeedText(json, "host"),
            File = Text(json, "file"),
            State = Word<EntryState>(json, "state") ?? EntryState.Applied,
            Trial = Find(json, "trial") is { } trial ? TrialOf(trial) : null,
        };

    private static Trial TrialOf(JsonElement json) =>
        new()
        {
            Before = Text(json, "before"),
            Kept = Text(json, "kept"),
            Within = Time(Need(json, "within")),
            Deadline = Need(json, "deadline").GetDateTimeOffset(),
            IsApplied = Find(json, "isApplied") is { } applied && applied.GetBoolean(),
            Boot = NeedText(json, "boot"),
            Process = ProcessOf(Need(json, "process")),
            // Lists of an earlier Weft have no lifelines.
            Lifelines = Find(json, "lifelines") is { } lifelines
                ? [.. lifelines.EnumerateArray().Select(LifelineOf)]
                : [],
            Connection = Text(json, "connection"),
            Grace = Find(json, "grace") is { } grace ? Time(grace) : default,
            Database = NeedText(json, "database"),
            Engine = Word<Engine>(json, "engine"),
            Datapath = Word<DatapathChoice>(json, "datapath"),
            Ended = Find(json, "ended")?.GetDateTimeOffset(),
            Reason = Text(json, "reason"),
        };

    private static ProcessIdentity ProcessOf(JsonElement json) =>
        new(Need(json, "pid").GetInt32(), Need(json, "started").GetInt64());

    private static Lifeline LifelineOf(JsonElement json) =>
        new(NeedText(json, "name"), NeedText(json, "from"), NeedText(json, "to"));

    private static void Write(Utf8JsonWriter json, HistoryEntry entry)
    {
        json.WriteStartObject();
        json.WriteNumber("number", entry.Number);
        json.WriteString("time", entry.Time);
        json.WriteString("did", entry.Did);
        WriteIfAny(json, "by", entry.By);
        WriteIfAny(json, "from", entry.From);
        json.WriteString("host", entry.Host);
        WriteIfAny(json, "file", entry.File);
        json.WriteString("state", $"{entry.State}");
        if (entry.Trial is { } trial)
        {
            json.WritePropertyName("trial");
            Write(json, trial);
        }
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Trial trial)
    {
        json.WriteStartObject();
        WriteIfAny(json, "before", trial.Before);
        WriteIfAny(json, "kept", trial.Kept);
        json.WriteString("within", Text(trial.Within));
        json.WriteString("deadline", trial.Deadline);
        json.WriteBoolean("isApplied", trial.IsApplied);
        json.WriteString("boot", trial.Boot);
        json.WriteStartObject("process");
        json.WriteNumber("pid", trial.Process.Pid);
        json.WriteNumber("started", trial.Process.Started);
        json.WriteEndObject();
        json.WriteStartArray("lifelines");
        foreach (var lifeline in trial.Lifelines)
        {
            json.WriteStartObject();
            json.WriteString("name", lifeline.Name);
            json.WriteString("from", lifeline.From);
            json.WriteString("to", lifeline.To);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteIfAny(json, "connection", trial.Connection);
        json.WriteString("grace", Text(trial.Grace));
        json.WriteString("database", trial.Database);
        WriteIfAny(json, "engine", trial.Engine?.ToString());
        WriteIfAny(json, "datapath", trial.Datapath?.ToString());
        if (trial.Ended is { } ended)
        {
            json.WriteString("ended", ended);
        }
        WriteIfAny(json, "reason", trial.Reason);
        json.WriteEndObject();
    }

    private static void WriteIfAny(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static JsonElement? Find(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    private static JsonElement Need(JsonElement json, string name) =>
        Find(json, name) ?? throw new JsonException($"a '{name}' is missing");

    private static string? Text(JsonElement json, string name) => Find(json, name)?.GetString();

    private static string NeedText(JsonElement json, string name) => Need(json, name).GetString()!;

    private static T? Word<T>(JsonElement json, string name)
        where T : struct, Enum =>
        Text(json, name) is not { } word ? null
        : Enum.TryParse<T>(word, out var value) && Enum.IsDefined(value) ? value
        : throw new JsonException($"a '{name}' is '{word}', which there is not");

    // The constant ("c") format: [d.]hh:mm:ss[.fffffff].
    private static string Text(TimeSpan time) => time.ToString("c");

    private static TimeSpan Time(JsonElement json) =>
        TimeSpan.ParseExact(json.GetString()!, "c", null);
}
