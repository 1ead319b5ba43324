using System.Security.Cryptography.X509Certificates;
using Weft.Core.Linux;

namespace Weft.Core.Pki;

/// <summary>
/// A directory of certificates: <c>ca.pem</c> with the trusted authorities, <c>HOST.pem</c> and <c>HOST.key</c> for each host,
/// and <c>ca.key</c> where certificates are issued. It can be read at any time, even while <see cref="PkiWriter"/> changes it.
/// </summary>
/// <param name="path">The directory's path.</param>
public sealed class PkiDirectory(string path)
{
    /// <summary>The default path.</summary>
    public const string DefaultPath = "/etc/weft/pki";

    /// <summary>The name of the authority's files.</summary>
    public const string Authority = "ca";

    internal const string CertificateSuffix = ".pem";
    internal const string KeySuffix = ".key";

    /// <summary>The suffix of a new file until it is renamed over the old one.</summary>
    internal const string NextSuffix = ".new";

    // A pair that is renewed between reading its two files is read again. Renewing takes longer than reading.
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

    /// <summary>The status of the trusted authorities, the newest first; only the newest has a key.</summary>
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

    /// <summary>The status of a host's certificate; null if it has none here.</summary>
    /// <exception cref="HostException">The certificate cannot be read or is damaged. The key's faults are in the result.</exception>
    public CertificateStatus? ReadHost(string host, TrustedAuthorities trusted)
    {
        using var pair = Read(host);
        return pair is null
            ? null
            : CertificateStatus.Of(host, pair.Certificates[0], (pair.State, pair.Fault), trusted);
    }

    /// <summary>A host's certificate and its key, for use as the host's credentials.</summary>
    /// <exception cref="HostException">One of them is missing or cannot be used.</exception>
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
    /// Reads a certificate and its key so that they belong together. A new pair takes effect when its key is renamed into place.
    /// Its certificate is renamed after that, and still has <see cref="NextSuffix"/> until then.
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

    /// <summary>Whether a new key is in place while its certificate still has <see cref="NextSuffix"/>.</summary>
    internal bool IsFollowing(string name)
    {
        var (key, _) = ReadKey(name);
        using (key)
        {
            return key is not null && Following(name, key) is not null;
        }
    }

    /// <summary>The names of the files with a suffix, without it.</summary>
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

    /// <summary>The certificate that is not yet renamed into place, if it belongs to this key.</summary>
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
            // The file is still being written, together with a key that is not renamed into place yet.
            return null;
        }
    }

    private string File(string name) => System.IO.Path.Combine(Path, name);
}
