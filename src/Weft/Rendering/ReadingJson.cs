using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core;
using Weft.Core.Importing;

namespace Weft.Rendering;

/// <summary>
/// Converts the state of a host to and from JSON, to be carried to where the readings of several hosts are merged.
/// </summary>
internal static class ReadingJson
{
    /// <summary>Writes a reading.</summary>
    public static string Write(HostReading reading) =>
        JsonSerializer.Serialize(reading, ReadingJsonContext.Default.HostReading);

    /// <summary>Parses a reading.</summary>
    /// <param name="from">Where the text comes from, for messages.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="HostException">It is not a reading.</exception>
    public static HostReading Read(string from, string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, ReadingJsonContext.Default.HostReading)
                ?? throw new JsonException("there is nothing in it");
        }
        catch (JsonException exception)
        {
            throw new HostException(
                $"{from} holds no reading of a host, as `weft import --json` of this version writes it: {exception.Message}",
                exception
            );
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(HostReading))]
internal sealed partial class ReadingJsonContext : JsonSerializerContext;
