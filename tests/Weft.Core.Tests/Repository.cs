namespace Weft.Core.Tests;

/// <summary>Files of the repository that tests read, where they stand.</summary>
internal static class Repository
{
    private static readonly string Root = Above(AppContext.BaseDirectory);

    public static string PathOf(string path) => Path.Combine(Root, path);

    public static string Read(string path) => File.ReadAllText(PathOf(path));

    /// <summary>
    /// Holds that a generated text in the repository is what the code generates now. With WEFT_UPDATE=1 in the
    /// environment it writes the file instead.
    /// </summary>
    public static void AssertIsCurrent(string path, string expected)
    {
        if (Environment.GetEnvironmentVariable("WEFT_UPDATE") == "1")
        {
            File.WriteAllText(PathOf(path), expected);
        }
        Assert.True(
            Read(path) == expected,
            $"{path} is not what the code generates: run this test with WEFT_UPDATE=1 and commit the file"
        );
    }

    private static string Above(string directory) =>
        File.Exists(Path.Combine(directory, "weft.slnx"))
            ? directory
            : Above(
                Path.GetDirectoryName(directory)
                    ?? throw new InvalidOperationException(
                        "the tests do not run inside the repository"
                    )
            );
}
