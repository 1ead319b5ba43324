using System.Net.Sockets;
using System.Text;

namespace Weft.Agent;

/// <summary>How much a line matters, as syslog(3) counts.</summary>
internal enum Severity
{
    /// <summary>Something is wrong.</summary>
    Error = 3,

    /// <summary>Something may be wrong.</summary>
    Warning = 4,

    /// <summary>Something was done.</summary>
    Info = 6,
}

/// <summary>
/// The agent's log: to the journal, with fields of their own, where the service manager has joined the two
/// (systemd.journal-fields(7), the journal's native protocol); to standard error elsewhere.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string SocketPath = "/run/systemd/journal/socket";

    private readonly Socket? socket;

    /// <summary>Opens it.</summary>
    public Journal()
        : this(Environment.GetEnvironmentVariable, SocketPath) { }

    /// <summary>Opens one that listens elsewhere.</summary>
    /// <param name="variable">Reads what the service manager has left in the environment.</param>
    /// <param name="path">Where the journal listens.</param>
    internal Journal(Func<string, string?> variable, string path)
    {
        if (variable("JOURNAL_STREAM") is not { Length: > 0 } || !File.Exists(path))
        {
            return;
        }
        socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            socket.Dispose();
            socket = null;
        }
    }

    /// <summary>Writes one line.</summary>
    /// <param name="severity">How much it matters.</param>
    /// <param name="message">The line.</param>
    /// <param name="fields">What else there is to know: names in capitals, values.</param>
    public void Write(
        Severity severity,
        string message,
        params ReadOnlySpan<(string Name, string Value)> fields
    )
    {
        if (socket is null)
        {
            Console.Error.WriteLine(message);
            return;
        }
        var entry = new StringBuilder();
        Append("MESSAGE", message);
        Append("PRIORITY", ((int)severity).ToString());
        Append("SYSLOG_IDENTIFIER", "weft");
        foreach (var (name, value) in fields)
        {
            Append($"WEFT_{name}", value);
        }
        try
        {
            socket.Send(Encoding.UTF8.GetBytes(entry.ToString()));
        }
        catch (SocketException)
        {
            Console.Error.WriteLine(message);
        }

        void Append(string name, string value) =>
            entry.Append(name).Append('=').Append(value.ReplaceLineEndings("; ")).Append('\n');
    }

    /// <inheritdoc/>
    public void Dispose() => socket?.Dispose();
}
