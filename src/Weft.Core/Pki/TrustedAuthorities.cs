using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>
/// The authorities whose certificates hosts trust: those in <c>ca.pem</c>, the newest first. There are two while one
/// takes over from the other.
/// </summary>
public sealed class TrustedAuthorities : IDisposable
{
    private TrustedAuthorities(ImmutableArray<X509Certificate2> certificates) =>
        Certificates = certificates;

    /// <summary>Their certificates, the newest first; at least one, except in <see cref="None"/>.</summary>
    public ImmutableArray<X509Certificate2> Certificates { get; }

    /// <summary>Nobody is trusted.</summary>
    public static TrustedAuthorities None => new([]);

    /// <summary>Reads them from PEM.</summary>
    /// <param name="pem">The text.</param>
    /// <param name="file">Where it is from, for messages.</param>
    /// <exception cref="HostException">It holds no certificate, or a damaged one.</exception>
    public static TrustedAuthorities Parse(string pem, string file) =>
        new([.. CertificateReader.Parse(pem, file)]);

    /// <summary>The text of a file with a new authority, and then those that are trusted already.</summary>
    public string PemAfter(PemPair newest) => newest.Certificate + ToPem();

    /// <summary>The text of a file with all of them.</summary>
    public string ToPem() => string.Concat(Certificates.Select(Pem));

    /// <summary>The text of a file with the newest alone.</summary>
    public string NewestPem() => Pem(Certificates[0]);

    /// <summary>
    /// Until when one of these authorities vouches for a certificate: the soonest end of all between it and the
    /// authority, both included; null if none of them does. It may be past already.
    /// </summary>
    /// <param name="certificate">The certificate. What stands between it and an authority is not sent with it, and so must be among these.</param>
    internal DateTimeOffset? VouchedUntil(X509Certificate2 certificate)
    {
        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid,
                // A certificate can name an address to fetch its issuer from. Nothing here comes from the network.
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
