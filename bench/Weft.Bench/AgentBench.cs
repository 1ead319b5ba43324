using System.Text;

namespace Weft.Bench;

/// <summary>
/// Measures what the agent costs while nothing happens, and how long it takes to mend one thing, with 10, 100 and 1,000
/// containers (named network namespaces) on the host.
/// </summary>
internal static class AgentBench
{
    private const int Rounds = 21;
    private const int IdleSeconds = 60;
    private static readonly string Times = Rounds.ToString();

    private const string Start = """
        setsid WEFT agent </dev/null >/var/log/weft-agent.log 2>&1 &
        echo $! >/run/weft-agent.pid
        until curl --fail --silent --unix-socket /run/weft/agent.sock http://weft/readyz >/dev/null; do sleep 0.1; done
        """;

    // First the kernel and the agent finish what making the containers has caused: waits until the agent takes no processor time
    // for ten seconds.
    private const string Rest = """
        read pid </run/weft-agent.pid
        ticks() { awk '{ print $14 + $15 }' /proc/$pid/stat; }
        until before=$(ticks) && sleep 10 && [ "$(ticks)" -le $((before + 1)) ]; do :; done
        """;

    // $1 times: runs $2, then prints the microseconds until $3 succeeds.
    private const string Measure = """
        now() { echo $(($(date +%s%N) / 1000)); }
        for round in $(seq "$1"); do
          eval "$2"
          started=$(now)
          until eval "$3" >/dev/null 2>&1; do [ $(now) -lt $((started + 60000000)) ]; done
          echo $(($(now) - started))
          # Not before the agent has seen its own change.
          until curl --fail --silent --unix-socket /run/weft/agent.sock http://weft/v1/status | grep -q '"healthy":true'; do :; done
        done
        """;

    // The same with plain commands and no agent: the share of the kernel and ip.
    private const string ByHand = """
        now() { echo $(($(date +%s%N) / 1000)); }
        host="address $(cat /sys/class/net/c1-eth1/address) mtu $(cat /sys/class/net/c1-eth1/mtu)"
        inside="address $(ip -n c1 -br link show eth1 | awk '{ print $3 }')"
        for round in $(seq "$1"); do
          eval "$2"
          started=$(now)
          while ip link show c1-eth1 >/dev/null 2>&1; do :; done
          printf 'link add name c1-eth1 %s type veth peer name eth1 netns c1 %s\nlink set dev c1-eth1 master cont-mgmnt0 up\n' "$host" "$inside" | ip -batch -
          printf 'addr add 10.8.0.11/16 dev eth1\nlink set dev eth1 up\n' | ip -n c1 -batch -
          until ip -n c1 -br addr show dev eth1 up | grep -q 10.8.0.11; do :; done
          echo $(($(now) - started))
        done
        """;

    // Prints the resident memory in kB and the processor time used meanwhile, in ticks of a hundredth of a second.
    private const string Idle = """
        read pid </run/weft-agent.pid
        ticks() { awk '{ print $14 + $15 }' /proc/$pid/stat; }
        before=$(ticks)
        sleep $1
        echo "$(awk '/VmRSS/ { print $2 }' /proc/$pid/status) $(($(ticks) - before))"
        """;

    public static async Task RunAsync()
    {
        foreach (var containers in (int[])[10, 100, 1000])
        {
            await RunAsync(containers);
        }
    }

    private static async Task RunAsync(int containers)
    {
        await using var host = await BenchHost.MakeAsync(Yaml(containers));
        await host.WeftAsync("apply", "--yes", "--timeout", "300");
        await host.ScriptAsync(Start.Replace("WEFT", BenchHost.Weft, StringComparison.Ordinal));
        await host.ScriptAsync(Rest);
        Console.WriteLine($"{containers} containers, {Rounds} times each, until it is mended:");
        (string What, string Sabotage, string Mended)[] changed =
        [
            (
                "a port's VLAN tag changed",
                "ovs-vsctl --no-wait set port host-mgmnt0 tag=7",
                "[ \"$(ovs-vsctl get port host-mgmnt0 tag)\" = 100 ]"
            ),
            (
                "a container's address flushed",
                "ip -n c1 addr flush dev eth1",
                "ip -n c1 -br addr show dev eth1 | grep 10.8.0.11"
            ),
        ];
        (string What, string Sabotage, string Mended)[] unmade =
        [
            (
                "a container's veth deleted",
                "ip link del c1-eth1",
                "ip -n c1 -br addr show dev eth1 up | grep 10.8.0.11"
            ),
            (
                "a container made again",
                "ip netns del c1; ip netns add c1",
                "ip -n c1 -br addr show dev eth1 up | grep 10.8.0.11"
            ),
        ];
        foreach (var (what, sabotage, mended) in changed.Concat(unmade))
        {
            Print(
                what,
                await host.OutputAsync("bash", "-uc", Measure, "measure", Times, sabotage, mended)
            );
        }
        var idle = (
            await host.OutputAsync("bash", "-uc", Idle, "idle", IdleSeconds.ToString())
        ).Split(' ');
        var ticks = double.Parse(idle[1]);
        Console.WriteLine(
            $"  idle for {IdleSeconds} s: {double.Parse(idle[0]) / 1024:0.0} MB resident, {ticks * 10:0} ms of processor time: {ticks / IdleSeconds:0.00} % of a core"
        );
        await host.ScriptAsync("kill $(cat /run/weft-agent.pid)");
        foreach (var (what, sabotage, _) in unmade)
        {
            Print(
                $"{what}, by hand",
                await host.OutputAsync("bash", "-uc", ByHand, "hand", Times, sabotage)
            );
        }
        Console.WriteLine();
    }

    private static void Print(string what, string lines)
    {
        var times = lines
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => double.Parse(line) / 1000)
            .Order()
            .ToList();
        Console.WriteLine(
            $"  {what, -36} median {times[times.Count / 2], 7:0.0} ms   ({times[0]:0.0} to {times[^1]:0.0})"
        );
    }

    private static string Yaml(int containers)
    {
        var text = new StringBuilder(
            """
            name: agent
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              cont-mgmnt0: { vlan: 200, subnet: 10.8.0.0/16, bridge: true }
              host-mgmnt0: { vlan: 100, subnet: 10.9.0.0/24, hosts: { host1: 10.9.0.1, host2: 10.9.0.2 } }
            containers:

            """
        );
        for (var container = 1; container <= containers; container++)
        {
            var number = container + 10;
            text.Append(
                $"  c{container}: {{ host: host1, engine: netns, networks: {{ cont-mgmnt0: 10.8.{number / 250}.{number % 250} }} }}\n"
            );
        }
        return text.ToString();
    }
}
