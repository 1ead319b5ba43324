using System.Text;
using Weft.Core.Linux;

namespace Weft.Bench;

/// <summary>
/// Measures commands that only read a large overlay: <c>weft check</c>, <c>plan</c> for one host and <c>diagram</c>, as whole
/// processes. An overlay ten times as large should take at most ten times as long.
/// </summary>
internal static class ScaleBench
{
    private const int ContainersEach = 50;
    private const int Rounds = 5;

    private static readonly int[] Hosts = [10, 100, 1000];

    private static readonly (string What, string[] Arguments)[] Commands =
    [
        ("weft check", ["check"]),
        ("weft plan --bare --as host1", ["plan", "--bare", "--as", "host1", "--commands"]),
        ("weft diagram", ["diagram", "--out", "/dev/null"]),
        ("weft diagram --format mermaid", ["diagram", "--format", "mermaid", "--out", "/dev/null"]),
    ];

    public static async Task RunAsync()
    {
        var directory = Directory.CreateTempSubdirectory("weft-bench-");
        try
        {
            var files = new List<string>();
            foreach (var hosts in Hosts)
            {
                var file = Path.Combine(directory.FullName, $"{hosts}.yaml");
                await File.WriteAllTextAsync(file, Yaml(hosts));
                files.Add(file);
            }
            foreach (var (what, arguments) in Commands)
            {
                var timings = Hosts
                    .Select(hosts => new Timing(
                        $"{hosts} hosts, {hosts * ContainersEach} containers"
                    ))
                    .ToList();
                for (var round = 0; round < Rounds; round++)
                {
                    foreach (var (file, timing) in files.Zip(timings))
                    {
                        await timing.MeasureAsync(() => WeftAsync([.. arguments, file]));
                    }
                }
                Timing.Print($"{what}:", timings);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task WeftAsync(IReadOnlyList<string> arguments)
    {
        var result = await Tool.RunAsync([BenchHost.Weft, .. arguments]);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"weft {string.Join(' ', arguments)}: {result.Errors}"
            );
        }
    }

    private static string Yaml(int hosts)
    {
        var yaml = new StringBuilder("name: scale\nhosts:\n");
        for (var host = 0; host < hosts; host++)
        {
            yaml.Append($"  host{host + 1}: 172.16.{host / 250}.{host % 250 + 1}\n");
        }
        yaml.Append(
            "networks:\n  cont-mgmnt0: { vlan: 200, subnet: 10.128.0.0/9, bridge: true }\n  host-mgmnt0:\n    vlan: 100\n    subnet: 10.8.0.0/16\n    hosts:\n"
        );
        for (var host = 0; host < hosts; host++)
        {
            yaml.Append($"      host{host + 1}: 10.8.{host / 250}.{host % 250 + 1}\n");
        }
        yaml.Append("containers:\n");
        for (var number = 0; number < hosts * ContainersEach; number++)
        {
            yaml.Append(
                $"  container{number}: {{ host: host{number / ContainersEach + 1}, engine: docker, networks: {{ cont-mgmnt0: 10.{128 + number / 62_500}.{number / 250 % 250}.{number % 250 + 1} }} }}\n"
            );
        }
        return yaml.ToString();
    }
}
