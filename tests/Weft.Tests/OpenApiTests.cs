using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Agent;
using Weft.Core.Planning;
using Weft.Rendering;

namespace Weft.Tests;

/// <summary>What openapi.json describes is what the agent says, no more and no less.</summary>
public sealed class OpenApiTests
{
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
        ["overlay.yaml:1:1: no"],
        DateTimeOffset.UnixEpoch,
        DateTimeOffset.UnixEpoch,
        1.5,
        1,
        2,
        "it is gone",
        [new RetryDocument("wallabag-eth1", 1, DateTimeOffset.UnixEpoch, "it is gone")],
        Host
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
        Assert.Empty(
            Faults(
                JsonSerializer.SerializeToNode(
                    new AgentEvent(DateTimeOffset.UnixEpoch, "change", "add port", null),
                    AgentJsonContext.Default.AgentEvent
                ),
                Schema("Event"),
                "event"
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
            await using var api = await AgentApi.StartAsync(
                socket,
                listener: null,
                new AgentState { File = "/etc/weft/overlay.yaml" },
                token
            );
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
            Assert.Equal(
                "/etc/weft/overlay.yaml",
                (await AgentClient.StatusAsync(socket, token))!.File
            );
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

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
