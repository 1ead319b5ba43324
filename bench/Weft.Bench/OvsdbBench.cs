using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;

namespace Weft.Bench;

/// <summary>Measures the database client against a real server, compared with Open vSwitch's own client.</summary>
internal static class OvsdbBench
{
    public static void Run()
    {
        // In this process: exchanges with a server are measured, and building each benchmark separately would take longer than
        // all of them.
        var config = ManualConfig
            .CreateEmpty()
            .WithArtifactsPath("artifacts/bench")
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

        foreach (
            var benchmark in (Type[])
                [
                    typeof(TransactionBenchmarks),
                    typeof(ReplicaBenchmarks),
                    typeof(FramingBenchmarks),
                ]
        )
        {
            BenchmarkRunner.Run(benchmark, config);
        }
    }
}
