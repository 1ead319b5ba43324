using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Ovsdb;

/// <summary>How to prove who the client is, and whom to trust, on <c>ssl:</c> remotes.</summary>
public sealed record TlsOptions
{
    /// <summary>The client's certificate with its private key; ovsdb-server asks for one unless told not to.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>
    /// The authorities that may sign the server's certificate. When empty, those of the system may, and the
    /// certificate must name the host.
    /// </summary>
    public X509Certificate2Collection CaCertificates { get; init; } = [];

    /// <summary>
    /// The name that the server's certificate must bear. When null and <see cref="CaCertificates"/> are given, any
    /// name will do, as with Open vSwitch's own programs, whose certificates name no host: the authority is private.
    /// </summary>
    public string? ServerName { get; init; }

    /// <summary>Reads the three files that Open vSwitch's own programs take.</summary>
    /// <param name="certificate">The client's certificate (<c>--certificate</c>), PEM.</param>
    /// <param name="privateKey">Its private key (<c>--private-key</c>), PEM.</param>
    /// <param name="caCertificate">The authorities' certificates (<c>--ca-cert</c>), PEM.</param>
    /// <returns>The options.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="CryptographicException">A file is not what it should be.</exception>
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
