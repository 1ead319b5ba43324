namespace Weft.Core.Linux;

/// <summary>Identifies the current boot of this machine (random(4)).</summary>
internal static class Boot
{
    /// <summary>The identity, which no other boot has.</summary>
    public static string Id { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}
