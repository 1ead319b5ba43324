using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Weft.Vici.Tests;

/// <summary>
/// The second opinion: strongSwan's own swanctl, which shows each message as libvici read it. (There is a client in
/// Python too, but not in Debian 12.)
/// </summary>
public sealed class SwanctlTests
{
    private static CancellationToken Cancellation => TwoHosts.Cancellation;

    [Fact]
    public async Task What_is_loaded_swanctl_lists_word_for_word()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        await TwoHosts.LoadAsync(client, "a", more: new() { ["start_action"] = "trap" });
        await client.LoadConnectionAsync("second", TwoHosts.Connection("b"), Cancellation);
        Assert.Equal(
            Events(await hosts.SwanctlAsync("a", "--list-conns", "--raw"), "list-conn"),
            await ShownAsync(client, "list-conns", "list-conn")
        );
        Assert.Equal(
            Events(await hosts.SwanctlAsync("a", "--list-pols", "--raw"), "list-policy"),
            (
                await client.StreamAsync(
                    "list-policies",
                    "list-policy",
                    new() { ["trap"] = true },
                    Cancellation
                )
            ).Select(message => $"{message}")
        );
    }

    [Fact]
    public async Task What_swanctl_loads_is_seen()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        await hosts.SwanctlAsync(
            "a",
            "--load-all",
            "--file",
            hosts.WriteFile(
                "swanctl.conf",
                """
                connections {
                  theirs {
                    version = 2
                    local_addrs = 10.88.0.1
                    remote_addrs = 10.88.0.2
                    rekey_time = 1h
                    local {
                      auth = psk
                      id = a
                    }
                    remote {
                      auth = psk
                      id = b
                    }
                    children {
                      one {
                        local_ts = 10.1.0.0/16
                        remote_ts = 10.2.0.0/16,10.3.0.0/16[udp/53]
                        rekey_time = 20m
                      }
                      two {
                        mode = transport
                      }
                    }
                  }
                }
                secrets {
                  ike-theirs {
                    id = b
                    secret = "a secret"
                  }
                }
                """
            )
        );
        Assert.Equal(["ike-theirs"], await client.SharedIdsAsync(Cancellation));
        var connection = Assert.Single(await client.ConnectionsAsync(null, Cancellation));
        Assert.Equal(("theirs", "IKEv2"), (connection.Name, connection.Version));
        Assert.Equal(TimeSpan.FromHours(1), connection.RekeyTime);
        Assert.Equal(["one", "two"], connection.Children.Select(child => child.Name));
        Assert.Equal(TimeSpan.FromMinutes(20), connection.Children[0].RekeyTime);
        Assert.Equal(
            ["10.2.0.0/16", "10.3.0.0/16[udp/domain]"],
            connection.Children[0].RemoteSelectors
        );
        Assert.Equal("TRANSPORT", connection.Children[1].Mode);
    }

    /// <summary>By what Weft loads beside a private key it knows that nobody else has loaded it.</summary>
    [Fact]
    public async Task Swanctl_leaves_a_key_that_is_in_its_files_and_takes_what_others_have_loaded_beside_it()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var client = await hosts.ConnectAsync("a");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = key.ExportECPrivateKeyPem();
        var id = await client.LoadKeyAsync(
            Encoding.ASCII.GetBytes(pem),
            cancellationToken: Cancellation
        );
        await client.LoadSharedAsync(
            new()
            {
                Id = $"weft-homelab//{id}",
                Type = SharedSecretType.Ntlm,
                Owners = [$"weft-homelab//{id}"],
                Data = "0123456789abcdef",
            },
            Cancellation
        );
        var file = hosts.WriteFile("private/key.pem", pem);

        await hosts.SwanctlAsync("a", "--load-creds");
        Assert.Equal([id], await client.KeyIdsAsync(Cancellation));
        Assert.Empty(await client.SharedIdsAsync(Cancellation));

        File.Delete(file);
        await hosts.SwanctlAsync("a", "--load-creds");
        Assert.Empty(await client.KeyIdsAsync(Cancellation));
    }

    [Fact]
    public async Task What_is_established_swanctl_lists_word_for_word()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await using var b = await hosts.ConnectAsync("b");
        await TwoHosts.LoadAsync(a, "a");
        await TwoHosts.LoadAsync(b, "b");
        await a.InitiateAsync("net", "peer", TwoHosts.Patience, cancellationToken: Cancellation);

        // Ages move on between two looks: between two of ours that are the same, swanctl's is too.
        string[] before,
            after,
            theirs;
        do
        {
            before = await ShownAsync(a, "list-sas", "list-sa");
            theirs = Events(await hosts.SwanctlAsync("a", "--list-sas", "--raw"), "list-sa");
            after = await ShownAsync(a, "list-sas", "list-sa");
        } while (!before.SequenceEqual(after));

        Assert.Equal(before, theirs);
        Assert.Contains("child-sas {net-1 {name=net", Assert.Single(theirs));

        var words = await hosts.SwanctlAsync("a", "--list-sas");
        var ike = Assert.Single(await a.SecurityAssociationsAsync(cancellationToken: Cancellation));
        Assert.Contains(
            $"{ike.Name}: #{ike.UniqueId}, {ike.State}, IKEv{ike.Version}, {ike.InitiatorSpi:x16}_i* {ike.ResponderSpi:x16}_r",
            words
        );
        Assert.Contains($"{ike.Proposal}", words);
        Assert.Contains($"in  {ike.Children[0].SpiIn:x8}", words);
        Assert.Contains($"out {ike.Children[0].SpiOut:x8}", words);
    }

    private static async Task<string[]> ShownAsync(
        ViciClient client,
        string command,
        string name
    ) =>
        [
            .. (await client.StreamAsync(command, name, null, Cancellation)).Select(message =>
                $"{message}"
            ),
        ];

    private static string[] Events(string output, string name) =>
        [
            .. Regex
                .Matches(output, $"^{name} event (.*)$", RegexOptions.Multiline)
                .Select(match => match.Groups[1].Value),
        ];
}
