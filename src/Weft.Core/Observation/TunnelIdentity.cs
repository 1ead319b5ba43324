using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace Weft.Core.Observation;

/// <summary>
/// What tells tunnels apart in Open vSwitch, however their options are written: it takes two that are equal here for one, and
/// refuses the second (ovs-vswitchd.conf.db(5), <c>options</c> of tunnels).
/// </summary>
/// <param name="Type">What carries the packets: <c>gre</c>, <c>vxlan</c>, <c>geneve</c>, …</param>
/// <param name="Remote">Where to.</param>
/// <param name="Key">Which of several there; <c>0</c> stands for none.</param>
/// <param name="Port">The UDP port; empty where the type has none.</param>
internal readonly record struct TunnelIdentity(string Type, string Remote, string Key, string Port)
{
    private const string NoKey = "0";

    /// <summary>The identity of the tunnel that such a type and such options make; null if it leads to no one address.</summary>
    public static TunnelIdentity? Of(
        string type,
        ImmutableSortedDictionary<string, string> options
    ) =>
        RemoteOf(options) is { } remote
            ? new TunnelIdentity(
                type,
                remote,
                KeyOf(options.GetValueOrDefault("in_key") ?? options.GetValueOrDefault("key")),
                options.GetValueOrDefault("dst_port") ?? UsualPortOf(type)
            )
            : null;

    /// <summary>Where a tunnel with such options leads, with the address in its canonical form; null if it is no tunnel.</summary>
    public static string? RemoteOf(ImmutableSortedDictionary<string, string> options) =>
        options.GetValueOrDefault("remote_ip") is not { } written ? null
        : IPAddress.TryParse(written, out var address) ? address.ToString()
        : written;

    /// <summary>Reads a key as Open vSwitch does: in decimal, from <c>0x</c> on in hexadecimal, from <c>0</c> on in octal (strtoull(3)).</summary>
    /// <returns>Null for what is no number, such as <c>flow</c>.</returns>
    public static ulong? NumberOf(string key)
    {
        if (key.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return ulong.TryParse(
                key.AsSpan(2),
                NumberStyles.AllowHexSpecifier,
                null,
                out var hexadecimal
            )
                ? hexadecimal
                : null;
        }
        if (key is not ['0', _, ..])
        {
            return ulong.TryParse(key, NumberStyles.None, null, out var number) ? number : null;
        }
        UInt128 octal = 0;
        foreach (var digit in key)
        {
            octal = octal * 8 + (UInt128)(digit - '0');
            if (digit is < '0' or > '7' || octal > ulong.MaxValue)
            {
                return null;
            }
        }
        return (ulong)octal;
    }

    private static string KeyOf(string? key) =>
        key is null ? NoKey
        : NumberOf(key) is { } number ? number.ToString()
        : key;

    // The ports that IANA has registered for them.
    private static string UsualPortOf(string type) =>
        type switch
        {
            "vxlan" => "4789",
            "geneve" => "6081",
            _ => "",
        };
}
