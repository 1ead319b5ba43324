using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weft.Core;

namespace Weft.Agent;

/// <summary>
/// The agent's own certificate for those who ask by TLS, and the authorities of their certificates. Files that were replaced
/// are used from the next connection on: whoever renews certificates need not know who reads them.
/// </summary>
internal sealed class TlsCredentials
{
    private readonly TlsListener listener;
    private readonly Action<Severity, string> log;
    private readonly Lock gate = new();
    private FileStamps seen;
    private Contents inForce;
    private string? told;

    /// <summary>Reads the listener's files.</summary>
    /// <param name="listener">Where they are.</param>
    /// <param name="log">Where it is logged that other files were taken, or why not.</param>
    /// <exception cref="HostException">A file is not there, or not what it should be.</exception>
    public TlsCredentials(TlsListener listener, Action<Severity, string> log)
    {
        (this.listener, this.log) = (listener, log);
        try
        {
            (seen, inForce) = Read(listener);
        }
        catch (Exception exception) when (IsOfFiles(exception))
        {
            throw new HostException(
                $"the listener at {listener.EndPoint} needs a certificate, its key and an authority for clients in PEM: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>What one connection begins with.</summary>
    public SslServerAuthenticationOptions ForConnection()
    {
        var (own, authorities) = Now();
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate can name an address to fetch its issuer from: any client could have the agent connect there, and
            // wait for as long as nobody answers.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = own,
            ClientCertificateRequired = true,
            CertificateChainPolicy = policy,
        };
    }

    private Contents Now()
    {
        lock (gate)
        {
            try
            {
                if (FileStamps.Of(listener) != seen)
                {
                    (seen, inForce) = Read(listener);
                    told = null;
                    log(
                        Severity.Info,
                        $"the listener at {listener.EndPoint} has taken {listener.Certificate}, {listener.Key} and {listener.Authority} anew"
                    );
                }
            }
            catch (Exception exception) when (IsOfFiles(exception))
            {
                // The files may be half written: the next connection looks again, and the same fault is logged only once.
                if (told != exception.Message)
                {
                    told = exception.Message;
                    log(
                        Severity.Warning,
                        $"the listener at {listener.EndPoint} goes on with the certificates that it has: {listener.Certificate}, {listener.Key} and {listener.Authority} "
                            + $"have changed, and are not a certificate, its key and an authority for clients in PEM: {told}"
                    );
                }
            }
            return inForce;
        }
    }

    private static (FileStamps, Contents) Read(TlsListener listener)
    {
        // Before the files: what changes while they are read is seen by the next connection.
        var stamps = FileStamps.Of(listener);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(listener.Authority);
        if (authorities.Count == 0)
        {
            throw new CryptographicException($"{listener.Authority} has no certificate");
        }
        var pem = File.ReadAllText(listener.Certificate);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(pem);
        var own = SslStreamCertificateContext.Create(
            Pair(listener, pem),
            chain,
            // Otherwise it would ask the addresses that the certificate names for what is not in the file.
            offline: true
        );
        return (stamps, new Contents(own, authorities));
    }

    private static X509Certificate2 Pair(TlsListener listener, string certificate)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificate, File.ReadAllText(listener.Key));
        }
        catch (ArgumentException exception)
        {
            throw new CryptographicException(
                $"{listener.Key} is not the key to {listener.Certificate}",
                exception
            );
        }
    }

    private static bool IsOfFiles(Exception exception) =>
        exception is CryptographicException or IOException or UnauthorizedAccessException;

    private sealed record Contents(
        SslStreamCertificateContext Own,
        X509Certificate2Collection Authorities
    );

    private readonly record struct FileStamps(
        FileStamp Certificate,
        FileStamp Key,
        FileStamp Authority
    )
    {
        public static FileStamps Of(TlsListener listener) =>
            new(
                FileStamp.Of(listener.Certificate),
                FileStamp.Of(listener.Key),
                FileStamp.Of(listener.Authority)
            );
    }

    private readonly record struct FileStamp(string Path, DateTime Written, long Length)
    {
        public static FileStamp Of(string path)
        {
            // Resolved to the end: a link that leads through another may lead elsewhere now without having changed itself.
            var file = File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);
            return new FileStamp(
                file.FullName,
                file.LastWriteTimeUtc,
                file is FileInfo { Exists: true, Length: var length } ? length : -1
            );
        }
    }
}
