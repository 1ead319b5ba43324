using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>The state of a certificate with regard to time.</summary>
public enum CertificateState
{
    /// <summary>Valid, and not due for renewal.</summary>
    Valid,

    /// <summary>Valid, and due for renewal.</summary>
    ExpiresSoon,

    /// <summary>Not valid yet.</summary>
    NotYetValid,

    /// <summary>No longer valid.</summary>
    Expired,
}

/// <summary>The state of the private key that belongs to a certificate.</summary>
public enum KeyState
{
    /// <summary>The key is there and belongs to the certificate.</summary>
    Matches,

    /// <summary>There is no key, as for the authority's certificate on a host.</summary>
    Absent,

    /// <summary>The key file cannot be read, can be read by others, or holds another certificate's key.</summary>
    Unusable,
}

/// <summary>A certificate's content, and its state with regard to its key and the authorities. It holds no secret.</summary>
public sealed record CertificateStatus
{
    // A certificate valid for months is renewed a month before it expires; one valid for days, in its last third.
    private static readonly TimeSpan Margin = TimeSpan.FromDays(30);

    /// <summary>The name of its files: the host's, or <c>ca</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The subject, as RFC 4514 writes names.</summary>
    public required string Subject { get; init; }

    /// <summary>The common name of <see cref="Subject"/>.</summary>
    public required string CommonName { get; init; }

    /// <summary>The common name of the authority that issued it.</summary>
    public required string Issuer { get; init; }

    /// <summary>The serial number, in hexadecimal digits.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>The kind of its key; null for a kind that Weft does not create.</summary>
    public required KeyKind? Kind { get; init; }

    /// <summary>Its DNS names.</summary>
    public required ImmutableArray<string> DnsNames { get; init; }

    /// <summary>Its addresses.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>When it becomes valid.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>When it expires, or when the authority vouching for it does, whichever is sooner.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>Whether one of the trusted authorities vouches for it.</summary>
    public required bool Verifies { get; init; }

    /// <summary>The state of its key.</summary>
    public required KeyState Key { get; init; }

    /// <summary>Why the key is unusable, in words; null if it is not.</summary>
    public string? KeyFault { get; init; }

    /// <summary>Its state at a time.</summary>
    public CertificateState StateAt(DateTimeOffset now) =>
        now < NotBefore ? CertificateState.NotYetValid
        : now >= NotAfter ? CertificateState.Expired
        : NotAfter - now <= MarginOf(NotBefore, NotAfter) ? CertificateState.ExpiresSoon
        : CertificateState.Valid;

    /// <summary>The number of whole days from a time to its expiry; negative once it has expired.</summary>
    public int DaysLeftAt(DateTimeOffset now) => (int)Math.Floor((NotAfter - now).TotalDays);

    /// <summary>Why it cannot be used at a time, and what to do, in words; null if it can.</summary>
    public string? FaultAt(DateTimeOffset now) =>
        StateAt(now) switch
        {
            CertificateState.Expired => $"expired on {NotAfter:yyyy-MM-dd HH:mm} UTC",
            CertificateState.NotYetValid =>
                $"is valid only from {NotBefore:yyyy-MM-dd HH:mm} UTC: is the clock right?",
            _ => Key is KeyState.Unusable ? KeyFault
            : Verifies ? null
            : $"is by none of the authorities in {PkiDirectory.Authority}.pem (it says '{Issuer}')",
        };

    /// <summary>Which of a host's names the certificate lacks, in words; null if it has them all.</summary>
    public string? WrongNames(CertificateNames names) =>
        CommonName != names.Host ? $"is for '{CommonName}'"
        : !DnsNames.Contains(names.Host, StringComparer.OrdinalIgnoreCase)
            ? $"does not have the DNS name '{names.Host}'"
        : names.Addresses.Except(Addresses).FirstOrDefault() is { } missing
            ? $"is not for {missing}{(Addresses.IsEmpty ? "" : $", but for {string.Join(", ", Addresses)}")}"
        : null;

    /// <summary>Why a host's certificate should be renewed, in words; null if it need not be.</summary>
    public string? WhyRenew(CertificateNames names, DateTimeOffset now) =>
        FaultAt(now)
        ?? WrongNames(names)
        ?? (
            StateAt(now) is CertificateState.ExpiresSoon
                ? $"expires on {NotAfter:yyyy-MM-dd}, in {Days(DaysLeftAt(now))}"
                : null
        );

    /// <summary>A number of days in words.</summary>
    public static string Days(int days) => days == 1 ? "1 day" : $"{days} days";

    /// <summary>Gathers the status of a certificate.</summary>
    /// <param name="name">The name of its files.</param>
    /// <param name="certificate">The certificate.</param>
    /// <param name="key">The state of its key, and the reason if that is unusable.</param>
    /// <param name="trusted">The trusted authorities.</param>
    internal static CertificateStatus Of(
        string name,
        X509Certificate2 certificate,
        (KeyState State, string? Fault) key,
        TrustedAuthorities trusted
    )
    {
        var vouched = trusted.VouchedUntil(certificate);
        return new CertificateStatus
        {
            Name = name,
            Subject = certificate.Subject,
            CommonName = certificate.CommonName(),
            Issuer = certificate.IssuerName(),
            SerialNumber = certificate.SerialNumber,
            Kind = certificate.KindOfKey(),
            DnsNames = certificate.DnsNames(),
            Addresses = certificate.Addresses(),
            NotBefore = certificate.BeginsAt(),
            NotAfter = vouched ?? certificate.EndsAt(),
            Verifies = vouched is not null,
            Key = key.State,
            KeyFault = key.Fault,
        };
    }

    /// <summary>How long before it expires a certificate should be renewed.</summary>
    internal static TimeSpan MarginOf(DateTimeOffset begins, DateTimeOffset ends)
    {
        var third = (ends - begins) / 3;
        return third < Margin ? third : Margin;
    }
}
