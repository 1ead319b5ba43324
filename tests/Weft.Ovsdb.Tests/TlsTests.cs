using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Ovsdb.Tests;

public sealed class TlsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Both_sides_prove_who_they_are_by_certificates()
    {
        using var authority = new Authority();
        await using var server = await StartAsync(authority);
        var options = Options(server) with { Tls = Client(server) };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        Assert.Contains(TestSchema.Database, await client.ListDatabasesAsync(Token));
        Assert.Equal(RemoteKind.Ssl, client.State.Remote!.Kind);

        // Large both ways, so that many TLS records make one message.
        var text = new string('x', 1_000_000);
        await client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = text })],
            Token
        );
        var rows = await client.TransactAsync(
            TestSchema.Database,
            [new Select("thing", [])],
            Token
        );
        Assert.Equal(text, rows[0].Rows[0]["name"].AsString());
    }

    [Fact]
    public async Task A_server_of_another_authority_is_refused()
    {
        using var authority = new Authority();
        using var other = new Authority();
        await using var server = await StartAsync(authority);
        var tls = Client(server) with { CaCertificates = [other.Certificate] };
        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync(Options(server) with { Tls = tls }, Token)
        );
        Assert.Contains("TLS failed", error.Message);
        Assert.Contains("check the certificates", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_nobody_vouches_for_has_the_client_fetch_nothing(
        bool hasAuthority
    )
    {
        using var site = new TcpListener(IPAddress.Loopback, 0);
        site.Start();
        using var unknown = new Authority($"http://{site.LocalEndpoint}/ca.crt");
        using var authority = new Authority();
        await using var server = await StartAsync(unknown, authority);
        var tls = Client(server);
        if (!hasAuthority)
        {
            tls = tls with { CaCertificates = [] };
        }

        // The client's own certificate names the address too.
        Task refused = OvsdbClient.ConnectAsync(Options(server) with { Tls = tls }, Token);
        Assert.Same(refused, await Task.WhenAny(refused, site.AcceptSocketAsync(Token).AsTask()));
        await Assert.ThrowsAsync<OvsdbConnectionException>(() => refused);
    }

    [Fact]
    public async Task A_server_of_another_name_is_refused_when_a_name_is_asked_for()
    {
        using var authority = new Authority();
        await using var server = await StartAsync(authority);
        await using (
            await OvsdbClient.ConnectAsync(
                Options(server) with
                {
                    Tls = Client(server) with { ServerName = "server.test" },
                },
                Token
            )
        )
        {
            await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
                OvsdbClient.ConnectAsync(
                    Options(server) with
                    {
                        Tls = Client(server) with { ServerName = "other.test" },
                    },
                    Token
                )
            );
        }
    }

    [Fact]
    public async Task An_authority_that_was_disposed_of_does_not_end_the_keeping_of_the_connection()
    {
        using var authority = new Authority();
        await using var server = await StartAsync(authority);
        var tls = Client(server);
        await using var client = await OvsdbClient.ConnectAsync(
            Options(server) with
            {
                Tls = tls,
                MaxBackoff = TimeSpan.FromMilliseconds(100),
            },
            Token
        );
        Assert.Single(tls.CaCertificates).Dispose();
        await server.KillAsync();
        await server.StartAsync();
        await client
            .WaitForStateAsync(
                static s =>
                    s.Attempts > 2 && s.LastError is { InnerException: CryptographicException },
                Token
            )
            .WaitAsync(OvsdbServer.Patience, Token);
    }

    [Fact]
    public async Task A_client_without_a_certificate_gets_an_error_and_no_hang()
    {
        using var authority = new Authority();
        await using var server = await StartAsync(authority);
        var options = Options(server) with
        {
            Tls = new TlsOptions { CaCertificates = [authority.Certificate] },
            Database = TestSchema.Database,
        };

        // Under TLS 1.3 the client is through before the server looks at its certificate.
        await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync(options, Token).WaitAsync(OvsdbServer.Patience, Token)
        );
    }

    private static OvsdbClientOptions Options(OvsdbServer server) =>
        new()
        {
            Remotes = [Remote.Parse(File.ReadAllText(Path.Combine(server.Directory, "remote")))],
        };

    private static TlsOptions Client(OvsdbServer server) =>
        TlsOptions.FromPemFiles(
            Path.Combine(server.Directory, "client.pem"),
            Path.Combine(server.Directory, "client.key"),
            Path.Combine(server.Directory, "ca.pem")
        );

    /// <summary>Starts a server.</summary>
    /// <param name="authority">Who issues its certificate and the client's.</param>
    /// <param name="known">Whom both sides know; null for the one who issues. A server sends along what it knows.</param>
    private static async Task<OvsdbServer> StartAsync(Authority authority, Authority? known = null)
    {
        var port = OvsdbServer.FreePort();
        var server = await OvsdbServer.CreateAsync(TestSchema.Json, [$"pssl:{port}:127.0.0.1"]);
        string At(string name) => Path.Combine(server.Directory, name);
        authority.Issue("server.test", At("server"));
        authority.Issue("client.test", At("client"));
        await File.WriteAllTextAsync(
            At("ca.pem"),
            (known ?? authority).Certificate.ExportCertificatePem(),
            Token
        );
        await File.WriteAllTextAsync(At("remote"), $"ssl:127.0.0.1:{port}", Token);
        server.AddArguments(
            $"--certificate={At("server.pem")}",
            $"--private-key={At("server.key")}",
            $"--ca-cert={At("ca.pem")}"
        );
        await server.StartAsync();
        return server;
    }

    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        private readonly string? _address;

        /// <summary>Makes one.</summary>
        /// <param name="address">Where its certificate can be fetched, by those that it issues; null for nowhere.</param>
        public Authority(string? address = null)
        {
            _address = address;
            var request = new CertificateRequest(
                $"CN=authority {Guid.NewGuid()}",
                _key,
                HashAlgorithmName.SHA256
            );
            request.CertificateExtensions.Add(
                new X509BasicConstraintsExtension(true, false, 0, true)
            );
            request.CertificateExtensions.Add(
                new X509KeyUsageExtension(
                    X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign,
                    true
                )
            );
            Certificate = request.CreateSelfSigned(
                DateTimeOffset.UtcNow.AddDays(-1),
                DateTimeOffset.UtcNow.AddDays(1)
            );
        }

        public X509Certificate2 Certificate { get; }

        public void Issue(string name, string path)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
            if (_address is not null)
            {
                request.CertificateExtensions.Add(
                    new X509AuthorityInformationAccessExtension(null, [_address])
                );
            }

            using var certificate = request.Create(
                Certificate,
                DateTimeOffset.UtcNow.AddHours(-1),
                DateTimeOffset.UtcNow.AddHours(1),
                Guid.NewGuid().ToByteArray()
            );
            File.WriteAllText($"{path}.pem", certificate.ExportCertificatePem());
            File.WriteAllText($"{path}.key", key.ExportPkcs8PrivateKeyPem());
        }

        public void Dispose()
        {
            Certificate.Dispose();
            _key.Dispose();
        }
    }
}
