using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Reachability;

namespace Weft.Trials;

/// <summary>
/// Finds and checks what a host must not be cut off from: the other hosts, and the administrator's own connection.
/// </summary>
internal static class Lifelines
{
    /// <summary>The name of the administrator's lifeline.</summary>
    public const string Administrator = "you, at";

    // Of each kind: more would tell nothing new.
    private const int MostOfAKind = 32;
    private const int Size = 84;

    /// <summary>
    /// The paths that a tried file leaves unchanged, so that whoever answered before must answer afterwards: the other hosts at
    /// their underlay addresses and at their addresses in networks that this host is in, and the administrator.
    /// </summary>
    /// <param name="before">The overlay in force before; null where there was none.</param>
    /// <param name="tried">The overlay that is tried.</param>
    /// <param name="host">This host.</param>
    /// <param name="connection">The administrator's SSH connection; null if they are at the console.</param>
    /// <returns>Each lifeline as it will be after the change, with the source address that it has before.</returns>
    public static IEnumerable<(Lifeline After, IPAddress From)> Of(
        Overlay? before,
        Overlay tried,
        string host,
        SshLogin? connection
    )
    {
        var former = Find(before, host);
        if (former is not null && Find(tried, host) is { } own)
        {
            var (oldSource, source) = (former.Local ?? former.Address, own.Local ?? own.Address);
            var others = tried.Hosts.Where(other =>
                other.Name != host
                && Find(before, other.Name) is { } same
                && same.Address.Equals(other.Address)
            );
            foreach (var other in others.Take(MostOfAKind))
            {
                yield return (Line($"host {other.Name}", source, other.Address), oldSource);
            }
            foreach (var line in InNetworks(before!, tried, host).Take(MostOfAKind))
            {
                yield return line;
            }
        }
        if (connection is { } ssh && !IPAddress.IsLoopback(ssh.Client))
        {
            yield return (Line(Administrator, ssh.Server, ssh.Client), ssh.Server);
        }
    }

    /// <summary>Asks all at once.</summary>
    /// <param name="lines">The lifelines to ask.</param>
    /// <param name="patience">How long to wait for each.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Those that answered.</returns>
    public static async Task<ImmutableArray<Lifeline>> AnsweringAsync(
        IEnumerable<Lifeline> lines,
        TimeSpan patience,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        var bySource = lines.GroupBy(line => line.From, StringComparer.Ordinal);
        var answered = await Task.WhenAll(bySource.Select(AskAsync));
        return [.. answered.SelectMany(one => one)];

        async Task<IEnumerable<Lifeline>> AskAsync(IGrouping<string, Lifeline> group)
        {
            try
            {
                await using var socket = EchoSocket.Open(null, IPAddress.Parse(group.Key), clock);
                var answers = await Task.WhenAll(
                    group.Select(async line =>
                        (
                            line,
                            await socket.AskAsync(
                                IPAddress.Parse(line.To),
                                Size,
                                patience,
                                cancellationToken
                            )
                        )
                    )
                );
                return answers
                    .Where(answer => answer.Item2.Outcome is Outcome.Reached)
                    .Select(answer => answer.line);
            }
            catch (Exception exception) when (exception is SocketException or Win32Exception)
            {
                // This host does not have the address any more.
                return [];
            }
        }
    }

    /// <summary>
    /// Whether packets of a TCP connection arrive, as far as the kernel knows: whether this host still has the address, and is
    /// not retransmitting without any acknowledgement. A closed connection counts as heard.
    /// </summary>
    public static async Task<bool> IsHeardAsync(
        SshLogin connection,
        CancellationToken cancellationToken
    )
    {
        if (
            !NetworkInterface
                .GetAllNetworkInterfaces()
                .SelectMany(link => link.GetIPProperties().UnicastAddresses)
                .Any(address => address.Address.Equals(connection.Server))
        )
        {
            return false;
        }
        var result = await Tool.RunAsync(
            [
                "ss",
                "--no-header",
                "--tcp",
                "--numeric",
                "--info",
                "src",
                Socket(connection.Server, connection.ServerPort),
                "dst",
                Socket(connection.Client, connection.ClientPort),
            ],
            cancellationToken: cancellationToken
        );
        return !IsUnheard(result.Output);

        static string Socket(IPAddress address, int port) =>
            new IPEndPoint(address, port).ToString();
    }

    /// <summary>Whether ss(8) shows a connection that retransmits at growing intervals because nothing is acknowledged.</summary>
    public static bool IsUnheard(string socket) =>
        socket.Contains(" backoff:", StringComparison.Ordinal);

    private static IEnumerable<(Lifeline, IPAddress)> InNetworks(
        Overlay before,
        Overlay tried,
        string host
    ) =>
        from network in tried.Networks
        let former = before.Networks.FirstOrDefault(one => one.Name == network.Name)
        where former is not null
        from other in network.Hosts
        where other.Host != host
        from address in other.Addresses
        where AddressesOf(former, other.Host).Contains(address)
        let source = Same(AddressesOf(network, host), address)
        let oldSource = Same(AddressesOf(former, host), address)
        where source is not null && oldSource is not null
        select (Line($"host {other.Host} in {network.Name}", source, address), oldSource);

    private static ImmutableArray<IPAddress> AddressesOf(Network network, string host) =>
        network.Hosts.FirstOrDefault(one => one.Host == host)?.Addresses ?? [];

    private static IPAddress? Same(ImmutableArray<IPAddress> addresses, IPAddress other) =>
        addresses.FirstOrDefault(address => address.AddressFamily == other.AddressFamily);

    private static Host? Find(Overlay? overlay, string name) =>
        overlay?.Hosts.FirstOrDefault(host => host.Name == name);

    private static Lifeline Line(string name, IPAddress from, IPAddress to) =>
        new(name, from.ToString(), to.ToString());
}

/// <summary>Tracks for how long each party has been silent.</summary>
internal sealed class Silence(TimeProvider clock)
{
    private readonly Dictionary<string, long> heard = new(StringComparer.Ordinal);

    /// <summary>Records whether a party was heard just now.</summary>
    /// <returns>The time since it was last heard; if it never was, since it was first asked.</returns>
    public TimeSpan Note(string who, bool isHeard)
    {
        if (isHeard || !heard.TryGetValue(who, out var last))
        {
            heard[who] = last = clock.GetTimestamp();
        }
        return clock.GetElapsedTime(last);
    }
}
