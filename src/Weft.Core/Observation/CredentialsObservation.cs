using System.Collections.Immutable;
using Weft.Core.Ipsec;
using Weft.Core.Pki;

namespace Weft.Core.Observation;

/// <summary>A host's credentials, as found where the overlay file says.</summary>
public sealed record CredentialsObservation
{
    /// <summary>Why it could not be read and what to do; null if it could.</summary>
    public string? Problem { get; init; }

    /// <summary>The shared keys: this host proves itself with the first, and accepts all from others.</summary>
    public ImmutableArray<Secret> SharedKeys { get; init; } = [];

    /// <summary>The host's certificate, where hosts have certificates.</summary>
    public HostCertificate? Certificate { get; init; }
}

/// <summary>A host's certificate with its key, and whom it trusts.</summary>
/// <param name="Certificate">The certificate (DER).</param>
/// <param name="Authorities">The certificates of the authorities it trusts (DER).</param>
/// <param name="Key">The private key (PKCS #8, DER).</param>
/// <param name="KeyId">SHA-1 of the public key in hexadecimal, which strongSwan knows keys by.</param>
/// <param name="Begins">From when on the certificate is valid.</param>
/// <param name="Expires">When the certificate expires.</param>
public sealed record HostCertificate(
    ImmutableArray<byte> Certificate,
    ImmutableArray<ImmutableArray<byte>> Authorities,
    Secret Key,
    string KeyId,
    DateTimeOffset Begins,
    DateTimeOffset Expires
)
{
    /// <summary>Whom it is for (RFC 5280 section 4.1.2.6), the last part first, as RFC 2253 writes it.</summary>
    public string Subject { get; init; } = "";

    /// <summary>Whether its key is an RSA key.</summary>
    public bool IsRsa { get; init; }

    /// <summary>How it stands at a time.</summary>
    public CertificateStanding StandingAt(DateTimeOffset now) =>
        new(
            $"expires on {Expires:yyyy-MM-dd}",
            now >= Expires
                    ? $"this host's certificate expired on {Expires:yyyy-MM-dd HH:mm} UTC, and by its clock it is {now:yyyy-MM-dd HH:mm}: renew it with `weft pki renew` and copy it here, or set the clock"
                : now < Begins
                    ? $"this host's certificate is valid only from {Begins:yyyy-MM-dd HH:mm} UTC, and by its clock it is {now:yyyy-MM-dd HH:mm}: set the clock"
                : null,
            Expires - now <= CertificateStatus.MarginOf(Begins, Expires)
        );
}

/// <summary>How a host's certificate stands now.</summary>
/// <param name="Words">Until when it is valid, in words.</param>
/// <param name="Fault">Why no other host accepts it, and what to do, in words; null where it is valid.</param>
/// <param name="IsDue">Whether it is to be renewed.</param>
public sealed record CertificateStanding(string Words, string? Fault, bool IsDue);
