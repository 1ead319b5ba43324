using System.Globalization;
using System.Net;
using System.Text;

namespace Weft.Ovsdb;

/// <summary>The connection method of a remote.</summary>
public enum RemoteKind
{
    /// <summary>A Unix domain socket.</summary>
    Unix,

    /// <summary>TCP, unencrypted.</summary>
    Tcp,

    /// <summary>TLS over TCP.</summary>
    Ssl,
}

/// <summary>The address of a server, in Open vSwitch's syntax (ovsdb(7), "Connection Methods").</summary>
public sealed record Remote
{
    /// <summary>The port that IANA assigned to OVSDB (RFC 7047, section 8).</summary>
    public const int DefaultPort = 6640;

    // sizeof(sockaddr_un.sun_path) less the terminating zero.
    private const int MaxPathBytes = 107;

    // The longest name in DNS (RFC 1035, section 2.3.4), and the longest that .NET resolves.
    private const int MaxHostLength = 255;

    private Remote(RemoteKind kind, string address, int port)
    {
        Kind = kind;
        Address = address;
        Port = port;
    }

    /// <summary>The connection method.</summary>
    public RemoteKind Kind { get; }

    /// <summary>The socket's path, or the IP address or host name (an IPv6 address without brackets).</summary>
    public string Address { get; }

    /// <summary>The port, 1 to 65535; 0 for a Unix domain socket.</summary>
    public int Port { get; }

    /// <summary>
    /// Parses <c>unix:PATH</c>, <c>tcp:HOST[:PORT]</c> or <c>ssl:HOST[:PORT]</c>; an IPv6 address is written in brackets.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="FormatException">The text is malformed; the message says what is wrong.</exception>
    public static Remote Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (kind, rest) = colon < 0 ? ("", text) : (text[..colon], text[(colon + 1)..]);
        return kind switch
        {
            "unix" => Unix(rest),
            "tcp" => Network(RemoteKind.Tcp, rest, text),
            "ssl" => Network(RemoteKind.Ssl, rest, text),
            _ => throw Wrong(text, "write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT"),
        };
    }

    /// <summary>Parses several remotes separated by commas, as <c>ovs-vsctl --db</c> accepts them.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The remotes, at least one.</returns>
    /// <exception cref="FormatException">One of them is malformed.</exception>
    public static IReadOnlyList<Remote> ParseList(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return
        [
            .. text.Split(
                    ',',
                    StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
                )
                .DefaultIfEmpty(text)
                .Select(Parse),
        ];
    }

    /// <summary>A Unix domain socket.</summary>
    /// <param name="path">Its path, at most 107 bytes long.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="FormatException">The path is empty or too long.</exception>
    public static Remote Unix(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.Length == 0 ? throw Wrong("unix:", "the path of the socket is missing")
            : Encoding.UTF8.GetByteCount(path) > MaxPathBytes
                ? throw Wrong(
                    $"unix:{path}",
                    $"the kernel takes at most {MaxPathBytes} bytes: use a shorter path or a symbolic link"
                )
            : new(RemoteKind.Unix, path, 0);
    }

    /// <summary>TCP, unencrypted.</summary>
    /// <param name="host">An IP address or a host name.</param>
    /// <param name="port">The port, 1 to 65535.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="ArgumentException">The host is empty or longer than 255 characters.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is out of range.</exception>
    public static Remote Tcp(string host, int port = DefaultPort) =>
        Network(RemoteKind.Tcp, host, port);

    /// <summary>TLS over TCP.</summary>
    /// <param name="host">An IP address or a host name.</param>
    /// <param name="port">The port, 1 to 65535.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="ArgumentException">The host is empty or longer than 255 characters.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is out of range.</exception>
    public static Remote Ssl(string host, int port = DefaultPort) =>
        Network(RemoteKind.Ssl, host, port);

    /// <summary>The remote in the syntax of <see cref="Parse"/>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        Kind switch
        {
            RemoteKind.Unix => $"unix:{Address}",
            RemoteKind.Tcp => $"tcp:{Bracketed}:{Port}",
            _ => $"ssl:{Bracketed}:{Port}",
        };

    private string Bracketed =>
        Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address;

    private static Remote Network(RemoteKind kind, string host, int port)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        if (host.Length > MaxHostLength)
        {
            throw new ArgumentException(
                $"A host has at most {MaxHostLength} characters, and this one {host.Length}",
                nameof(host)
            );
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(port, IPEndPoint.MinPort + 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort);
        return new(kind, host, port);
    }

    private static Remote Network(RemoteKind kind, string text, string whole)
    {
        string host,
            port;
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                throw Wrong(whole, "the closing bracket of the IPv6 address is missing");
            }

            host = text[1..end];
            var rest = text[(end + 1)..];
            port =
                rest.Length == 0 ? ""
                : rest[0] == ':' ? rest[1..]
                : throw Wrong(
                    whole,
                    "a colon and the port, or nothing, follow the closing bracket"
                );
        }
        else
        {
            var colon = text.LastIndexOf(':');
            if (colon != text.IndexOf(':', StringComparison.Ordinal))
            {
                throw Wrong(whole, "put the IPv6 address in brackets");
            }

            (host, port) = colon < 0 ? (text, "") : (text[..colon], text[(colon + 1)..]);
        }

        if (host.Length == 0)
        {
            throw Wrong(whole, "the host is missing");
        }

        if (host.Length > MaxHostLength)
        {
            throw Wrong(whole, $"a host has at most {MaxHostLength} characters");
        }

        if (port.Length == 0)
        {
            return new(kind, host, DefaultPort);
        }

        return
            int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is > 0 and <= 65535
            ? new(kind, host, number)
            : throw Wrong(whole, "the port is a number from 1 to 65535");
    }

    private static FormatException Wrong(string text, string advice) =>
        new($"'{text}' is no OVSDB remote: {advice}");
}
