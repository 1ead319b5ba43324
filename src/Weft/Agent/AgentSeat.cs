using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Weft.Core;
using Weft.Core.Linux;

namespace Weft.Agent;

/// <summary>
/// The place of an overlay's agent on this host, for one agent at most. It is a file that the agent keeps locked while it runs:
/// so others know that there is one, and where it answers, before it does and whatever its socket.
/// </summary>
/// <param name="Overlay">The overlay's name.</param>
/// <param name="Socket">Where its agent answers.</param>
/// <param name="File">The overlay file that its agent keeps.</param>
/// <param name="Version">The agent's version; null of one that is too old to say.</param>
internal sealed record AgentSeat(string Overlay, string Socket, string File, string? Version = null)
{
    private const string HostsOwn = "/run/weft/agents";
    private const string Extension = ".lock";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Takes the place; it is free again when the handle is closed, or the agent has ended in any other way.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="directory">Where the places are.</param>
    /// <exception cref="HostException">Another agent has it, or it cannot be taken.</exception>
    public async Task<SafeFileHandle> TakeAsync(
        CancellationToken cancellationToken,
        string directory = HostsOwn
    )
    {
        var path = PathOf(Overlay, directory);
        try
        {
            Directory.CreateDirectory(directory);
            // Whoever looks whether the place is taken holds it for a moment, and so does a program that an agent was about to
            // start when it was killed.
            for (var left = Patience; ; left -= Pause)
            {
                if (FileLock.TryTake(path) is { } handle)
                {
                    Write(handle);
                    return handle;
                }
                if (left <= TimeSpan.Zero)
                {
                    break;
                }
                await Task.Delay(Pause, cancellationToken);
            }
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new HostException("keeping a host takes root's rights: use sudo", exception);
        }
        catch (IOException exception)
        {
            throw new HostException($"{path} cannot be written: {exception.Message}", exception);
        }
        var answersAt = Taken(directory).FirstOrDefault(seat => seat.Overlay == Overlay)?.Socket;
        throw new HostException(
            $"another agent runs on this host for overlay '{Overlay}'{(answersAt is null ? "" : $" and listens at {answersAt}")}: `systemctl status weft-agent` tells of it if it is the service"
        );
    }

    /// <summary>
    /// Says that an agent is another version than this program, and what to do; null if it is the same. Two that do not plan
    /// alike undo each other's changes for ever.
    /// </summary>
    /// <param name="version">The agent's version; null of one that does not say it.</param>
    public static string? WhyOther(string? version) =>
        version == Self.Version
            ? null
            : $"this host's agent is {(version is null ? "an earlier weft" : $"weft {version}")}, and this is weft {Self.Version}: what one makes the other may take back. `systemctl restart weft-agent` has the agent go on with the weft that is installed";

    /// <summary>Whether an overlay's agent runs, even if it does not answer yet.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="directory">Where the places are.</param>
    public static bool IsTaken(string overlay, string directory = HostsOwn)
    {
        using var handle = FileLock.OpenTaken(PathOf(overlay, directory));
        return handle is not null;
    }

    /// <summary>The agents that run, as far as whoever asks may know.</summary>
    /// <param name="directory">Where the places are.</param>
    public static IReadOnlyList<AgentSeat> Taken(string directory = HostsOwn)
    {
        try
        {
            return Directory.Exists(directory)
                ?
                [
                    .. Directory
                        .GetFiles(directory, $"*{Extension}")
                        .Select(Read)
                        .OfType<AgentSeat>(),
                ]
                : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static string PathOf(string overlay, string directory) =>
        Path.Combine(directory, overlay + Extension);

    private void Write(SafeFileHandle handle)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(this, AgentJsonContext.Default.AgentSeat);
        RandomAccess.Write(handle, text, 0);
        RandomAccess.SetLength(handle, text.Length);
    }

    /// <summary>What the agent in a place has written; null if there is none, or if it is writing this moment.</summary>
    private static AgentSeat? Read(string path)
    {
        using var handle = FileLock.OpenTaken(path);
        if (handle is null)
        {
            return null;
        }
        var text = new byte[RandomAccess.GetLength(handle)];
        try
        {
            return JsonSerializer.Deserialize(
                text.AsSpan(0, RandomAccess.Read(handle, text, 0)),
                AgentJsonContext.Default.AgentSeat
            );
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
