using System.Text;

namespace Weft.Trials;

/// <summary>Writes as long as it can: what cannot be written is lost, and its writer goes on.</summary>
/// <param name="inner">Where to.</param>
internal sealed class LastingWriter(TextWriter inner) : TextWriter
{
    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Write([value], 0, 1);

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count)
    {
        try
        {
            inner.Write(buffer, index, count);
        }
        catch (IOException)
        {
            // A full disk, or a log that nobody reads.
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (IOException)
        {
            // As above.
        }
    }
}
