using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Weft.Agent;

namespace Weft.Tests;

/// <summary>Whom the agent lets in by TLS.</summary>
public sealed class AgentListenerTests : IAsyncLifetime
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("weft-test-");
    private readonly X509Certificate2 authority = Certificate("authority", isAuthority: true);
    private IAsyncDisposable? api;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        using var own = Certificate("agent", authority, ForServers);
        var listener = new TlsListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            Path.Combine(directory.FullName, "agent.pem"),
            Path.Combine(directory.FullName, "agent.key"),
            Path.Combine(directory.FullName, "clients.pem")
        );
        await File.WriteAllTextAsync(listener.Certificate, own.ExportCertificatePem(), Token);
        using var key = own.GetECDsaPrivateKey()!;
        await File.WriteAllTextAsync(listener.Key, key.ExportPkcs8PrivateKeyPem(), Token);
        await File.WriteAllTextAsync(listener.Authority, authority.ExportCertificatePem(), Token);
        api = await OpenApiTests.StartAsync(
            new Listeners(Path.Combine(directory.FullName, "agent.sock"), listener),
            Token
        );
    }

    public async ValueTask DisposeAsync()
    {
        await api!.DisposeAsync();
        authority.Dispose();
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task A_client_may_bring_what_stands_between_its_certificate_and_the_authority()
    {
        using var between = Certificate("between", authority, isAuthority: true);
        using var client = Certificate("client", between, ForClients);

        Assert.Equal("ok\n", await AskAsync(client, between));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(client));
    }

    [Fact]
    public async Task A_certificate_that_has_run_out_or_is_of_another_authority_or_for_servers_lets_nobody_in()
    {
        using var client = Certificate("client", authority, ForClients);
        Assert.Equal("ok\n", await AskAsync(client));

        using var old = Certificate("client", authority, ForClients, hoursLeft: -1);
        using var other = Certificate("authority", isAuthority: true);
        using var stranger = Certificate("client", other, ForClients);
        using var server = Certificate("client", authority, ForServers);
        foreach (var refused in (X509Certificate2[])[old, stranger, server])
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(refused, other));
        }
    }

    [Fact]
    public async Task A_stranger_has_the_agent_fetch_nothing()
    {
        using var site = new TcpListener(IPAddress.Loopback, 0);
        site.Start();
        using var unknown = Certificate("unknown", isAuthority: true);
        using var stranger = Certificate(
            "stranger",
            unknown,
            ForClients,
            issuerAt: $"http://{site.LocalEndpoint}/ca.crt"
        );

        Task refused = AskAsync(stranger);
        Assert.Same(refused, await Task.WhenAny(refused, site.AcceptSocketAsync(Token).AsTask()));
        await Assert.ThrowsAsync<HttpRequestException>(() => refused);
    }

    private async Task<string> AskAsync(
        X509Certificate2 certificate,
        params X509Certificate2[] sent
    )
    {
        using var client = new HttpClient(
            new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions
                {
                    // Offline, or the client would fetch what its certificate names.
                    ClientCertificateContext = SslStreamCertificateContext.Create(
                        certificate,
                        [.. sent],
                        offline: true
                    ),
                    // Whose it is is no part of the test.
                    RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
                },
            }
        );
        var address = Assert.Single(
            ((WebApplication)api!).Urls,
            url => url.StartsWith("https:", StringComparison.Ordinal)
        );
        return await client.GetStringAsync(new Uri($"{address}/healthz"), Token);
    }

    private static X509Certificate2 Certificate(
        string name,
        X509Certificate2? issuer = null,
        string? purpose = null,
        bool isAuthority = false,
        int hoursLeft = 1,
        string? issuerAt = null
    )
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true)
        );
        if (purpose is not null)
        {
            request.CertificateExtensions.Add(
                new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false)
            );
        }
        if (issuerAt is not null)
        {
            request.CertificateExtensions.Add(
                new X509AuthorityInformationAccessExtension(null, [issuerAt])
            );
        }
        var until = TimeProvider.System.GetUtcNow().AddHours(hoursLeft);
        if (issuer is null)
        {
            return request.CreateSelfSigned(until.AddHours(-48), until);
        }
        using var certificate = request.Create(
            issuer,
            until.AddHours(-3),
            // Not after its issuer, which was made a moment before.
            issuer.NotAfter < until.LocalDateTime
                ? new DateTimeOffset(issuer.NotAfter)
                : until,
            Guid.NewGuid().ToByteArray()
        );
        return certificate.CopyWithPrivateKey(key);
    }
}
