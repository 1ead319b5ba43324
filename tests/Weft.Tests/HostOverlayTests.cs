using System.Collections.Immutable;
using System.Text;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Tests;

public sealed class HostOverlayTests
{
    private static readonly HostObservation Bare = HostObservation.Bare(kernelDatapath: true) with
    {
        Time = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    private readonly HostOverlay on = new(
        OverlayFile
            .Parse(
                "overlay.yaml",
                Encoding.UTF8.GetBytes(
                    """
                    name: home
                    hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
                    networks:
                      net0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
                    containers:
                      webs: { select: { web: "true" }, engine: docker, networks: { net0: } }
                    """
                )
            )
            .Overlay!,
        "host1"
    );

    [Fact]
    public void What_containers_come_to_is_worked_out_once_while_nothing_happens_to_them()
    {
        var seen = Bare with { Containers = With("web1") };
        var intent = on.Intend(seen);
        Assert.Equal("web1", Assert.Single(intent.Attachments).Container);
        Assert.Same(intent, on.Intend(seen with { Time = seen.Time.AddSeconds(30) }));
    }

    /// <summary>As a service does from which a setting hides the modules: others on the host find out, and would have it back.</summary>
    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, "", false)]
    [InlineData(null, "system", false)]
    [InlineData(null, "netdev", true)]
    [InlineData(true, "netdev", false)]
    [InlineData(false, "", true)]
    public void Where_nothing_tells_what_the_kernel_has_a_switch_keeps_its_datapath(
        bool? kernelDatapath,
        string? there,
        bool userspace
    )
    {
        var seen = Bare with
        {
            KernelDatapath = kernelDatapath,
            Switch = new SwitchObservation
            {
                Bridges = there is null
                    ? []
                    : ImmutableDictionary<string, BridgeRow>.Empty.Add(
                        on.Overlay.Switch,
                        new BridgeRow
                        {
                            Uuid = Guid.NewGuid(),
                            Name = on.Overlay.Switch,
                            DatapathType = there,
                        }
                    ),
            },
        };
        Assert.Equal(userspace, on.Intend(seen).Switch!.Userspace);
    }

    [Fact]
    public void A_container_that_comes_an_engine_that_is_silent_and_addresses_that_rest_are_seen()
    {
        var seen = Bare with { Containers = With("web1") };
        var intent = on.Intend(seen);
        Assert.Equal(
            2,
            on.Intend(seen with { Containers = With("web1", "web2") }).Attachments.Length
        );
        Assert.NotSame(intent, on.Intend(seen with { Time = seen.Time.AddMinutes(2) }));
        var silent = seen with
        {
            SilentEngines = seen.SilentEngines.Add(Engine.Docker, "it does not answer"),
        };
        Assert.Empty(on.Intend(silent).Attachments);
        Assert.False(
            on.Intend(seen with { KernelDatapath = false }).Switch!.Userspace
                == intent.Switch!.Userspace
        );
    }

    [Fact]
    public void Nobody_but_who_would_get_an_address_waits_for_a_disk_that_is_full()
    {
        var directory = Directory.CreateTempSubdirectory("weft-records-").FullName;
        try
        {
            var kept = new HostOverlay(on.Overlay, "host1", directory);
            kept.Record(kept.WithRecords(Bare with { Containers = With("web1", "web2") }));
            // What is written first cannot be.
            var full = Directory.CreateDirectory(
                Path.Combine(directory, "home", ".addresses.json.weft-0123456789ab", "full")
            );

            // One that goes is recorded later, and only tried once in a while.
            var left = Seen(With("web1"), after: 0);
            Assert.True(kept.HasLeavers(left));
            var (unrecorded, _) = Recorded(With("web1"), after: 0);
            Assert.Null(unrecorded.Waiting);
            Assert.False(kept.HasLeavers(Seen(With("web1"), after: 1)));

            // One that comes waits, and so does one that is made again, of which nothing is recorded.
            var again = With("web1", "web2", "web3");
            again = again.SetItem(
                new ContainerKey(Engine.Docker, "web2"),
                again[new ContainerKey(Engine.Docker, "web2")] with
                {
                    Id = "another",
                }
            );
            var (intent, plan) = Recorded(again, after: 60);
            Assert.Equal("web1", Assert.Single(intent.Attachments).Container);
            Assert.Contains(plan.Changes, change => change.Name == "tun-host2");
            var waiting = Assert.Single(plan.Conflicts);
            Assert.True(plan.HasClearWay);
            Assert.StartsWith(
                $"no address yet for docker container web2, docker container web3: {directory}/home/addresses.json cannot be written",
                waiting.Message,
                StringComparison.Ordinal
            );

            // It is the same for a while, so that plans are made alike; and it mends itself.
            full.Parent!.Delete(recursive: true);
            Assert.NotNull(Recorded(again, after: 61).Intent.Waiting);
            (intent, plan) = Recorded(again, after: 120);
            Assert.Equal(3, intent.Attachments.Length);
            Assert.Empty(plan.Conflicts);

            // What an engine takes away along with its container leaves nothing to do but this.
            Assert.False(kept.HasLeavers(Seen(again, after: 180)));
            Assert.True(kept.HasLeavers(Seen(With("web1"), after: 180)));
            Recorded(With("web1"), after: 180);
            Assert.False(kept.HasLeavers(Seen(With("web1"), after: 181)));

            HostObservation Seen(
                ImmutableDictionary<ContainerKey, ContainerSighting> containers,
                int after
            ) =>
                kept.WithRecords(
                    Bare with
                    {
                        Containers = containers,
                        Time = Bare.Time.AddSeconds(after),
                    }
                );

            (HostIntent Intent, Plan Plan) Recorded(
                ImmutableDictionary<ContainerKey, ContainerSighting> containers,
                int after
            )
            {
                var seen = kept.Record(Seen(containers, after));
                var wanted = kept.Intend(seen);
                return (wanted, Planner.Plan(wanted, seen));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static ImmutableDictionary<ContainerKey, ContainerSighting> With(
        params string[] names
    ) =>
        names
            .Select(name => new ContainerSighting
            {
                Key = new ContainerKey(Engine.Docker, name),
                Id = name,
                Namespace = $"/run/netns/{name}",
                Labels = ImmutableSortedDictionary<string, string>.Empty.Add("web", "true"),
            })
            .ToImmutableDictionary(container => container.Key);
}
