using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>The purpose of a shared secret (strongSwan, vici/README.md, load-shared).</summary>
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

/// <summary>A shared secret. Printing it shows everything but the secret itself.</summary>
public sealed record SharedSecret
{
    /// <summary>
    /// The id for replacing, listing and unloading the secret, unique in the daemon. A secret without an id would stay until all
    /// credentials are cleared, so it is required here.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>The purpose.</summary>
    public SharedSecretType Type { get; init; } = SharedSecretType.Ike;

    /// <summary>The identities that share it, as named in the connections; empty for all.</summary>
    public ImmutableArray<string> Owners { get; init; } = [];

    /// <summary>The secret itself, marked as secret.</summary>
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

/// <summary>A certificate in the daemon (strongSwan, vici/README.md, list-cert).</summary>
/// <param name="Type"><c>X509</c>, <c>X509_AC</c>, <c>X509_CRL</c>, <c>OCSP_RESPONSE</c> or <c>PUBKEY</c>.</param>
/// <param name="Flag">For an X.509 certificate <c>NONE</c>, <c>CA</c>, <c>AA</c> or <c>OCSP</c>; otherwise null.</param>
/// <param name="HasPrivateKey">Whether the daemon has its private key.</param>
/// <param name="Data">The certificate as DER.</param>
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
