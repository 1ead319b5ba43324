using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>What a shared secret is for (strongSwan, vici/README.md, load-shared).</summary>
public enum SharedSecretType
{
    /// <summary>A pre-shared key.</summary>
    Ike,

    /// <summary>A password for EAP.</summary>
    Eap,

    /// <summary>A password for XAuth.</summary>
    Xauth,

    /// <summary>The hash of a password for EAP-MSCHAPv2.</summary>
    Ntlm,

    /// <summary>A post-quantum pre-shared key (RFC 8784).</summary>
    Ppk,
}

/// <summary>A shared secret. It shows everything but the secret.</summary>
public sealed record SharedSecret
{
    /// <summary>
    /// What it is replaced, listed and unloaded by, unique in the daemon. Without one it is there until all credentials
    /// are cleared, so every secret has one here.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>What it is for.</summary>
    public SharedSecretType Type { get; init; } = SharedSecretType.Ike;

    /// <summary>The identities that share it, as in the connections that use it; none for all.</summary>
    public ImmutableArray<string> Owners { get; init; } = [];

    /// <summary>The secret itself; it is marked as one.</summary>
    public required ViciValue Data
    {
        get;
        init => field = value.AsSecret();
    }

    internal ViciMessage ToMessage() =>
        new()
        {
            ["id"] = Id,
            ["type"] = Type switch
            {
                SharedSecretType.Ike => "IKE",
                SharedSecretType.Eap => "EAP",
                SharedSecretType.Xauth => "XAUTH",
                SharedSecretType.Ntlm => "NTLM",
                _ => "PPK",
            },
            ["data"] = Data,
            ["owners"] = new ViciList([.. Owners.Select(static owner => new ViciValue(owner))]),
        };
}

/// <summary>A certificate that the daemon has (strongSwan, vici/README.md, list-cert).</summary>
/// <param name="Type"><c>X509</c>, <c>X509_AC</c>, <c>X509_CRL</c>, <c>OCSP_RESPONSE</c> or <c>PUBKEY</c>.</param>
/// <param name="Flag">Of an X.509 certificate <c>NONE</c>, <c>CA</c>, <c>AA</c> or <c>OCSP</c>; else null.</param>
/// <param name="HasPrivateKey">Has the daemon its private key?</param>
/// <param name="Data">The certificate in DER.</param>
public sealed record LoadedCertificate(
    string Type,
    string? Flag,
    bool HasPrivateKey,
    ReadOnlyMemory<byte> Data
)
{
    internal static LoadedCertificate FromMessage(ViciMessage message) =>
        new(
            message.Required("type"),
            message.Text("flag"),
            message.Flag("has_privkey"),
            message.Value("data")?.Bytes ?? default
        );
}
