using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>Reads certificates and their fields.</summary>
internal static class CertificateReader
{
    /// <summary>Reads one or several certificates from PEM; other text between them is skipped.</summary>
    /// <exception cref="HostException">There is none, or a damaged one.</exception>
    public static X509Certificate2Collection Parse(string pem, string file)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw new HostException(
                $"{file} holds a damaged certificate: put the file back as it was, or make it anew",
                exception
            );
        }
        return certificates.Count > 0
            ? certificates
            : throw new HostException(
                $"{file} holds no certificate in PEM: it is damaged or another file; put the file back as it was, or make it anew"
            );
    }

    extension(X509Certificate2 certificate)
    {
        /// <summary>The subject's common name, or the whole subject where it has none.</summary>
        public string CommonName() =>
            certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)
                is { Length: > 0 } name
                ? name
                : certificate.Subject;

        /// <summary>The issuer's common name.</summary>
        public string IssuerName() =>
            certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: true);

        /// <summary>When it becomes valid.</summary>
        public DateTimeOffset BeginsAt() => new(certificate.NotBefore.ToUniversalTime());

        /// <summary>When it expires.</summary>
        public DateTimeOffset EndsAt() => new(certificate.NotAfter.ToUniversalTime());

        /// <summary>The DNS names among its subject alternative names.</summary>
        public ImmutableArray<string> DnsNames() =>
            [.. certificate.AlternativeNames().SelectMany(names => names.EnumerateDnsNames())];

        /// <summary>The addresses among its subject alternative names.</summary>
        public ImmutableArray<IPAddress> Addresses() =>
            [.. certificate.AlternativeNames().SelectMany(names => names.EnumerateIPAddresses())];

        /// <summary>The kind of its key; null for a kind that Weft never creates.</summary>
        public KeyKind? KindOfKey()
        {
            using var rsa = certificate.GetRSAPublicKey();
            using var ecdsa = certificate.GetECDsaPublicKey();
            return (rsa, ecdsa?.KeySize) switch
            {
                (not null, _) => KeyKind.Rsa3072,
                (_, 256) => KeyKind.P256,
                (_, 384) => KeyKind.P384,
                _ => null,
            };
        }

        private IEnumerable<X509SubjectAlternativeNameExtension> AlternativeNames() =>
            certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>();
    }
}
