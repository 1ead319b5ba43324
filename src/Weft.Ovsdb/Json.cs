using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>Helpers for JSON from an untrusted peer, beyond System.Text.Json.</summary>
internal static class Json
{
    /// <summary>The maximum depth: more than the 8 levels that RFC 7047 needs, and few enough for any stack.</summary>
    public const int MaxDepth = 128;

    // ovsdb-server reads UTF-8; escaping every non-ASCII character would only cost bytes.
    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
        MaxDepth = MaxDepth,
    };

    public static readonly JsonDocumentOptions ReaderOptions = new() { MaxDepth = MaxDepth };

    /// <summary>
    /// Reads a string; throws an <see cref="OvsdbValueException"/> if its bytes are not UTF-8 or its escapes not Unicode.
    /// </summary>
    public static string Text(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.String)
        {
            throw new OvsdbValueException("a string", Excerpt(json));
        }

        try
        {
            return json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new OvsdbValueException("a string of Unicode text", "bytes that are none");
        }
    }

    public static JsonElement Array(JsonElement json, string what) =>
        json.ValueKind == JsonValueKind.Array
            ? json
            : throw new OvsdbValueException($"{what}, a JSON array", Excerpt(json));

    public static JsonElement Object(JsonElement json, string what) =>
        json.ValueKind == JsonValueKind.Object
            ? json
            : throw new OvsdbValueException($"{what}, a JSON object", Excerpt(json));

    public static JsonElement Member(JsonElement json, string name, string what) =>
        Object(json, what).TryGetProperty(name, out var value)
            ? value
            : throw new OvsdbValueException($"{what} with a member \"{name}\"", Excerpt(json));

    public static bool Boolean(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new OvsdbValueException("a boolean", Excerpt(json)),
        };

    public static long Integer(JsonElement json) =>
        json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out var value)
            ? value
            : throw new OvsdbValueException("a 64-bit integer", Excerpt(json));

    public static Guid Uuid(JsonElement json) =>
        json.ValueKind == JsonValueKind.String && json.TryGetGuid(out var value)
            ? value
            : throw new OvsdbValueException("a UUID", Excerpt(json));

    /// <summary>Reads a UUID from a member's name (<c>&lt;row-updates&gt;</c> are keyed by row).</summary>
    public static Guid Uuid(string name) =>
        Guid.TryParseExact(name, "D", out var value)
            ? value
            : throw new OvsdbValueException("a UUID", $"\"{Shorten(name)}\"");

    /// <summary>Reads a member's name; throws an <see cref="OvsdbValueException"/> if it is not text.</summary>
    public static string Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw new OvsdbValueException("a name of Unicode text", "bytes that are none");
        }
    }

    /// <summary>
    /// Refuses a message that contains U+0000. ovsdb-server would close the connection, which others share. In JSON the character
    /// can only occur as an escape.
    /// </summary>
    public static void CheckNoNul(ReadOnlySpan<byte> message, string method)
    {
        var escape = "\\u0000"u8;
        int at;
        for (var rest = message; (at = rest.IndexOf(escape)) >= 0; rest = rest[(at + 1)..])
        {
            // After an odd number of backslashes, this backslash is itself escaped, and what follows is ordinary text.
            var before = rest[..at];
            if ((at - before.TrimEnd((byte)'\\').Length) % 2 == 0)
            {
                throw new OvsdbValueException("text without U+0000", $"a '{method}' with it");
            }
        }
    }

    /// <summary>The beginning of the JSON, for error messages.</summary>
    public static string Excerpt(JsonElement json) =>
        json.ValueKind == JsonValueKind.Undefined ? "nothing" : Shorten(json.GetRawText());

    public static string Shorten(string text) =>
        text.Length <= 120 ? text : string.Concat(text.AsSpan(0, 117), "…");

    public static string NameOf(AtomKind kind) =>
        kind switch
        {
            AtomKind.Integer => "integer",
            AtomKind.Real => "real",
            AtomKind.Boolean => "boolean",
            AtomKind.String => "string",
            AtomKind.Uuid => "uuid",
            _ => "named-uuid",
        };
}
