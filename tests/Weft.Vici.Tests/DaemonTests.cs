using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Weft.Vici.Tests;

/// <summary>What is loaded into a real charon and read back, without any negotiation.</summary>
public sealed class DaemonTests
{
    private static CancellationToken Cancellation => TwoHosts.Cancellation;

    [Fact]
    public async Task A_daemon_says_what_it_is_and_how_it_is()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        var version = await client.VersionAsync(Cancellation);
        Assert.Equal("charon", version.Daemon);
        Assert.Equal("Linux", version.System);
        Assert.Matches(@"^\d+\.\d+", version.Version);
        var stats = await client.StatsAsync(Cancellation);
        Assert.Contains("vici", stats.Plugins);
        Assert.InRange(stats.IdleThreads, 1, stats.Threads);
        Assert.Equal(0, stats.IkeSas);
        await client.ReloadSettingsAsync(Cancellation);
    }

    [Fact]
    public async Task Connections_are_loaded_listed_replaced_and_unloaded()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        await client.LoadConnectionAsync(
            "peer",
            TwoHosts.Connection("a", new() { ["rekey_time"] = 600, ["rekey_packets"] = 1000 }),
            Cancellation
        );
        Assert.Equal(["peer"], await client.ConnectionNamesAsync(Cancellation));
        var connection = Assert.Single(await client.ConnectionsAsync(null, Cancellation));
        Assert.Equal("peer", connection.Name);
        Assert.Equal("IKEv2", connection.Version);
        Assert.Equal(["10.88.0.1"], connection.LocalAddresses);
        Assert.Equal(["10.88.0.2"], connection.RemoteAddresses);
        Assert.Equal(TimeSpan.FromHours(4), connection.RekeyTime);
        Assert.Equal(TimeSpan.Zero, connection.ReauthenticationTime);
        Assert.Equal(
            ("pre-shared key", "a"),
            (Assert.Single(connection.Local).Class, connection.Local[0].Id)
        );
        Assert.Equal("b", Assert.Single(connection.Remote).Id);
        var child = Assert.Single(connection.Children);
        Assert.Equal("net", child.Name);
        Assert.Equal(TwoHosts.KernelHasEsp ? "TRANSPORT" : "TUNNEL", child.Mode);
        Assert.Equal(TimeSpan.FromMinutes(10), child.RekeyTime);
        Assert.Equal(1000, child.RekeyPackets);

        await client.LoadConnectionAsync("peer", TwoHosts.Connection("b"), Cancellation);
        Assert.Equal(
            "b",
            Assert.Single(await client.ConnectionsAsync("peer", Cancellation)).Local[0].Id
        );
        await client.UnloadConnectionAsync("peer", Cancellation);
        Assert.Empty(await client.ConnectionNamesAsync(Cancellation));
        Assert.Empty(await client.ConnectionsAsync(null, Cancellation));
    }

    [Fact]
    public async Task A_refusal_has_the_daemons_own_words_and_the_connection_goes_on()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        var refused = await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.UnloadConnectionAsync("nobody", Cancellation)
        );
        Assert.Equal("unload-conn", refused.Command);
        Assert.Equal("unload: connection 'nobody' not found", refused.Error);
        Assert.Equal("no", refused.Reply.Text("success"));
        refused = await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.LoadConnectionAsync("x", new() { ["nonsense"] = 1 }, Cancellation)
        );
        Assert.Contains("nonsense", refused.Error);
        refused = await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.RequestAsync("no-such-command", null, Cancellation)
        );
        Assert.Contains("does not know this command", refused.Message);
        refused = await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.SubscribeAsync([EventNames.IkeUpdown, "no-such-event"], Cancellation)
        );
        Assert.Contains("does not know this event", refused.Message);
        Assert.Equal("charon", (await client.VersionAsync(Cancellation)).Daemon);
    }

    [Fact]
    public async Task Shared_secrets_are_loaded_listed_and_unloaded()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        foreach (var type in Enum.GetValues<SharedSecretType>())
        {
            await client.LoadSharedAsync(
                new()
                {
                    Id = $"{type}",
                    Type = type,
                    Data = "s3cr3t",
                    Owners = ["one", "two"],
                },
                Cancellation
            );
        }

        Assert.Equal(
            Enum.GetNames<SharedSecretType>().Order(),
            (await client.SharedIdsAsync(Cancellation)).Order()
        );
        await client.UnloadSharedAsync("Ike", Cancellation);
        Assert.DoesNotContain("Ike", await client.SharedIdsAsync(Cancellation));
        await client.ClearCredentialsAsync(Cancellation);
        Assert.Empty(await client.SharedIdsAsync(Cancellation));
        Assert.DoesNotContain("s3cr3t", hosts.Log("a"));
    }

    [Fact]
    public async Task Keys_certificates_and_authorities_are_loaded_listed_and_unloaded()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(1)
        );

        var id = await client.LoadKeyAsync(
            Encoding.ASCII.GetBytes(key.ExportECPrivateKeyPem()),
            "ecdsa",
            Cancellation
        );
        Assert.Equal([id], await client.KeyIdsAsync(Cancellation));
        Assert.Equal(
            id,
            await client.LoadKeyAsync(key.ExportECPrivateKey(), cancellationToken: Cancellation)
        );
        await client.LoadCertificateAsync(
            authority.RawData,
            flag: "CA",
            cancellationToken: Cancellation
        );
        var certificate = Assert.Single(await client.CertificatesAsync(Cancellation));
        Assert.Equal(
            ("X509", "CA", true),
            (certificate.Type, certificate.Flag, certificate.HasPrivateKey)
        );
        Assert.Equal(authority.RawData, certificate.Data.ToArray());
        await client.LoadAuthorityAsync(
            "ours",
            new() { ["cacert"] = new ViciValue(authority.RawData) },
            Cancellation
        );
        Assert.Equal(["ours"], await client.AuthorityNamesAsync(Cancellation));
        await client.UnloadAuthorityAsync("ours", Cancellation);
        Assert.Empty(await client.AuthorityNamesAsync(Cancellation));
        await client.FlushCertificatesAsync(cancellationToken: Cancellation);
        await client.UnloadKeyAsync(id, Cancellation);
        Assert.Empty(await client.KeyIdsAsync(Cancellation));
        await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.UnloadKeyAsync(id, Cancellation)
        );
        await client.ClearCredentialsAsync(Cancellation);
        Assert.Empty(await client.CertificatesAsync(Cancellation));
    }

    [Fact]
    public async Task Many_tasks_share_one_connection()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        await Task.WhenAll(
            Enumerable
                .Range(0, 200)
                .Select(async n =>
                {
                    var name = $"c{n}";
                    await client.LoadConnectionAsync(name, TwoHosts.Connection("a"), Cancellation);
                    Assert.Equal(
                        name,
                        Assert.Single(await client.ConnectionsAsync(name, Cancellation)).Name
                    );
                })
        );
        Assert.Equal(200, (await client.ConnectionNamesAsync(Cancellation)).Length);
    }

    [Fact]
    public async Task A_message_that_is_too_large_is_not_sent()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        var large = new ViciValue(new byte[60_000]);
        var list = ViciList.Of([.. Enumerable.Repeat(large, 9)]);
        await Assert.ThrowsAsync<ArgumentException>(() =>
            client.RequestAsync("version", new() { ["x"] = list }, Cancellation)
        );
        // The largest that is allowed: the rest is the type, two names, the list and its items.
        var rest = (512 * 1024) - 1 - 8 - 3 - 1 - (8 * 60_003) - 3;
        var largest = ViciList.Of([.. Enumerable.Repeat(large, 8), new(new byte[rest])]);
        await client.RequestAsync("version", new() { ["x"] = largest }, Cancellation);
        var tooLarge = ViciList.Of([.. Enumerable.Repeat(large, 8), new(new byte[rest + 1])]);
        await Assert.ThrowsAsync<ArgumentException>(() =>
            client.RequestAsync("version", new() { ["x"] = tooLarge }, Cancellation)
        );
        Assert.Equal("charon", (await client.VersionAsync(Cancellation)).Daemon);
    }

    [Fact]
    public async Task A_daemon_that_is_killed_ends_the_connection_and_all_that_waits()
    {
        await using var hosts = await TwoHosts.UpAsync();
        var client = await hosts.ConnectAsync("a");
        await using var events = await client.SubscribeAsync([EventNames.IkeUpdown], Cancellation);
        await hosts.DoAsync("kill -9 $a");
        var ended = await Assert.ThrowsAsync<ViciConnectionException>(async () =>
        {
            await foreach (var _ in events) { }
        });
        Assert.Contains("charon closed", ended.Message);
        Assert.IsType<ViciConnectionException>(await client.Closed);
        var refused = await Assert.ThrowsAsync<ViciConnectionException>(() =>
            client.VersionAsync(Cancellation)
        );
        Assert.False(refused.OutcomeUnknown);
        await client.DisposeAsync();
        await client.DisposeAsync();
        // The kernel closes what the killed one had open one after the other.
        await TwoHosts.EventuallyAsync(
            async () =>
            {
                try
                {
                    await using var again = await hosts.ConnectAsync("a");
                    return false;
                }
                catch (ViciConnectionException e)
                {
                    return e.Message.Contains("a charon that was killed left the socket behind");
                }
            },
            () => hosts.Log("a")
        );
    }

    [Fact]
    public async Task Where_no_daemon_is_it_is_said_what_to_look_at()
    {
        var refused = await Assert.ThrowsAsync<ViciConnectionException>(() =>
            ViciClient.ConnectAsync("/nonexistent/charon.vici", cancellationToken: Cancellation)
        );
        Assert.Contains("is charon running", refused.Message);
        await Assert.ThrowsAsync<ViciConnectionException>(() =>
            ViciClient.ConnectAsync(new string('x', 200), cancellationToken: Cancellation)
        );
    }
}
