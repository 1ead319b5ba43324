using Weft.Ovsdb;

namespace Weft.Bench;

/// <summary>A port of the hand-written transaction.</summary>
internal sealed record RawPort(string Name, string Type)
{
    public int? Tag { get; init; }

    public int? Mtu { get; init; }

    public string? Remote { get; init; }
}

/// <summary>The lower limit: a bridge with its ports in one transaction, without anything that Weft adds.</summary>
internal static class RawTransaction
{
    private const string Database = "Open_vSwitch";

    public static async Task RunAsync(OvsdbClient client, IReadOnlyList<RawPort> ports)
    {
        await using var replica = await client.MonitorAsync(
            Database,
            MonitorSpec.Of(TableMonitor.Of("Open_vSwitch", "cur_cfg"))
        );
        var result = await client.TransactAsync(
            Database,
            [
                .. ports.SelectMany(Inserts),
                new Insert(
                    "Bridge",
                    new Row
                    {
                        ["name"] = ports[0].Name,
                        ["datapath_type"] = "netdev",
                        ["ports"] = Datum.Set(
                            ports.Select((_, index) => Atom.NamedUuid($"p{index}"))
                        ),
                    }
                )
                {
                    UuidName = "bridge",
                },
                new Mutate(
                    "Open_vSwitch",
                    [],
                    [
                        new("bridges", Mutator.Insert, Atom.NamedUuid("bridge")),
                        new("next_cfg", Mutator.Add, 1),
                    ]
                ),
                new Select("Open_vSwitch", []) { Columns = ["next_cfg"] },
            ]
        );
        var wanted = result.Operations[^1].Rows[0]["next_cfg"].AsInteger();
        await replica.WaitAsync(snapshot =>
            snapshot["Open_vSwitch"].Values.First()["cur_cfg"].AsInteger() >= wanted
        );
    }

    private static IEnumerable<Operation> Inserts(RawPort port, int index)
    {
        yield return new Insert(
            "Interface",
            new Row
            {
                ["name"] = port.Name,
                ["type"] = port.Type,
                ["mtu_request"] = port.Mtu is { } mtu ? mtu : Datum.Empty,
                ["options"] = port.Remote is { } remote
                    ? Datum.Map(("remote_ip", remote))
                    : Datum.EmptyMap,
            }
        )
        {
            UuidName = $"i{index}",
        };
        yield return new Insert(
            "Port",
            new Row
            {
                ["name"] = port.Name,
                ["interfaces"] = Atom.NamedUuid($"i{index}"),
                ["tag"] = port.Tag is { } tag ? tag : Datum.Empty,
                ["protected"] = port.Remote is not null,
            }
        )
        {
            UuidName = $"p{index}",
        };
    }
}
