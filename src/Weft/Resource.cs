using System.Reflection;

namespace Weft;

/// <summary>The files that the program carries inside itself.</summary>
internal static class Resource
{
    /// <summary>The text of one of them.</summary>
    public static string Text(string name)
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(resource);
        return reader.ReadToEnd();
    }
}
