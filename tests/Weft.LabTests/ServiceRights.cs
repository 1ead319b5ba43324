namespace Weft.LabTests;

/// <summary>The rights of root's that the services leave their programs.</summary>
internal static class ServiceRights
{
    /// <summary>What runs a command with no other rights than those that a service's unit gives.</summary>
    public static string Of(string unit) =>
        $"setpriv --no-new-privs --bounding-set -all,{string.Join(',', Bounding(unit)).ToLowerInvariant()}";

    private static IEnumerable<string> Bounding(string unit) =>
        File.ReadLines(Path.Combine(Repository.Root, "src/Weft/Installation", unit))
            .First(line => line.StartsWith("CapabilityBoundingSet=", StringComparison.Ordinal))
            .Split('=')[1]
            .Split(' ')
            .Select(one => one.Replace("CAP_", "+", StringComparison.Ordinal));
}
