using System.CommandLine.Completions;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>The names of the labs on this machine, for the shell to complete.</summary>
internal static class LabNames
{
    /// <summary>All of them.</summary>
    public static IEnumerable<CompletionItem> Complete(CompletionContext context) =>
        LabDirectory.All().Select(lab => new CompletionItem(lab.Name));
}
