using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;
using Weft.Bench;

// In this process: what is measured are exchanges with a server, and a build for each benchmark would take longer than all of them.
var config = ManualConfig
    .CreateEmpty()
    .AddColumnProvider(
        DefaultColumnProviders.Descriptor,
        DefaultColumnProviders.Params,
        DefaultColumnProviders.Statistics,
        DefaultColumnProviders.Metrics
    )
    .AddColumn(StatisticColumn.Median, BaselineRatioColumn.RatioMean)
    .AddLogger(ConsoleLogger.Default)
    .AddDiagnoser(BenchmarkDotNet.Diagnosers.MemoryDiagnoser.Default)
    .WithSummaryStyle(SummaryStyle.Default.WithTimeUnit(TimeUnit.Microsecond))
    .AddJob(
        Job.Default.WithToolchain(
                new InProcessNoEmitToolchain(TimeSpan.FromMinutes(2), logOutput: false)
            )
            .WithWarmupCount(2)
            .WithIterationCount(6)
            .WithIterationTime(TimeInterval.FromMilliseconds(300))
    );

Type[] benchmarks = args switch
{
    ["ovsdb"] =>
    [
        typeof(TransactionBenchmarks),
        typeof(ReplicaBenchmarks),
        typeof(FramingBenchmarks),
    ],
    _ => [],
};
if (benchmarks.Length == 0)
{
    await Console.Error.WriteLineAsync("usage: Weft.Bench ovsdb");
    return 2;
}
foreach (var benchmark in benchmarks)
{
    BenchmarkRunner.Run(benchmark, config);
}
return 0;
