using System.Collections.Immutable;
using System.Text;
using Weft.Core.Ipsec;
using Weft.Core.Linux;

namespace Weft.Core.Execution;

/// <summary>Writes the file that holds the keys that hosts share.</summary>
public static class KeyFileWriter
{
    /// <summary>Puts keys into a file atomically: whenever this is killed, the file has the old ones or the new ones.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keys">The keys, one on a line.</param>
    /// <exception cref="HostException">It cannot be written, or others may write to its directory.</exception>
    public static void Write(string path, ImmutableArray<Secret> keys)
    {
        var name = Path.GetFileName(path);
        using var directory = PrivateDirectory.Open(Path.GetDirectoryName(path)!);
        try
        {
            Draft.Sweep(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"{path} cannot be written: {exception.Message}", exception);
        }
        var next = Path.GetFileName(Draft.PathFor(path));
        try
        {
            directory.Write(
                next,
                string.Concat(keys.Select(key => $"{Encoding.UTF8.GetString(key.Reveal())}\n"))
            );
            directory.Rename(next, name);
        }
        catch (HostException)
        {
            directory.Remove(next);
            throw;
        }
    }
}
