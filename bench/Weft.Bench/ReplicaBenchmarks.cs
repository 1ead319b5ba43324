using BenchmarkDotNet.Attributes;
using Weft.Ovsdb;

namespace Weft.Bench;

/// <summary>Builds a replica of 10,000 rows from nothing; the baseline is ovsdb-client dumping the same table.</summary>
public class ReplicaBenchmarks
{
    private const int Rows = 10_000;

    private BenchServer _server = null!;

    [GlobalSetup]
    public async Task StartAsync()
    {
        _server = new BenchServer();
        await using var client = await OvsdbClient.ConnectAsync(_server.Remote);
        for (var i = 0; i < Rows; i += 1000)
        {
            await client.TransactAsync(
                BenchServer.Database,
                [
                    .. Enumerable
                        .Range(i, 1000)
                        .Select(
                            Operation (n) =>
                                new Insert(
                                    "thing",
                                    new Row
                                    {
                                        ["name"] = $"row {n}",
                                        ["number"] = n,
                                        ["map"] = Datum.Map(("weft", "bench"), ("n", $"{n}")),
                                    }
                                )
                        ),
                ]
            );
        }
    }

    [GlobalCleanup]
    public void End() => _server.Dispose();

    [Benchmark(Baseline = true, Description = "10,000 rows by ovsdb-client dump")]
    public void ByTool() =>
        BenchServer.Run(
            "ovsdb-client",
            "--format=json",
            "dump",
            _server.Remote,
            BenchServer.Database,
            "thing"
        );

    [Benchmark(Description = "connect, and a replica of 10,000 rows")]
    public async Task<int> CatchUp()
    {
        await using var client = await OvsdbClient.ConnectAsync(_server.Remote);
        await using var replica = await client.MonitorAsync(
            BenchServer.Database,
            MonitorSpec.Of(new TableMonitor("thing"))
        );
        var rows = replica.Snapshot["thing"].Count;
        return rows == Rows
            ? rows
            : throw new InvalidOperationException($"{rows} rows instead of {Rows}");
    }
}
