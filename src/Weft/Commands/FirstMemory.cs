namespace Weft.Commands;

/// <summary>
/// Spares short commands the garbage collector: one that looks at a host once, changes it and ends is over before a collection
/// is worth it. The program's settings are for the agent, which lives for months: with them it collects each 4 MB, and asks the
/// kernel for memory by 64 KB.
/// </summary>
internal static class FirstMemory
{
    // A plan for a host of 500 takes about as much; only what is used of it becomes resident.
    private const long Bytes = 48 << 20;

    // With so little there is nothing to collect before the end, and asking for the memory is itself a collection.
    private const int Little = 4096;

    /// <summary>
    /// Lets so much be allocated before the next collection; a command that needs more is collected as before from then on.
    /// </summary>
    /// <param name="bytes">How long the overlay file is.</param>
    public static void Take(int bytes)
    {
        if (bytes <= Little)
        {
            return;
        }
        try
        {
            GC.TryStartNoGCRegion(Bytes);
        }
        catch (ArgumentOutOfRangeException)
        {
            // The machine, or the container that this runs in, has not so much.
        }
    }
}
