using System.Collections.Immutable;
using System.Net;
using System.Text.Json.Nodes;
using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Tests;

public sealed class AddressesCommandTests : IDisposable
{
    private static readonly string Yaml = $$"""
        name: home
        hosts: { {{Environment.MachineName}}: 192.0.2.1, weft-other: 192.0.2.2 }
        networks:
          cont-mgmnt0: { vlan: 5, subnet: [10.8.2.0/24, "fd00:8:2::/64"], slices: { weft-other: 10.8.2.192/26 } }
        containers:
          web: { host: {{Environment.MachineName}}, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
          far: { host: weft-other, engine: lxd, networks: { cont-mgmnt0: [10.8.2.3, "fd00:8:2::3"] } }
          later: { host: {{Environment.MachineName}}, engine: netns, networks: { cont-mgmnt0: } }
          joiners: { select: { weft.network: cont-mgmnt0 }, networks: { cont-mgmnt0: } }
          public: { select: { weft.network: cont-mgmnt0, tier: public }, networks: { cont-mgmnt0: } }
        """;

    private readonly string state = Directory.CreateTempSubdirectory("weft-addresses-").FullName;

    [Fact]
    public async Task What_is_recorded_is_listed_found_leaked_and_released()
    {
        Assert.SkipUnless(Environment.UserName == "root", "the host's lock needs root");
        Record("later", Engine.Netns);
        var list = await RunAsync("addresses", "--json");
        Assert.Equal(0, list.ExitCode);
        Assert.Equal(
            ["web 10.8.2.2 file absent", "later 10.8.2.10 given absent"],
            JsonNode
                .Parse(list.Output)!
                .AsArray()
                .Select(row =>
                    $"{row!["container"]} {row["address"]} {row["origin"]} {row["state"]}"
                )
        );
        var check = await RunAsync("addresses", "check");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains(
            "leaked  10.8.2.10 of network cont-mgmnt0",
            check.Output,
            StringComparison.Ordinal
        );
        var unknown = await RunAsync("addresses", "release", "nobody");
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains(
            "gave no container 'nobody' an address",
            unknown.Errors,
            StringComparison.Ordinal
        );
        var released = await RunAsync("addresses", "release", "later");
        Assert.True(released.ExitCode == 0, released.Errors);
        Assert.Equal(0, (await RunAsync("addresses", "check")).ExitCode);
        Assert.Empty(new AddressStore("home", state).Read());
    }

    [Fact]
    public async Task Slices_are_printed_as_the_file_takes_them()
    {
        var result = await RunAsync("addresses", "slices");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("10.8.2.192/26", result.Output, StringComparison.Ordinal);
        var slices = result.Output[
            result.Output.IndexOf("    slices:", StringComparison.Ordinal)..
        ];
        var pasted = Yaml.Replace(
                ", slices: { weft-other: 10.8.2.192/26 } }",
                "",
                StringComparison.Ordinal
            )
            .Replace(
                "cont-mgmnt0: { vlan: 5, subnet: [10.8.2.0/24, \"fd00:8:2::/64\"]",
                $"cont-mgmnt0:\n    vlan: 5\n    subnet: [10.8.2.0/24, \"fd00:8:2::/64\"]\n{slices}",
                StringComparison.Ordinal
            );
        var check = await WeftProgram.RunOnAsync(pasted, "check");
        Assert.True(check.ExitCode == 0, $"{pasted}\n{check.Errors}");
    }

    [Fact]
    public async Task The_inventory_has_groups_and_addresses_as_Ansible_wants_them()
    {
        Record("joined", Engine.Docker);
        var result = await RunAsync("inventory", "--list");
        Assert.True(result.ExitCode == 0, result.Errors);
        var json = JsonNode.Parse(result.Output)!;
        Assert.Equal(["web", "far", "joined"], Strings(json["all"]!["hosts"]!));
        Assert.Equal(["far"], Strings(json["host_weft_other"]!["hosts"]!));
        Assert.Equal(["web", "far", "joined"], Strings(json["network_cont_mgmnt0"]!["hosts"]!));
        Assert.Equal(["joined"], Strings(json["label_weft_network_cont_mgmnt0"]!["hosts"]!));
        Assert.Equal(["joined"], Strings(json["engine_docker"]!["hosts"]!));
        var far = json["_meta"]!["hostvars"]!["far"]!;
        Assert.Equal("10.8.2.3", far["ansible_host"]!.GetValue<string>());
        Assert.Equal(["10.8.2.3", "fd00:8:2::3"], Strings(far["weft_addresses"]!["cont-mgmnt0"]!));
        var one = await RunAsync("inventory", "--host", "far");
        Assert.True(JsonNode.DeepEquals(far, JsonNode.Parse(one.Output)));
        Assert.Equal(2, (await RunAsync("inventory", "--host", "nobody")).ExitCode);
        Assert.Equal(2, (await RunAsync("inventory")).ExitCode);
    }

    [Fact]
    public async Task The_inventory_of_a_machine_with_another_name_is_that_of_the_host_it_is_said_to_be()
    {
        Record("joined", Engine.Docker);
        var elsewhere = Yaml.Replace(
            Environment.MachineName,
            "weft-here",
            StringComparison.Ordinal
        );
        var nowhere = await ListAsync();
        Assert.DoesNotContain("joined", nowhere.Output, StringComparison.Ordinal);
        Assert.Contains(
            "say with --as which one this is",
            nowhere.Errors,
            StringComparison.Ordinal
        );
        var here = await ListAsync("--as", "weft-here");
        Assert.Contains("joined", Strings(JsonNode.Parse(here.Output)!["all"]!["hosts"]!));
        Assert.Equal("", here.Errors);
        // Where hosts give out nothing, nothing is left out.
        elsewhere = string.Join(
            '\n',
            elsewhere.Split('\n').Where(line => !line.Contains("networks: { cont-mgmnt0: }"))
        );
        Assert.Equal("", (await ListAsync()).Errors);

        async Task<ToolResult> ListAsync(params string[] options)
        {
            var result = await WeftProgram.RunOnAsync(
                elsewhere,
                ["inventory", "--list", "--state-dir", state, .. options]
            );
            Assert.True(result.ExitCode == 0, result.Errors);
            return result;
        }
    }

    [Theory]
    [InlineData("weft-here")]
    [InlineData("weft-here.example.org")]
    public async Task A_machine_is_found_by_its_name_with_the_domain_or_without(string named)
    {
        Assert.SkipUnless(Environment.UserName == "root", "another name of the machine needs root");
        Record("joined", Engine.Docker);
        var file = Path.Combine(state, "overlay.yaml");
        await File.WriteAllTextAsync(
            file,
            Yaml.Replace(Environment.MachineName, named, StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        var result = await Tool.RunAsync(
            [
                "unshare",
                "--uts",
                "sh",
                "-euc",
                "hostname weft-here.example.org; exec \"$@\"",
                "sh",
                WeftProgram.Path,
                "inventory",
                "--list",
                "--state-dir",
                state,
                file,
            ],
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.Equal("", result.Errors);
        Assert.Contains("joined", Strings(JsonNode.Parse(result.Output)!["all"]!["hosts"]!));
    }

    [Fact]
    public async Task Who_by_a_label_shares_a_name_has_engine_and_host_in_it_so_that_no_name_passes_to_another()
    {
        Record(Given("joined", Engine.Podman, 10), Given("web", Engine.Lxd, 11));
        Assert.Equal(
            ["web", "far", $"web.lxd.{Environment.MachineName}", "joined"],
            await NamesAsync()
        );
        // Nor may a newcomer be called what another is in full.
        var full = $"joined.podman.{Environment.MachineName}";
        Record(
            Given("joined", Engine.Podman, 10),
            Given("joined", Engine.Docker, 11),
            Given(full, Engine.Podman, 12)
        );
        Assert.Equal(
            [
                "web",
                "far",
                $"joined.docker.{Environment.MachineName}",
                full,
                $"{full}.podman.{Environment.MachineName}",
            ],
            await NamesAsync()
        );

        async Task<IEnumerable<string>> NamesAsync() =>
            Strings(
                JsonNode.Parse((await RunAsync("inventory", "--list")).Output)!["all"]!["hosts"]!
            );
    }

    [Fact]
    public void No_two_things_are_one_group_and_each_is_called_the_same_on_every_host()
    {
        var overlay = OverlayFile
            .Parse(
                "overlay.yaml",
                """
                name: home
                hosts: { one: 192.0.2.1, two: 192.0.2.2 }
                networks: { n_1: { vlan: 5, subnet: 10.8.1.0/24 }, n-1: { vlan: 6, subnet: 10.8.2.0/24 } }
                containers:
                  web: { host: one, engine: netns, networks: { n-1: 10.8.2.2 } }
                  far: { host: two, engine: netns, networks: { n_1: 10.8.1.3 } }
                  first: { select: { env: prod_db }, networks: { n_1: } }
                  other: { select: { env_prod: db }, networks: { n_1: } }
                """u8
            )
            .Overlay!;
        var groups = Inventory
            .Of(
                overlay,
                "one",
                [
                    Given("a", Engine.Docker, 10, ("env", "prod_db")) with
                    {
                        Network = "n_1",
                    },
                    Given("b", Engine.Docker, 11, ("env_prod", "db")) with
                    {
                        Network = "n_1",
                    },
                ]
            )
            .ToDictionary(host => host.Name, host => host.Groups);
        Assert.Contains("network_n_1", groups["web"]);
        var other = Assert.Single(groups["far"], group => group.StartsWith("network_n_1_"));
        Assert.Matches("^network_n_1_[a-z2-7]{5}$", other);
        Assert.DoesNotContain("network_n_1", groups["far"]);
        Assert.Contains("label_env_prod_db", groups["a"]);
        Assert.Single(groups["b"], group => group.StartsWith("label_env_prod_db_"));
        Assert.DoesNotContain("label_env_prod_db", groups["b"]);
        Assert.Contains(
            other,
            Inventory.Of(overlay, "two", []).Single(host => host.Name == "far").Groups
        );
    }

    /// <summary>Ansible takes variables for templates: a label <c>{{ lookup('pipe', …) }}</c> would run a program.</summary>
    [Theory]
    [InlineData("joined", Engine.Docker)]
    [InlineData("later", Engine.Netns)]
    public async Task Labels_are_in_the_inventory_only_with_values_that_the_file_asks_for(
        string name,
        Engine engine
    )
    {
        Record(name, engine, ("tier", "{{ lookup('pipe', 'id') }}"), ("note", "{% raw %}"));
        var list = (await RunAsync("inventory", "--list")).Output;
        Assert.Equal(
            """{"weft.network":"cont-mgmnt0"}""",
            JsonNode.Parse(list)!["_meta"]!["hostvars"]![name]!["weft_labels"]!.ToJsonString()
        );
        Assert.DoesNotContain("label_tier", list, StringComparison.Ordinal);
        Assert.DoesNotContain("lookup", list, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(state, recursive: true);

    private static IEnumerable<string> Strings(JsonNode list) =>
        list.AsArray().Select(one => one!.GetValue<string>());

    private Task<ToolResult> RunAsync(params string[] command) =>
        WeftProgram.RunOnAsync(Yaml, [.. command, "--state-dir", state]);

    private void Record(string name, Engine engine, params (string Key, string Value)[] labels) =>
        Record(Given(name, engine, 10, labels));

    private void Record(params AddressRecord[] records) =>
        new AddressStore("home", state).Write([.. records]);

    private static AddressRecord Given(
        string name,
        Engine engine,
        int last,
        params (string Key, string Value)[] labels
    ) =>
        new()
        {
            Container = new ContainerKey(engine, name),
            Id = name,
            Network = "cont-mgmnt0",
            Addresses = [IPAddress.Parse($"10.8.2.{last}")],
            Since = DateTimeOffset.UnixEpoch,
            Labels = labels
                .Append((Key: "weft.network", Value: "cont-mgmnt0"))
                .ToImmutableSortedDictionary(label => label.Key, label => label.Value),
        };
}
