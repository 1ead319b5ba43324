namespace Weft.Health;

/// <summary>What a check has found.</summary>
/// <param name="What">What was looked at, in two or three words.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Words">What was seen, and what to do about it where something is wrong.</param>
internal sealed record Finding(string What, Verdict Verdict, string Words);

/// <summary>How something is.</summary>
internal enum Verdict
{
    /// <summary>As it should be.</summary>
    Well,

    /// <summary>It may do harm, or could not be looked at.</summary>
    Doubtful,

    /// <summary>It keeps the overlay from working.</summary>
    Wrong,
}
