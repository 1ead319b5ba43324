using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Text.Json;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>Reads links and addresses by <c>ip -j -d addr show</c> (ip-address(8)).</summary>
public static class LinkReader
{
    /// <summary>Where <c>ip netns</c> keeps its named network namespaces.</summary>
    public const string NamespaceDirectory = "/run/netns";

    /// <summary>The links of this host.</summary>
    /// <exception cref="HostException"><c>ip</c> is missing or failed.</exception>
    public static async Task<ImmutableDictionary<string, Link>> ReadAsync(
        CancellationToken cancellationToken
    )
    {
        var links = Parse(await RunAsync(["ip", "-j", "-d", "addr", "show"], cancellationToken));
        return links.ToImmutableDictionary(
            link => link.Name,
            WithChecksums,
            StringComparer.Ordinal
        );
    }

    /// <summary>The links inside each of the named network namespaces that is there.</summary>
    /// <exception cref="HostException"><c>ip</c> is missing.</exception>
    public static async Task<
        ImmutableDictionary<string, ImmutableDictionary<string, Link>>
    > ReadNamespacesAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var found = new ConcurrentDictionary<string, ImmutableDictionary<string, Link>>(
            StringComparer.Ordinal
        );
        await Parallel.ForEachAsync(
            names,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = Environment.ProcessorCount,
                CancellationToken = cancellationToken,
            },
            async (name, token) =>
            {
                if (await ReadNamespaceAsync(name, token) is { } links)
                {
                    found[name] = links;
                }
            }
        );
        return found.ToImmutableDictionary(StringComparer.Ordinal);
    }

    /// <summary>The links of a named network namespace; null if there is none of that name.</summary>
    /// <exception cref="HostException"><c>ip</c> is missing or failed.</exception>
    public static async Task<ImmutableDictionary<string, Link>?> ReadNamespaceAsync(
        string name,
        CancellationToken cancellationToken
    )
    {
        var path = Path.Combine(NamespaceDirectory, name);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            string[] command = ["ip", "-n", name, "-j", "-d", "addr", "show"];
            var links = Parse(await RunAsync(command, cancellationToken));
            return NetworkNamespace.Run(
                path,
                () =>
                    links.ToImmutableDictionary(
                        link => link.Name,
                        WithChecksums,
                        StringComparer.Ordinal
                    )
            );
        }
        catch (Exception exception)
            when (exception is HostException or FileNotFoundException or Win32Exception
                && !IsNamespace(path)
            )
        {
            return null;
        }
    }

    /// <summary>Reads what <c>ip -j -d addr show</c> printed.</summary>
    /// <exception cref="JsonException">It is not that.</exception>
    public static ImmutableArray<Link> Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        // A link that vanished while ip was printing leaves an empty object behind.
        return
        [
            .. document
                .RootElement.EnumerateArray()
                .Where(link => link.TryGetProperty("ifname", out _))
                .Select(ParseLink),
        ];
    }

    private static Link ParseLink(JsonElement link)
    {
        var info = link.TryGetProperty("linkinfo", out var found) ? found : default;
        var kind = Text(info, "info_kind") ?? "";
        var data =
            info.ValueKind is JsonValueKind.Object && info.TryGetProperty("info_data", out var d)
                ? d
                : default;
        var addresses = link.TryGetProperty("addr_info", out var list)
            ? list.EnumerateArray()
                .Where(address => address.TryGetProperty("local", out _))
                .ToList()
            : [];
        var set = addresses.Where(address => !IsLeased(address)).ToList();
        return new Link
        {
            Index = link.GetProperty("ifindex").GetInt32(),
            Name = link.GetProperty("ifname").GetString()!,
            Kind = kind,
            Mtu = Number(link, "mtu") ?? 0,
            Mac =
                Text(link, "address") is { } mac && MacAddress.TryParse(mac, out var parsed)
                    ? parsed
                    : null,
            Up = link.GetProperty("flags").EnumerateArray().Any(flag => flag.ValueEquals("UP")),
            Master = Text(link, "master"),
            Alias = Text(link, "ifalias"),
            Peer = kind == "veth" ? Text(link, "link") : null,
            PeerIndex = Number(link, "link_index"),
            Addresses = [.. set.Where(address => !IsLinkLocal(address)).Select(ParseAddress)],
            LinkLocal = [.. set.Where(IsLinkLocal).Select(ParseAddress)],
            Leased = [.. addresses.Where(IsLeased).Select(ParseAddress)],
            Stp = Number(data, "stp_state") is > 0,
            ForwardDelay = Number(data, "forward_delay") ?? 0,
        };
    }

    private static bool IsLeased(JsonElement address) => address.TryGetProperty("dynamic", out _);

    private static bool IsLinkLocal(JsonElement address) =>
        Text(address, "family") == "inet6" && Text(address, "scope") == "link";

    private static InterfaceAddress ParseAddress(JsonElement address) =>
        new(
            IPAddress.Parse(address.GetProperty("local").GetString()!),
            address.GetProperty("prefixlen").GetInt32()
        );

    private static Link WithChecksums(Link link) =>
        link.Kind == "veth"
            ? link with
            {
                LeavesChecksumsUndone = Ethtool.LeavesChecksumsUndone(link.Name),
            }
            : link;

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value)
            ? value.GetString()
            : null;

    private static int? Number(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value)
            ? value.GetInt32()
            : null;

    /// <summary>A file below the directory of namespaces whose namespace is gone, or is going, is an ordinary file.</summary>
    private static bool IsNamespace(string path)
    {
        try
        {
            return NetworkNamespace.Run(path, () => true);
        }
        catch (Exception exception) when (exception is IOException or Win32Exception)
        {
            return false;
        }
    }

    private static async Task<string> RunAsync(
        string[] command,
        CancellationToken cancellationToken
    )
    {
        ToolResult result;
        try
        {
            result = await Tool.RunAsync(command, cancellationToken: cancellationToken);
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                "ip is not there: install the Debian package iproute2",
                exception
            );
        }
        return result.ExitCode == 0
            ? result.Output
            : throw new HostException(
                $"{string.Join(' ', command)} failed: {result.Errors.Trim()}"
            );
    }
}
