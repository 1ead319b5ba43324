using System.Text;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>The overlay that people make by hand today: two hosts, a container on each, two networks.</summary>
internal static class TwoHosts
{
    public const string File = """
        name: homelab
        switch: ovsbr0
        hosts:
          host1: 192.0.2.1
          host2: 192.0.2.2
        tunnels: { type: gre }
        networks:
          cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: { stp: true } }
          host-mgmnt0: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        containers:
          wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
          mastodon: { host: host2, engine: netns, networks: { cont-mgmnt0: 10.8.2.3 } }
        """;

    public static Overlay Overlay { get; } = Read(File);

    /// <summary>The same, with encrypted tunnels.</summary>
    public static Overlay Encrypted { get; } =
        Read(File.Replace("type: gre }", "type: gre, ipsec: { psk: { file: /etc/weft/psk } } }"));

    /// <summary>The same, with certificates in place of the key.</summary>
    public static Overlay Certified { get; } =
        Read(File.Replace("type: gre }", "type: gre, ipsec: { certificates: true } }"));

    public static Overlay Read(string file)
    {
        var read = OverlayFile.Parse("two-hosts.yaml", Encoding.UTF8.GetBytes(file));
        Assert.Empty(read.Mistakes);
        return read.Overlay!;
    }

    public static HostIntent Intent(bool kernelDatapath = true) => Intent(Overlay, kernelDatapath);

    public static HostIntent Intent(Overlay overlay, bool kernelDatapath = true) =>
        IntentBuilder.Build(overlay, "host1", kernelDatapath);

    /// <summary>host1, bare but for its container.</summary>
    public static ModelHost Bare(bool kernelDatapath = true) => new(kernelDatapath, "wallabag");

    /// <summary>host1 with the overlay on it.</summary>
    public static ModelHost Applied(bool kernelDatapath = true)
    {
        var host = Bare(kernelDatapath);
        host.Apply(Intent(kernelDatapath));
        return host;
    }
}
