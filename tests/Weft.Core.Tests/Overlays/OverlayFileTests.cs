using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

public sealed partial class OverlayFileTests
{
    private const string Least = "name: a\nhosts: { h: 192.0.2.1 }\n";

    [Fact]
    public void The_two_hosts_overlay_is_read_as_it_is_meant()
    {
        var overlay = Read(Repository.Read("examples/two-hosts.yaml"));
        Assert.Equal("homelab", overlay.Name);
        Assert.Equal("ovsbr0", overlay.Switch);
        Assert.Equal(DatapathChoice.Auto, overlay.Datapath);
        Assert.Equal(
            [("host1", "192.0.2.1", 1500), ("host2", "192.0.2.2", 1500)],
            overlay.Hosts.Select(host => (host.Name, host.Address.ToString(), host.Mtu))
        );
        Assert.Equal(new Tunnels { Type = TunnelType.Gre }, overlay.Tunnels);
        Assert.Equal(
            [("cont-mgmnt0", 200, "10.8.2.0/24"), ("host-mgmnt0", 100, "10.8.3.0/24")],
            overlay.Networks.Select(network =>
                (network.Name, network.Vlan, Assert.Single(network.Subnets).ToString())
            )
        );
        Assert.Equal(new ContainerBridge { Stp = true }, overlay.Networks[0].Bridge);
        Assert.Empty(overlay.Networks[0].Hosts);
        Assert.Null(overlay.Networks[1].Bridge);
        Assert.Equal(
            [("host1", "10.8.3.1"), ("host2", "10.8.3.2")],
            overlay
                .Networks[1]
                .Hosts.Select(host => (host.Host, Assert.Single(host.Addresses).ToString()))
        );
        Assert.Equal(
            [("wallabag", "host1", Engine.Lxd), ("mastodon", "host2", Engine.Lxd)],
            overlay.Containers.Select(container =>
                (container.Name, container.Host, container.Engine)
            )
        );
        var attachment = Assert.Single(overlay.Containers[0].Attachments);
        Assert.Equal("cont-mgmnt0", attachment.Network);
        Assert.Equal("eth1", attachment.Interface);
        Assert.Equal([IPAddress.Parse("10.8.2.2")], attachment.Addresses);
        Assert.Equal(MacAddress.Derive("homelab", "wallabag", "cont-mgmnt0"), attachment.Mac);
    }

    [Fact]
    public void The_least_file_has_a_name_and_a_host()
    {
        var overlay = Read(Least);
        Assert.Equal("a", overlay.Name);
        Assert.Empty(overlay.Networks);
        Assert.Empty(overlay.Containers);
        Assert.Equal(new Tunnels(), overlay.Tunnels);
    }

    [Fact]
    public void Mappings_without_a_value_are_empty()
    {
        var overlay = Read(
            Least
                + "tunnels:\ncontainers: ~\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, bridge: , hosts: null } }\n"
        );
        Assert.Equal(new Tunnels(), overlay.Tunnels);
        Assert.Equal(new ContainerBridge(), Assert.Single(overlay.Networks).Bridge);
        Assert.Empty(overlay.Networks[0].Hosts);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("{}", true)]
    [InlineData("{ uplink: direct }", true)]
    [InlineData("false", false)]
    public void A_bridge_is_there_or_not(string value, bool isThere)
    {
        var overlay = Read(
            $"{Least}networks: {{ n: {{ vlan: 5, subnet: 10.8.2.0/24, bridge: {value} }} }}\n"
        );
        Assert.Equal(isThere, Assert.Single(overlay.Networks).Bridge is not null);
    }

    [Fact]
    public void Interfaces_are_numbered_in_the_files_order_around_those_that_are_given()
    {
        var overlay = Read(
            Least
                + """
                networks:
                  a: { vlan: 1, subnet: 10.8.1.0/24 }
                  b: { vlan: 2, subnet: 10.8.2.0/24 }
                  c: { vlan: 3, subnet: 10.8.3.0/24 }
                  d: { vlan: 4, subnet: 10.8.4.0/24 }
                  e: { vlan: 5, subnet: 10.8.5.0/24 }
                containers:
                  x:
                    host: h
                    engine: docker
                    networks:
                      c: 10.8.3.2
                      a: { address: 10.8.1.2, interface: eth2 }
                      e: 10.8.5.2
                      d: { address: 10.8.4.2, interface: mgmt }
                      b: 10.8.2.2
                """
        );
        Assert.Equal(
            [("c", "eth1"), ("a", "eth2"), ("e", "eth3"), ("d", "mgmt"), ("b", "eth4")],
            overlay.Containers[0].Attachments.Select(place => (place.Network, place.Interface))
        );
    }

    [Fact]
    public void Texts_are_texts_whatever_they_look_like()
    {
        var overlay = Read(
            "name: null0\nhosts: { true: 192.0.2.1, 1: 192.0.2.2, null: 192.0.2.3 }\n"
                + "networks: { 0x10: { vlan: 5, subnet: '10.8.2.0/24' } }\n"
                + "containers: { no: { host: 1, engine: \"netns\", networks: { 0x10: { address: 10.8.2.2, interface: 1e3, mac: 02:00:00:00:00:01 } } } }\n"
        );
        Assert.Equal(["true", "1", "null"], overlay.Hosts.Select(host => host.Name));
        var container = Assert.Single(overlay.Containers);
        Assert.Equal(("no", "1"), (container.Name, container.Host));
        Assert.Equal("1e3", container.Attachments[0].Interface);
        Assert.Equal("02:00:00:00:00:01", container.Attachments[0].Mac.ToString());
    }

    [Theory]
    [InlineData("gre", 4294967295u, null)]
    [InlineData("vxlan", 16777215u, 65535)]
    [InlineData("geneve", 1u, 1)]
    public void Tunnels_take_keys_and_ports_to_the_limits_of_their_protocol(
        string type,
        uint key,
        int? port
    )
    {
        var portKey = port is null ? "" : $", port: {port}";
        var overlay = Read($"{Least}tunnels: {{ type: {type}, key: {key}{portKey} }}\n");
        Assert.Equal(Enum.Parse<TunnelType>(type, ignoreCase: true), overlay.Tunnels.Type);
        Assert.Equal(key, overlay.Tunnels.Key);
        Assert.Equal((ushort?)port, overlay.Tunnels.Port);
    }

    [Fact]
    public void The_smallest_subnets_have_no_network_and_no_broadcast_address()
    {
        var overlay = Read(
            Least
                + "networks: { n: { vlan: 5, subnet: [10.8.2.0/31, 'fd00:8::/127'], hosts: { h: [10.8.2.0, 'fd00:8::'] } } }\n"
                + "containers: { c: { host: h, engine: netns, networks: { n: ['fd00:8::1', 10.8.2.1] } } }\n"
        );
        Assert.Equal(
            ["fd00:8::1", "10.8.2.1"],
            overlay.Containers[0].Attachments[0].Addresses.Select(address => address.ToString())
        );
    }

    [Fact]
    public void A_byte_order_mark_and_other_systems_line_ends_are_taken()
    {
        byte[] bytes =
        [
            0xEF,
            0xBB,
            0xBF,
            .. Encoding.UTF8.GetBytes(Least.Replace("\n", "\r\n", StringComparison.Ordinal)),
        ];
        Assert.NotNull(OverlayFile.Parse("overlay.yaml", bytes).Overlay);
        bytes[^4] = (byte)'x';
        Assert.Equal(2, Assert.Single(OverlayFile.Parse("overlay.yaml", bytes).Mistakes).Line);
    }

    public static TheoryData<byte[], string> BytesThatAreNoText =>
        new()
        {
            { [], "1:1: the file is empty: an overlay has a 'name' and 'hosts' at least" },
            {
                "# only a comment\n"u8.ToArray(),
                "1:1: the file is empty: an overlay has a 'name' and 'hosts' at least"
            },
            {
                "\n \n"u8.ToArray(),
                "1:1: the file is empty: an overlay has a 'name' and 'hosts' at least"
            },
            {
                [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Least)],
                "1:1: the file is in UTF-16: save it as UTF-8"
            },
            {
                [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes(Least)],
                "1:1: the file is in UTF-16: save it as UTF-8"
            },
            {
                [0xFF, 0xFE, 0, 0, .. Encoding.UTF32.GetBytes(Least)],
                "1:1: the file is in UTF-32: save it as UTF-8"
            },
            {
                Encoding.Unicode.GetBytes(Least),
                "1:2: a NUL byte is here, as in UTF-16 or in a file that is not text: save the file as UTF-8 text"
            },
            {
                [.. "name: a\nhosts: { h: 192.0.2.1 } # h"u8, 0xF4, .. "te\n"u8],
                "2:28: the byte 0xF4 here is not UTF-8: save the file as UTF-8"
            },
            {
                [.. "name: é"u8, 0xC3],
                "1:8: the byte 0xC3 here is not UTF-8: save the file as UTF-8"
            },
            {
                [.. "# \ud83d\ude00"u8, 0xED, 0xA0, 0x80],
                "1:5: the byte 0xED here is not UTF-8: save the file as UTF-8"
            },
            {
                "name: a\0b\n"u8.ToArray(),
                "1:8: a NUL byte is here, as in UTF-16 or in a file that is not text: save the file as UTF-8 text"
            },
            {
                "name: a\n# \x1b[31m\n"u8.ToArray(),
                "2:3: the control character U+001B is here: take it out"
            },
        };

    [Theory]
    [MemberData(nameof(BytesThatAreNoText))]
    public void What_is_not_UTF_8_text_with_something_in_it_is_refused(byte[] bytes, string mistake)
    {
        var result = OverlayFile.Parse("overlay.yaml", bytes);
        Assert.Equal($"overlay.yaml:{mistake}", Assert.Single(result.Mistakes).ToString());
        Assert.Null(result.Overlay);
    }

    [Fact]
    public void A_file_of_more_than_16_MiB_is_refused_without_being_read_whole()
    {
        using var endless = new EndlessStream();
        var mistake = Assert.Single(OverlayFile.Parse("overlay.yaml", endless).Mistakes);
        Assert.Equal(
            "overlay.yaml: the file is larger than 16 MiB, which no overlay needs: is it the right file?",
            mistake.ToString()
        );
        Assert.InRange(endless.Taken, OverlayFile.MaxBytes, OverlayFile.MaxBytes + 1);
        Assert.Equal(
            mistake,
            Assert.Single(OverlayFile.Parse("overlay.yaml", new byte[20 << 20]).Mistakes)
        );
    }

    [Fact]
    public void A_file_of_exactly_16_MiB_is_read()
    {
        var padded = Least + new string('#', OverlayFile.MaxBytes - Least.Length);
        Assert.NotNull(OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(padded)).Overlay);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    [InlineData("a:\n ")]
    [InlineData("!")]
    [InlineData("&a ")]
    [InlineData("'")]
    [InlineData("\"")]
    [InlineData("\n")]
    [InlineData("%")]
    [InlineData("a ")]
    [InlineData("a: |\n ")]
    [InlineData("{a,")]
    [InlineData(":")]
    [InlineData("---\n")]
    [InlineData("\t\n")]
    public void Four_MiB_of_one_thing_end_in_mistakes_and_overflow_nothing(string thing)
    {
        var text = string.Concat(Enumerable.Repeat(thing, (4 << 20) / thing.Length));
        Assert.NotEmpty(OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(text)).Mistakes);
    }

    [Fact]
    public void A_thousand_mistakes_are_listed_and_the_rest_is_counted()
    {
        var text = new StringBuilder("name: a\nhosts:\n");
        for (var host = 0; host < 1500; host++)
        {
            text.Append($"  h{host}: here\n");
        }
        var mistakes = OverlayFile
            .Parse("overlay.yaml", Encoding.UTF8.GetBytes(text.ToString()))
            .Mistakes;
        Assert.Equal(1001, mistakes.Length);
        Assert.Equal(
            "overlay.yaml:1002:9: and 500 more mistakes, in the whole file: correct these 1,000 first",
            mistakes[^1].ToString()
        );
    }

    [Fact]
    public void A_thousand_hosts_of_fifty_containers_are_read()
    {
        var text = new StringBuilder(
            "name: big\nnetworks:\n  n: { vlan: 5, subnet: [172.16.0.0/12, fd00:8::/64], bridge: true }\nhosts:\n"
        );
        for (var host = 0; host < 1000; host++)
        {
            text.Append($"  h{host}: 10.0.{host / 250}.{host % 250 + 1}\n");
        }
        text.Append("containers:\n");
        for (var container = 0; container < 50_000; container++)
        {
            text.Append(
                $"  c{container}: {{ host: h{container % 1000}, engine: netns, networks: {{ n: 172.{16 + container / 62500}.{container / 250 % 250}.{container % 250 + 1} }} }}\n"
            );
        }
        var overlay = Read(text.ToString());
        Assert.Equal(1000, overlay.Hosts.Length);
        Assert.Equal(50_000, overlay.Containers.Length);
    }

    [Fact]
    public void A_file_is_read_from_its_path()
    {
        var result = OverlayFile.Read(Repository.PathOf("examples/two-hosts.yaml"));
        Assert.Empty(result.Mistakes);
        Assert.Equal("homelab", result.Overlay?.Name);
    }

    [Fact]
    public void A_path_with_nothing_to_read_is_a_mistake_of_the_whole_file()
    {
        var directory = Directory.CreateTempSubdirectory("weft-file-");
        try
        {
            var missing = Path.Combine(directory.FullName, "overlay.yaml");
            Assert.Equal(
                $"{missing}: there is no such file: check the name and the directory",
                Assert.Single(OverlayFile.Read(missing).Mistakes).ToString()
            );
            var deeper = Path.Combine(missing, "overlay.yaml");
            Assert.Equal(
                $"{deeper}: there is no such file: check the name and the directory",
                Assert.Single(OverlayFile.Read(deeper).Mistakes).ToString()
            );
            Assert.Equal(
                $"{directory.FullName}: this is a directory: name the overlay file in it",
                Assert.Single(OverlayFile.Read(directory.FullName).Mistakes).ToString()
            );
            Assert.Single(OverlayFile.Read("").Mistakes);
            Assert.Single(OverlayFile.Read("a\0b").Mistakes);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_that_one_may_not_read_is_a_mistake_of_the_whole_file()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("needs Linux's file modes");
            return;
        }
        var path = Path.GetTempFileName();
        try
        {
            File.SetUnixFileMode(path, UnixFileMode.None);
            Assert.Equal(
                $"{path}: you may not read this file: check its owner and mode",
                Assert.Single(ReadAsNobody(path).Mistakes).ToString()
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Root may read everything; a thread of its own gives that up for itself alone (setfsuid(2)).</summary>
    private static OverlayReadResult ReadAsNobody(string path)
    {
        OverlayReadResult? result = null;
        var thread = new Thread(() =>
        {
            _ = SetFileSystemUser(65534);
            result = OverlayFile.Read(path);
        });
        thread.Start();
        thread.Join();
        return result ?? throw new UnreachableException();
    }

    [DllImport("libc", EntryPoint = "setfsuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetFileSystemUser(uint user);

    private static Overlay Read(string text)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(text));
        Assert.Empty(result.Mistakes);
        return Assert.IsType<Overlay>(result.Overlay);
    }

    private sealed class EndlessStream : MemoryStream
    {
        public long Taken { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            buffer.Fill((byte)'#');
            Taken += buffer.Length;
            return buffer.Length;
        }
    }
}
