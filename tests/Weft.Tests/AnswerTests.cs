using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Weft.Agent;
using Weft.Commands;
using Weft.Core.Observation;
using Weft.Health;
using Weft.Reachability;
using Weft.Rendering;
using Weft.Tracing;
using Weft.Traffic;

namespace Weft.Tests;

/// <summary>What a weft of one version reads of one of another.</summary>
public sealed class AnswerTests
{
    private static readonly Endpoint One = new("host1", "wallabag", System.Net.IPAddress.Loopback);

    private static readonly ProbeResult Probed = ProbeResult.Of(
        new Probe("cont", One, One, 84),
        new Answer(Outcome.Reached, 1, "slowly")
    );

    private static readonly ProbeResult Lost = ProbeResult.Of(
        new Probe("cont", One with { Container = null }, One, 84),
        new Answer(Outcome.Lost)
    );

    private static readonly StatusDocument Status = new(
        "fleet",
        "host1",
        true,
        "3.1",
        "kernel",
        1400,
        [new StatusItemDocument("bridge", "cont", "ok", "there", "so it is")],
        [new DriftDocument("add", "port", "cont", "new")],
        ["one"],
        ["two"],
        ["three"],
        new BlockedDocument(1, 2)
    );

    private static readonly TraceHop Hop = new(
        "host1",
        Way.Out,
        "bridge",
        Verdict.Well,
        "there",
        true
    );

    /// <summary>Whatever is read is whole: what a former version had not is nothing, and what must be there is missed in words.</summary>
    [Fact]
    public void An_answer_that_lacks_a_member_is_read_without_it_or_not_at_all()
    {
        AssertWhole(StatusJsonContext.Default.StatusDocument, Status);
        AssertWhole(
            StatusJsonContext.Default.StatusDocument,
            Status with
            {
                OpenVSwitch = null,
                Blocked = null,
            }
        );
        AssertWhole(
            AgentJsonContext.Default.AgentDocument,
            new AgentDocument(
                "overlay.yaml",
                DateTimeOffset.UnixEpoch,
                DateTimeOffset.UnixEpoch,
                1,
                2,
                3,
                "it is gone",
                Status,
                ["no"],
                [new RetryDocument("cont", 1, DateTimeOffset.UnixEpoch, "it is gone")]
            )
        );
        AssertWhole(
            PlanJsonContext.Default.PlanDocumentArray,
            [
                new PlanDocument(
                    "fleet",
                    "host1",
                    new MtuDocument(
                        1400,
                        1500,
                        "1400",
                        1500,
                        "host1",
                        [new HeaderDocument("GRE", 4)]
                    ),
                    "kernel",
                    [new ChangeDocument("add", "port", "cont", "new", ["ovs-vsctl"])],
                    ["one"],
                    ["two"],
                    ["three"],
                    ["four"]
                ),
                new PlanDocument("fleet", "host1", null, null, [], [], [], [], []),
            ]
        );
        AssertWhole(FindingJson.Default.FindingArray, [new Finding("host", Verdict.Well, "is")]);
        AssertWhole(
            ReachabilityJson.Default.ReachabilityReport,
            new ReachabilityReport(
                "fleet",
                [Probed with { Fits = 80 }, Lost],
                DateTimeOffset.UnixEpoch,
                [new("host2", "it is silent")]
            )
        );
        AssertWhole(
            TrafficJson.Default.TrafficSample,
            new TrafficSample(
                "host1",
                DateTimeOffset.UnixEpoch,
                5,
                [
                    new Flow(FlowKind.Tunnel, "host2", "", "tun-host2"),
                    new Flow(FlowKind.Host, "host1", "cont", "cont")
                    {
                        Counters = new TrafficCounters(1, 2, 3, 4, 5, 6),
                    },
                ]
            )
        );
        AssertWhole(
            TraceJson.Default.TraceHalfArray,
            [
                new TraceHalf("host1", "wallabag", [Hop], [Probed], Hop),
                new TraceHalf("host1", "host1", [Hop], [Lost]),
            ]
        );
    }

    /// <summary>Scripts find each member of a trace, though nothing is wrong.</summary>
    [Fact]
    public void A_trace_is_read_as_it_was_written() =>
        AssertWhole(
            TraceJson.Default.TraceReport,
            new TraceReport("wallabag", "host2", null, [Hop], [], [Lost], [], null)
        );

    [Theory]
    [InlineData("refused")]
    [InlineData("retries")]
    public void Of_an_agent_that_does_not_tell_all_what_it_tells_is_known(string untold)
    {
        var told = JsonSerializer
            .SerializeToNode(
                new AgentDocument(
                    "overlay.yaml",
                    DateTimeOffset.UnixEpoch,
                    DateTimeOffset.UnixEpoch,
                    1,
                    2,
                    3
                ),
                AgentJsonContext.Default.AgentDocument
            )!
            .AsObject();
        Assert.True(told.Remove(untold));
        var agent = told.Deserialize(AgentJsonContext.Default.AgentDocument)!;
        Assert.Equal("overlay.yaml", agent.File);
        Assert.Empty(agent.Refused);
        Assert.Empty(agent.Retries);
    }

    /// <summary>A report had no time of its own once.</summary>
    [Fact]
    public void A_report_without_a_time_is_one() =>
        Assert.Equal(
            Probed,
            Assert.Single(
                ReachabilityReport
                    .FromJson(
                        new ReachabilityReport("fleet", [Probed])
                            .ToJson()
                            .Replace("\"time\"", "\"hour\"", StringComparison.Ordinal)
                    )
                    .Results
            )
        );

    private static void AssertWhole<T>(JsonTypeInfo<T> type, T answer)
        where T : class
    {
        var whole = JsonSerializer.SerializeToNode(answer, type)!;
        Assert.True(
            JsonNode.DeepEquals(
                whole,
                JsonSerializer.SerializeToNode(whole.Deserialize(type)!, type)
            )
        );
        var places = PlacesIn(whole).ToList();
        Assert.NotEmpty(places);
        foreach (var (holder, member) in places)
        {
            var value = holder[member];
            holder.Remove(member);
            try
            {
                // What has nothing where something must be cannot be written either.
                JsonSerializer.Serialize(
                    JsonSerializer.Deserialize(whole.ToJsonString(), type)!,
                    type
                );
            }
            catch (JsonException)
            {
                // Whoever reads says so.
            }
            holder[member] = value;
        }
    }

    private static IEnumerable<(JsonObject Holder, string Member)> PlacesIn(JsonNode? node) =>
        node switch
        {
            JsonObject one => one.Select(member => (one, member.Key))
                .Concat(one.SelectMany(member => PlacesIn(member.Value))),
            JsonArray several => several.SelectMany(PlacesIn),
            _ => [],
        };
}
