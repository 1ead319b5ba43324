namespace Weft.Core.Overlays;

/// <summary>Default names for interfaces inside containers.</summary>
internal static class InterfaceNames
{
    /// <summary>Yields eth1, eth2 and so on, except those taken; eth0 is left to the engine's own network.</summary>
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
