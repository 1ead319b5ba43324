using System.Collections.Immutable;
using System.Text;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

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
            kept.Record(kept.WithRecords(Bare with { Containers = With("web1") }));
            // What is written first cannot be.
            Directory.CreateDirectory(
                Path.Combine(directory, "home", "addresses.json.new", "full")
            );

            kept.Record(kept.WithRecords(Bare with { Containers = With() }));
            Assert.Throws<HostException>(() =>
                kept.Record(kept.WithRecords(Bare with { Containers = With("web1", "web2") }))
            );
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
