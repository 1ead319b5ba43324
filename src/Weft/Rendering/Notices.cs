namespace Weft.Rendering;

/// <summary>Shows progress that deserves attention, such as waiting for somebody else, as notices.</summary>
internal sealed class Notices(Output terminal) : IProgress<string>
{
    /// <inheritdoc/>
    public void Report(string value) => terminal.Notice(value);
}
