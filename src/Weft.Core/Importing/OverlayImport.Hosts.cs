using System.Collections.Immutable;
using System.Net;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <content>Hosts and their underlay addresses.</content>
public sealed partial record OverlayImport
{
    private sealed partial class Draft
    {
        private ImmutableArray<Host> Hosts()
        {
            var hosts = ImmutableArray.CreateBuilder<Host>();
            foreach (var reading in readings)
            {
                var own = OwnAddresses(reading);
                if (UnderlayOf(reading, own) is not { Address: { } address } found)
                {
                    Note(
                        reading,
                        "its underlay address is not to be seen: write the address that the others reach it by under `hosts`"
                    );
                    continue;
                }
                hostOfAddress[$"{address}"] = reading.Name;
                var host = new Host
                {
                    Name = reading.Name,
                    Address = address,
                    Mtu = found.Link?.Mtu ?? Host.DefaultMtu,
                };
                // If SSH reached the host otherwise than by its address, the file says so for later.
                hosts.Add(
                    reading.Ssh == SshTarget.Of(host) ? host : host with { Ssh = reading.Ssh }
                );
            }
            foreach (
                var remote in tunnels
                    .Select(tunnel => tunnel.Remote)
                    .Distinct()
                    .Where(remote => !hostOfAddress.ContainsKey($"{remote}"))
            )
            {
                var name = $"host-{$"{remote}".Replace('.', '-').Replace(':', '-').Trim('-')}";
                hostOfAddress[$"{remote}"] = name;
                hosts.Add(new Host { Name = name, Address = remote });
                notes.Add(
                    $"{name} was not read: a tunnel leads to {remote}, and more is not known. Import on that host too, or write the name that `hostname` prints there"
                );
            }
            NoteMissingTunnels(hosts);
            return hosts.ToImmutable();
        }

        private void NoteMissingTunnels(IReadOnlyCollection<Host> hosts)
        {
            foreach (var reading in readings)
            {
                var own = hosts.FirstOrDefault(host => host.Name == reading.Name)?.Address;
                var missing = hosts
                    .Where(host =>
                        own is not null
                        && host.Name != reading.Name
                        && !tunnels.Exists(tunnel =>
                            tunnel.Host == reading && tunnel.Remote.Equals(host.Address)
                        )
                    )
                    .Select(host => host.Name)
                    .ToList();
                if (missing.Count > 0)
                {
                    Note(
                        reading,
                        $"has no tunnel to {Words.List(missing)}: Weft makes one between every two hosts"
                    );
                }
            }
        }

        /// <summary>The addresses of the host itself: those of links that are in no network.</summary>
        private List<(LinkReading Link, InterfaceAddress Address)> OwnAddresses(HostReading reading)
        {
            var inNetworks = places
                .Where(place => place.Host == reading)
                .SelectMany(place => (string?[])[place.Port.Name, place.Bridge])
                .ToHashSet(StringComparer.Ordinal);
            return
            [
                .. reading
                    .Links.Where(link => !inNetworks.Contains(link.Name))
                    .SelectMany(link => Read(reading, link.Addresses).Select(one => (link, one))),
            ];
        }

        /// <summary>
        /// The address by which others reach a host: the local address of its tunnels, the remote address of others' tunnels, or
        /// an address in the same subnet as another host.
        /// </summary>
        private (LinkReading? Link, IPAddress? Address) UnderlayOf(
            HostReading reading,
            List<(LinkReading Link, InterfaceAddress Address)> own
        )
        {
            var ours = tunnels.Where(tunnel => tunnel.Host == reading).ToList();
            var theirs = tunnels.Where(tunnel => tunnel.Host != reading);
            var named = ours.Select(tunnel => tunnel.Local)
                .OfType<IPAddress>()
                .Concat(theirs.Select(tunnel => tunnel.Remote));
            var found = own.FirstOrDefault(one => named.Contains(one.Address.Address));
            if (found.Link is null)
            {
                found = own.FirstOrDefault(one =>
                    ours.Exists(tunnel => one.Address.Subnet.Contains(tunnel.Remote))
                );
            }
            return (found.Link, found.Link is null ? null : found.Address.Address);
        }
    }
}
