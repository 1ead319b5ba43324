using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Pki;

namespace Weft.Rendering;

/// <summary>Certificates as JSON.</summary>
internal static class CertificateJson
{
    /// <summary>Writes an array with one object per certificate.</summary>
    public static void Write(
        TextWriter writer,
        IEnumerable<CertificateStatus> certificates,
        DateTimeOffset now
    ) =>
        writer.WriteLine(
            JsonSerializer.Serialize(
                [
                    .. certificates.Select(status => new CertificateDocument(
                        status.Name,
                        status.Subject,
                        status.Issuer,
                        status.SerialNumber,
                        status.DnsNames,
                        [.. status.Addresses.Select(address => address.ToString())],
                        status.NotBefore,
                        status.NotAfter,
                        status.DaysLeftAt(now),
                        JsonNamingPolicy.CamelCase.ConvertName($"{status.StateAt(now)}"),
                        JsonNamingPolicy.CamelCase.ConvertName($"{status.Key}"),
                        status.Verifies,
                        status.FaultAt(now)
                    )),
                ],
                CertificateJsonContext.Default.CertificateDocumentArray
            )
        );
}

internal sealed record CertificateDocument(
    string Name,
    string Subject,
    string Issuer,
    string SerialNumber,
    IReadOnlyList<string> DnsNames,
    IReadOnlyList<string> Addresses,
    DateTimeOffset NotBefore,
    DateTimeOffset NotAfter,
    int DaysLeft,
    string State,
    string Key,
    bool Verifies,
    string? Fault
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(CertificateDocument[]))]
internal sealed partial class CertificateJsonContext : JsonSerializerContext;
