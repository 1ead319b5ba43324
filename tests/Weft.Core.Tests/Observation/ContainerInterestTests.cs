using System.Collections.Immutable;
using System.Net;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Observation;

/// <summary>Which engines matter, and which of those are missed where they do not run.</summary>
public sealed class ContainerInterestTests
{
    [Theory]
    [InlineData(Engine.Docker, true)]
    [InlineData(Engine.Lxd, true)]
    [InlineData(Engine.Podman, true)]
    [InlineData(Engine.Incus, false)]
    public void An_engine_is_missed_that_is_named_or_of_which_a_container_has_an_address(
        Engine engine,
        bool isMissed
    )
    {
        var overlay = new Overlay
        {
            Name = "test",
            Hosts = [new Host { Name = "host1", Address = IPAddress.Parse("192.0.2.1") }],
            Containers =
            [
                new Container
                {
                    Name = "web",
                    Host = "host1",
                    Engine = Engine.Docker,
                    Attachments = [],
                },
            ],
            Selections =
            [
                Selecting(Engine.Lxd),
                // Of whatever engine: one that is not there has none.
                Selecting(null),
            ],
        };
        var interest = new ContainerInterest(overlay, "host1", one => one is Engine.Podman);
        Assert.Contains(engine, interest.Engines);
        Assert.Equal(isMissed, interest.Misses(engine));
    }

    private static Selection Selecting(Engine? engine) =>
        new()
        {
            Name = $"of {engine}",
            Engine = engine,
            Labels = ImmutableSortedDictionary<string, string>.Empty,
            Attachments = [],
        };
}
