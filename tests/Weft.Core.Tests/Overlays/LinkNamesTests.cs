using System.Diagnostics;
using System.Text;
using CsCheck;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

public sealed class LinkNamesTests
{
    // A link that is there already is looked for by its name: a hash must never come out another way.
    [Theory]
    [InlineData("host1", "tun-host1")]
    [InlineData("abcdefghijk", "tun-abcdefghijk")]
    [InlineData("host1.example.org", "tun-host1.f7gat")]
    public void A_tunnel_is_named_after_the_host_that_it_leads_to(string host, string link) =>
        Assert.Equal(link, LinkNames.Tunnel(host));

    [Theory]
    [InlineData("cont-mgmnt0", "cont-mgmnt0-sw", "cont-mgmnt0-br")]
    [InlineData("host-mgmnt00", "host-mgmnt00-sw", "host-mgmnt00-br")]
    public void An_uplinks_ends_are_named_after_their_network(
        string network,
        string atSwitch,
        string atBridge
    )
    {
        Assert.Equal(atSwitch, LinkNames.UplinkAtSwitch(network));
        Assert.Equal(atBridge, LinkNames.UplinkAtBridge(network));
    }

    [Fact]
    public void A_long_name_keeps_its_beginning_and_its_role() =>
        Assert.Equal("host-mg5jwax-br", LinkNames.UplinkAtBridge("host-mgmnt000"));

    [Theory]
    [InlineData("wallabag", "eth1", "wallabag-eth1")]
    [InlineData("wallabag-two", "eth1", "wallay277p-eth1")]
    [InlineData("web", "averylongiface0", "web-averylvvhju")]
    public void A_containers_port_is_named_after_container_and_interface(
        string container,
        string @interface,
        string link
    ) => Assert.Equal(link, LinkNames.ContainerPort(container, @interface));

    [Fact]
    public void Every_derived_name_is_one_that_a_link_can_have() =>
        Gen.Select(
                Gen.String[Gen.Char["abcxyz0189.-é漢"], 1, 63],
                Gen.String[Gen.Char["abcxyz0189.-é漢"], 1, 15]
            )
            .Where(
                (name, @interface) =>
                    LinkNames.IsValid($"x{@interface}"[..Math.Min(5, @interface.Length)], out _)
            )
            .Sample(
                (name, @interface) =>
                {
                    foreach (
                        var link in new[]
                        {
                            LinkNames.Tunnel(name),
                            LinkNames.UplinkAtSwitch($"n{name}"),
                            LinkNames.UplinkAtBridge($"n{name}"),
                            LinkNames.ContainerPort($"c{name}", @interface),
                        }
                    )
                    {
                        Assert.True(LinkNames.IsValid(link, out var wrong), $"{link} {wrong}");
                    }
                },
                iter: 2000
            );

    [Fact]
    public void Among_a_thousand_hosts_of_one_domain_no_two_tunnels_share_a_name() =>
        Assert.Equal(
            1000,
            Enumerable
                .Range(0, 1000)
                .Select(host => LinkNames.Tunnel($"container-host-{host}.example.org"))
                .Distinct(StringComparer.Ordinal)
                .Count()
        );

    /// <summary>
    /// Asks the kernel itself, in a network namespace of the test's own. What it refuses must be refused here; the
    /// other way round there are names that it takes and the tools or Open vSwitch do not.
    /// </summary>
    [Fact]
    public async Task No_name_is_valid_that_the_kernel_refuses()
    {
        string[] taken =
        [
            "a",
            "eth0.100",
            "a@b",
            "a+b",
            "(a)",
            "é",
            "漢字",
            "abcdefghijklmno",
            "ééééééé",
            "...",
            "a=b",
            "$a",
        ];
        string[] refused =
        [
            "",
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "a\tb",
            "a\vb",
            "all",
            "default",
            "lo",
            "a%",
            "%s",
            "à",
            "\u00a0",
            "abcdefghijklmnop",
            "éééééééé",
        ];
        var script = new StringBuilder();
        foreach (var name in taken.Concat(refused))
        {
            // Called through rtnetlink with 'dev', which takes what 'name' might read as a word of its own.
            script.Append($"ip link add name '{name}' type bridge 2>&1 && echo yes || echo no\n");
        }
        var answers = (await InNamespace(script.ToString()))
            .Split('\n')
            .Where(line => line is "yes" or "no")
            .ToList();
        Assert.Equal([.. taken.Select(_ => "yes"), .. refused.Select(_ => "no")], answers);
        Assert.All(taken, name => Assert.True(LinkNames.IsValid(name, out var wrong), wrong));
        Assert.All(refused, name => Assert.False(LinkNames.IsValid(name, out _), name));
    }

    private static async Task<string> InNamespace(string script)
    {
        var start = new ProcessStartInfo("unshare", ["--net", "sh"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            Assert.Skip("needs root on Linux, for a network namespace");
        }
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(script);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await process.StandardError.ReadToEndAsync(
            TestContext.Current.CancellationToken
        );
        Assert.Equal("", errors);
        return await output;
    }
}
