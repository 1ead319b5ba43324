using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

public sealed class OverlaySchemaTests
{
    private static readonly JsonNode Schema = JsonNode.Parse(OverlaySchema.ToJsonSchema())!;

    // Every key with a default, and a file in which the key can stand.
    [Theory]
    [InlineData("switch", "name: a\nhosts: { h: 192.0.2.1 }\n{0}\n")]
    [InlineData("datapath", "name: a\nhosts: { h: 192.0.2.1 }\n{0}\n")]
    [InlineData("mtu", "name: a\nhosts: { h: { address: 192.0.2.1, {0} } }\n")]
    [InlineData("type", "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { {0} }\n")]
    [InlineData(
        "certificates",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { psk: { env: KEY }, {0} } }\n"
    )]
    [InlineData(
        "manager",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { psk: { env: KEY }, {0} } }\n"
    )]
    [InlineData(
        "rekey",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { psk: { env: KEY }, {0} } }\n"
    )]
    [InlineData(
        "ca",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { certificates: { {0} } } }\n"
    )]
    [InlineData(
        "certificate",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { certificates: { {0} } } }\n"
    )]
    [InlineData(
        "key",
        "name: a\nhosts: { h: 192.0.2.1 }\ntunnels: { ipsec: { certificates: { {0} } } }\n"
    )]
    [InlineData(
        "bridge",
        "name: a\nhosts: { h: 192.0.2.1 }\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, {0} } }\n"
    )]
    [InlineData(
        "stp",
        "name: a\nhosts: { h: 192.0.2.1 }\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, bridge: { {0} } } }\n"
    )]
    [InlineData(
        "forward",
        "name: a\nhosts: { h: 192.0.2.1 }\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, {0} } }\n"
    )]
    [InlineData(
        "forward_delay",
        "name: a\nhosts: { h: 192.0.2.1 }\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, bridge: { {0} } } }\n"
    )]
    [InlineData(
        "uplink",
        "name: a\nhosts: { h: 192.0.2.1 }\nnetworks: { n: { vlan: 5, subnet: 10.8.2.0/24, bridge: { {0} } } }\n"
    )]
    public void A_default_is_what_holds_without_the_key(string key, string file)
    {
        var value = Assert.Contains(key, Defaults());
        var said = Read(file.Replace("{0}", $"{key}: {value}", StringComparison.Ordinal));
        var unsaid = Read(
            file.Replace("{0}", "", StringComparison.Ordinal)
                .Replace(",  }", " }", StringComparison.Ordinal)
        );
        Assert.Equal(
            OverlayText.Of(said, TextStyle.Whole),
            OverlayText.Of(unsaid, TextStyle.Whole)
        );
    }

    [Fact]
    public void Every_default_is_tested() =>
        Assert.Equal(
            [
                "bridge",
                "ca",
                "certificate",
                "certificates",
                "datapath",
                "forward",
                "forward_delay",
                "key",
                "manager",
                "mtu",
                "rekey",
                "stp",
                "switch",
                "type",
                "uplink",
            ],
            Defaults().Keys.Order(StringComparer.Ordinal)
        );

    [Fact]
    public void Every_key_says_what_it_is_for()
    {
        var keys = Keys(Schema).ToList();
        Assert.Contains(keys, key => key.Key == "forward_delay");
        Assert.All(
            keys,
            key => Assert.EndsWith(".", key.Value!["description"]!.GetValue<string>())
        );
        Assert.All(
            keys,
            key =>
                Assert.Contains(
                    $"| `{key.Key}` |",
                    OverlaySchema.ToKeyReference(),
                    StringComparison.Ordinal
                )
        );
    }

    // The patterns for editors are written beside the code that checks; for names they must say the same, except
    // that a pattern cannot count bytes and does not know which links' names are taken.
    [Theory]
    [InlineData("name", "abcXYZ019._-é ", 34)]
    [InlineData("hosts", "aZ9.-_", 8)]
    [InlineData("hosts", "a.-", 66)]
    [InlineData("networks", "aZ9.-_/:%#\"'\\ @", 17)]
    [InlineData("containers", "aZ9.-_é", 8)]
    [InlineData("containers", "a-", 66)]
    public void Editors_are_told_the_same_names_as_the_reader_takes(
        string key,
        string characters,
        int longest
    )
    {
        var keySchema = Schema["properties"]![key]!;
        var pattern = (keySchema["propertyNames"] ?? keySchema)["pattern"]!.GetValue<string>();
        Gen.String[Gen.Char[characters], 0, longest]
            .Sample(
                name =>
                {
                    var quoted = "'" + name.Replace("'", "''", StringComparison.Ordinal) + "'";
                    var file = key switch
                    {
                        "name" => $"name: {quoted}\nhosts: {{ h: 192.0.2.1 }}\n",
                        "hosts" => $"name: a\nhosts: {{ {quoted}: 192.0.2.1 }}\n",
                        "networks" =>
                            $"name: a\nhosts: {{ h: 192.0.2.1 }}\nnetworks: {{ {quoted}: {{ vlan: 5, subnet: 10.8.2.0/24 }} }}\n",
                        _ =>
                            $"name: a\nhosts: {{ h: 192.0.2.1 }}\nnetworks: {{ n: {{ vlan: 5, subnet: 10.8.2.0/24 }} }}\n"
                                + $"containers: {{ {quoted}: {{ host: h, engine: netns, networks: {{ n: 10.8.2.2 }} }} }}\n",
                    };
                    Assert.Equal(
                        Regex.IsMatch(
                            name,
                            pattern,
                            RegexOptions.ECMAScript,
                            TimeSpan.FromSeconds(10)
                        ),
                        OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(file)).Overlay
                            is not null
                    );
                },
                iter: 1000
            );
    }

    private static Dictionary<string, string> Defaults() =>
        Keys(Schema)
            .Where(key => key.Value!["default"] is not null)
            .ToDictionary(key => key.Key, key => key.Value!["default"]!.ToString());

    /// <summary>Every key in the schema, at any depth.</summary>
    private static IEnumerable<KeyValuePair<string, JsonNode?>> Keys(JsonNode? schema) =>
        schema switch
        {
            JsonObject mapping => mapping.SelectMany(keyword =>
                keyword.Key == "properties"
                    ? keyword.Value!.AsObject().SelectMany(key => Keys(key.Value).Prepend(key))
                    : Keys(keyword.Value)
            ),
            JsonArray list => list.SelectMany(Keys),
            _ => [],
        };

    private static Overlay Read(string file)
    {
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(file));
        Assert.Empty(result.Mistakes);
        return result.Overlay!;
    }
}
