namespace Weft.Rendering;

/// <summary>Progress whose steps deserve attention, such as waiting for somebody else.</summary>
internal sealed class Notices(Output terminal) : IProgress<string>
{
    /// <inheritdoc/>
    public void Report(string value) => terminal.Notice(value);
}
