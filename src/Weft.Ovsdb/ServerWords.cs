using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>
/// RFC 7047's <c>&lt;error&gt;</c> with ovsdb-server's extension. The server also sends a plain string (for an unknown method or
/// a canceled request) or an array of one (for a refused conversion).
/// </summary>
internal readonly record struct ServerWords(
    string Error,
    string? Details = null,
    string? Syntax = null
)
{
    public static ServerWords FromJson(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.String => new(Json.Text(json)),
            JsonValueKind.Object => new(
                Json.Text(Json.Member(json, "error", "an error")),
                Optional(json, "details"u8),
                Optional(json, "syntax"u8)
            ),
            JsonValueKind.Array
                when json.GetArrayLength() > 0 && json[0].ValueKind != JsonValueKind.Array =>
                FromJson(json[0]),
            _ => new(Json.Excerpt(json)),
        };

    public static string Phrase(string error, string? details, string? syntax) =>
        $"{error}{(details is null ? "" : $" ({details})")}{(syntax is null ? "" : $" in {Json.Shorten(syntax)}")}";

    public override string ToString() => Phrase(Error, Details, Syntax);

    private static string? Optional(JsonElement json, ReadOnlySpan<byte> name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? Json.Text(value)
            : null;
}
