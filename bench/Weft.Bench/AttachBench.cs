using System.Text;
using Weft.Labs;

namespace Weft.Bench;

/// <summary>
/// Measures how long after its start a container can be reached, with the agent and real engines. For comparison: Docker with a
/// bridge network of its own, and CNI's reference plugins, which attach a namespace. All in one host, one after another.
/// </summary>
internal static class AttachBench
{
    private const int Rounds = 20;

    private const string Yaml = """
        name: attach
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks: { net0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } } }
        containers:
          d1: { host: host1, engine: docker, networks: { net0: 10.8.2.11 } }
          l1: { host: host1, engine: lxd, networks: { net0: 10.8.2.12 } }
        """;

    // A subnet unused on this host. Docker's firewall rules are left out, as they play no part in attaching.
    private const string Prepare = """
        docker network create --subnet 10.9.1.0/24 own >/dev/null
        docker create --name d2 --network own --ip 10.9.1.11 weft-lab >/dev/null
        mkdir -p /run/cni
        cat >/run/cni/bridge.json <<'JSON'
        {"cniVersion":"0.4.0","name":"bench","type":"bridge","bridge":"cni0","isGateway":true,
         "ipam":{"type":"host-local","subnet":"10.9.2.0/24","dataDir":"/run/cni/addresses"}}
        JSON
        setsid WEFT agent </dev/null >/var/log/weft-agent.log 2>&1 &
        until curl --fail --silent --unix-socket /run/weft/agent.sock http://weft/readyz >/dev/null; do sleep 0.1; done
        """;

    // $1 is the number of rounds, $2 starts it, $3 undoes that, $4 is the address to ping. Prints for each round the microseconds
    // that the start took and those from its end to the first answer.
    private const string Measure = """
        # The kernel asks for a neighbour that did not answer once a second only: each ping is to ask anew.
        ask() { ip neigh flush to "$1"; ping -n -q -c 1 -W 0.02 "$1" >/dev/null 2>&1; }
        now() { echo $(($(date +%s%N) / 1000)); }
        for round in $(seq "$1"); do
          before=$(now)
          eval "$2" >/dev/null 2>&1
          started=$(now)
          until ask "$4"; do :; done
          echo "$((started - before)) $(($(now) - started))"
          eval "$3" >/dev/null 2>&1
          sleep 0.5
        done
        """;

    private const string Cni =
        "CNI_CONTAINERID=bench CNI_NETNS=/run/netns/cni CNI_IFNAME=eth1 CNI_PATH=/usr/lib/cni";

    public static async Task RunAsync()
    {
        var weft = Path.GetFullPath(
            Environment.GetEnvironmentVariable("WEFT_BINARY") ?? "artifacts/weft"
        );
        var lab = await Lab.UpAsync(
            BenchHost.Parse(Yaml),
            Encoding.UTF8.GetBytes(Yaml),
            new LabOptions
            {
                Name = $"bench-{Environment.ProcessId}-{Guid.NewGuid():N}"[..20],
                Engines = true,
                Program = [weft],
            }
        );
        try
        {
            await OnAsync(lab, [Prepare.Replace("WEFT", weft, StringComparison.Ordinal)]);
            Console.WriteLine(
                $"{Rounds} starts each: the start itself, and from its end to the first answer to a ping:"
            );
            (string What, string Start, string Undo, string Address)[] ways =
            [
                ("docker start, weft agent", "docker start d1", "docker stop -t 0 d1", "10.8.2.11"),
                (
                    "docker start, a bridge network of Docker's",
                    "docker start d2",
                    "docker stop -t 0 d2",
                    "10.9.1.11"
                ),
                ("lxc start, weft agent", "lxc -q start l1", "lxc -q stop -f l1", "10.8.2.12"),
                (
                    "CNI bridge and host-local, a namespace",
                    $"ip netns add cni; {Cni} CNI_COMMAND=ADD /usr/lib/cni/bridge </run/cni/bridge.json",
                    $"{Cni} CNI_COMMAND=DEL /usr/lib/cni/bridge </run/cni/bridge.json; ip netns del cni; rm -rf /run/cni/addresses",
                    "10.9.2.2"
                ),
            ];
            await OnAsync(lab, ["docker stop -t 0 d1; lxc -q stop -f l1; sleep 1"]);
            foreach (var (what, start, undo, address) in ways)
            {
                var lines = (
                    await OnAsync(
                        lab,
                        [Measure, "measure", Rounds.ToString(), start, undo, address]
                    )
                ).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                Print(
                    what,
                    [.. lines.Select(line => Milliseconds(line, 0))],
                    [.. lines.Select(line => Milliseconds(line, 1))]
                );
            }
            Console.WriteLine("\nfrom the engine's first word to the end of the agent's round:");
            Console.WriteLine(
                await OnAsync(
                    lab,
                    [
                        "curl --silent --unix-socket /run/weft/agent.sock http://weft/metrics | grep ^weft_attach_latency",
                    ]
                )
            );
        }
        finally
        {
            await Lab.DownAsync(lab.Name);
        }
    }

    private static double Milliseconds(string line, int column) =>
        double.Parse(line.Split(' ')[column]) / 1000;

    private static void Print(string what, List<double> start, List<double> reached) =>
        Console.WriteLine(
            $"  {what, -44} start {Quantile(start, 0.5), 7:0.0} ms, then median {Quantile(reached, 0.5), 6:0.0} ms, p99 {Quantile(reached, 0.99), 6:0.0} ms"
        );

    private static double Quantile(List<double> all, double part) =>
        all.Order().ElementAt((int)Math.Ceiling(part * all.Count) - 1);

    private static async Task<string> OnAsync(Lab lab, IEnumerable<string> script)
    {
        var result = await lab["host1"].RunAsync(["bash", "-uc", .. script]);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{result.Output}{result.Errors}");
    }
}
