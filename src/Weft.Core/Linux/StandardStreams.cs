namespace Weft.Core.Linux;

/// <summary>The three streams that every program begins with.</summary>
internal static class StandardStreams
{
    /// <summary>The descriptor of standard input.</summary>
    public const int Input = 0;

    private const int Output = 1;
    private const nint Errors = 2;

    /// <summary>
    /// Whether somebody may still read standard output: not so once nobody has the other end of its pipe. .NET ignores the
    /// signal that would end the program then (SIGPIPE), and its console takes what is written for read.
    /// </summary>
    public static bool IsOutputRead
    {
        get
        {
            var request = new Libc.PollRequest { Descriptor = Output };
            return Libc.Poll(ref request, 1, timeout: 0) <= 0
                || (request.Answer & (Libc.PollError | Libc.PollHangUp)) == 0;
        }
    }

    /// <summary>
    /// Opens /dev/null in place of each stream that whoever started this program has closed: the next file or socket would
    /// otherwise get the stream's number, and what is meant for it.
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
