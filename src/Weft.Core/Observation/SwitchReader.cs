using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Ovsdb;

namespace Weft.Core.Observation;

/// <summary>Reads the rows that matter from a replica of Open vSwitch's database (ovs-vswitchd.conf.db(5)).</summary>
public static class SwitchReader
{
    /// <summary>The database that ovs-vswitchd is configured by.</summary>
    public const string Database = "Open_vSwitch";

    /// <summary>The tables and columns to replicate; statistics, which change all the time, are none of them.</summary>
    public static MonitorSpec Columns { get; } =
        MonitorSpec.Of(
            TableMonitor.Of(
                "Open_vSwitch",
                "next_cfg",
                "cur_cfg",
                "ovs_version",
                "datapath_types",
                "other_config",
                "external_ids"
            ),
            TableMonitor.Of(
                "Bridge",
                "name",
                "datapath_type",
                "fail_mode",
                "stp_enable",
                "rstp_enable",
                "controller",
                "ports",
                "other_config",
                "external_ids"
            ),
            TableMonitor.Of(
                "Port",
                "name",
                "interfaces",
                "tag",
                "trunks",
                "vlan_mode",
                "protected",
                "external_ids"
            ),
            TableMonitor.Of(
                "Interface",
                "name",
                "type",
                "options",
                "mtu_request",
                "mac",
                "error",
                "ofport",
                "external_ids"
            )
        );

    /// <summary>Reads a snapshot.</summary>
    /// <exception cref="HostException">The database was never initialised.</exception>
    public static SwitchObservation Read(Snapshot snapshot)
    {
        var root = Root(snapshot);
        var bridges = ImmutableDictionary.CreateBuilder<string, BridgeRow>(StringComparer.Ordinal);
        var ports = ImmutableDictionary.CreateBuilder<string, PortRow>(StringComparer.Ordinal);
        foreach (var (uuid, row) in snapshot["Bridge"])
        {
            var bridge = new BridgeRow
            {
                Uuid = uuid,
                Name = row["name"].AsString(),
                DatapathType = row["datapath_type"].AsString(),
                FailMode = row["fail_mode"].AsOptionalString(),
                SpansTree = row["stp_enable"].AsBoolean() || row["rstp_enable"].AsBoolean(),
                OtherConfig = row["other_config"].StringMap,
                Controllers = row["controller"].Uuids,
                Ports = row["ports"].Uuids,
                ExternalIds = row["external_ids"].StringMap,
            };
            bridges[bridge.Name] = bridge;
            foreach (var portUuid in bridge.Ports)
            {
                if (snapshot.TryGetRow("Port", portUuid, out var portRow))
                {
                    var port = ReadPort(snapshot, portUuid, portRow, bridge.Name);
                    ports[port.Name] = port;
                }
            }
        }
        return new SwitchObservation
        {
            Root = root.Uuid!.Value,
            Version = root["ovs_version"].AsOptionalString(),
            DatapathTypes = root["datapath_types"].Strings,
            OtherConfig = root["other_config"].StringMap,
            ExternalIds = root["external_ids"].StringMap,
            NextConfig = root["next_cfg"].AsInteger(),
            CurrentConfig = root["cur_cfg"].AsInteger(),
            Bridges = bridges.ToImmutable(),
            Ports = ports.ToImmutable(),
        };
    }

    /// <summary>The last configuration that ovs-vswitchd has carried out.</summary>
    /// <exception cref="HostException">The database was never initialised.</exception>
    public static long CurrentConfig(Snapshot snapshot) => Root(snapshot)["cur_cfg"].AsInteger();

    /// <summary>The operation that reads, at the end of a transaction, the configuration which ovs-vswitchd is to reach.</summary>
    public static Operation SelectNextConfig { get; } =
        new Select("Open_vSwitch", []) { Columns = ["next_cfg"] };

    /// <summary>The operation that has ovs-vswitchd look at its whole configuration once more.</summary>
    public static Operation AskAgain { get; } =
        new Mutate("Open_vSwitch", [], [new("next_cfg", Mutator.Add, 1)]);

    /// <summary>What <see cref="SelectNextConfig"/> has read.</summary>
    /// <exception cref="HostException">The database was never initialised.</exception>
    public static long NextConfig(TransactionResult result) =>
        result.Operations[^1].Rows is [var root, ..] ? root["next_cfg"].AsInteger() : throw Empty();

    private static Row Root(Snapshot snapshot) =>
        snapshot["Open_vSwitch"].Values.FirstOrDefault() ?? throw Empty();

    private static HostException Empty() =>
        new(
            $"Open vSwitch's database is empty: start the whole of Open vSwitch with `systemctl start {HostServices.Here.Switch}`, "
                + "or initialise it with `ovs-vsctl init`"
        );

    private static bool IsCarriedOut(Snapshot snapshot) =>
        Root(snapshot) is var root && root["cur_cfg"].AsInteger() >= root["next_cfg"].AsInteger();

    private static PortRow ReadPort(Snapshot snapshot, Guid uuid, Row row, string bridge) =>
        new()
        {
            Uuid = uuid,
            Name = row["name"].AsString(),
            Bridge = bridge,
            Tag = (int?)row["tag"].AsOptionalInteger(),
            Trunks = row["trunks"].Integers,
            VlanMode = row["vlan_mode"].AsOptionalString(),
            Protected = row["protected"].AsBoolean(),
            ExternalIds = row["external_ids"].StringMap,
            Interfaces =
            [
                .. row["interfaces"]
                    .Uuids.Where(snapshot["Interface"].ContainsKey)
                    .Select(id =>
                        ReadInterface(id, snapshot["Interface"][id], IsCarriedOut(snapshot))
                    ),
            ],
        };

    private static InterfaceRow ReadInterface(Guid uuid, Row row, bool isCarriedOut) =>
        new()
        {
            Uuid = uuid,
            Name = row["name"].AsString(),
            Type = row["type"].AsString(),
            Options = row["options"].StringMap.Remove(MonitorOptions.Key),
            Key = row["options"].StringMap.TryGetValue(MonitorOptions.Key, out var key)
                ? Secret.OfText(key)
                : null,
            MtuRequest = (int?)row["mtu_request"].AsOptionalInteger(),
            Mac = row["mac"].AsOptionalString(),
            ExternalIds = row["external_ids"].StringMap,
            Error = row["error"].AsOptionalString(),
            OpenFlowPort = row["ofport"].AsOptionalInteger(),
            IsCarriedOut = isCarriedOut,
        };
}
