using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Observation;

public sealed class ContainerReaderTests
{
    private const string Own = "/proc/self/ns/net";

    private static readonly ContainerSighting Container = new()
    {
        Key = new ContainerKey(Engine.Docker, "web"),
        Id = "0a1b",
        Namespace = Own,
        NamespaceId = new FileInfo(Own).LinkTarget,
    };

    [Fact]
    public void A_process_that_has_the_number_of_a_container_that_ended_is_not_entered()
    {
        Assert.True(ContainerReader.IsThere(Container));
        var ended = Container with { NamespaceId = "net:[1]" };
        Assert.False(ContainerReader.IsThere(ended));
        Assert.Null(ContainerReader.LinksOf(ended));
        Assert.Null(ContainerReader.LinksOf(Container with { Namespace = "/proc/0/ns/net" }));
        // One that has a name is known by that.
        Assert.True(ContainerReader.IsThere(Container with { NamespaceId = null }));
    }

    [Fact]
    public void A_container_in_the_host_s_own_network_is_not_entered()
    {
        var ours = Container with { SharesHostNetwork = true };
        Assert.False(ContainerReader.IsThere(ours));
        Assert.Null(ContainerReader.LinksOf(ours));
    }
}
