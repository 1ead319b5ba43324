using System.Collections.Immutable;

namespace Weft.Core.Overlays;

/// <summary>One thing that is wrong in an overlay file, where, and what to do about it.</summary>
/// <param name="File">The file as the user named it.</param>
/// <param name="Line">The line, from 1; 0 for the file as a whole.</param>
/// <param name="Column">The column in characters (UTF-16 code units), from 1; 0 for the file as a whole.</param>
/// <param name="Message">What is wrong and what to do, in one sentence.</param>
public sealed record Mistake(string File, int Line, int Column, string Message)
{
    /// <summary>The mistake as compilers print theirs: <c>overlay.yaml:14:12: message</c>.</summary>
    public override string ToString() =>
        Line == 0 ? $"{File}: {Message}" : $"{File}:{Line}:{Column}: {Message}";
}

/// <summary>The result of reading an overlay file: an overlay, or at least one mistake, never both.</summary>
/// <param name="Overlay">The overlay; null if there are mistakes.</param>
/// <param name="Mistakes">Every mistake in the file, by position.</param>
public sealed record OverlayReadResult(Overlay? Overlay, ImmutableArray<Mistake> Mistakes);
