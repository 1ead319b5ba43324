using System.Collections.Immutable;
using Weft.Core.Importing;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;

namespace Weft.Core.Execution;

/// <summary>
/// Writes the key that tunnels have in Open vSwitch's database, where everybody on the host can read it, into a file.
/// </summary>
public static class KeyMover
{
    /// <summary>Writes the key file, unless there is one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reading">What the host looks like.</param>
    /// <param name="switch">What its tunnels have.</param>
    /// <returns>What the host looks like with the file, and whether it was written.</returns>
    /// <exception cref="HostException">The file cannot be read or written.</exception>
    public static (HostReading Reading, bool IsNew) Move(
        string path,
        HostReading reading,
        SwitchObservation @switch
    )
    {
        var keys = @switch
            .Ports.Values.SelectMany(port => port.Interfaces)
            .Select(row => row.Key)
            .OfType<Secret>()
            .Distinct()
            .ToImmutableArray();
        if (keys is not [var key])
        {
            return (reading, false);
        }
        var there = PrivateDirectory.ReadSecret(path)?.Trim();
        if (there is null)
        {
            PrivateDirectory.Make(Path.GetDirectoryName(path)!);
            KeyFileWriter.Write(path, keys);
        }
        return (
            reading with
            {
                HasKeyFile = there is null || Secret.OfText(there).Equals(key),
                HasShortKey = key.Reveal().Length < CredentialsReader.LeastKeyBytes,
            },
            there is null
        );
    }
}
