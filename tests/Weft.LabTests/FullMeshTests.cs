using Weft.Core.Observation;
using Weft.Ovsdb;

namespace Weft.LabTests;

/// <summary>Two hundred hosts in a full mesh. How long they take, <c>./build.sh bench fleet</c> says.</summary>
public sealed class FullMeshTests
{
    private const int Hosts = 200;

    // As much as was seen to be taken, and half as much again for the rest of the machine.
    private const long NeededKilobytes = 10_000_000;

    [Fact]
    public async Task Each_of_two_hundred_hosts_has_a_tunnel_to_every_other_and_applying_again_changes_nothing()
    {
        Needs.ALab();
        var available = FullMesh.AvailableMemory();
        Assert.SkipWhen(
            available < NeededKilobytes,
            $"{Hosts} hosts take {NeededKilobytes / 1_000_000} GB of memory, and {available / 1_000_000} are available"
        );
        await using var mesh = await FullMesh.UpAsync(Hosts, WeftProgram.Path, Needs.Cancellation);
        Assert.All(
            await mesh.ApplyAsync(Needs.Cancellation),
            line => Assert.Contains("read back: as intended", line, StringComparison.Ordinal)
        );
        await Parallel.ForEachAsync(
            mesh.Hosts,
            Needs.Cancellation,
            async (number, _) => await HasAllTunnelsAsync(mesh, number)
        );
        Assert.All(
            await mesh.ApplyAsync(Needs.Cancellation),
            line => Assert.Contains("nothing to change", line, StringComparison.Ordinal)
        );
    }

    private static async Task HasAllTunnelsAsync(FullMesh mesh, int number)
    {
        await using var client = await OvsdbClient.ConnectAsync(
            $"unix:{mesh.Socket(number)}",
            Needs.Cancellation
        );
        await using var replica = await client.MonitorAsync(
            SwitchReader.Database,
            SwitchReader.Columns,
            Needs.Cancellation
        );
        var tunnels = SwitchReader
            .Read(replica.Snapshot)
            .Ports.Values.Where(port => port.Interfaces is [{ Type: "vxlan" }])
            .ToList();
        Assert.Equal(
            mesh.Hosts.Where(other => other != number)
                .Select(other =>
                    $"tun7-host{other} {FullMesh.Address(other)} {FullMesh.Address(number)} 7"
                )
                .Order(StringComparer.Ordinal),
            tunnels
                .Select(port =>
                    $"{port.Name} {port.Interfaces[0].Options["remote_ip"]} {port.Interfaces[0].Options["local_ip"]} {port.Interfaces[0].Options["key"]}"
                )
                .Order(StringComparer.Ordinal)
        );
        Assert.All(
            tunnels,
            port =>
            {
                Assert.True(port.Protected);
                Assert.True(port.Interfaces[0].OpenFlowPort > 0);
                Assert.Null(port.Interfaces[0].Error);
            }
        );
    }
}
