using System.Globalization;
using System.Net;
using Weft.Core.History;

namespace Weft.Trials;

/// <summary>Who runs this, and by which connection.</summary>
/// <param name="User">The name that they had before sudo.</param>
/// <param name="Connection">The SSH connection that they came by; null where they did not.</param>
internal sealed record Administrator(string User, SshLogin? Connection)
{
    private const int MostAncestors = 64;

    /// <summary>Who runs this.</summary>
    public static Administrator Current { get; } =
        new(
            new[] { "SUDO_USER", "USER", "LOGNAME" }
                .Select(Environment.GetEnvironmentVariable)
                .FirstOrDefault(name => !string.IsNullOrEmpty(name))
                ?? Environment.UserName,
            SshLogin.Parse(Environment.GetEnvironmentVariable(SshLogin.Variable) ?? OfAncestors())
        );

    /// <summary>An entry of what they do now, applied to stay; its file is named by the book that it comes into.</summary>
    /// <param name="did">What they do.</param>
    /// <param name="host">Which of the overlay's hosts this is.</param>
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

    /// <summary>The connection as the nearest process before this one has it that has one: sudo takes the variable away.</summary>
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
/// <param name="Client">The administrator's end.</param>
/// <param name="ClientPort">Its port.</param>
/// <param name="Server">This host's end.</param>
/// <param name="ServerPort">Its port.</param>
internal sealed record SshLogin(IPAddress Client, int ClientPort, IPAddress Server, int ServerPort)
{
    /// <summary>The variable that sshd(8) says it in.</summary>
    public const string Variable = "SSH_CONNECTION";

    /// <summary>Reads what the variable holds; null where it holds no connection.</summary>
    public static SshLogin? Parse(string? text) =>
        text?.Split(' ') is [var client, var clientPort, var server, var serverPort]
        && IPAddress.TryParse(client, out var from)
        && IPAddress.TryParse(server, out var to)
        && ushort.TryParse(clientPort, NumberStyles.None, null, out var fromPort)
        && ushort.TryParse(serverPort, NumberStyles.None, null, out var toPort)
            ? new SshLogin(from, fromPort, to, toPort)
            : null;

    /// <summary>The connection as the variable holds it.</summary>
    public override string ToString() => $"{Client} {ClientPort} {Server} {ServerPort}";
}
