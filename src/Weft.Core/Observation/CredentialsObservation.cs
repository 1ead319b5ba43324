using System.Collections.Immutable;
using Weft.Core.Ipsec;

namespace Weft.Core.Observation;

/// <summary>What a host has to prove who it is with, as found where the overlay file says.</summary>
public sealed record CredentialsObservation
{
    /// <summary>Why it could not be read and what to do; null if it could.</summary>
    public string? Problem { get; init; }

    /// <summary>Shared keys: the first is the one to prove with, all are accepted from others.</summary>
    public ImmutableArray<Secret> SharedKeys { get; init; } = [];

    /// <summary>The host's certificate, where hosts have certificates.</summary>
    public HostCertificate? Certificate { get; init; }
}

/// <summary>A host's certificate with its key, and whom it trusts.</summary>
/// <param name="Certificate">The certificate (DER).</param>
/// <param name="Authorities">The certificates of the authorities it trusts (DER).</param>
/// <param name="Key">The private key (PKCS #8, DER).</param>
/// <param name="KeyId">SHA-1 of the public key in hexadecimal, which strongSwan knows keys by.</param>
/// <param name="Expires">When the certificate expires.</param>
public sealed record HostCertificate(
    ImmutableArray<byte> Certificate,
    ImmutableArray<ImmutableArray<byte>> Authorities,
    Secret Key,
    string KeyId,
    DateTimeOffset Expires
)
{
    /// <summary>Whom it is for (RFC 5280 section 4.1.2.6), the last part first, as RFC 2253 writes it.</summary>
    public string Subject { get; init; } = "";

    /// <summary>Whether its key is an RSA key.</summary>
    public bool IsRsa { get; init; }
}
