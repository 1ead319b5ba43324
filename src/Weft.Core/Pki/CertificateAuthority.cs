using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>Issues the certificates by which hosts trust each other: a certificate and its private key.</summary>
public sealed class CertificateAuthority : IDisposable
{
    /// <summary>The default validity of an authority, in days.</summary>
    public const int DefaultDays = 3650;

    /// <summary>The default validity of a host's certificate, in days.</summary>
    public const int DefaultHostDays = 825;

    /// <summary>The longest validity of a certificate, in days.</summary>
    public const int MostDays = 36_500;

    /// <summary>The longest name of an authority, in characters (RFC 5280, appendix A.1, ub-common-name).</summary>
    public const int LongestName = 64;

    private const int SerialBytes = 16;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const string InternetKeyExchange = "1.3.6.1.5.5.7.3.17";

    // A host whose clock is behind that of the issuing machine would otherwise refuse a new certificate as not yet valid.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private readonly PrivateKey key;

    private CertificateAuthority(X509Certificate2 certificate, PrivateKey key)
    {
        Certificate = certificate;
        this.key = key;
    }

    /// <summary>The authority's own certificate.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>When the authority's own certificate expires, and with it all that it has signed.</summary>
    public DateTimeOffset NotAfter => Certificate.EndsAt();

    /// <summary>The kind of the authority's key, and the default for hosts' keys.</summary>
    public KeyKind Kind => Certificate.KindOfKey() ?? KeyKind.P256;

    /// <summary>Creates a new authority.</summary>
    /// <param name="name">Its name, at most 64 characters; null for a unique one.</param>
    /// <param name="kind">The kind of its key.</param>
    /// <param name="days">Its validity, 1 to 36500 days.</param>
    /// <param name="now">The current time.</param>
    public static CertificateAuthority Create(
        string? name,
        KeyKind kind,
        int days,
        DateTimeOffset now
    )
    {
        var serial = RandomNumberGenerator.GetBytes(SerialBytes);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(
            name ?? $"Weft CA {Convert.ToHexStringLower(serial.AsSpan(SerialBytes - 4))}"
        );
        var own = PrivateKey.Make(kind);
        var request = new CertificateRequest(subject.Build(), own.PublicKey, own.Hash);
        request.CertificateExtensions.Add(
            X509BasicConstraintsExtension.CreateForCertificateAuthority(pathLengthConstraint: 0)
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(
                X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign,
                critical: true
            )
        );
        request.CertificateExtensions.Add(
            new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false)
        );
        return new CertificateAuthority(
            request.Create(
                request.SubjectName,
                own.Signature,
                now - ClockSkew,
                now.AddDays(days),
                serial
            ),
            own
        );
    }

    /// <summary>Reads an authority from its certificate and key.</summary>
    /// <exception cref="HostException">One of them cannot be read.</exception>
    /// <exception cref="ArgumentException">The key belongs to another certificate.</exception>
    public static CertificateAuthority Parse(PemPair pair)
    {
        var certificate = CertificateReader.Parse(pair.Certificate, "the authority")[0];
        var own = PrivateKey.Parse(pair.Key, "the authority's key");
        return own.IsOf(certificate)
            ? new CertificateAuthority(certificate, own)
            : throw new ArgumentException("the key is another certificate's", nameof(pair));
    }

    /// <summary>
    /// Creates a key and a certificate for a host. The certificate expires no later than the authority's, since nobody would
    /// trust it after that.
    /// </summary>
    /// <param name="names">The names and addresses of the host.</param>
    /// <param name="kind">The kind of its key.</param>
    /// <param name="days">Its validity, 1 to 36500 days.</param>
    /// <param name="now">The current time.</param>
    /// <exception cref="HostException">The authority itself is not valid at this time.</exception>
    public PemPair Issue(CertificateNames names, KeyKind kind, int days, DateTimeOffset now)
    {
        var begin = Certificate.BeginsAt();
        if (now < begin || now >= NotAfter)
        {
            throw new HostException(
                now < begin
                    ? $"the authority '{Certificate.CommonName()}' is valid only from {begin:yyyy-MM-dd HH:mm} UTC: is the clock right?"
                    : $"the authority '{Certificate.CommonName()}' expired on {NotAfter:yyyy-MM-dd}: make the next one with weft pki init --next"
            );
        }
        using var hostKey = PrivateKey.Make(kind);
        var request = new CertificateRequest(names.Subject, hostKey.PublicKey, key.Hash);
        foreach (var extension in Extensions(names, request.PublicKey))
        {
            request.CertificateExtensions.Add(extension);
        }
        using var certificate = request.Create(
            Certificate.SubjectName,
            key.Signature,
            Later(begin, now - ClockSkew),
            Earlier(NotAfter, now.AddDays(days)),
            RandomNumberGenerator.GetBytes(SerialBytes)
        );
        return new PemPair($"{certificate.ExportCertificatePem()}\n", hostKey.ToPem());
    }

    /// <summary>The authority's certificate and key as PEM.</summary>
    public PemPair ToPem() => new($"{Certificate.ExportCertificatePem()}\n", key.ToPem());

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        key.Dispose();
    }

    private IEnumerable<X509Extension> Extensions(CertificateNames names, PublicKey publicKey) =>
        [
            X509BasicConstraintsExtension.CreateForEndEntity(critical: true),
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true),
            new X509EnhancedKeyUsageExtension(
                [new(ServerAuthentication), new(ClientAuthentication), new(InternetKeyExchange)],
                critical: false
            ),
            names.AlternativeNames,
            new X509SubjectKeyIdentifierExtension(publicKey, critical: false),
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
                Certificate,
                includeKeyIdentifier: true,
                includeIssuerAndSerial: false
            ),
        ];

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}

/// <summary>A certificate and its private key, both as PEM. No message prints the key.</summary>
/// <param name="certificate">The certificate, or several, its own first.</param>
/// <param name="key">The key, as PKCS#8.</param>
public sealed class PemPair(string certificate, string key)
{
    /// <summary>The certificate, or several, its own first.</summary>
    public string Certificate { get; } = certificate;

    /// <summary>The private key, as PKCS#8.</summary>
    public string Key { get; } = key;
}
