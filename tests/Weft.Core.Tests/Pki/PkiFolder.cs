using System.Net;
using Microsoft.Extensions.Time.Testing;
using Weft.Core.Pki;

namespace Weft.Core.Tests.Pki;

/// <summary>A directory of certificates that a test has for itself, and a clock that it sets.</summary>
internal sealed class PkiFolder : IDisposable
{
    private readonly DirectoryInfo parent = System.IO.Directory.CreateTempSubdirectory(
        "weft-test-"
    );

    public PkiFolder() => Directory = new PkiDirectory(Path.Combine(parent.FullName, "pki"));

    public FakeTimeProvider Clock { get; } =
        new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public DateTimeOffset Now => Clock.GetUtcNow();

    public PkiDirectory Directory { get; }

    public static CertificateNames Names(string host, string address = "192.0.2.1") =>
        new("homelab", host, [IPAddress.Parse(address)]);

    /// <summary>One with an authority, and certificates for hosts.</summary>
    public static PkiFolder With(params string[] hosts)
    {
        var folder = new PkiFolder();
        using var writer = folder.Make();
        writer.MakeAuthority("first", KeyKind.P256, CertificateAuthority.DefaultDays);
        foreach (var host in hosts)
        {
            writer.Issue(Names(host), null, CertificateAuthority.DefaultHostDays);
        }
        return folder;
    }

    public PkiWriter Make() => PkiWriter.Make(Directory, Clock);

    public PkiWriter Open() => PkiWriter.Open(Directory, Clock);

    public string File(string name) => Path.Combine(Directory.Path, name);

    public CertificateStatus Read(string host)
    {
        using var trusted = Directory.ReadTrusted();
        return Directory.ReadHost(host, trusted)!;
    }

    public void Dispose() => parent.Delete(recursive: true);
}
