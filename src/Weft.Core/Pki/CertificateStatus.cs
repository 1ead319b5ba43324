using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>Where the time is, as a certificate sees it.</summary>
public enum CertificateState
{
    /// <summary>It is valid, and long enough.</summary>
    Valid,

    /// <summary>It is valid, and it is time to renew it.</summary>
    ExpiresSoon,

    /// <summary>It is not valid yet.</summary>
    NotYetValid,

    /// <summary>It is not valid any more.</summary>
    Expired,
}

/// <summary>How a certificate and the private key beside it go together.</summary>
public enum KeyState
{
    /// <summary>The key is there and is this certificate's.</summary>
    Matches,

    /// <summary>No key is there, as with the authority's on a host.</summary>
    Absent,

    /// <summary>What is there cannot be read, may be read by others, or is another certificate's key.</summary>
    Unusable,
}

/// <summary>What a certificate says, and how it stands with its key and the authorities. It holds no secret.</summary>
public sealed record CertificateStatus
{
    // A certificate that lasts months is renewed a month before it ends; one that lasts days, in its last third.
    private static readonly TimeSpan Margin = TimeSpan.FromDays(30);

    /// <summary>The name of its files: the host's, or <c>ca</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Whose it is, as RFC 4514 writes names.</summary>
    public required string Subject { get; init; }

    /// <summary>The common name of <see cref="Subject"/>.</summary>
    public required string CommonName { get; init; }

    /// <summary>The common name of the authority that made it.</summary>
    public required string Issuer { get; init; }

    /// <summary>Its number, in hexadecimal digits.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>The kind of its key; null for one that Weft does not make.</summary>
    public required KeyKind? Kind { get; init; }

    /// <summary>The DNS names that it is for.</summary>
    public required ImmutableArray<string> DnsNames { get; init; }

    /// <summary>The addresses that it is for.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>From when on it is valid.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>When it ends: its own end or that of whoever vouches for it, whichever is sooner.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>Whether one of the trusted authorities vouches for it.</summary>
    public required bool Verifies { get; init; }

    /// <summary>How it goes together with the key beside it.</summary>
    public required KeyState Key { get; init; }

    /// <summary>Why the key is unusable, in words; null where it is not.</summary>
    public string? KeyFault { get; init; }

    /// <summary>Whether it can be used at a time.</summary>
    public CertificateState StateAt(DateTimeOffset now) =>
        now < NotBefore ? CertificateState.NotYetValid
        : now >= NotAfter ? CertificateState.Expired
        : NotAfter - now <= MarginOf(NotBefore, NotAfter) ? CertificateState.ExpiresSoon
        : CertificateState.Valid;

    /// <summary>How many whole days it is valid from a time on; negative once it has expired.</summary>
    public int DaysLeftAt(DateTimeOffset now) => (int)Math.Floor((NotAfter - now).TotalDays);

    /// <summary>What keeps it from being used at a time, and what to do, in words; null if nothing does.</summary>
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

    /// <summary>What the certificate lacks of a host's names, in words; null if it has them all.</summary>
    public string? WrongNames(CertificateNames names) =>
        CommonName != names.Host ? $"is for '{CommonName}'"
        : !DnsNames.Contains(names.Host, StringComparer.OrdinalIgnoreCase)
            ? $"does not have the DNS name '{names.Host}'"
        : names.Addresses.Except(Addresses).FirstOrDefault() is { } missing
            ? $"is not for {missing}{(Addresses.IsEmpty ? "" : $", but for {string.Join(", ", Addresses)}")}"
        : null;

    /// <summary>Why a host's certificate is to be renewed, in words; null if it need not be.</summary>
    public string? WhyRenew(CertificateNames names, DateTimeOffset now) =>
        FaultAt(now)
        ?? WrongNames(names)
        ?? (
            StateAt(now) is CertificateState.ExpiresSoon
                ? $"expires on {NotAfter:yyyy-MM-dd}, in {Days(DaysLeftAt(now))}"
                : null
        );

    /// <summary>A number of days, in words.</summary>
    public static string Days(int days) => days == 1 ? "1 day" : $"{days} days";

    /// <summary>Puts together what a certificate says and how it stands.</summary>
    /// <param name="name">The name of its files.</param>
    /// <param name="certificate">The certificate.</param>
    /// <param name="key">How it goes together with its key, and why not.</param>
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

    /// <summary>How long before its end a certificate is to be renewed.</summary>
    internal static TimeSpan MarginOf(DateTimeOffset begins, DateTimeOffset ends)
    {
        var third = (ends - begins) / 3;
        return third < Margin ? third : Margin;
    }
}
