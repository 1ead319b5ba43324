namespace Weft.Core.Linux;

/// <summary>
/// Names a file until it replaces another: a name beside that which nobody else uses, so that no file of anybody's is
/// overwritten or removed. <c>NAME.new</c> is what people themselves call the next version.
/// </summary>
internal static class Draft
{
    private const int Digits = 12;

    /// <summary>A path for the draft of a file, which does not exist yet; create it exclusively all the same.</summary>
    public static string PathFor(string path) =>
        Path.Combine(
            Path.GetDirectoryName(path) ?? "",
            $"{Prefix(Path.GetFileName(path))}{$"{Guid.NewGuid():N}"[..Digits]}"
        );

    /// <summary>
    /// Removes the drafts of a file that killed processes have left: others may be able to read them, and they take room. Only
    /// for a caller who knows that nobody else is writing the file.
    /// </summary>
    public static void Sweep(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        foreach (var left in Directory.EnumerateFileSystemEntries(directory))
        {
            if (IsDraft(Path.GetFileName(left), Path.GetFileName(path)))
            {
                File.Delete(left);
            }
        }
    }

    private static string Prefix(string name) => $".{name}.weft-";

    private static bool IsDraft(string name, string of) =>
        name.StartsWith(Prefix(of), StringComparison.Ordinal)
        && name.Length == Prefix(of).Length + Digits
        && name[Prefix(of).Length..].All(char.IsAsciiHexDigitLower);
}
