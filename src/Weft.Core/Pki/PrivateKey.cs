using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weft.Core.Ipsec;

namespace Weft.Core.Pki;

/// <summary>A private key. It can only be written as PEM; no message prints it.</summary>
internal sealed class PrivateKey : IDisposable
{
    private readonly AsymmetricAlgorithm algorithm;

    private PrivateKey(AsymmetricAlgorithm algorithm) => this.algorithm = algorithm;

    /// <summary>The public key, for certificates.</summary>
    public PublicKey PublicKey =>
        algorithm is RSA rsa ? new PublicKey(rsa) : new PublicKey((ECDsa)algorithm);

    /// <summary>A generator of signatures by this key.</summary>
    public X509SignatureGenerator Signature =>
        algorithm is RSA rsa
            ? X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1)
            : X509SignatureGenerator.CreateForECDsa((ECDsa)algorithm);

    /// <summary>The hash to sign with, as strong as the key.</summary>
    public HashAlgorithmName Hash =>
        algorithm is ECDsa { KeySize: > 256 } ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256;

    /// <summary>Creates a new key.</summary>
    public static PrivateKey Make(KeyKind kind) =>
        new(
            kind switch
            {
                KeyKind.P256 => ECDsa.Create(ECCurve.NamedCurves.nistP256),
                KeyKind.P384 => ECDsa.Create(ECCurve.NamedCurves.nistP384),
                _ => RSA.Create(3072),
            }
        );

    /// <summary>Reads a key from PEM: PKCS#8, or the older formats of EC and RSA keys.</summary>
    /// <param name="pem">The text.</param>
    /// <param name="file">The file it is from, for messages.</param>
    /// <exception cref="HostException">The text holds no such key.</exception>
    public static PrivateKey Parse(string pem, string file)
    {
        if (pem.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new HostException(
                $"{file} is encrypted, and nobody is there to type a passphrase when a host starts: write it without one (openssl pkey -in OLD -out NEW)"
            );
        }
        foreach (var candidate in (AsymmetricAlgorithm[])[ECDsa.Create(), RSA.Create()])
        {
            try
            {
                candidate.ImportFromPem(pem);
                return new PrivateKey(candidate);
            }
            catch (Exception exception)
                when (exception is CryptographicException or ArgumentException)
            {
                candidate.Dispose();
            }
        }
        throw new HostException(
            $"{file} holds no private key that can be read (PEM, ECDSA or RSA): it is damaged or another file; make a new one with weft pki renew"
        );
    }

    /// <summary>Whether a certificate belongs to this key.</summary>
    public bool IsOf(X509Certificate2 certificate) =>
        algorithm
            .ExportSubjectPublicKeyInfo()
            .AsSpan()
            .SequenceEqual(certificate.PublicKey.ExportSubjectPublicKeyInfo());

    /// <summary>The key as PKCS#8 in PEM (RFC 7468, section 10).</summary>
    public string ToPem() => $"{algorithm.ExportPkcs8PrivateKeyPem()}\n";

    /// <summary>The key as PKCS#8 (RFC 5958), in DER.</summary>
    public Secret ToSecret() => Secret.Of(algorithm.ExportPkcs8PrivateKey());

    /// <inheritdoc/>
    public override string ToString() => Secret.Veil;

    /// <inheritdoc/>
    public void Dispose() => algorithm.Dispose();
}
