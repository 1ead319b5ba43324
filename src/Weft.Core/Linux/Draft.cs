namespace Weft.Core.Linux;

/// <summary>
/// What a file is called until it takes the place of the one that it replaces: a name beside it that nobody else gives, so
/// that no file of anybody's is ever written over or removed. <c>NAME.new</c> is what people call the next one themselves.
/// </summary>
internal static class Draft
{
    private const int Digits = 12;

    /// <summary>A path for the draft of a file, which nobody has yet; it is to be created exclusively all the same.</summary>
    public static string PathFor(string path) =>
        Path.Combine(
            Path.GetDirectoryName(path) ?? "",
            $"{Prefix(Path.GetFileName(path))}{$"{Guid.NewGuid():N}"[..Digits]}"
        );

    /// <summary>
    /// Removes the drafts of a file that processes have left which were killed: they may be anybody's to read, and take room.
    /// Only for who knows that nobody else is writing the file.
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
