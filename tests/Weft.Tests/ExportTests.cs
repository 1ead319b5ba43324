namespace Weft.Tests;

/// <summary>Container bridges in the words of others: interfaces(5), bridge-utils-interfaces(5), systemd.netdev(5), systemd.network(5).</summary>
public sealed class ExportTests
{
    private const string Overlay = """
        name: homelab
        hosts: { north: 192.0.2.1, south: 192.0.2.2 }
        networks:
          plain: { vlan: 200, subnet: 10.8.2.0/24, bridge: { stp: true } }
          both: { vlan: 201, subnet: [10.8.3.0/24, "fd00:8::/64"], bridge: true, hosts: { north: [10.8.3.1, "fd00:8::1"] } }
          six: { vlan: 202, subnet: "fd00:9::/64", bridge: true, hosts: { north: "fd00:9::1" } }
        """;

    [Fact]
    public async Task Ifupdown_gets_bridges_with_their_addresses()
    {
        var result = await ExportAsync("ifupdown");
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.Equal(
            """
            # Container bridges of overlay homelab on north, by `weft export`.

            auto plain
            iface plain inet manual
                bridge_ports none
                bridge_hw 02:39:9b:1f:d1:2d
                bridge_stp on
                bridge_bridgeprio 61440
                bridge_fd 2
                mtu 1458

            auto both
            iface both inet static
                address 10.8.3.1/24
                bridge_ports none
                bridge_hw 02:a6:cd:36:12:e6
                bridge_stp off
                bridge_fd 2
                mtu 1458
            iface both inet6 static
                address fd00:8::1/64
                dad-attempts 0

            auto six
            iface six inet manual
                bridge_ports none
                bridge_hw 02:e5:40:02:a9:62
                bridge_stp off
                bridge_fd 2
                mtu 1458
            iface six inet6 static
                address fd00:9::1/64
                dad-attempts 0

            """,
            result.Output
        );
    }

    [Fact]
    public async Task Networkd_gets_two_files_for_each_bridge()
    {
        var directory = Directory.CreateTempSubdirectory("weft-export-").FullName;
        try
        {
            var result = await ExportAsync("systemd-networkd", "--directory", directory);
            Assert.Equal(ExitCode.Done, result.ExitCode);
            Assert.Equal(6, Directory.GetFiles(directory).Length);
            Assert.Equal(
                """
                # Container bridges of overlay homelab on north, by `weft export`.

                [NetDev]
                Name=both
                Kind=bridge
                MACAddress=02:a6:cd:36:12:e6
                MTUBytes=1458

                [Bridge]
                STP=no
                ForwardDelaySec=2
                MulticastSnooping=no

                """,
                await ReadAsync("10-weft-both.netdev")
            );
            Assert.Equal(
                """
                # Container bridges of overlay homelab on north, by `weft export`.

                [Match]
                Name=both

                [Link]
                RequiredForOnline=no

                [Network]
                ConfigureWithoutCarrier=yes
                LinkLocalAddressing=ipv6
                IPv6AcceptRA=no
                IPv4ReversePathFilter=strict
                Address=10.8.3.1/24
                Address=fd00:8::1/64

                """,
                await ReadAsync("10-weft-both.network")
            );
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        Task<string> ReadAsync(string name) =>
            File.ReadAllTextAsync(
                Path.Combine(directory, name),
                TestContext.Current.CancellationToken
            );
    }

    [Fact]
    public async Task A_directory_that_is_not_there_is_named()
    {
        var result = await ExportAsync("ifupdown", "--directory", "/nonexistent/there");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("/nonexistent/there", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    private static Task<Core.Linux.ToolResult> ExportAsync(string format, params string[] more) =>
        WeftProgram.RunOnAsync(Overlay, ["export", format, "--as", "north", .. more]);
}
