using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Weft.Agent;

namespace Weft.Tests;

/// <summary>Whom the agent lets in by TLS, and what it shows them.</summary>
public sealed class AgentListenerTests : IAsyncLifetime
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("weft-test-");
    private readonly X509Certificate2 authority = Certificate("authority", isAuthority: true);
    private readonly ConcurrentQueue<(Severity Severity, string Line)> log = new();
    private readonly TlsListener listener;
    private IAsyncDisposable? api;

    public AgentListenerTests() =>
        listener = new TlsListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            Path.Combine(directory.FullName, "agent.pem"),
            Path.Combine(directory.FullName, "agent.key"),
            Path.Combine(directory.FullName, "clients.pem")
        );

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        using var own = Certificate("agent", authority, ForServers);
        await WriteAsync(own);
        await File.WriteAllTextAsync(listener.Authority, authority.ExportCertificatePem(), Token);
        api = await OpenApiTests.StartAsync(
            new Listeners(Path.Combine(directory.FullName, "agent.sock"), listener),
            Token,
            (severity, line) => log.Enqueue((severity, line))
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
    public async Task Connections_that_say_nothing_keep_nobody_from_elsewhere_out_and_leave_most_places()
    {
        var share = new FairShare(2);
        var (one, other) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        Assert.True(share.TryEnter(one) && share.TryEnter(one));
        Assert.False(share.TryEnter(one));
        Assert.True(share.TryEnter(other));
        share.Leave(one);
        Assert.True(share.TryEnter(one));
        Assert.Equal(
            FairShare.WhoseIs(IPAddress.Parse("2001:db8::1")),
            FairShare.WhoseIs(IPAddress.Parse("2001:db8::ffff:2"))
        );
        Assert.Equal(one, FairShare.WhoseIs(one.MapToIPv6()));

        // One of them all is ended at once, long before the handshake is waited for no more.
        var port = new Uri(
            ((WebApplication)api!).Urls.Single(url =>
                url.StartsWith("https", StringComparison.Ordinal)
            )
        ).Port;
        var idle = Enumerable.Range(0, 21).Select(_ => new TcpClient()).ToList();
        foreach (var connection in idle)
        {
            await connection.ConnectAsync(IPAddress.Loopback, port, Token);
        }
        var ended = idle.Select(connection =>
            connection.GetStream().ReadAsync(new byte[1], Token).AsTask()
        );
        await (await Task.WhenAny(ended))
            .ContinueWith(
                static _ => { },
                Token,
                TaskContinuationOptions.None,
                TaskScheduler.Default
            )
            .WaitAsync(TimeSpan.FromSeconds(5), Token);
        idle.ForEach(connection => connection.Dispose());
    }

    [Fact]
    public async Task A_place_that_is_taken_is_said_and_one_whose_address_comes_later_is_taken()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var socket = Path.Combine(directory.FullName, "other.sock");
        await using (
            await OpenApiTests.StartAsync(
                new Listeners(socket, Page: new PageListener((IPEndPoint)taken.LocalEndpoint)),
                Token,
                (severity, line) => log.Enqueue((severity, line))
            )
        )
        {
            using var client = OpenApiTests.Client(socket);
            Assert.Equal("ok\n", await client.GetStringAsync("/healthz", Token));
            using var asked = new HttpRequestMessage(HttpMethod.Head, "/healthz");
            using var answer = await client.SendAsync(asked, Token);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        var (severity, line) = Assert.Single(log);
        Assert.Equal(Severity.Error, severity);
        Assert.StartsWith(
            $"the agent cannot listen at {taken.LocalEndpoint}: ",
            line,
            StringComparison.Ordinal
        );
        log.Clear();

        foreach (var address in (string[])["192.0.2.1", "2001:db8::1"])
        {
            await using var later = await OpenApiTests.StartAsync(
                new Listeners(
                    socket,
                    listener with
                    {
                        EndPoint = new IPEndPoint(IPAddress.Parse(address), 0),
                    }
                ),
                Token,
                (severity, line) => log.Enqueue((severity, line))
            );
            Assert.Empty(log);
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

    [Fact]
    public async Task What_was_renewed_is_shown_to_who_connects_next_and_a_pair_that_does_not_match_is_not()
    {
        using var client = Certificate("client", authority, ForClients);
        var shown = new List<string>();
        using var early = Client(client, [], Remember);
        await AskAsync(early);

        using var renewed = Certificate("renewed", authority, ForServers);
        await WriteAsync(renewed);
        await AskAnewAsync();
        Assert.Equal(["CN=agent", "CN=renewed"], shown);
        Assert.Contains(listener.Certificate, Assert.Single(log).Line, StringComparison.Ordinal);
        log.Clear();

        // As they are between the two files' being written.
        using var next = Certificate("next", authority, ForServers);
        await File.WriteAllTextAsync(listener.Certificate, next.ExportCertificatePem(), Token);
        await AskAnewAsync();
        await AskAnewAsync();
        Assert.Equal(["CN=renewed", "CN=renewed"], shown[2..]);
        var (severity, line) = Assert.Single(log);
        Assert.Equal(Severity.Warning, severity);
        Assert.Contains(
            "goes on with the certificates that it has",
            line,
            StringComparison.Ordinal
        );

        await WriteAsync(next);
        await AskAnewAsync();
        Assert.Equal("CN=next", shown[^1]);

        // Whom a new authority vouches for, and nobody else, is let in.
        using var another = Certificate("another", isAuthority: true);
        using var other = Certificate("other", another, ForClients);
        await File.WriteAllTextAsync(listener.Authority, another.ExportCertificatePem(), Token);
        Assert.Equal("ok\n", await AskAsync(other));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(client));
        File.Delete(listener.Authority);
        Assert.Equal("ok\n", await AskAsync(other));

        // Who was there before all that still is, by the connection from then.
        var handshakes = shown.Count;
        await AskAsync(early);
        Assert.Equal(handshakes, shown.Count);

        async Task AskAnewAsync()
        {
            using var late = Client(client, [], Remember);
            Assert.Equal("ok\n", await AskAsync(late));
        }

        bool Remember(X509Certificate2 certificate, SslPolicyErrors errors)
        {
            shown.Add(certificate.Subject);
            return true;
        }
    }

    [Fact]
    public async Task A_client_that_has_the_root_alone_is_sent_what_stands_between_and_the_agent_fetches_none_of_it()
    {
        using var site = new TcpListener(IPAddress.Loopback, 0);
        site.Start();
        var fetched = site.AcceptSocketAsync(Token).AsTask();
        using var client = Certificate("client", authority, ForClients);
        using var between = Certificate("between", authority, isAuthority: true);
        using var own = Certificate(
            "agent",
            between,
            ForServers,
            issuerAt: $"http://{site.LocalEndpoint}/ca.crt"
        );

        await WriteAsync(own);
        Task refused = AskAsync();
        Assert.Same(refused, await Task.WhenAny(refused, fetched));
        await Assert.ThrowsAsync<HttpRequestException>(() => refused);

        await WriteAsync(own, between);
        Task answered = AskAsync();
        Assert.Same(answered, await Task.WhenAny(answered, fetched));
        await answered;
        Assert.False(fetched.IsCompleted);

        async Task AskAsync()
        {
            using var strict = Client(
                client,
                [],
                // Its name is no part of the test.
                (_, errors) =>
                    (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch)
                    == SslPolicyErrors.None
            );
            await this.AskAsync(strict);
        }
    }

    private async Task WriteAsync(X509Certificate2 own, params X509Certificate2[] between)
    {
        using var key = own.GetECDsaPrivateKey()!;
        await File.WriteAllTextAsync(
            listener.Certificate,
            string.Join('\n', between.Prepend(own).Select(one => one.ExportCertificatePem())),
            Token
        );
        await File.WriteAllTextAsync(listener.Key, key.ExportPkcs8PrivateKeyPem(), Token);
    }

    private async Task<string> AskAsync(
        X509Certificate2 certificate,
        params X509Certificate2[] sent
    )
    {
        // Whose it is is no part of the test.
        using var client = Client(certificate, sent, (_, _) => true);
        return await AskAsync(client);
    }

    private async Task<string> AskAsync(HttpClient client)
    {
        var address = Assert.Single(
            ((WebApplication)api!).Urls,
            url => url.StartsWith("https:", StringComparison.Ordinal)
        );
        return await client.GetStringAsync(new Uri($"{address}/healthz"), Token);
    }

    /// <summary>A client that has the authority as its only root.</summary>
    private HttpClient Client(
        X509Certificate2 certificate,
        X509Certificate2[] sent,
        Func<X509Certificate2, SslPolicyErrors, bool> accepts
    )
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.Add(authority);
        return new HttpClient(
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
                    CertificateChainPolicy = policy,
                    RemoteCertificateValidationCallback = (_, shown, _, errors) =>
                        shown is X509Certificate2 its && accepts(its, errors),
                },
            }
        );
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
                new X509AuthorityInformationAccessExtension([issuerAt], [issuerAt])
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
