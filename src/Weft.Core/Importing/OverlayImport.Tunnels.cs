using System.Globalization;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <content>Tunnels between the hosts, and how they are encrypted.</content>
public sealed partial record OverlayImport
{
    private sealed partial class Draft
    {
        // The tunnel options that Weft sets itself; others are reported, except ovs-monitor-ipsec's, which begin with ipsec_.
        private static readonly string[] KnownOptions =
        [
            "remote_ip",
            "local_ip",
            "key",
            "dst_port",
        ];

        private void ReadTunnel(HostReading reading, PortReading port, TunnelType type)
        {
            if (
                !IPText.TryReadAddress(
                    port.Options.GetValueOrDefault("remote_ip") ?? "",
                    out var remote,
                    out _
                )
            )
            {
                Note(
                    reading,
                    $"tunnel '{port.Name}' names no other host by its address (options:remote_ip): Weft makes one tunnel for each host"
                );
                return;
            }
            IPText.TryReadAddress(
                port.Options.GetValueOrDefault("local_ip") ?? "",
                out var local,
                out _
            );
            tunnels.Add(
                new Tunnel(
                    reading,
                    port,
                    type,
                    remote,
                    local,
                    KeyOf(reading, port),
                    port.Options.GetValueOrDefault("dst_port")
                )
            );
            var others = port
                .Options.Keys.Except(KnownOptions)
                .Where(option => !option.StartsWith("ipsec_", StringComparison.Ordinal))
                .ToList();
            if (others.Count > 0)
            {
                Note(
                    reading,
                    $"tunnel '{port.Name}' has {Words.List(others.Select(option => $"options:{option}={port.Options[option]}"))}, which Weft does not set: taken over, it is without"
                );
            }
        }

        /// <summary>
        /// The tunnel's key in decimal, as in the overlay file: Open vSwitch accepts hexadecimal and octal too.
        /// </summary>
        private string? KeyOf(HostReading reading, PortReading port)
        {
            if (port.Options.GetValueOrDefault("key") is not { } key)
            {
                return null;
            }
            if (TunnelIdentity.NumberOf(key) is { } number and > 0 and <= uint.MaxValue)
            {
                return number.ToString();
            }
            Note(
                reading,
                $"tunnel '{port.Name}' has options:key={key}, which Weft does not set: taken over, it is without"
            );
            return null;
        }

        private Tunnels Tunnels()
        {
            var kind = tunnels
                .GroupBy(tunnel => (tunnel.Type, tunnel.Key, tunnel.Port))
                .OrderByDescending(same => same.Count())
                .FirstOrDefault();
            foreach (var other in tunnels.Where(tunnel => kind is null || !kind.Contains(tunnel)))
            {
                Note(
                    other.Host,
                    $"tunnel '{other.Reading.Name}' is {Describe(other)}, and most are {Describe(kind!.First())}: an overlay has one kind"
                );
            }
            if (kind is null)
            {
                return new Tunnels();
            }
            var first = kind.First();
            return new Tunnels
            {
                Type = first.Type,
                Key =
                    uint.TryParse(first.Key, NumberStyles.None, null, out var key) && key > 0
                        ? key
                        : null,
                Port = ushort.TryParse(first.Port, NumberStyles.None, null, out var port)
                    ? port
                    : null,
                Ipsec = Encryption(),
            };
        }

        private static string Describe(Tunnel tunnel) =>
            $"{tunnel.Type.ToString().ToLowerInvariant()}{(tunnel.Key is null ? "" : $" with key {tunnel.Key}")}{(tunnel.Port is null ? "" : $" to port {tunnel.Port}")}";

        private IpsecSettings? Encryption()
        {
            var keyed = tunnels.Where(tunnel => tunnel.Reading.HasKey).ToList();
            if (keyed.Count == 0)
            {
                notes.Add(
                    "what crosses between the hosts is not encrypted: `ipsec` under `tunnels` does that (docs/ipsec.md)"
                );
                return null;
            }
            var hosts = keyed.Select(tunnel => tunnel.Host).Distinct().ToList();
            foreach (var plain in tunnels.Except(keyed))
            {
                Note(
                    plain.Host,
                    $"tunnel '{plain.Reading.Name}' has no key (options:psk) as others have: it crosses in the clear"
                );
            }
            foreach (var host in hosts.Where(host => !host.HasKeyFile))
            {
                Note(
                    host,
                    $"its tunnels have different keys, or {KeyFile} holds another one already: put one key into that file on every host, `chmod 600`"
                );
            }
            foreach (var host in hosts.Where(host => host.HasShortKey))
            {
                Note(
                    host,
                    $"the key of its tunnels is shorter than {CredentialsReader.LeastKeyBytes} characters, and Weft takes none such: put another into {KeyFile} on all hosts before you apply"
                );
            }
            var userspace = hosts.Where(IsUserspace).ToList();
            if (userspace.Count > 0)
            {
                notes.Add(
                    $"tunnels have keys (options:psk), and the userspace datapath of {Words.List(userspace.Select(host => host.Name))} sends past IPsec: nothing is encrypted. "
                        + $"The key is in {KeyFile}; once the switches are on the kernel's datapath, write `ipsec: {{ psk: {{ file: {KeyFile} }} }}` under `tunnels`"
                );
                return null;
            }
            var idle = hosts.Where(host => !host.HasMonitor).ToList();
            if (idle.Count > 0)
            {
                notes.Add(
                    $"tunnels have keys (options:psk), and ovs-monitor-ipsec, which would act on them, does not run on {Words.List(idle.Select(host => host.Name))}: "
                        + "what crosses is not encrypted now; the file has Weft do it by strongSwan"
                );
            }
            return new IpsecSettings(
                new KeyFile(KeyFile),
                idle.Count == 0 ? IpsecManager.OpenVSwitch : IpsecManager.StrongSwan
            );
        }

        private bool IsUserspace(HostReading reading) =>
            reading.Switches.Any(one => one.Name == @switch && one.Userspace);
    }
}
