using System.Text;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.Bench;

/// <summary>
/// Measures work on many hosts: <c>weft apply --all</c> from one machine over real SSH, on hosts with userspace switches; and
/// <c>weft apply</c> on each host of a full mesh that is larger than one machine could forward packets for. All share this
/// machine.
/// </summary>
internal static class FleetBench
{
    private const string Laptop = "laptop";
    private const string File = "/run/home/overlay.yaml";
    private const int Rounds = 3;
    private const int MeshHosts = 200;

    // Prints, in kB, the command's peak resident memory and the least memory that the machine had available meanwhile.
    private const string Watched = """
        "$@" </dev/null >/run/said 2>&1 &
        pid=$! most=0 least=
        while now=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status) && [ -n "$now" ]; do
          most=$now
          now=$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)
          [ "${least:-$now}" -lt "$now" ] || least=$now
          sleep 0.02
        done
        wait $pid || { cat /run/said >&2; exit 1; }
        echo "$most $least"
        """;

    public static async Task RunAsync()
    {
        foreach (var hosts in (int[])[10, 50])
        {
            await OverSshAsync(hosts);
        }
        await MeshAsync();
    }

    private static async Task OverSshAsync(int count)
    {
        var free = FullMesh.AvailableMemory();
        var yaml = Encoding.UTF8.GetBytes(Yaml(count, laptop: true));
        var lab = await Lab.UpAsync(
            BenchHost.Parse(Yaml(count, laptop: true)),
            yaml,
            new LabOptions
            {
                Name = $"bench-{Environment.ProcessId}-{Guid.NewGuid():N}"[..20],
                Program = [BenchHost.Weft],
                Datapath = Datapath.Userspace,
            }
        );
        try
        {
            LabHost[] hosts = [.. lab.Hosts.Where(host => host.Name != Laptop)];
            await Task.WhenAll(lab.Hosts.Select(host => OnAsync(host, [SshServer.OwnHome])));
            var key = await OnAsync(lab[Laptop], [SshServer.NewKey]);
            await Task.WhenAll(hosts.Select(host => ServeAsync(host, key)));
            await OnAsync(
                lab[Laptop],
                [$"{SshServer.Trust(hosts)}\ncat >{File} <<'YAML'\n{Yaml(count)}YAML"]
            );

            var fresh = new Timing("weft apply --all, hosts without weft");
            var again = new Timing("weft apply --all, destroyed before");
            var same = new Timing("weft apply --all, nothing to change");
            var (most, least) = (0L, long.MaxValue);
            for (var round = 0; round < Rounds; round++)
            {
                await Task.WhenAll(
                    hosts.Select(host => OnAsync(host, ["rm -f /usr/local/bin/weft"]))
                );
                await fresh.MeasureAsync(() => WeftAsync("apply"));
                await same.MeasureAsync(() => WeftAsync("apply"));
                await WeftAsync("destroy");
                await again.MeasureAsync(() => WeftAsync("apply"));
                var applied = FullMesh.AvailableMemory();
                if (round == Rounds - 1)
                {
                    Timing.Print(
                        $"{count} hosts from one machine, over SSH:",
                        [fresh, again, same]
                    );
                    Console.WriteLine(
                        $"  weft on that machine: {most / 1024} MB resident at most; a host of the lab: {(free - applied) / 1024 / count} MB, and all together {(applied - least) / 1024} MB more at most while weft was at work\n"
                    );
                }
                await WeftAsync("destroy");
            }

            async Task WeftAsync(string command)
            {
                var said = (
                    await OnAsync(
                        lab[Laptop],
                        [Watched, "watched", BenchHost.Weft, command, "--all", "--yes", File]
                    )
                ).Split(' ');
                most = long.Max(most, long.Parse(said[0]));
                least = long.Min(least, long.Parse(said[1]));
            }
        }
        finally
        {
            await Lab.DownAsync(lab.Name);
        }
    }

    private static async Task MeshAsync()
    {
        var free = FullMesh.AvailableMemory();
        await using var mesh = await FullMesh.UpAsync(MeshHosts, BenchHost.Weft, default);
        var fresh = new Timing("weft apply on each, fresh");
        var same = new Timing("weft apply on each, nothing to change");
        await fresh.MeasureAsync(() => ApplyAsync("read back: as intended"));
        await same.MeasureAsync(() => ApplyAsync("nothing to change"));
        Timing.Print(
            $"{MeshHosts} simulated hosts with {MeshHosts - 1} tunnels each, {Environment.ProcessorCount} at a time:",
            [fresh, same]
        );
        Console.WriteLine(
            $"  a simulated host: {(free - FullMesh.AvailableMemory()) / 1024 / MeshHosts} MB\n"
        );

        async Task ApplyAsync(string wanted)
        {
            if (
                (await mesh.ApplyAsync(default)).FirstOrDefault(line =>
                    !line.Contains(wanted, StringComparison.Ordinal)
                ) is
                { } other
            )
            {
                throw new InvalidOperationException(other);
            }
        }
    }

    private static async Task ServeAsync(LabHost host, string key) =>
        await OnAsync(
            host,
            [
                $"{SshServer.LetIn(key)}\n{SshServer.Start(host)}\nuntil {SshServer.Listens}; do sleep 0.05; done",
            ]
        );

    private static async Task<string> OnAsync(LabHost host, IEnumerable<string> script)
    {
        var result = await host.RunAsync(["bash", "-euc", .. script]);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{host.Name}: {result.Output}{result.Errors}");
    }

    /// <summary>Hosts with two containers each, one in each of two networks.</summary>
    private static string Yaml(int hosts, bool laptop = false)
    {
        var text = new StringBuilder("name: fleet\nhosts:\n");
        for (var host = 1; host <= hosts; host++)
        {
            text.Append($"  host{host}: 192.0.2.{host}\n");
        }
        text.Append(laptop ? $"  {Laptop}: 192.0.2.250\n" : "");
        text.Append(
            "networks:\n  first: { vlan: 10, subnet: 10.8.2.0/24, bridge: true }\n  second: { vlan: 20, subnet: 10.8.3.0/24 }\ncontainers:\n"
        );
        for (var host = 1; host <= hosts; host++)
        {
            text.Append(
                $"  a{host}: {{ host: host{host}, engine: netns, networks: {{ first: 10.8.2.{host} }} }}\n  b{host}: {{ host: host{host}, engine: netns, networks: {{ second: 10.8.3.{host} }} }}\n"
            );
        }
        return text.ToString();
    }
}
