using System.Globalization;
using System.Net;
using Weft.Core.History;

namespace Weft.Trials;

/// <summary>The person who runs this, and their SSH connection.</summary>
/// <param name="User">Their user name before sudo.</param>
/// <param name="Connection">Their SSH connection; null if they did not come over SSH.</param>
internal sealed record Administrator(string User, SshLogin? Connection)
{
    private const int MostAncestors = 64;

    /// <summary>The person who runs this process.</summary>
    public static Administrator Current { get; } =
        new(
            new[] { "SUDO_USER", "USER", "LOGNAME" }
                .Select(Environment.GetEnvironmentVariable)
                .FirstOrDefault(name => !string.IsNullOrEmpty(name))
                ?? Environment.UserName,
            SshLogin.Parse(Environment.GetEnvironmentVariable(SshLogin.Variable) ?? OfAncestors())
        );

    /// <summary>A history entry for what they do now; its file is set by the book that it is added to.</summary>
    /// <param name="did">What they do.</param>
    /// <param name="host">This host's name in the overlay.</param>
    /// <param name="now">The time.</param>
    public HistoryEntry Entry(string did, string host, DateTimeOffset now) =>
        new()
        {
            Time = now,
            Did = did,
            By = User,
            From = Connection?.Client.ToString(),
            Host = host,
        };

    /// <summary>The variable's value in the nearest ancestor process that has it, since sudo removes the variable.</summary>
    private static string? OfAncestors()
    {
        var pid = Environment.ProcessId;
        for (var steps = 0; steps < MostAncestors && pid > 1; steps++)
        {
            try
            {
                var found = File.ReadAllText($"/proc/{pid}/environ")
                    .Split('\0')
                    .FirstOrDefault(variable =>
                        variable.StartsWith($"{SshLogin.Variable}=", StringComparison.Ordinal)
                    );
                if (found is not null)
                {
                    return found[(SshLogin.Variable.Length + 1)..];
                }
                const string Parent = "PPid:";
                pid = int.Parse(
                    File.ReadLines($"/proc/{pid}/status")
                        .First(line => line.StartsWith(Parent, StringComparison.Ordinal))
                        .AsSpan(Parent.Length),
                    NumberStyles.AllowLeadingWhite
                );
            }
            catch (Exception exception)
                when (exception is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
        return null;
    }
}

/// <summary>A connection to this host's SSH server.</summary>
/// <param name="Client">The administrator's address.</param>
/// <param name="ClientPort">Its port.</param>
/// <param name="Server">This host's address.</param>
/// <param name="ServerPort">Its port.</param>
internal sealed record SshLogin(IPAddress Client, int ClientPort, IPAddress Server, int ServerPort)
{
    /// <summary>The variable in which sshd(8) describes the connection.</summary>
    public const string Variable = "SSH_CONNECTION";

    /// <summary>Parses the variable's value; returns null if it is not a connection.</summary>
    public static SshLogin? Parse(string? text) =>
        text?.Split(' ') is [var client, var clientPort, var server, var serverPort]
        && IPAddress.TryParse(client, out var from)
        && IPAddress.TryParse(server, out var to)
        && ushort.TryParse(clientPort, NumberStyles.None, null, out var fromPort)
        && ushort.TryParse(serverPort, NumberStyles.None, null, out var toPort)
            ? new SshLogin(from, fromPort, to, toPort)
            : null;

    /// <summary>Formats the connection as in the variable.</summary>
    public override string ToString() => $"{Client} {ClientPort} {Server} {ServerPort}";
}
