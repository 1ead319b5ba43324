using System.Diagnostics;
using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>
/// This machine's file system with a layer in memory above it that all writing goes to, and a network of its own: whatever is
/// done in it, with whatever rights, is gone with it.
/// </summary>
internal sealed class ThrowAwayRoot : IAsyncDisposable
{
    private const string Make = """
        mount --make-rprivate /
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/upper /mnt/work /mnt/root
        mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
        mount -t proc proc /mnt/root/proc
        mount -t sysfs sysfs /mnt/root/sys
        mount --rbind /dev /mnt/root/dev
        mount -t tmpfs -o mode=755 tmpfs /mnt/root/run
        mount -t tmpfs -o mode=1777 tmpfs /mnt/root/tmp
        # What was written, to be looked at from inside.
        mkdir /mnt/root/run/written
        mount --bind /mnt/upper /mnt/root/run/written
        echo made
        exec chroot /mnt/root sleep infinity
        """;

    private readonly Process holder;

    private ThrowAwayRoot(Process holder) => this.holder = holder;

    /// <summary>Makes one.</summary>
    public static async Task<ThrowAwayRoot> MakeAsync()
    {
        Needs.ALab();
        var made = Tool.Start([
            "unshare",
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "sh",
            "-euc",
            Make,
        ]);
        if (await made.StandardOutput.ReadLineAsync(Needs.Cancellation) != "made")
        {
            Assert.Fail(await made.StandardError.ReadToEndAsync(Needs.Cancellation));
        }
        return new ThrowAwayRoot(made);
    }

    /// <summary>Runs a script in it, whatever comes of it.</summary>
    /// <param name="script">For <c>sh -eu</c>.</param>
    /// <param name="input">What it reads.</param>
    public Task<ToolResult> TryAsync(string script, ReadOnlyMemory<byte> input = default) =>
        Tool.RunAsync(
            [
                "nsenter",
                $"--target={holder.Id}",
                "--mount",
                "--net",
                "--uts",
                "--ipc",
                "--root",
                "--wd",
                "env",
                "LC_ALL=C.UTF-8",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "sh",
                "-euc",
                script,
            ],
            input,
            cancellationToken: Needs.Cancellation
        );

    /// <summary>Runs a script in it; it must not fail.</summary>
    /// <returns>What it printed, errors last.</returns>
    public async Task<string> RunAsync(string script, ReadOnlyMemory<byte> input = default)
    {
        var result = await TryAsync(script, input);
        Assert.True(result.ExitCode == 0, $"{script}\n{result.Output}{result.Errors}");
        return result.Output + result.Errors;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        ProcessIdentity.Of(holder.Id)?.Send(Libc.SigKill);
        await holder.WaitForExitAsync();
        holder.Dispose();
    }
}
