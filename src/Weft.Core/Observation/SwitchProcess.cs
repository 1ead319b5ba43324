using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>The host's ovs-vswitchd, as a process: the database still says what it did after it has died.</summary>
internal static class SwitchProcess
{
    /// <summary>Says that none runs, and what to do.</summary>
    public static string Absence => $"{Name} does not run: {HostServices.Here.StartSwitch}";

    private const string Name = "ovs-vswitchd";
    private const string PidFile = $"/run/openvswitch/{Name}.pid";

    /// <summary>The process; null where none runs.</summary>
    public static ProcessIdentity? Find() =>
        // The file outlives a killed process, whose number another may have by then.
        ProcessIdentity.OfPidFile(PidFile)
            is { IsAlive: true } process
        && NameOf(process) == Name
            ? process
            : null;

    private static string? NameOf(ProcessIdentity process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Pid}/comm").TrimEnd('\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
