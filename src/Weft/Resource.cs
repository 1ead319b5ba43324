using System.Reflection;

namespace Weft;

/// <summary>The files that the program carries inside itself.</summary>
internal static class Resource
{
    /// <summary>One of them.</summary>
    public static Stream Open(string name) =>
        Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;

    /// <summary>The text of one of them.</summary>
    public static string Text(string name)
    {
        using var reader = new StreamReader(Open(name));
        return reader.ReadToEnd();
    }
}
