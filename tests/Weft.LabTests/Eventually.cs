using System.Diagnostics;

namespace Weft.LabTests;

/// <summary>Awaits what comes in its own time, with a deadline for a machine that is busy.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static Task IsAsync(Func<bool> condition) => IsAsync(() => Task.FromResult(condition()));

    public static async Task IsAsync(
        Func<Task<bool>> condition,
        Func<string>? otherwise = null,
        TimeSpan? within = null
    )
    {
        var deadline = within ?? Deadline;
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(
                Stopwatch.GetElapsedTime(started) < deadline,
                $"not within {deadline.TotalSeconds} s: {otherwise?.Invoke()}"
            );
            await Task.Delay(50, Needs.Cancellation);
        }
    }
}
