namespace Weft;

/// <summary>What the program's exit tells.</summary>
internal static class ExitCode
{
    /// <summary>Done, or no difference.</summary>
    public const int Done = 0;

    /// <summary>It failed.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage, or an invalid overlay file.</summary>
    public const int Usage = 2;

    /// <summary><c>plan --exit-code</c> found differences.</summary>
    public const int Differences = 3;
}
