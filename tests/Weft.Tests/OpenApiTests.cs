using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Weft.Agent;
using Weft.Commands;
using Weft.Core;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Tests;

/// <summary>What openapi.json describes is what the agent says, no more and no less.</summary>
public sealed class OpenApiTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly JsonObject Description = JsonNode
        .Parse(Resource.Text("openapi.json"))!
        .AsObject();

    private static readonly StatusDocument Host = new(
        "homelab",
        "host1",
        Healthy: false,
        "3.1.0",
        "kernel",
        1458,
        [
            .. Enum.GetValues<ItemState>()
                .Select(state => new StatusItemDocument(
                    "container",
                    "wallabag",
                    state.ToString().ToLowerInvariant(),
                    "eth1 in cont-mgmnt0",
                    "it is gone"
                )),
        ],
        [
            .. Enum.GetValues<ChangeAction>()
                .Select(action => new DriftDocument(
                    action.ToString().ToLowerInvariant(),
                    "port",
                    "tun-host2",
                    ""
                )),
        ],
        ["port 'x' is in the way"],
        ["container 'y' is awaited"],
        ["z"],
        new BlockedDocument(1, 2)
    );

    private static readonly AgentDocument Agent = new(
        "/etc/weft/overlay.yaml",
        DateTimeOffset.UnixEpoch,
        DateTimeOffset.UnixEpoch,
        1.5,
        1,
        2,
        "it is gone",
        Host,
        ["overlay.yaml:1:1: no"],
        [new RetryDocument("wallabag-eth1", 1, DateTimeOffset.UnixEpoch, "it is gone")],
        "0.1.0"
    );

    [Fact]
    public void Every_member_of_what_the_agent_says_is_described()
    {
        foreach (
            var agent in (AgentDocument[])
                [
                    Agent,
                    Agent with
                    {
                        Problem = null,
                        Host = null,
                    },
                    Agent with
                    {
                        Host = Host with { OpenVSwitch = null, Blocked = null },
                    },
                ]
        )
        {
            Assert.Empty(
                Faults(
                    JsonSerializer.SerializeToNode(agent, AgentJsonContext.Default.AgentDocument),
                    Schema("Agent"),
                    "agent"
                )
            );
        }
        foreach (var kind in (string[])["change", AgentEvent.Round])
        {
            Assert.Empty(
                Faults(
                    JsonSerializer.SerializeToNode(
                        new AgentEvent(DateTimeOffset.UnixEpoch, kind, "add port", null),
                        AgentJsonContext.Default.AgentEvent
                    ),
                    Schema("Event"),
                    "event"
                )
            );
        }
    }

    [Theory]
    [InlineData(
        """
            name: homelab
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks: { lan: { vlan: 5, subnet: 10.8.2.0/24 } }
            """
    )]
    [InlineData(
        """
            name: homelab
            hosts: { host1: { address: 192.0.2.1, local: 10.0.0.1 }, host2: 192.0.2.2 }
            tunnels: { type: vxlan, key: 7, port: 4790, ipsec: { psk: { file: /etc/weft/psk } } }
            networks: { lan: { vlan: 5, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } } }
            containers:
              web: { host: host1, engine: docker, networks: { lan: 10.8.2.2 } }
              labelled: { select: { tier: web }, engine: podman, networks: { lan: } }
            """
    )]
    public void Every_member_of_the_overlay_is_described(string yaml)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml));
        Assert.True(result.Overlay is not null, string.Join('\n', result.Mistakes));
        Assert.Empty(
            Faults(
                JsonSerializer.SerializeToNode(
                    OverlayDocument.Of(
                        new AgentState
                        {
                            File = "overlay.yaml",
                            On = new HostOverlay(result.Overlay, "host1"),
                        }
                    ),
                    AgentJsonContext.Default.OverlayDocument
                ),
                Schema("Overlay"),
                "overlay"
            )
        );
    }

    [Fact]
    public void Every_member_of_what_is_found_out_is_described()
    {
        Assert.Empty(
            Faults(
                JsonSerializer.SerializeToNode(
                    new TrafficDocument(
                        DateTimeOffset.UnixEpoch,
                        5,
                        [
                            TunnelTrafficDocument.Of(
                                "host2",
                                "tun-host2",
                                new TrafficCounters(1, 2, 3, 4, 0, 0)
                            ),
                        ]
                    ),
                    AgentJsonContext.Default.TrafficDocument
                ),
                Schema("Traffic"),
                "traffic"
            )
        );
        var host = new Endpoint("host1", null, IPAddress.Parse("10.8.2.1"));
        Assert.Empty(
            Faults(
                JsonSerializer.SerializeToNode(
                    new ReachabilityDocument(
                        DateTimeOffset.UnixEpoch,
                        0,
                        [
                            .. Enum.GetValues<Outcome>()
                                .Select(outcome => new ProbeResult(
                                    "lan",
                                    host,
                                    host with
                                    {
                                        Container = "web",
                                    },
                                    84,
                                    outcome,
                                    outcome is Outcome.Reached ? 0.5 : null,
                                    outcome is Outcome.Unreachable ? "no route" : null
                                )
                                {
                                    Fits = outcome is Outcome.TooLong ? 80 : null,
                                }),
                        ]
                    ),
                    AgentJsonContext.Default.ReachabilityDocument
                ),
                Schema("Reachability"),
                "reachability"
            )
        );
    }

    [Fact]
    public void Whatever_is_described_says_what_it_is() =>
        Assert.All(
            Description["components"]!["schemas"]!.AsObject(),
            schema =>
                Assert.All(
                    schema.Value!["properties"]!.AsObject(),
                    property =>
                        Assert.EndsWith(".", property.Value!["description"]!.GetValue<string>())
                )
        );

    [Fact]
    public async Task Every_path_is_served_and_answers_as_described()
    {
        var directory = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var socket = Path.Combine(directory.FullName, "agent.sock");
            var token = TestContext.Current.CancellationToken;
            await using var api = await StartAsync(new Listeners(socket), token);
            using var client = Client(socket);
            foreach (var (path, what) in Description["paths"]!.AsObject())
            {
                using var answer = await client.GetAsync(
                    path,
                    HttpCompletionOption.ResponseHeadersRead,
                    token
                );
                var described = what!["get"]!["responses"]![$"{(int)answer.StatusCode}"];
                Assert.True(described is not null, $"{path}: {answer.StatusCode}");
                Assert.Contains(
                    answer.Content.Headers.ContentType!.MediaType,
                    described["content"]!.AsObject().Select(content => content.Key)
                );
            }
            var status = JsonNode.Parse(await client.GetStringAsync("/v1/status", token));
            Assert.Empty(Faults(status, Schema("Agent"), "agent"));
            var agent = (await AgentClient.StatusAsync(socket, token))!;
            Assert.Equal("/etc/weft/overlay.yaml", agent.File);
            // No round has ended.
            Assert.Equal(agent.Started, agent.LastRound);
            Assert.Equal("looks at the host for the first time", AgentView.Round(agent));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_file_where_the_socket_was_asked_for_stays_and_a_dead_socket_gives_way()
    {
        var directory = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var token = TestContext.Current.CancellationToken;
            var path = Path.Combine(directory.FullName, "overlay.yaml");
            await File.WriteAllTextAsync(path, "precious", token);
            var link = Path.Combine(directory.FullName, "link");
            File.CreateSymbolicLink(link, path);
            foreach (var taken in (string[])[path, link])
            {
                var refused = await Assert.ThrowsAsync<HostException>(() =>
                    StartAsync(new Listeners(taken), token)
                );
                Assert.StartsWith(
                    $"{taken} is there and is no socket",
                    refused.Message,
                    StringComparison.Ordinal
                );
            }
            Assert.Equal("precious", await File.ReadAllTextAsync(link, token));

            // A socket that nobody listens at any more.
            var left = Path.Combine(directory.FullName, "agent.sock");
            using (
                var killed = new Socket(
                    AddressFamily.Unix,
                    SocketType.Stream,
                    ProtocolType.Unspecified
                )
            )
            {
                killed.Bind(new UnixDomainSocketEndPoint(left));
                // Whoever closes it removes the name that it was given.
                File.Move(left, $"{left}.moved");
            }
            File.Move($"{left}.moved", left);
            await using var api = await StartAsync(new Listeners(left), token);
            using var client = Client(left);
            Assert.Equal("ok\n", await client.GetStringAsync("/healthz", token));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_page_is_there_only_when_asked_for_and_only_by_names_that_no_site_can_have()
    {
        var directory = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var token = TestContext.Current.CancellationToken;
            var quiet = Path.Combine(directory.FullName, "quiet.sock");
            await using (await StartAsync(new Listeners(quiet), token))
            {
                using var client = Client(quiet);
                using var answer = await client.GetAsync("/", token);
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }
            var socket = Path.Combine(directory.FullName, "agent.sock");
            await using var api = await StartAsync(
                new Listeners(socket, Page: PageListener.Parse("socket")),
                token
            );
            foreach (var path in (string[])["/", "/page.css", "/page.js"])
            {
                using var client = Client(socket);
                using var answer = await client.GetAsync(path, token);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
                Assert.StartsWith("default-src 'none';", policy, StringComparison.Ordinal);
                Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            }
            foreach (
                var (name, code) in ((string, HttpStatusCode)[])
                    [
                        ("weft", HttpStatusCode.OK),
                        ("localhost:8080", HttpStatusCode.OK),
                        ("127.0.0.1:8080", HttpStatusCode.OK),
                        ("[::1]:8080", HttpStatusCode.OK),
                        ("rebound.example", HttpStatusCode.MisdirectedRequest),
                        ("localhost.example:8080", HttpStatusCode.MisdirectedRequest),
                        ("127.0.0.1.example", HttpStatusCode.MisdirectedRequest),
                    ]
            )
            {
                using var client = Client(socket);
                using var question = new HttpRequestMessage(HttpMethod.Get, "/v1/status");
                question.Headers.Host = name;
                using var answer = await client.SendAsync(question, token);
                Assert.True(code == answer.StatusCode, $"{name}: {answer.StatusCode}");
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task By_TLS_the_page_is_for_whoever_has_a_certificate_and_nothing_for_others()
    {
        var directory = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var token = TestContext.Current.CancellationToken;
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=weft", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(
                new X509BasicConstraintsExtension(true, false, 0, critical: true)
            );
            // The authority, the agent and the client at once.
            var now = TimeProvider.System.GetUtcNow();
            using var made = request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
            using var certificate = Usable(made);
            // By the name of that authority, as anybody may write it.
            using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var foreign = Usable(
                new CertificateRequest(
                    "CN=weft",
                    otherKey,
                    HashAlgorithmName.SHA256
                ).CreateSelfSigned(now.AddHours(-1), now.AddHours(1))
            );
            using var expired = Issue(now.AddMinutes(-30), now.AddMinutes(-1));
            using var issued = Issue(now.AddMinutes(-30), now.AddMinutes(30));
            var files = new
            {
                Certificate = Path.Combine(directory.FullName, "cert.pem"),
                Key = Path.Combine(directory.FullName, "key.pem"),
            };
            await File.WriteAllTextAsync(files.Certificate, made.ExportCertificatePem(), token);
            await File.WriteAllTextAsync(files.Key, key.ExportPkcs8PrivateKeyPem(), token);
            await using var api = await StartAsync(
                new Listeners(
                    Path.Combine(directory.FullName, "agent.sock"),
                    new TlsListener(
                        new IPEndPoint(IPAddress.Loopback, 0),
                        files.Certificate,
                        files.Key,
                        files.Certificate
                    ),
                    PageListener.Parse("socket")
                ),
                token
            );
            var address = Assert.Single(
                ((WebApplication)api).Urls,
                url => url.StartsWith("https:", StringComparison.Ordinal)
            );

            foreach (
                var (who, shown) in ((string, X509Certificate2Collection)[])
                    [("nobody", []), ("of another authority", [foreign]), ("expired", [expired])]
            )
            {
                using var stranger = Browser(shown);
                var refused = await Record.ExceptionAsync(() =>
                    stranger.GetStringAsync(new Uri(address), token)
                );
                Assert.True(refused is HttpRequestException, $"{who}: {refused}");
            }
            foreach (var shown in (X509Certificate2[])[certificate, issued])
            {
                using var client = Browser([shown]);
                using var question = new HttpRequestMessage(HttpMethod.Get, new Uri(address));
                // Here the certificate says whose name it is.
                question.Headers.Host = "host1.example";
                using var answer = await client.SendAsync(question, token);
                Assert.Contains(
                    "<title>Weft</title>",
                    await answer.Content.ReadAsStringAsync(token),
                    StringComparison.Ordinal
                );
            }

            X509Certificate2 Issue(DateTimeOffset from, DateTimeOffset until)
            {
                using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                using var bare = new CertificateRequest(
                    "CN=client",
                    own,
                    HashAlgorithmName.SHA256
                ).Create(made, from, until, [1]);
                using var whole = bare.CopyWithPrivateKey(own);
                return Usable(whole);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        static X509Certificate2 Usable(X509Certificate2 certificate) =>
            X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);

        static HttpClient Browser(X509Certificate2Collection certificates) =>
            new(
                new SocketsHttpHandler
                {
                    SslOptions = new SslClientAuthenticationOptions
                    {
                        ClientCertificates = certificates,
                        // Whose it is is no part of the test.
                        RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
                    },
                }
            );
    }

    [Theory]
    [InlineData("0.0.0.0:8080", "no loopback address")]
    [InlineData("192.0.2.1:8080", "no loopback address")]
    [InlineData("[::]:8080", "no loopback address")]
    [InlineData("127.0.0.1", "takes an address and a port")]
    [InlineData("localhost:8080", "takes an address and a port")]
    [InlineData("8080", "takes an address and a port")]
    public void A_page_for_others_than_this_machine_is_refused_in_words(
        string where,
        string words
    ) =>
        Assert.Contains(
            words,
            Assert.Throws<UsageException>(() => PageListener.Parse(where)).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Who_was_cut_off_hears_what_came_meanwhile_and_nothing_twice()
    {
        var token = TestContext.Current.CancellationToken;
        var state = new AgentState { File = "overlay.yaml" };
        var heard = new List<NumberedEvent>();
        Tell("change", "one");
        Tell(AgentEvent.Round, "a round");
        Tell("change", "two");
        await HearAsync("", 2);
        Assert.Equal(["one", "two"], heard.Select(each => each.Event.Message));
        Tell("problem", "three");
        await HearAsync(heard[^1].Id, 1);
        Assert.Equal("three", Assert.Single(heard).Event.Message);
        // The ids of another agent, which this host had before, say nothing.
        await HearAsync("1-99", 3);
        Assert.Equal(["one", "two", "three"], heard.Select(each => each.Event.Message));

        void Tell(string kind, string message) =>
            state.Tell(new AgentEvent(DateTimeOffset.UnixEpoch, kind, message, null));

        async Task HearAsync(string after, int count)
        {
            heard.Clear();
            using var listener = state.Listen(after);
            await foreach (var each in listener.ReadAsync(token).Take(count))
            {
                heard.Add(each);
            }
        }
    }

    [Fact]
    public async Task Who_is_told_that_it_is_heard_misses_nothing_from_then_on()
    {
        var state = new AgentState { File = "overlay.yaml" };
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(
            TestContext.Current.CancellationToken
        );
        await using var heard = new Ear(text =>
        {
            if (text.Contains(": listening", StringComparison.Ordinal))
            {
                state.Tell(new AgentEvent(DateTimeOffset.UnixEpoch, "change", "now", null));
            }
            else
            {
                gone.Cancel();
            }
        });
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext
        {
            RequestAborted = gone.Token,
        };
        context.Response.Body = heard;

        await AgentApi
            .WriteEventsAsync(context, state)
            .WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Contains(
            "\"now\"",
            Encoding.UTF8.GetString(heard.ToArray()),
            StringComparison.Ordinal
        );
    }

    /// <summary>Acts on what it is told before whoever tells goes on.</summary>
    private sealed class Ear(Action<string> act) : MemoryStream
    {
        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            await base.WriteAsync(buffer, cancellationToken);
            act(Encoding.UTF8.GetString(buffer.Span));
        }
    }

    internal static Task<IAsyncDisposable> StartAsync(
        Listeners listeners,
        CancellationToken cancellationToken,
        Action<Severity, string>? log = null
    )
    {
        var overlay = OverlayFile.Parse(
            "overlay.yaml",
            "name: homelab\nhosts: { host1: 192.0.2.1, host2: 192.0.2.2 }\nnetworks: { lan: { vlan: 5, subnet: 10.8.2.0/24 } }\n"u8.ToArray()
        );
        Assert.True(overlay.Overlay is not null, string.Join('\n', overlay.Mistakes));
        var state = new AgentState
        {
            File = "/etc/weft/overlay.yaml",
            On = new HostOverlay(overlay.Overlay, "host1"),
        };
        return AgentApi.StartAsync(
            listeners,
            state,
            LookoutOf(state, cancellationToken),
            log ?? ((_, _) => { }),
            cancellationToken
        );
    }

    /// <summary>A lookout on a host whose switch has no interfaces.</summary>
    internal static Lookout LookoutOf(AgentState state, CancellationToken cancellationToken) =>
        new(
            state,
            _ =>
                AsyncEnumerable.ToAsyncEnumerable([
                    ImmutableDictionary<string, TrafficCounters>.Empty,
                ]),
            TimeProvider.System,
            cancellationToken
        );

    internal static HttpClient Client(string path) =>
        new(
            new SocketsHttpHandler
            {
                ConnectCallback = async (_, token) =>
                {
                    var socket = new Socket(
                        AddressFamily.Unix,
                        SocketType.Stream,
                        ProtocolType.Unspecified
                    );
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            }
        )
        {
            BaseAddress = new Uri("http://weft"),
        };

    private static JsonObject Schema(string name) =>
        Description["components"]!["schemas"]![name]!.AsObject();

    /// <summary>Where a value is not as the schema says; a member that is not described is a fault, and so is one that is missing.</summary>
    private static IEnumerable<string> Faults(JsonNode? value, JsonObject schema, string path)
    {
        if (schema["$ref"] is { } reference)
        {
            return Faults(value, Schema(reference.GetValue<string>().Split('/')[^1]), path);
        }
        if (schema["anyOf"] is JsonArray choices)
        {
            return choices.Any(choice => !Faults(value, choice!.AsObject(), path).Any())
                ? []
                : choices.SelectMany(choice => Faults(value, choice!.AsObject(), path));
        }
        var types = schema["type"] is JsonArray several
            ? several.Select(type => type!.GetValue<string>())
            : [schema["type"]!.GetValue<string>()];
        if (!types.Any(type => Is(type, value)))
        {
            return [$"{path}: is no {string.Join(" or ", types)}"];
        }
        if (
            schema["enum"] is JsonArray words
            && !words.Any(word => JsonNode.DeepEquals(word, value))
        )
        {
            return [$"{path}: {value} is not one of {words.ToJsonString()}"];
        }
        return value switch
        {
            JsonArray list => list.SelectMany(item =>
                Faults(item, schema["items"]!.AsObject(), $"{path}[]")
            ),
            JsonObject members => members
                .Where(member => schema["properties"]![member.Key] is null)
                .Select(member => $"{path}.{member.Key}: is not described")
                .Concat(
                    schema["required"]!
                        .AsArray()
                        .Select(name => name!.GetValue<string>())
                        .Where(name => !members.ContainsKey(name))
                        .Select(name => $"{path}.{name}: is missing")
                )
                .Concat(
                    members
                        .Where(member => schema["properties"]![member.Key] is not null)
                        .SelectMany(member =>
                            Faults(
                                member.Value,
                                schema["properties"]![member.Key]!.AsObject(),
                                $"{path}.{member.Key}"
                            )
                        )
                ),
            _ => [],
        };
    }

    private static bool Is(string type, JsonNode? value) =>
        type switch
        {
            "null" => value is null,
            "object" => value is JsonObject,
            "array" => value is JsonArray,
            "integer" => value is JsonValue whole && whole.ToJsonString().All(char.IsAsciiDigit),
            _ => value is JsonValue scalar
                && scalar.GetValueKind() is var kind
                && type
                    == kind switch
                    {
                        JsonValueKind.String => "string",
                        JsonValueKind.Number => "number",
                        JsonValueKind.True or JsonValueKind.False => "boolean",
                        _ => "",
                    },
        };
}
