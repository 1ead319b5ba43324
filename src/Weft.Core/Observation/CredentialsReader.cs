using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Pki;

namespace Weft.Core.Observation;

/// <summary>Reads a host's credentials.</summary>
public static class CredentialsReader
{
    /// <summary>How many bytes a key has at least.</summary>
    public const int LeastKeyBytes = 16;

    /// <summary>Reads the credentials; what is wrong with them is in the result.</summary>
    /// <param name="credentials">Where they are, for this host.</param>
    public static CredentialsObservation Read(IpsecCredentials credentials)
    {
        try
        {
            return credentials switch
            {
                InlineKey { Key: var key } => new CredentialsObservation { SharedKeys = [key] },
                KeyFile { Path: var path } => KeysOf(
                    PrivateDirectory.ReadSecret(path),
                    path,
                    $"the key file {path} is not there: put the same key into it on every host, and `chmod 600` it "
                        + $"(a new key: `(umask 077; head -c 32 /dev/urandom | base64 > {path})`)"
                ),
                KeyVariable { Name: var name } => KeysOf(
                    Environment.GetEnvironmentVariable(name),
                    $"${name}",
                    $"the environment has no variable {name}, which is to hold the key: set it for weft"
                ),
                CertificateFiles files => new CredentialsObservation { Certificate = Read(files) },
                _ => throw new InvalidOperationException($"unknown credentials {credentials}"),
            };
        }
        catch (HostException exception)
        {
            return new CredentialsObservation { Problem = exception.Message };
        }
    }

    /// <summary>Reads the one key that a file holds.</summary>
    /// <exception cref="HostException">It is not there, others can read it, or it holds no key or several.</exception>
    public static Secret ReadKey(string path) =>
        SharedKeyOf(PrivateDirectory.ReadSecret(path), path);

    /// <summary>The one key that a text holds.</summary>
    /// <param name="text">The text; null where there is none.</param>
    /// <param name="where">Where it is from.</param>
    /// <exception cref="HostException">It holds no key or several.</exception>
    public static Secret SharedKeyOf(string? text, string where) =>
        KeysOf(text, where, $"{where} is not there").SharedKeys is [var key]
            ? key
            : throw new HostException($"{where} must hold one key, and holds several");

    private static CredentialsObservation KeysOf(string? text, string where, string absent)
    {
        if (text is null)
        {
            throw new HostException(absent);
        }
        var keys = text.Split(
                '\n',
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
            )
            .Select(Secret.OfText)
            .ToImmutableArray();
        return keys is [] || keys.Any(key => key.Reveal().Length < LeastKeyBytes)
            ? throw new HostException(
                $"{where} must hold a key of at least {LeastKeyBytes} characters on a line"
            )
            : new CredentialsObservation { SharedKeys = keys };
    }

    private static HostCertificate Read(CertificateFiles files)
    {
        var directory = Path.GetDirectoryName(files.Certificate)!;
        var name = Path.GetFileNameWithoutExtension(files.Certificate);
        // A certificate and a key of the same name are a pair, which may be renewed while it is read.
        var pair =
            files.Key == new PkiDirectory(directory).KeyFile(name)
            && files.Certificate == new PkiDirectory(directory).CertificateFile(name)
                ? new PkiDirectory(directory).ReadPair(name)
                : new PemPair(
                    Required(PrivateDirectory.ReadText(files.Certificate), files.Certificate),
                    Required(PrivateDirectory.ReadSecret(files.Key), files.Key)
                );
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pair.Certificate, pair.Key);
            using var key = PrivateKey.Parse(pair.Key, files.Key);
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPem(
                Required(PrivateDirectory.ReadText(files.Authority), files.Authority)
            );
            return new HostCertificate(
                [.. certificate.RawDataMemory.Span],
                [.. authorities.Select(one => one.RawData.ToImmutableArray())],
                key.ToSecret(),
                KeyIdOf(certificate),
                certificate.BeginsAt(),
                certificate.EndsAt()
            )
            {
                Subject = certificate.SubjectName.Name,
                IsRsa = certificate.KindOfKey() is KeyKind.Rsa3072,
            };
        }
        catch (CryptographicException exception)
        {
            throw new HostException(
                $"{files.Certificate}, {files.Key} and {files.Authority} are no certificate, its key and its authority: {exception.Message}",
                exception
            );
        }
    }

#pragma warning disable CA5350 // It names a key and protects nothing: RFC 5280 section 4.2.1.2 (1), strongSwan's KEYID_PUBKEY_SHA1.
    private static string KeyIdOf(X509Certificate2 certificate) =>
        Convert.ToHexStringLower(SHA1.HashData(certificate.PublicKey.EncodedKeyValue.RawData));
#pragma warning restore CA5350

    private static string Required(string? text, string file) =>
        text
        ?? throw new HostException(
            $"{file} is not there: make certificates with `weft pki`, and copy this host's here"
        );
}
