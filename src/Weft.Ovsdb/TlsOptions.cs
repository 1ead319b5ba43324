using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Ovsdb;

/// <summary>The client's certificate and the trusted authorities for <c>ssl:</c> remotes.</summary>
public sealed record TlsOptions
{
    /// <summary>The client's certificate with its private key; ovsdb-server requires one unless configured not to.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>
    /// The authorities that may issue the server's certificate. If empty, those of the system are trusted, and the certificate
    /// must be for the host's name.
    /// </summary>
    public X509Certificate2Collection CaCertificates { get; init; } = [];

    /// <summary>
    /// The name that the server's certificate must be for. If null and <see cref="CaCertificates"/> are given, any name is
    /// accepted, as in Open vSwitch's own programs: their authority is private, and certificates do not name hosts.
    /// </summary>
    public string? ServerName { get; init; }

    /// <summary>Reads the three files that Open vSwitch's own programs use.</summary>
    /// <param name="certificate">The client's certificate (<c>--certificate</c>), PEM.</param>
    /// <param name="privateKey">Its private key (<c>--private-key</c>), PEM.</param>
    /// <param name="caCertificate">The authorities' certificates (<c>--ca-cert</c>), PEM.</param>
    /// <returns>The options.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Access to a file is denied.</exception>
    /// <exception cref="CryptographicException">A file's content is invalid.</exception>
    public static TlsOptions FromPemFiles(
        string certificate,
        string privateKey,
        string caCertificate
    )
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(caCertificate);
        return new()
        {
            ClientCertificate = X509Certificate2.CreateFromPemFile(certificate, privateKey),
            CaCertificates = authorities,
        };
    }
}
