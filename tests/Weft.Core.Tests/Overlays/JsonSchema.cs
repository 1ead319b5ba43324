using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Weft.Core.Overlays;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weft.Core.Tests.Overlays;

/// <summary>
/// An editor, as far as the overlay file's JSON Schema needs one: reads YAML by YAML 1.2's core schema and judges it
/// by those keywords of draft 7 that the schema uses. A keyword it does not know fails the test.
/// </summary>
internal static class JsonSchema
{
    private static readonly JsonObject Schema = JsonNode
        .Parse(OverlaySchema.ToJsonSchema())!
        .AsObject();

    /// <summary>Where the YAML is not as the schema says, and by which keyword.</summary>
    public static IReadOnlyList<string> Faults(string yaml)
    {
        var parser = new Parser(new StringReader(yaml));
        parser.Consume<StreamStart>();
        parser.Consume<DocumentStart>();
        return [.. Judge(ReadNode(parser), Schema, "")];
    }

    private static IEnumerable<string> Judge(JsonNode? value, JsonObject schema, string path) =>
        schema.SelectMany(keyword =>
            IsRight(value, schema, keyword.Key, keyword.Value!)
                ? Inside(value, schema, keyword.Key, keyword.Value!, path)
                : [$"{path}: {keyword.Key}"]
        );

    private static bool IsRight(
        JsonNode? value,
        JsonObject schema,
        string keyword,
        JsonNode rule
    ) =>
        (keyword, value) switch
        {
            ("$schema" or "title" or "description" or "default", _) => true,
            ("properties" or "additionalProperties" or "propertyNames" or "items", _) => true,
            ("type", _) => (rule as JsonArray ?? [rule.DeepClone()]).Any(type =>
                TypeOf(value) == type!.GetValue<string>()
            ),
            ("enum", _) => rule.AsArray().Any(choice => JsonNode.DeepEquals(choice, value)),
            ("anyOf", _) => rule.AsArray()
                .Any(choice => !Judge(value, choice!.AsObject(), "").Any()),
            ("pattern", JsonValue text) when TypeOf(text) == "string" => Regex.IsMatch(
                text.GetValue<string>(),
                rule.GetValue<string>(),
                RegexOptions.ECMAScript,
                TimeSpan.FromSeconds(10)
            ),
            ("minimum", JsonValue number) when TypeOf(number) == "integer" =>
                number.GetValue<long>() >= rule.GetValue<long>(),
            ("maximum", JsonValue number) when TypeOf(number) == "integer" =>
                number.GetValue<long>() <= rule.GetValue<long>(),
            ("minLength", JsonValue text) when TypeOf(text) == "string" => text.GetValue<string>()
                .EnumerateRunes()
                .Count() >= rule.GetValue<int>(),
            ("minItems", JsonArray list) => list.Count >= rule.GetValue<int>(),
            ("maxItems", JsonArray list) => list.Count <= rule.GetValue<int>(),
            ("minProperties", JsonObject mapping) => mapping.Count >= rule.GetValue<int>(),
            ("required", JsonObject mapping) => rule.AsArray()
                .All(key => mapping.ContainsKey(key!.GetValue<string>())),
            ("pattern" or "minLength" or "minimum" or "maximum" or "minItems" or "maxItems", _) =>
                true,
            ("minProperties" or "required", _) => true,
            _ => throw new NotSupportedException($"the schema's keyword '{keyword}' in {schema}"),
        };

    private static IEnumerable<string> Inside(
        JsonNode? value,
        JsonObject schema,
        string keyword,
        JsonNode rule,
        string path
    ) =>
        (keyword, value) switch
        {
            ("items", JsonArray list) => list.SelectMany(item =>
                Judge(item, rule.AsObject(), $"{path}[]")
            ),
            ("properties", JsonObject mapping) => mapping
                .Where(entry => rule.AsObject().ContainsKey(entry.Key))
                .SelectMany(entry =>
                    Judge(entry.Value, rule[entry.Key]!.AsObject(), $"{path}.{entry.Key}")
                ),
            ("propertyNames", JsonObject mapping) => mapping.SelectMany(entry =>
                Judge(JsonValue.Create(entry.Key), rule.AsObject(), $"{path}.{entry.Key}")
            ),
            ("additionalProperties", JsonObject mapping) => mapping
                .Where(entry => schema["properties"]?.AsObject().ContainsKey(entry.Key) != true)
                .SelectMany(entry =>
                    rule is JsonObject shape
                        ? Judge(entry.Value, shape, $"{path}.{entry.Key}")
                        : [$"{path}.{entry.Key}: {keyword}"]
                ),
            _ => [],
        };

    private static string TypeOf(JsonNode? value) =>
        value switch
        {
            null => "null",
            JsonObject => "object",
            JsonArray => "array",
            JsonValue scalar when scalar.TryGetValue<bool>(out _) => "boolean",
            JsonValue scalar when scalar.TryGetValue<long>(out _) => "integer",
            _ => "string",
        };

    private static JsonNode? ReadNode(Parser parser)
    {
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var list = new JsonArray();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                list.Add(ReadNode(parser));
            }
            return list;
        }
        if (parser.TryConsume<MappingStart>(out _))
        {
            var mapping = new JsonObject();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>().Value;
                mapping[key] = ReadNode(parser);
            }
            return mapping;
        }
        var scalar = parser.Consume<Scalar>();
        return scalar switch
        {
            { Style: not ScalarStyle.Plain } => JsonValue.Create(scalar.Value),
            { Value: "" or "~" or "null" } => null,
            { Value: "true" or "false" } => JsonValue.Create(scalar.Value == "true"),
            _ when long.TryParse(scalar.Value, out var number) => JsonValue.Create(number),
            _ => JsonValue.Create(scalar.Value),
        };
    }
}
