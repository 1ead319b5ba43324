using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>
/// The authorities that hosts trust: those in <c>ca.pem</c>, the newest first. There are two while one replaces the other.
/// </summary>
public sealed class TrustedAuthorities : IDisposable
{
    private TrustedAuthorities(ImmutableArray<X509Certificate2> certificates) =>
        Certificates = certificates;

    /// <summary>Their certificates, the newest first; at least one, except in <see cref="None"/>.</summary>
    public ImmutableArray<X509Certificate2> Certificates { get; }

    /// <summary>No authorities: nobody is trusted.</summary>
    public static TrustedAuthorities None => new([]);

    /// <summary>Reads authorities from PEM.</summary>
    /// <param name="pem">The text.</param>
    /// <param name="file">The file it is from, for messages.</param>
    /// <exception cref="HostException">The text holds no certificate, or a damaged one.</exception>
    public static TrustedAuthorities Parse(string pem, string file) =>
        new([.. CertificateReader.Parse(pem, file)]);

    /// <summary>The content of a file with a new authority, followed by those already trusted.</summary>
    public string PemAfter(PemPair newest) => newest.Certificate + ToPem();

    /// <summary>The content of a file with all of them.</summary>
    public string ToPem() => string.Concat(Certificates.Select(Pem));

    /// <summary>The content of a file with only the newest.</summary>
    public string NewestPem() => Pem(Certificates[0]);

    /// <summary>
    /// The end of the time for which one of these authorities vouches for a certificate: the earliest expiry in the chain from it
    /// to the authority, both included. Null if no authority vouches for it. The time may be in the past.
    /// </summary>
    /// <param name="certificate">
    /// The certificate. Hosts do not send intermediate certificates with it, so those must be among these authorities.
    /// </param>
    internal DateTimeOffset? VouchedUntil(X509Certificate2 certificate)
    {
        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid,
                // A certificate can name a URL to fetch its issuer from. Nothing here may come from the network.
                DisableCertificateDownloads = true,
            },
        };
        chain.ChainPolicy.CustomTrustStore.AddRange((X509Certificate2[])[.. Certificates]);
        return chain.Build(certificate)
            ? chain.ChainElements.Min(element => element.Certificate.EndsAt())
            : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var certificate in Certificates)
        {
            certificate.Dispose();
        }
    }

    private static string Pem(X509Certificate2 certificate) =>
        $"{certificate.ExportCertificatePem()}\n";
}
