namespace Weft.Core.Overlays;

/// <summary>What interfaces inside containers are called where the file does not say it.</summary>
internal static class InterfaceNames
{
    /// <summary>eth1, eth2 and so on, without those that are taken; eth0 is left to the engine's own network.</summary>
    public static IEnumerable<string> Free(IEnumerable<string> taken)
    {
        var others = taken.ToHashSet(StringComparer.Ordinal);
        for (var number = 1; ; number++)
        {
            var name = $"eth{number}";
            if (!others.Contains(name))
            {
                yield return name;
            }
        }
    }
}
