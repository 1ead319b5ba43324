namespace Weft.Core.Linux;

/// <summary>Which start of this machine's kernel this is (random(4)).</summary>
internal static class Boot
{
    /// <summary>Its identity, which no other start has.</summary>
    public static string Id { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}
