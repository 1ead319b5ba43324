using System.Text;

namespace Weft.Rendering;

/// <summary>Writes as long as it can: what cannot be written is lost, and its writer goes on.</summary>
/// <param name="open">Where to; asked once there is something to write.</param>
internal sealed class LastingWriter(Func<TextWriter> open) : TextWriter
{
    private readonly Lazy<TextWriter> inner = new(open);

    /// <inheritdoc/>
    public override Encoding Encoding => inner.Value.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Write([value], 0, 1);

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) =>
        Try(() => inner.Value.Write(buffer, index, count));

    /// <inheritdoc/>
    public override void WriteLine(string? value) =>
        // At once: others may write to the same log.
        Try(() => inner.Value.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush()
    {
        if (inner.IsValueCreated)
        {
            Try(inner.Value.Flush);
        }
    }

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A full disk, a log that nobody reads, or a stream that whoever started this has closed.
        }
    }
}
