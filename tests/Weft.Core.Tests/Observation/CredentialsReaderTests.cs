using System.Security.Cryptography;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Pki;
using Weft.Core.Tests.Pki;

namespace Weft.Core.Tests.Observation;

/// <summary>Files that others have made are read as Weft's own are.</summary>
public sealed class CredentialsReaderTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly string folder = Directory.CreateTempSubdirectory("weft-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("parameters")]
    [InlineData("certificate")]
    public void A_key_is_found_whatever_stands_before_it_in_its_file(string first)
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 3650, Now);
        var pair = authority.Issue(PkiFolder.Names("host1"), KeyKind.P256, 825, Now);
        // What `openssl ecparam -genkey` writes: the curve's name, then the key in its older form.
        using var key = ECDsa.Create();
        key.ImportFromPem(pair.Key);
        var before =
            first == "parameters"
                ? "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                : pair.Certificate;
        var keyFile = Put("private.key", $"{before}{key.ExportECPrivateKeyPem()}\n");

        var read = CredentialsReader.Read(
            new CertificateFiles(
                Put("authority.pem", authority.ToPem().Certificate),
                Put("public.pem", pair.Certificate),
                keyFile
            )
        );

        Assert.Null(read.Problem);
        using var found = ECDsa.Create();
        found.ImportPkcs8PrivateKey(read.Certificate!.Key.Reveal(), out _);
        Assert.Equal(key.ExportECPrivateKey(), found.ExportECPrivateKey());
    }

    private string Put(string name, string text)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }
}
