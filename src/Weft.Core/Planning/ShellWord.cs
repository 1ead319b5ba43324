namespace Weft.Core.Planning;

/// <summary>Writes words so that a shell leaves them whole: links may be called <c>a;b</c>.</summary>
internal static class ShellWord
{
    /// <summary>The word, within single quotes unless it is plain.</summary>
    public static string Quote(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || "_-./:=,@%+".Contains(c))
            ? word
            : $"'{word.Replace("'", @"'\''")}'";
}
