using Microsoft.Win32.SafeHandles;
using Weft.Core.Linux;

namespace Weft.Core.Tests.Linux;

public sealed class HostLockTests : IDisposable
{
    private readonly string path = Path.Combine(
        Path.GetTempPath(),
        $"weft-lock-{Guid.NewGuid():N}"
    );

    public void Dispose() => File.Delete(path);

    [Fact]
    public async Task A_turn_after_ones_own_is_the_next_and_after_somebody_elses_is_not()
    {
        var first = await TurnAsync();
        Assert.Equal(first + 1, await TurnAsync());
        await TurnAsync();
        Assert.NotEqual(first + 2, await TurnAsync());
    }

    [Fact]
    public async Task Who_waits_is_told_once_and_has_the_next_turn()
    {
        var told = new Told();
        long held;
        Task<SafeFileHandle> next;
        using (var mine = await TakeAsync())
        {
            held = HostLock.TurnOf(mine);
            next = TakeAsync(told);
            await told.Once.WaitAsync(TestContext.Current.CancellationToken);
            Assert.False(next.IsCompleted);
        }
        using var theirs = await next;
        Assert.Equal(["another weft is changing this host: waiting for it"], told.Words);
        Assert.Equal(held + 1, HostLock.TurnOf(theirs));
    }

    [Fact]
    public async Task Who_has_little_patience_is_told_by_whom_it_was_spent()
    {
        using var mine = await TakeAsync();
        var exception = await Assert.ThrowsAsync<HostException>(() =>
            HostLock.TakeAsync(
                progress: null,
                TestContext.Current.CancellationToken,
                path,
                TimeSpan.FromMilliseconds(1)
            )
        );
        Assert.StartsWith("another weft has been changing this host for 0 s", exception.Message);
    }

    [Fact]
    public async Task Nobody_else_may_open_it_and_so_hold_it()
    {
        await File.WriteAllTextAsync(path, "", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await TurnAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    private async Task<long> TurnAsync()
    {
        using var held = await TakeAsync();
        return HostLock.TurnOf(held);
    }

    private Task<SafeFileHandle> TakeAsync(IProgress<string>? progress = null) =>
        HostLock.TakeAsync(progress, TestContext.Current.CancellationToken, path);

    private sealed class Told : IProgress<string>
    {
        private readonly TaskCompletionSource once = new();

        public List<string> Words { get; } = [];

        public Task Once => once.Task;

        public void Report(string value)
        {
            Words.Add(value);
            once.TrySetResult();
        }
    }
}
