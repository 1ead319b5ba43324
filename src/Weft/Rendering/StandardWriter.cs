using System.Text;

namespace Weft.Rendering;

/// <summary>Writes UTF-8 to a standard stream, with a handler for failures.</summary>
/// <param name="open">Opens the stream; called when there is something to write.</param>
/// <param name="failed">Called with the exception when writing fails.</param>
internal sealed class StandardWriter(Func<Stream> open, Action<Exception> failed) : TextWriter
{
    /// <summary>
    /// UTF-8 whatever the locale: output is copied into files that are UTF-8, and an old locale lacks some of the characters.
    /// </summary>
    public static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    private readonly Lazy<StreamWriter> inner = new(() =>
        new StreamWriter(open(), Utf8)
        {
            // Not buffered: others may write to the same log.
            AutoFlush = true,
        }
    );

    /// <summary>Writes the program's results, where a failure to write is an error.</summary>
    public static StandardWriter ForResults() =>
        new(Console.OpenStandardOutput, exception => throw new ResultLostException(exception));

    /// <summary>Writes everything else. Failures are ignored: an agent goes on even if its log is full or closed.</summary>
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
