using System.Text;

namespace Weft.Rendering;

/// <summary>Writes to a standard stream, as UTF-8; what cannot be written there is somebody's to judge.</summary>
/// <param name="open">Opens the stream; asked once there is something to write.</param>
/// <param name="failed">Told of what could not be written, and why.</param>
internal sealed class StandardWriter(Func<Stream> open, Action<Exception> failed) : TextWriter
{
    /// <summary>
    /// What is copied from a terminal goes into files that are UTF-8, and a locale of another time has no sign for some of it.
    /// </summary>
    public static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    private readonly Lazy<StreamWriter> inner = new(() =>
        new StreamWriter(open(), Utf8)
        {
            // At once: others may write to the same log.
            AutoFlush = true,
        }
    );

    /// <summary>The program's results: that one is lost is a failure.</summary>
    public static StandardWriter ForResults() =>
        new(Console.OpenStandardOutput, exception => throw new ResultLostException(exception));

    /// <summary>All else: an agent whose log is full, is read by nobody, or was closed by whoever started it keeps its host.</summary>
    public static StandardWriter ForWords() => new(Console.OpenStandardError, _ => { });

    /// <inheritdoc/>
    public override Encoding Encoding => Utf8;

    /// <inheritdoc/>
    public override void Write(char value) => Write([value], 0, 1);

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) =>
        Try(() => inner.Value.Write(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(string? value) => Try(() => inner.Value.Write(value));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(() => inner.Value.WriteLine(value));

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            failed(exception);
        }
    }
}

/// <summary>A result that could not be written.</summary>
internal sealed class ResultLostException(Exception cause)
    : IOException(
        $"standard output cannot be written: {(cause.InnerException ?? cause).Message}",
        cause
    );
