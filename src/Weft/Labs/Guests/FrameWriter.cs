namespace Weft.Labs.Guests;

/// <summary>Writes frames to a stream, of which two must not be written at once.</summary>
internal sealed class FrameWriter(Stream stream) : IDisposable
{
    private readonly SemaphoreSlim writing = new(1);

    /// <summary>Writes a frame, after those that are being written.</summary>
    public async Task WriteAsync(
        FrameKind kind,
        ReadOnlyMemory<byte> content,
        CancellationToken cancellationToken
    )
    {
        await writing.WaitAsync(cancellationToken);
        try
        {
            await new Frame(kind, content).WriteAsync(stream, cancellationToken);
        }
        finally
        {
            writing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => writing.Dispose();
}
