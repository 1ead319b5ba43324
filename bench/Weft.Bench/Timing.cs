using System.Diagnostics;

namespace Weft.Bench;

/// <summary>The times that one thing took, in milliseconds.</summary>
internal sealed class Timing(string what)
{
    private readonly List<double> times = [];

    public string What => what;

    public double Median
    {
        get
        {
            var sorted = times.Order().ToList();
            return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
        }
    }

    /// <summary>Runs the work once and adds its time.</summary>
    public async Task MeasureAsync(Func<Task> work)
    {
        var started = Stopwatch.GetTimestamp();
        await work();
        times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    /// <summary>Adds a time in milliseconds.</summary>
    public void Add(double milliseconds) => times.Add(milliseconds);

    /// <summary>Prints the timings of one run, each as a ratio to the first.</summary>
    public static void Print(string title, IReadOnlyList<Timing> timings)
    {
        Console.WriteLine(title);
        var reference = timings[0].Median;
        foreach (var timing in timings)
        {
            Console.WriteLine(
                $"  {timing.What, -52} {timing.Median, 10:0.0} ms  {timing.Median / reference, 8:0.00} ×   (of {timing.times.Count}: {timing.times.Min():0.0} to {timing.times.Max():0.0})"
            );
        }
        Console.WriteLine();
    }
}
