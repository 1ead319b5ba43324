using BenchmarkDotNet.Attributes;
using Weft.Ovsdb;

namespace Weft.Bench;

/// <summary>Runs transactions against a live server; the baseline is what a script does: one ovsdb-client for each.</summary>
public class TransactionBenchmarks
{
    private const int Pipelined = 200;
    private const int Rows = 100;

    private BenchServer _server = null!;
    private OvsdbClient _client = null!;

    private static readonly IReadOnlyList<Operation> s_one =
    [
        new Mutate("counter", [], [new Mutation("n", Mutator.Add, 1)]),
    ];

    [GlobalSetup]
    public async Task StartAsync()
    {
        _server = new BenchServer();
        _client = await OvsdbClient.ConnectAsync(_server.Remote);
        await _client.TransactAsync(
            BenchServer.Database,
            [new Insert("counter", new Row { ["n"] = 0 })]
        );
    }

    [GlobalCleanup]
    public async Task EndAsync()
    {
        await _client.DisposeAsync();
        _server.Dispose();
    }

    [Benchmark(Baseline = true, Description = "a transaction by ovsdb-client")]
    public void ByTool() =>
        BenchServer.Run(
            "ovsdb-client",
            "transact",
            _server.Remote,
            """["bench",{"op":"mutate","table":"counter","where":[],"mutations":[["n","+=",1]]}]"""
        );

    [Benchmark(Description = "a transaction")]
    public Task One() => _client.TransactAsync(BenchServer.Database, s_one);

    [Benchmark(OperationsPerInvoke = Pipelined, Description = "a transaction of 200 pipelined")]
    public Task Many() =>
        Task.WhenAll(
            Enumerable
                .Range(0, Pipelined)
                .Select(_ => _client.TransactAsync(BenchServer.Database, s_one))
        );

    [Benchmark(
        OperationsPerInvoke = Rows,
        Description = "a row of 100 in a transaction, and its deletion"
    )]
    public Task ManyRows() =>
        _client.TransactAsync(
            BenchServer.Database,
            [
                .. Enumerable
                    .Range(0, Rows)
                    .Select(
                        Operation (i) =>
                            new Insert("thing", new Row { ["name"] = $"row {i}", ["number"] = i })
                    ),
                new Delete("thing", []),
            ]
        );
}
