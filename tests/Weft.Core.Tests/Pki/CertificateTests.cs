using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weft.Core.Linux;
using Weft.Core.Pki;

namespace Weft.Core.Tests.Pki;

/// <summary>What certificates say, when they are due, and whom they are trusted by.</summary>
public sealed class CertificateTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(KeyKind.P256, "1.2.840.10045.4.3.2")]
    [InlineData(KeyKind.P384, "1.2.840.10045.4.3.3")]
    public void A_host_certificate_says_what_IKE_needs(KeyKind kind, string signature)
    {
        using var authority = CertificateAuthority.Create(null, kind, 3650, Now);
        var names = new CertificateNames(
            "homelab",
            "host1",
            [IPAddress.Parse("192.0.2.1"), IPAddress.Parse("fd00::1")]
        );
        using var certificate = X509Certificate2.CreateFromPem(
            authority.Issue(names, kind, 825, Now).Certificate
        );
        Assert.Equal("CN=host1, O=homelab", certificate.Subject);
        Assert.Equal(signature, certificate.SignatureAlgorithm.Value);
        Assert.Equal(kind, certificate.KindOfKey());
        var alternatives = Assert.Single(
            certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
        );
        Assert.Equal(["host1"], alternatives.EnumerateDnsNames());
        Assert.Equal(names.Addresses, alternatives.EnumerateIPAddresses());
        var constraints = Assert.Single(
            certificate.Extensions.OfType<X509BasicConstraintsExtension>()
        );
        Assert.True(constraints is { CertificateAuthority: false, Critical: true });
        var usage = Assert.Single(certificate.Extensions.OfType<X509KeyUsageExtension>());
        Assert.Equal(X509KeyUsageFlags.DigitalSignature, usage.KeyUsages);
        Assert.Equal(
            ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.17"],
            Assert
                .Single(certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>())
                .EnhancedKeyUsages.Cast<Oid>()
                .Select(oid => oid.Value)
        );
        Assert.Equal(
            Assert
                .Single(
                    authority.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>()
                )
                .SubjectKeyIdentifierBytes.ToArray(),
            Assert
                .Single(certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>())
                .KeyIdentifier!.Value.ToArray()
        );
        Assert.InRange(certificate.SerialNumberBytes.Length, 1, 17);
        Assert.True(certificate.SerialNumberBytes.Span[0] < 0x80, "a serial number is positive");
    }

    [Fact]
    public void A_certificate_is_valid_on_a_host_whose_clock_is_a_little_behind()
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 10, Now);
        var status = Status(authority, PkiFolder.Names("host1"), 5);
        Assert.Equal(CertificateState.Valid, status.StateAt(Now.AddMinutes(-4)));
        Assert.Equal(CertificateState.NotYetValid, status.StateAt(Now.AddMinutes(-6)));
    }

    [Theory]
    [InlineData(825, 794, CertificateState.Valid)]
    [InlineData(825, 796, CertificateState.ExpiresSoon)]
    [InlineData(825, 824, CertificateState.ExpiresSoon)]
    [InlineData(825, 825, CertificateState.Expired)]
    // What lasts days only is due in its last third.
    [InlineData(9, 5, CertificateState.Valid)]
    [InlineData(9, 7, CertificateState.ExpiresSoon)]
    [InlineData(9, 10, CertificateState.Expired)]
    public void A_certificate_is_due_a_month_before_its_end(
        int days,
        int after,
        CertificateState state
    )
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 3650, Now);
        var names = PkiFolder.Names("host1");
        var status = Status(authority, names, days);
        var then = Now.AddDays(after);
        Assert.Equal(state, status.StateAt(then));
        Assert.Equal(days - after, status.DaysLeftAt(then));
        Assert.Equal(state is CertificateState.Valid, status.WhyRenew(names, then) is null);
        Assert.Equal(state is CertificateState.Expired, status.FaultAt(then) is not null);
    }

    [Fact]
    public void A_certificate_ends_with_its_authority()
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 100, Now);
        Assert.Equal(Now.AddDays(100), Status(authority, PkiFolder.Names("host1"), 825).NotAfter);
    }

    [Fact]
    public void An_authority_that_is_not_valid_signs_nothing()
    {
        using var authority = CertificateAuthority.Create("old one", KeyKind.P256, 100, Now);
        var names = PkiFolder.Names("host1");
        var expired = Assert.Throws<HostException>(() =>
            authority.Issue(names, KeyKind.P256, 10, Now.AddDays(101))
        );
        Assert.Contains("weft pki init --next", expired.Message);
        var early = Assert.Throws<HostException>(() =>
            authority.Issue(names, KeyKind.P256, 10, Now.AddDays(-1))
        );
        Assert.Contains("clock", early.Message);
    }

    [Fact]
    public void Names_that_a_certificate_lacks_are_said()
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 3650, Now);
        var status = Status(authority, PkiFolder.Names("host1", "192.0.2.1"), 825);
        Assert.Null(status.WrongNames(PkiFolder.Names("host1", "192.0.2.1")));
        Assert.Contains("192.0.2.9", status.WrongNames(PkiFolder.Names("host1", "192.0.2.9")));
        Assert.Contains("host1", status.WrongNames(PkiFolder.Names("host2", "192.0.2.1")));
    }

    [Fact]
    public void An_authority_of_the_same_name_with_another_key_is_not_trusted()
    {
        using var authority = CertificateAuthority.Create("one name", KeyKind.P256, 3650, Now);
        using var other = CertificateAuthority.Create("one name", KeyKind.P256, 3650, Now);
        var names = PkiFolder.Names("host1");
        var issued = authority.Issue(names, KeyKind.P256, 825, Now);
        Assert.True(Status(issued, authority).Verifies);
        var status = Status(issued, other);
        Assert.False(status.Verifies);
        Assert.Contains("none of the authorities", status.FaultAt(Now));
    }

    [Fact]
    public void A_host_certificate_vouches_for_nobody()
    {
        using var authority = CertificateAuthority.Create(null, KeyKind.P256, 3650, Now);
        var host = authority.Issue(PkiFolder.Names("host1"), KeyKind.P256, 825, Now);
        using var impostor = CertificateAuthority.Parse(host);
        var issued = impostor.Issue(PkiFolder.Names("host2"), KeyKind.P256, 100, Now);
        using var trusted = TrustedAuthorities.Parse(
            authority.ToPem().Certificate + host.Certificate,
            "ca.pem"
        );
        using var own = X509Certificate2.CreateFromPem(issued.Certificate);
        Assert.Null(trusted.VouchedUntil(own));
    }

    [Theory]
    [InlineData(KeyKind.P256, "-sha256")]
    [InlineData(KeyKind.P384, "-sha384")]
    [InlineData(KeyKind.Rsa3072, "-sha256")]
    public async Task Openssl_agrees(KeyKind kind, string digest)
    {
        if (Tool.Find("openssl") is null)
        {
            Assert.Skip("openssl is not installed");
        }
        using var folder = new PkiFolder();
        using (var writer = folder.Make())
        {
            var own = kind is KeyKind.Rsa3072 ? KeyKind.P256 : kind;
            // openssl goes by the machine's clock.
            folder.Clock.SetUtcNow(TimeProvider.System.GetUtcNow());
            writer.MakeAuthority(null, own, 3650);
            writer.Issue(PkiFolder.Names("host1"), kind, 825);
        }
        var certificate = folder.File("host1.pem");
        await OpensslAsync("verify", "-x509_strict", "-CAfile", folder.File("ca.pem"), certificate);
        await OpensslAsync(
            "verify",
            "-x509_strict",
            "-CAfile",
            folder.File("ca.pem"),
            folder.File("ca.pem")
        );
        var subject = await OpensslAsync(
            "x509",
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253",
            "-in",
            certificate
        );
        // ovs-monitor-ipsec finds the name by this pattern, comma included.
        Assert.Matches("CN=host1,", subject);
        Assert.Equal(
            await OpensslAsync("x509", "-noout", "-pubkey", "-in", certificate),
            await OpensslAsync("pkey", "-pubout", "-in", folder.File("host1.key"))
        );
        var text = await OpensslAsync("x509", "-noout", "-text", "-in", certificate);
        Assert.Contains("DNS:host1, IP Address:192.0.2.1", text);
        Assert.Contains("ipsec Internet Key Exchange", text);
        var signature = folder.File("signature");
        await OpensslAsync(
            "dgst",
            digest,
            "-sign",
            folder.File("host1.key"),
            "-out",
            signature,
            certificate
        );
    }

    private static CertificateStatus Status(
        CertificateAuthority authority,
        CertificateNames names,
        int days
    ) => Status(authority.Issue(names, KeyKind.P256, days, Now), authority);

    private static CertificateStatus Status(PemPair issued, CertificateAuthority trusting)
    {
        using var trusted = TrustedAuthorities.Parse(trusting.ToPem().Certificate, "ca.pem");
        using var certificate = X509Certificate2.CreateFromPem(issued.Certificate);
        return CertificateStatus.Of("host1", certificate, (KeyState.Matches, null), trusted);
    }

    private static async Task<string> OpensslAsync(params string[] arguments)
    {
        var result = await Tool.RunAsync(
            ["openssl", .. arguments],
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.Output;
    }
}
