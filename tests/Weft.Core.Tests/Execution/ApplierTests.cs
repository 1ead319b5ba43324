using Weft.Core.Execution;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Execution;

public sealed class ApplierTests
{
    [Fact]
    public void Of_a_plan_that_was_left_is_told_what_was_done_of_it()
    {
        var left = Planner.Plan(
            TwoHosts.Intent(TwoHosts.Read(TwoHosts.File)),
            TwoHosts.Bare().Observe()
        );
        var inside = left
            .Changes.Where(change => change.Name.StartsWith("eth1 in ", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(inside);
        var next = left with { Changes = [left.Changes[0]] };
        // All that was to be made in it went along with it, or never was.
        Assert.Equal(left.Changes.Skip(1).Except(inside), Applier.Finished(left, next, _ => false));
        Assert.Equal(left.Changes.Skip(1), Applier.Finished(left, next, _ => true));
    }

    /// <summary>Its link went with the container. That of a tunnel is the switch's own to make.</summary>
    [Fact]
    public void The_port_of_a_container_that_ended_is_no_failure()
    {
        var host = TwoHosts.Bare();
        host.Apply(
            TwoHosts.Intent(
                TwoHosts.Read(
                    TwoHosts.File.Replace(
                        "networks: { cont-mgmnt0: 10.8.2.2 }",
                        "networks: { cont-mgmnt0: { address: 10.8.2.2, attach: switch } }"
                    )
                )
            )
        );
        var seen = host.Observe();
        string[] failing = ["wallabag-eth1", "tun-host2"];
        var @switch = seen.Switch with
        {
            Ports = seen.Switch.Ports.SetItems(
                failing.Select(name =>
                {
                    var port = seen.Switch.Ports[name];
                    return KeyValuePair.Create(
                        name,
                        port with
                        {
                            Interfaces = [port.Interfaces[0] with { Error = "No such device" }],
                        }
                    );
                })
            ),
        };

        Assert.Equal(
            ["port tun-host2: No such device", "port wallabag-eth1: No such device"],
            Errors(seen.Links).Order(StringComparer.Ordinal)
        );
        Assert.Equal(
            ["port tun-host2: No such device"],
            Errors(seen.Links.Where(link => link.Key != "wallabag-eth1").ToDictionary())
        );

        IEnumerable<string> Errors(IReadOnlyDictionary<string, Link> links) =>
            Applier.PortErrors("homelab", @switch, links);
    }
}
