using System.Text;
using System.Text.Json;
using Weft.Labs;

namespace Weft.Bench;

/// <summary>
/// Measures how long it takes until all tunnels are encrypted: with strongSwan configured by Weft, with ovs-monitor-ipsec driven
/// by Weft, and with ovs-monitor-ipsec and the guide's commands. Also measures TCP throughput of the first and the last. The
/// hosts have kernels of their own, and all share this machine's processors.
/// </summary>
internal static class EncryptionBench
{
    private const int Rounds = 5;

    // What a failed negotiation leaves in the kernel delays the next one by up to 165 s.
    private const int Patience = 300;
    private const int Seconds = 4;
    private const string Moment = "0.5";

    // Enough for every host to have a shell that waits for the common start.
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(6);

    public static async Task RunAsync()
    {
        foreach (var hosts in (int[])[2, 3, 5])
        {
            await EstablishAsync(hosts);
        }
    }

    private static async Task EstablishAsync(int hosts)
    {
        var weft = new Timing("weft apply, manager strongswan");
        var monitor = new Timing("weft apply, manager openvswitch-ipsec");
        var guide = new Timing($"the guide's commands, {Moment} s a wait, openvswitch-ipsec");
        await using (var lab = await BenchLab.MakeAsync(Mesh(hosts, "strongswan")))
        {
            await lab.RunAsync(weft, Rounds, host => Timed(host, hosts, Apply), Destroy);
        }
        await using (var lab = await BenchLab.MakeAsync(Mesh(hosts, "openvswitch-ipsec")))
        {
            await lab.RunAsync(monitor, Rounds, host => Timed(host, hosts, Apply), Destroy);
            await lab.RunAsync(
                guide,
                Rounds,
                host => Timed(host, hosts, $"{GuideTunnels(host, hosts)}\n{Traffic(host, hosts)}"),
                "ovs-vsctl del-br ovsbr0\n" + AwaitNone
            );
        }
        Timing.Print(
            $"{hosts} hosts, until every host has every tunnel INSTALLED:",
            [weft, monitor, guide]
        );
    }

    /// <summary>
    /// Measures TCP throughput from container to container: with Weft, with Weft and the guide's direct uplink, and with the
    /// guide's commands. The set-ups take turns, so that other load on the machine affects all alike.
    /// </summary>
    public static async Task ThroughputAsync()
    {
        const int TcpRounds = 9;
        var yaml = await File.ReadAllTextAsync("examples/ipsec.yaml");
        await using var weft = await AppliedAsync(yaml);
        await using var direct = await AppliedAsync(
            yaml.Replace("{ stp: true }", "{ stp: true, uplink: direct }", StringComparison.Ordinal)
        );
        await using var guide = await BenchLab.MakeAsync(
            yaml.Replace(
                "  ipsec:\n",
                "  ipsec:\n    manager: openvswitch-ipsec\n",
                StringComparison.Ordinal
            )
        );
        await guide.EverywhereAsync(host =>
            Timed(host, 2, $"{GuideTunnels(host, 2)}\n{Traffic(host, 2)}\n{GuideContainer(host)}")
        );
        (string What, BenchLab Lab, List<double> Speeds)[] ways =
        [
            ("weft", weft, []),
            ("weft, uplink: direct", direct, []),
            ("the guide's set-up", guide, []),
        ];
        foreach (var (_, lab, _) in ways)
        {
            await lab.OnAsync("host2", "ip netns exec mastodon iperf3 --server --daemon");
            await lab.OnAsync(
                "host1",
                "until ip netns exec wallabag ping -n -c 1 -W 1 10.8.2.3 >/dev/null; do :; done"
            );
        }
        for (var round = 0; round < TcpRounds; round++)
        {
            foreach (var (_, lab, speeds) in ways)
            {
                speeds.Add(await SpeedAsync(lab));
            }
        }
        Console.WriteLine("TCP from container to container through the encrypted overlay:");
        var theirs = Median(ways[^1].Speeds);
        foreach (var (what, _, speeds) in ways)
        {
            Console.WriteLine(
                $"  {what, -20} {Median(speeds), 8:0.0} Mbit/s   {Median(speeds) / theirs:0.00} ×   (of {speeds.Count}: {speeds.Min():0.0} to {speeds.Max():0.0})"
            );
        }
        Console.WriteLine();

        static async Task<BenchLab> AppliedAsync(string yaml)
        {
            var lab = await BenchLab.MakeAsync(yaml);
            await lab.EverywhereAsync(_ => $"{BenchLab.Weft} apply --yes");
            return lab;
        }

        static double Median(List<double> speeds) => speeds.Order().ElementAt(speeds.Count / 2);
    }

    private static async Task<double> SpeedAsync(BenchLab lab)
    {
        var said = await lab.OnAsync(
            "host1",
            $"ip netns exec wallabag iperf3 --client 10.8.2.3 --time {Seconds} --omit 1 --json"
        );
        using var json = JsonDocument.Parse(said);
        return json.RootElement.GetProperty("end")
                .GetProperty("sum_received")
                .GetProperty("bits_per_second")
                .GetDouble() / 1e6;
    }

    private static string Mesh(int hosts, string manager) =>
        $$"""
            name: mesh
            hosts: { {{string.Join(", ", Enumerable.Range(1, hosts).Select(n => $"host{n}: 192.0.2.{n}"))}} }
            tunnels: { type: gre, ipsec: { manager: {{manager}}, psk: { file: /etc/weft/psk } } }
            networks:
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { {{string.Join(
                ", ",
                Enumerable.Range(1, hosts).Select(n => $"host{n}: 10.8.3.{n}")
            )}} } }
            """;

    private static readonly string Apply = $"{BenchLab.Weft} apply --yes >/dev/null";

    private static string Destroy => $"{BenchLab.Weft} destroy --yes\n{AwaitNone}";

    // An association whose peer has ended it first still tells that peer of the address that was removed as well, and retransmits
    // for 165 s before it ends: after 5 s it is terminated.
    private const string AwaitNone = """
        SECONDS=0
        while swanctl --list-sas 2>/dev/null | grep -q INSTALLED; do
          sleep 0.05
          if [ $SECONDS -gt 5 ]; then
            for id in $(swanctl --list-sas 2>/dev/null | sed -n 's/^[^ ].*: #\([0-9]*\),.*/\1/p'); do
              swanctl --terminate --force --ike-id $id >/dev/null 2>&1 || :
            done
          fi
        done
        """;

    /// <summary>
    /// Runs commands and prints when they began and when the kernel had received the keys of every tunnel, both ways, in seconds
    /// since 1970. The kernel's events are recorded with their times and read afterwards: polling, or reading along, would mostly
    /// measure itself on hosts where every system call is slow.
    /// </summary>
    private static string Timed(int host, int hosts, string commands) =>
        $$"""
            ip -ts xfrm monitor SA >/run/keys &
            monitor=$!
            until grep -q " 6 *$monitor " /proc/net/netlink; do :; done
            exec {never}<> <(:)
            left=$((${at:-0} - ${EPOCHREALTIME/./}))
            if [ $left -gt 0 ]; then
              printf -v left %d.%06d $((left / 1000000)) $((left % 1000000))
              read -r -t $left -u $never || :
            fi
            began=$EPOCHREALTIME
            {
            {{commands}}
            } &
            work=$!
            given() {
              awk '$2 == "Updated" { way = $4 " " $6 } $2 == "src" { way = $3 " " $5 }
                /^\[/ && way && !seen[way]++ && ++count == {{2
                * (hosts - 1)}} { print substr($1, 2, length($1) - 2) }
                { way = "" }' /run/keys
            }
            wait $work
            until [ "$(given)" ] || [ $SECONDS -gt {{Patience}} ]; do
              sleep 0.5
            done
            echo $began $(date -d "$(given)" +%s.%N)
            kill $monitor
            # ovs-monitor-ipsec may end one that was agreed on, and has another agreed on once a packet asks for it.
            for peer in {{Peers(host, hosts)}}; do
              until ping -n -q -c 1 -W 1 10.8.3.$peer >/dev/null; do
                [ $SECONDS -le {{Patience}} ]
              done
            done
            [ $(swanctl --list-sas 2>/dev/null | grep -c INSTALLED) -ge {{hosts - 1}} ]
            kill $(cat /tmp/pings) 2>/dev/null && rm /tmp/pings || :
            """;

    private static string Peers(int host, int hosts) =>
        string.Join(' ', Enumerable.Range(1, hosts).Where(peer => peer != host));

    // With ovs-monitor-ipsec nothing is negotiated until a packet asks for it: the administrator pings. Not at once, as people
    // are slower: if both ends asked each other while they read their configuration, both would refuse, and try again only after
    // 165 s.
    private static string Traffic(int host, int hosts) =>
        $$"""
            peers=' '
            while set -- $peers && [ $# -lt {{hosts - 1}} ] && read -r -u $policies line; do
              case $line in
                *'src 192.0.2.{{host}}/32 dst '*' proto gre'*)
                  line=${line#*dst } peer=${line%% *}
                  [[ $peers == *" $peer "* ]] || peers+="$peer "
                  ;;
              esac
            done
            read -r -t {{Moment}} -u $never || :
            ip link set host-mgmnt0 up
            for peer in {{Peers(host, hosts)}}; do
              ping -n -q -i 0.2 10.8.3.$peer >/dev/null 2>&1 &
              echo $! >>/tmp/pings
            done
            """;

    // The guide's commands, row by row (DESIGN section 1), with the key from the same file. A mesh of three hosts or more has
    // loops: protected ports prevent a broadcast storm.
    private static string GuideTunnels(int host, int hosts) =>
        string.Join(
            '\n',
            Enumerable
                .Range(1, hosts)
                .Where(peer => peer != host)
                .Select(peer =>
                    $"ovs-vsctl add-port ovsbr0 gre{peer} -- set interface gre{peer} type=gre options:remote_ip=192.0.2.{peer} options:psk=$key{(hosts > 2 ? $" -- set port gre{peer} protected=true" : "")}"
                )
                .Append(
                    "ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 -- set interface host-mgmnt0 type=internal"
                )
                .Append($"ip addr add 10.8.3.{host}/24 dev host-mgmnt0")
                .Prepend("ovs-vsctl set int ovsbr0 mtu_request=1416")
                .Prepend("ovs-vsctl add-br ovsbr0")
                .Prepend("key=$(cat /etc/weft/psk)")
                .Prepend("exec {policies}< <(exec ip xfrm monitor policy 2>/dev/null)")
        );

    // Sets the containers' MTU, which the guide forgets: without it large packets vanish.
    private static string GuideContainer(int host)
    {
        var (container, address) = host == 1 ? ("wallabag", "10.8.2.2") : ("mastodon", "10.8.2.3");
        return $"""
            ip link add cont-mgmnt0 type bridge stp_state 1
            ip link set cont-mgmnt0 up
            ip link add c-eth1 type veth peer name eth1 netns {container}
            ip link set c-eth1 master cont-mgmnt0 up
            ip -n {container} addr add {address}/24 dev eth1
            ip -n {container} link set eth1 mtu 1416 up
            ovs-vsctl add-port ovsbr0 cont-mgmnt0 tag=200
            """;
    }

    /// <summary>Hosts with kernels of their own and nothing applied.</summary>
    private sealed class BenchLab(Lab lab) : IAsyncDisposable
    {
        public static readonly string Weft = Path.GetFullPath(
            Environment.GetEnvironmentVariable("WEFT_BINARY") ?? "artifacts/weft"
        );

        public static async Task<BenchLab> MakeAsync(string yaml) =>
            new(
                await Lab.UpAsync(
                    BenchHost.Parse(yaml),
                    Encoding.UTF8.GetBytes(yaml),
                    new LabOptions
                    {
                        Name = $"bench-{Environment.ProcessId}-{Guid.NewGuid():N}"[..20],
                        Isolation = Isolation.Uml,
                        Program = [Weft],
                    }
                )
            );

        /// <summary>
        /// Times a script that all hosts start at the same moment, from the first start to the moment when the last host has its
        /// keys; another script undoes it after each round.
        /// </summary>
        public async Task RunAsync(Timing timing, int rounds, Func<int, string> script, string undo)
        {
            for (var round = 0; round < rounds; round++)
            {
                // The hosts use this machine's clock.
                var at = (DateTimeOffset.UtcNow + Start).ToUnixTimeMilliseconds() * 1000;
                var times = (await EverywhereAsync(host => $"at={at}\n{script(host)}"))
                    .Select(said =>
                        said.Split(' ', StringSplitOptions.TrimEntries)
                            .Select(time => double.Parse(time))
                            .ToList()
                    )
                    .ToList();
                timing.Add((times.Max(time => time[1]) - times.Min(time => time[0])) * 1000);
                await EverywhereAsync(_ => undo);
            }
        }

        /// <summary>Runs a script, made from the host's number, on all hosts at once.</summary>
        public Task<string[]> EverywhereAsync(Func<int, string> script) =>
            Task.WhenAll(lab.Hosts.Select((host, index) => OnAsync(host.Name, script(index + 1))));

        /// <summary>Runs a script on a host and returns its output.</summary>
        public async Task<string> OnAsync(string host, string script)
        {
            var result = await lab[host].RunAsync(["bash", "-euc", script]);
            return result.ExitCode == 0
                ? result.Output
                : throw new InvalidOperationException(
                    $"{host}: {script}: {result.Output}{result.Errors}"
                );
        }

        public async ValueTask DisposeAsync() => await Lab.DownAsync(lab.Name);
    }
}
