using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>What reading and writing JSON from an untrusted peer needs beyond System.Text.Json.</summary>
internal static class Json
{
    /// <summary>Deeper than anything RFC 7047 defines (8 levels), and shallow enough for any stack.</summary>
    public const int MaxDepth = 128;

    // ovsdb-server reads UTF-8; escaping every non-ASCII character would only cost bytes.
    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
        MaxDepth = MaxDepth,
    };

    public static readonly JsonDocumentOptions ReaderOptions = new() { MaxDepth = MaxDepth };

    /// <summary>The string, or a typed error where its bytes are no UTF-8 or its escapes no Unicode.</summary>
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

    /// <summary>The UUID that names a member (<c>&lt;row-updates&gt;</c> are keyed by row).</summary>
    public static Guid Uuid(string name) =>
        Guid.TryParseExact(name, "D", out var value)
            ? value
            : throw new OvsdbValueException("a UUID", $"\"{Shorten(name)}\"");

    /// <summary>The member's name, or a typed error where it is no text.</summary>
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
    /// Refuses a message with U+0000 in any of its texts: ovsdb-server would answer by hanging up, on everybody who shares
    /// the connection. Within JSON it can only stand as an escape.
    /// </summary>
    public static void CheckNoNul(ReadOnlySpan<byte> message, string method)
    {
        var escape = "\\u0000"u8;
        int at;
        for (var rest = message; (at = rest.IndexOf(escape)) >= 0; rest = rest[(at + 1)..])
        {
            // After an odd number of backslashes this one is itself escaped, and the text only looks like it.
            var before = rest[..at];
            if ((at - before.TrimEnd((byte)'\\').Length) % 2 == 0)
            {
                throw new OvsdbValueException("text without U+0000", $"a '{method}' with it");
            }
        }
    }

    /// <summary>The beginning of the JSON, for a message that a person reads.</summary>
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
