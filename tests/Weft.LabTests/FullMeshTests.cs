using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Ovsdb;

namespace Weft.LabTests;

/// <summary>
/// Two hundred hosts in a full mesh, each with namespaces, an ovsdb-server and an ovs-vswitchd of its own, in which Open
/// vSwitch's dummy datapath stands for the kernel's: all is made and looked after as ever, and no packet is forwarded.
/// </summary>
public sealed class FullMeshTests
{
    private const int Hosts = 200;
    private const string Network = "cont";

    // As much as was seen to be taken, and half as much again for the rest of the machine.
    private const long NeededKilobytes = 10_000_000;

    private const string Host = """
        hostname "$1"
        mount -t tmpfs tmpfs /run
        mount -t tmpfs tmpfs /var/lib
        mkdir /run/openvswitch
        ip link set lo up
        ip address add "$2" dev lo
        ovsdb-tool create /run/conf.db /usr/share/openvswitch/vswitch.ovsschema
        ovsdb-server --remote=punix:/run/openvswitch/db.sock --remote="punix:$3" --pidfile --detach -vconsole:off --no-chdir /run/conf.db
        ovs-vsctl --no-wait init
        ovs-vswitchd --enable-dummy=override --disable-system --pidfile --detach -vconsole:off --no-chdir
        echo ready
        # A line for each time that the file is to be applied, and the answer when it was.
        while read -r file; do "$4" apply --yes "$file" 2>&1 | tr '\n' ' '; echo; done
        """;

    [Fact]
    public async Task Each_of_two_hundred_hosts_has_a_tunnel_to_every_other_and_applying_again_changes_nothing()
    {
        Needs.ALab();
        var available = await AvailableKilobytesAsync();
        Assert.SkipWhen(
            available < NeededKilobytes,
            $"{Hosts} hosts take {NeededKilobytes / 1_000_000} GB of memory, and {available / 1_000_000} are available"
        );
        var directory = Directory.CreateTempSubdirectory("weft-mesh-");
        var file = Path.Combine(directory.FullName, "overlay.yaml");
        await File.WriteAllTextAsync(file, Yaml(), Needs.Cancellation);
        var hosts = new ConcurrentDictionary<int, Process>();
        try
        {
            var (_, started) = await TimedAsync(async number =>
            {
                hosts[number] = Tool.Start([
                    "unshare",
                    "--net",
                    "--mount",
                    "--uts",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                    "sh",
                    "-euc",
                    Host,
                    "sh",
                    $"host{number}",
                    Address(number),
                    Socket(number),
                    WeftProgram.Path,
                ]);
                return await AnswerAsync(number);
            });
            var idle = await AvailableKilobytesAsync();

            var (applied, first) = await ApplyAsync();
            Assert.All(
                applied,
                line => Assert.Contains("read back: as intended", line, StringComparison.Ordinal)
            );
            var full = await AvailableKilobytesAsync();
            await Parallel.ForEachAsync(
                Enumerable.Range(1, Hosts),
                Needs.Cancellation,
                async (number, _) => await HasAllTunnelsAsync(number)
            );

            var (again, second) = await ApplyAsync();
            Assert.All(
                again,
                line => Assert.Contains("nothing to change", line, StringComparison.Ordinal)
            );
            TestContext.Current.TestOutputHelper?.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Hosts} hosts: started in {started.TotalSeconds:0.0} s, taking {(available - idle) / 1000} MB; applied in {first.TotalSeconds:0.0} s, taking {(idle - full) / 1000} MB more; applied again in {second.TotalSeconds:0.0} s"
                )
            );
        }
        finally
        {
            foreach (var host in hosts.Values)
            {
                ProcessIdentity.Of(host.Id)?.Send(Libc.SigKill);
                await host.WaitForExitAsync(CancellationToken.None);
                host.Dispose();
            }
            directory.Delete(recursive: true);
        }

        string Socket(int number) => Path.Combine(directory.FullName, $"{number}");

        Task<(string[] Lines, TimeSpan Took)> ApplyAsync() =>
            TimedAsync(async number =>
            {
                await hosts[number].StandardInput.WriteLineAsync(file);
                await hosts[number].StandardInput.FlushAsync(Needs.Cancellation);
                return await AnswerAsync(number);
            });

        async Task<string> AnswerAsync(int number) =>
            await hosts[number].StandardOutput.ReadLineAsync(Needs.Cancellation)
            ?? await hosts[number].StandardError.ReadToEndAsync(Needs.Cancellation);

        async Task HasAllTunnelsAsync(int number)
        {
            await using var client = await OvsdbClient.ConnectAsync(
                $"unix:{Socket(number)}",
                Needs.Cancellation
            );
            await using var replica = await client.MonitorAsync(
                SwitchReader.Database,
                SwitchReader.Columns,
                Needs.Cancellation
            );
            var seen = SwitchReader.Read(replica.Snapshot);
            var tunnels = seen
                .Ports.Values.Where(port => port.Interfaces is [{ Type: "vxlan" }])
                .ToList();
            Assert.Equal(
                Enumerable
                    .Range(1, Hosts)
                    .Where(other => other != number)
                    .Select(other => $"tun7-host{other} {Address(other)} {Address(number)} 7")
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

    /// <summary>Does it for every host, for as many at a time as the machine has processors.</summary>
    private static async Task<(string[] Lines, TimeSpan Took)> TimedAsync(
        Func<int, Task<string>> action
    )
    {
        var began = Stopwatch.GetTimestamp();
        var lines = new string[Hosts];
        await Parallel.ForAsync(
            0,
            Hosts,
            Needs.Cancellation,
            async (index, _) => lines[index] = await action(index + 1)
        );
        return (lines, Stopwatch.GetElapsedTime(began));
    }

    private static async Task<long> AvailableKilobytesAsync() =>
        long.Parse(
            (await File.ReadAllLinesAsync("/proc/meminfo", Needs.Cancellation))
                .First(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        );

    private static string Address(int number) => $"192.0.{2 + number / 250}.{number % 250}";

    private static string Yaml()
    {
        var text = new StringBuilder("name: fleet\ntunnels: { type: vxlan, key: 7 }\nhosts:\n");
        foreach (var number in Enumerable.Range(1, Hosts))
        {
            text.Append(CultureInfo.InvariantCulture, $"  host{number}: {Address(number)}\n");
        }
        return text.Append("networks:\n  ")
            .Append(Network)
            .Append(": { vlan: 200, subnet: 10.8.0.0/16, bridge: true }\n")
            .ToString();
    }
}
