using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>
/// Hosts in a full mesh, each with namespaces, an ovsdb-server and an ovs-vswitchd of its own, in which Open vSwitch's dummy
/// datapath stands for the kernel's: all is made and looked after as ever, and no packet is forwarded.
/// </summary>
internal sealed class FullMesh : IAsyncDisposable
{
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

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("weft-mesh-");
    private readonly ConcurrentDictionary<int, Process> running = new();
    private readonly int hosts;
    private readonly string weft;

    private FullMesh(int hosts, string weft) => (this.hosts, this.weft) = (hosts, weft);

    /// <summary>The hosts' numbers.</summary>
    public IEnumerable<int> Hosts => Enumerable.Range(1, hosts);

    private string Overlay => Path.Combine(directory.FullName, "overlay.yaml");

    /// <summary>Starts the hosts' switches; nothing is applied.</summary>
    /// <param name="hosts">How many.</param>
    /// <param name="weft">The program that they have.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<FullMesh> UpAsync(
        int hosts,
        string weft,
        CancellationToken cancellationToken
    )
    {
        var mesh = new FullMesh(hosts, weft);
        try
        {
            await File.WriteAllTextAsync(mesh.Overlay, mesh.Yaml(), cancellationToken);
            await mesh.EachAsync(mesh.StartAsync, cancellationToken);
            return mesh;
        }
        catch
        {
            await mesh.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a host's database listens.</summary>
    public string Socket(int number) => Path.Combine(directory.FullName, $"{number}");

    /// <summary>A host's underlay address.</summary>
    public static string Address(int number) => $"192.0.{2 + number / 250}.{number % 250}";

    /// <summary>Applies the overlay on each, on as many at a time as the machine has processors, and gives what was said.</summary>
    public Task<string[]> ApplyAsync(CancellationToken cancellationToken) =>
        EachAsync(
            async (number, cancellation) =>
            {
                await running[number].StandardInput.WriteLineAsync(Overlay);
                await running[number].StandardInput.FlushAsync(cancellation);
                return await AnswerAsync(number, cancellation);
            },
            cancellationToken
        );

    /// <summary>How much memory this machine has left for more, in kB.</summary>
    public static long AvailableMemory() =>
        long.Parse(
            File.ReadLines("/proc/meminfo")
                .First(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]
        );

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var host in running.Values)
        {
            ProcessIdentity.Of(host.Id)?.Send(Libc.SigKill);
            await host.WaitForExitAsync(CancellationToken.None);
            host.Dispose();
        }
        directory.Delete(recursive: true);
    }

    private async Task<string> StartAsync(int number, CancellationToken cancellationToken)
    {
        running[number] = Tool.Start([
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
            weft,
        ]);
        return await AnswerAsync(number, cancellationToken);
    }

    private async Task<string> AnswerAsync(int number, CancellationToken cancellationToken) =>
        await running[number].StandardOutput.ReadLineAsync(cancellationToken)
        ?? await running[number].StandardError.ReadToEndAsync(cancellationToken);

    private async Task<string[]> EachAsync(
        Func<int, CancellationToken, Task<string>> action,
        CancellationToken cancellationToken
    )
    {
        var lines = new string[hosts];
        await Parallel.ForAsync(
            0,
            hosts,
            cancellationToken,
            async (index, cancellation) => lines[index] = await action(index + 1, cancellation)
        );
        return lines;
    }

    private string Yaml()
    {
        var text = new StringBuilder("name: fleet\ntunnels: { type: vxlan, key: 7 }\nhosts:\n");
        foreach (var number in Hosts)
        {
            text.Append($"  host{number}: {Address(number)}\n");
        }
        return text.Append("networks:\n  cont: { vlan: 200, subnet: 10.8.0.0/16, bridge: true }\n")
            .ToString();
    }
}
