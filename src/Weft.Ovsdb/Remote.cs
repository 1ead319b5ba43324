using System.Globalization;
using System.Net;
using System.Text;

namespace Weft.Ovsdb;

/// <summary>How a remote is reached.</summary>
public enum RemoteKind
{
    /// <summary>A Unix domain socket.</summary>
    Unix,

    /// <summary>TCP, in the clear.</summary>
    Tcp,

    /// <summary>TLS over TCP.</summary>
    Ssl,
}

/// <summary>Where a server listens, written as Open vSwitch writes it (ovsdb(7), "Connection Methods").</summary>
public sealed record Remote
{
    /// <summary>The port that IANA assigned to OVSDB (RFC 7047, section 8).</summary>
    public const int DefaultPort = 6640;

    // sizeof(sockaddr_un.sun_path) less the terminating zero.
    private const int MaxPathBytes = 107;

    // The longest name that the DNS has (RFC 1035, section 2.3.4), and the longest that .NET looks up.
    private const int MaxHostLength = 255;

    private Remote(RemoteKind kind, string address, int port)
    {
        Kind = kind;
        Address = address;
        Port = port;
    }

    /// <summary>How it is reached.</summary>
    public RemoteKind Kind { get; }

    /// <summary>The socket's path, or the IP address or host name (an IPv6 address without brackets).</summary>
    public string Address { get; }

    /// <summary>The port, 1 to 65535; 0 for a Unix domain socket.</summary>
    public int Port { get; }

    /// <summary>Reads <c>unix:PATH</c>, <c>tcp:HOST[:PORT]</c> or <c>ssl:HOST[:PORT]</c>; an IPv6 address stands in brackets.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="FormatException">It is none of these; the message says what is wrong.</exception>
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

    /// <summary>Reads several remotes with commas between them, as <c>ovs-vsctl --db</c> takes them.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The remotes, at least one.</returns>
    /// <exception cref="FormatException">One of them is none.</exception>
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

    /// <summary>TCP, in the clear.</summary>
    /// <param name="host">An IP address or a host name.</param>
    /// <param name="port">The port, 1 to 65535.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="ArgumentException">The host is empty or longer than 255 characters.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is none.</exception>
    public static Remote Tcp(string host, int port = DefaultPort) =>
        Network(RemoteKind.Tcp, host, port);

    /// <summary>TLS over TCP.</summary>
    /// <param name="host">An IP address or a host name.</param>
    /// <param name="port">The port, 1 to 65535.</param>
    /// <returns>The remote.</returns>
    /// <exception cref="ArgumentException">The host is empty or longer than 255 characters.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is none.</exception>
    public static Remote Ssl(string host, int port = DefaultPort) =>
        Network(RemoteKind.Ssl, host, port);

    /// <summary>The remote as <see cref="Parse"/> reads it.</summary>
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
