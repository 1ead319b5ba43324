using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>The overlay of a lab that is made without an overlay file.</summary>
internal static class SampleOverlay
{
    /// <summary>The most hosts: as many as its subnets have addresses for.</summary>
    public const int MostHosts = 250;

    /// <summary>
    /// An overlay of hosts on a documentation network (RFC 5737), each with a container in one network and an
    /// address of its own in another.
    /// </summary>
    /// <param name="hosts">How many hosts, 1 to 250.</param>
    public static Overlay Of(int hosts)
    {
        int[] numbers = [.. Enumerable.Range(1, hosts)];
        return new Overlay
        {
            Name = "lab",
            Hosts =
            [
                .. numbers.Select(number => new Host
                {
                    Name = $"host{number}",
                    Address = IPAddress.Parse($"192.0.2.{number}"),
                }),
            ],
            Networks =
            [
                new Network
                {
                    Name = "cont-mgmnt0",
                    Vlan = 200,
                    Subnets = [IPNetwork.Parse("10.8.2.0/24")],
                    Bridge = new ContainerBridge(),
                },
                new Network
                {
                    Name = "host-mgmnt0",
                    Vlan = 100,
                    Subnets = [IPNetwork.Parse("10.8.3.0/24")],
                    Hosts =
                    [
                        .. numbers.Select(number => new HostAddresses(
                            $"host{number}",
                            [IPAddress.Parse($"10.8.3.{number}")]
                        )),
                    ],
                },
            ],
            Containers =
            [
                .. numbers.Select(number => new Container
                {
                    Name = $"c{number}",
                    Host = $"host{number}",
                    Engine = Engine.Netns,
                    Attachments =
                    [
                        new Attachment
                        {
                            Network = "cont-mgmnt0",
                            Interface = "eth1",
                            Addresses = [IPAddress.Parse($"10.8.2.{number}")],
                            Mac = MacAddress.Derive("lab", $"c{number}", "cont-mgmnt0"),
                            To = AttachTo.Bridge,
                        },
                    ],
                }),
            ],
        };
    }
}
