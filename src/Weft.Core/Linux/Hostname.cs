namespace Weft.Core.Linux;

/// <summary>What this machine is called.</summary>
internal static class Hostname
{
    /// <summary>What <c>hostname</c> prints, dots and all: <see cref="Environment.MachineName"/> ends at the first.</summary>
    public static string Own => File.ReadAllText("/proc/sys/kernel/hostname").TrimEnd();

    /// <summary>What a machine is called without its domain.</summary>
    public static string WithoutDomain(string name) => name.Split('.')[0];

    /// <summary>Whether this is the machine of that name, with its domain or without.</summary>
    public static bool IsCalled(string name) => name == Own || name == WithoutDomain(Own);
}
