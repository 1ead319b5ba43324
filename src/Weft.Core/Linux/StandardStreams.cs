namespace Weft.Core.Linux;

/// <summary>The three streams that every program begins with.</summary>
internal static class StandardStreams
{
    private const nint Errors = 2;

    /// <summary>
    /// Puts what neither gives nor takes anything in place of those that whoever started this program has closed: the next file or
    /// socket that is opened would have their numbers, and get what is meant for them.
    /// </summary>
    public static void Fill()
    {
        nint opened;
        do
        {
            // Each time the lowest number that is free (open(2)).
            opened = Libc.Open("/dev/null", Libc.OpenToRead);
        } while (opened is >= 0 and <= Errors);
        _ = Libc.Close(opened);
    }
}
