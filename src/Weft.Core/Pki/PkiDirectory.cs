using System.Security.Cryptography.X509Certificates;
using Weft.Core.Linux;

namespace Weft.Core.Pki;

/// <summary>
/// A directory of certificates: <c>ca.pem</c> with the trusted authorities, <c>HOST.pem</c> and <c>HOST.key</c> for
/// each host, and <c>ca.key</c> where certificates are made. It can be read at any time, also while
/// <see cref="PkiWriter"/> changes it.
/// </summary>
/// <param name="path">The directory's path.</param>
public sealed class PkiDirectory(string path)
{
    /// <summary>Where it is, if nothing else is said.</summary>
    public const string DefaultPath = "/etc/weft/pki";

    /// <summary>The name of the authority's files.</summary>
    public const string Authority = "ca";

    internal const string CertificateSuffix = ".pem";
    internal const string KeySuffix = ".key";

    /// <summary>What a file is called until it takes the place of the one that it replaces.</summary>
    internal const string NextSuffix = ".new";

    // A pair that was renewed between the reading of its two files is read again. Renewing takes longer than reading.
    private const int Attempts = 10;

    /// <summary>The directory's path.</summary>
    public string Path { get; } = path;

    /// <summary>The file of a certificate.</summary>
    public string CertificateFile(string name) => File($"{name}{CertificateSuffix}");

    /// <summary>The file of a private key.</summary>
    public string KeyFile(string name) => File($"{name}{KeySuffix}");

    /// <summary>The hosts that have a certificate here, in order of their names.</summary>
    /// <exception cref="HostException">The directory cannot be read.</exception>
    public IReadOnlyList<string> Hosts() =>
        [
            .. Names(CertificateSuffix)
                .Where(name => name != Authority)
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>The trusted authorities; none where there is no <c>ca.pem</c>.</summary>
    /// <exception cref="HostException">The file cannot be read or is damaged.</exception>
    public TrustedAuthorities ReadTrusted() =>
        PrivateDirectory.ReadText(CertificateFile(Authority)) is { } pem
            ? TrustedAuthorities.Parse(pem, CertificateFile(Authority))
            : TrustedAuthorities.None;

    /// <summary>How the trusted authorities stand, the newest first; the key is the newest one's.</summary>
    /// <exception cref="HostException">The file cannot be read or is damaged.</exception>
    public IReadOnlyList<CertificateStatus> ReadAuthorities()
    {
        using var pair = Read(Authority);
        using var trusted = ReadTrusted();
        return
        [
            .. pair?.Certificates.Select(
                (certificate, number) =>
                    CertificateStatus.Of(
                        Authority,
                        certificate,
                        number == 0 ? (pair.State, pair.Fault) : (KeyState.Absent, null),
                        trusted
                    )
            )
                ?? [],
        ];
    }

    /// <summary>How a host's certificate stands; null if it has none here.</summary>
    /// <exception cref="HostException">The certificate cannot be read or is damaged. The key's faults are in the result.</exception>
    public CertificateStatus? ReadHost(string host, TrustedAuthorities trusted)
    {
        using var pair = Read(host);
        return pair is null
            ? null
            : CertificateStatus.Of(host, pair.Certificates[0], (pair.State, pair.Fault), trusted);
    }

    /// <summary>A host's certificate and the key that belongs to it, for whoever proves with them who the host is.</summary>
    /// <exception cref="HostException">One of them is not there or cannot be used.</exception>
    public PemPair ReadPair(string host)
    {
        using var pair =
            Read(host)
            ?? throw new HostException(
                $"{CertificateFile(host)} is not there: make it with weft pki issue {host}, and copy it here"
            );
        return pair.State is KeyState.Matches
            ? new PemPair(
                string.Concat(pair.Certificates.Select(one => $"{one.ExportCertificatePem()}\n")),
                pair.Key!.ToPem()
            )
            : throw new HostException(
                pair.Fault
                    ?? $"{KeyFile(host)} is not there: copy it here from where weft pki issue {host} made it"
            );
    }

    /// <summary>
    /// Reads a certificate and its key so that they belong together. A new pair takes over in the moment in which its
    /// key gets its name; the certificate follows, and until it does it has <see cref="NextSuffix"/>.
    /// </summary>
    internal KeyPair? Read(string name)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (key, fault) = ReadKey(name);
            KeyPair? pair = null;
            try
            {
                pair = Find(name, key, fault);
                if (
                    pair is null or { State: not KeyState.Unusable }
                    || key is null
                    || attempt == Attempts
                )
                {
                    key = null;
                    return pair;
                }
            }
            finally
            {
                key?.Dispose();
            }
            pair.Dispose();
        }
    }

    /// <summary>Whether a certificate waits for its name whose key has got its own already.</summary>
    internal bool IsFollowing(string name)
    {
        var (key, _) = ReadKey(name);
        using (key)
        {
            return key is not null && Following(name, key) is not null;
        }
    }

    /// <summary>The names of the files that end in a certain way, without that end.</summary>
    internal IEnumerable<string> Names(string suffix)
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateFiles(Path)
                    .Select(file => System.IO.Path.GetFileName(file))
                    .Where(file =>
                        file.EndsWith(suffix, StringComparison.Ordinal)
                        && file.Length > suffix.Length
                    )
                    .Select(file => file[..^suffix.Length]),
            ];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new HostException(
                $"{Path} cannot be read: permission denied: run weft as root",
                exception
            );
        }
        catch (IOException exception)
        {
            throw new HostException($"{Path} cannot be read: {exception.Message}", exception);
        }
    }

    private (PrivateKey? Key, string? Fault) ReadKey(string name)
    {
        try
        {
            return PrivateDirectory.ReadSecret(KeyFile(name)) is { } pem
                ? (PrivateKey.Parse(pem, KeyFile(name)), null)
                : (null, null);
        }
        catch (HostException exception)
        {
            return (null, exception.Message);
        }
    }

    private KeyPair? Find(string name, PrivateKey? key, string? fault)
    {
        var file = CertificateFile(name);
        if (
            PrivateDirectory.ReadText(file) is { } pem
            && CertificateReader.Parse(pem, file) is var certificates
        )
        {
            return key is null || key.IsOf(certificates[0]) ? new KeyPair(certificates, key, fault)
                : Following(name, key) is { } next ? new KeyPair(next, key, null)
                : new KeyPair(
                    certificates,
                    null,
                    $"{KeyFile(name)} is not the key of {name}{CertificateSuffix}: put back the two that belong together, or make new ones with weft pki {(name == Authority ? "init --next" : $"renew {name}")}"
                );
        }
        return key is not null && Following(name, key) is { } first
            ? new KeyPair(first, key, null)
            : null;
    }

    /// <summary>The certificate that is about to get its name, if it is this key's.</summary>
    private X509Certificate2Collection? Following(string name, PrivateKey key)
    {
        var file = $"{CertificateFile(name)}{NextSuffix}";
        try
        {
            return
                PrivateDirectory.ReadText(file) is { } pem
                && CertificateReader.Parse(pem, file) is var next
                && key.IsOf(next[0])
                ? next
                : null;
        }
        catch (HostException)
        {
            // It is still being written, for a key that has not its name yet.
            return null;
        }
    }

    private string File(string name) => System.IO.Path.Combine(Path, name);
}
