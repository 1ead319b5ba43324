using System.Diagnostics;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>
/// Starts the process that will hold a part of a lab. The process makes nothing before it reads a line, and ends if none comes:
/// it can be recorded first, so that whoever removes the lab later finds it.
/// </summary>
internal sealed class Holder : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly string what;

    private Holder(Process process, string what)
    {
        this.process = process;
        this.what = what;
        Identity =
            ProcessIdentity.Of(process.Id)
            ?? throw new LabException($"{what}: its process ended as soon as it was started");
    }

    /// <summary>The process, which waits.</summary>
    public ProcessIdentity Identity { get; }

    /// <summary>Starts the process.</summary>
    /// <param name="what">What it will hold, for messages.</param>
    /// <param name="script">The script that it runs.</param>
    /// <param name="arguments">The script's arguments.</param>
    public static Holder Start(string what, string script, params IEnumerable<string> arguments) =>
        new(Tool.Start(["sh", script, .. arguments]), what);

    /// <summary>Gives the process that line and waits until it has made what it holds.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="word">The line: for the script, what was not known yet when it was started.</param>
    /// <returns>Both processes.</returns>
    /// <exception cref="LabException">It could not be made.</exception>
    public async Task<HeldProcess> GoAsync(CancellationToken cancellationToken, string word = "go")
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            await process.StandardInput.WriteLineAsync(word.AsMemory(), deadline.Token);
            process.StandardInput.Close();
            while (await process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
            {
                if (line.StartsWith("ready ", StringComparison.Ordinal))
                {
                    return new HeldProcess(
                        Identity,
                        ProcessIdentity.Parse(line["ready ".Length..])
                    );
                }
            }
        }
        catch (IOException)
        {
            // It ended before it read the line: reported below.
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LabException($"{what} was not made within {Patience.TotalSeconds} s");
        }
        var errors = await process.StandardError.ReadToEndAsync(cancellationToken);
        throw new LabException($"{what} could not be made: {errors.Trim()}");
    }

    /// <summary>Ends both processes and waits until they, and with them all that they hold, are gone.</summary>
    /// <exception cref="LabException">They do not end.</exception>
    public static async Task EndAsync(HeldProcess held, CancellationToken cancellationToken)
    {
        // A stopped holder forks no more: the children that it has now are all there will be.
        held.Holder.Send(Libc.SigStop);
        ProcessIdentity[] all = [.. held.Holder.IsAlive ? held.Holder.Children() : [], held.Holder];
        if (held.Init is { } init)
        {
            all = [init, .. all];
        }
        foreach (var one in all)
        {
            one.Send(Libc.SigKill);
        }
        var started = Stopwatch.GetTimestamp();
        while (Array.Find(all, one => one.IsAlive) is { Pid: not 0 } left)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new LabException(
                    $"process {left.Pid} was killed and is still there after {Patience.TotalSeconds} s: look for what it waits for in /proc/{left.Pid}/stack"
                );
            }
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }
    }

    /// <summary>Closes the pipes; a process that was never given its line then ends.</summary>
    public void Dispose()
    {
        process.StandardInput.Dispose();
        process.Dispose();
    }
}
