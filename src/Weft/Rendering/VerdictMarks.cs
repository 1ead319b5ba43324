using Weft.Health;

namespace Weft.Rendering;

/// <summary>What stands before a line with a verdict.</summary>
internal static class VerdictMarks
{
    extension(Verdict verdict)
    {
        /// <summary>A sign in its colour, as markup.</summary>
        public string Mark =>
            verdict switch
            {
                Verdict.Well => "[green]✓[/]",
                Verdict.Doubtful => "[yellow]![/]",
                _ => "[red]✗[/]",
            };
    }
}
