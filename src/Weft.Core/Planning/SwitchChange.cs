using System.Collections.Immutable;
using System.Text;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Ovsdb;

namespace Weft.Core.Planning;

/// <summary>A change of Open vSwitch's database. All of a plan are carried out as one transaction.</summary>
public abstract record SwitchChange(ChangeAction Action, string What, string Name, string Detail)
    : Change(Action, What, Name, Detail)
{
    /// <summary>The one <c>ovs-vsctl</c> command that does the same (ovs-vsctl(8)).</summary>
    public abstract string Command { get; }

    /// <summary>The key that the change writes, which no command line may hold.</summary>
    public virtual Secret? Key => null;

    /// <summary>
    /// The underlay addresses that a changed tunnel sends to, before the change and after; none if the change is of something
    /// else.
    /// </summary>
    public virtual IEnumerable<string> Remotes => [];

    /// <summary>Where a tunnel with these options sends to.</summary>
    /// <param name="options">The interface's options.</param>
    protected static IEnumerable<string> RemotesOf(Datum options) =>
        options
            .Pairs.Where(pair => pair.Key.AsString() == "remote_ip")
            .Select(pair => pair.Value.AsString());

    /// <inheritdoc/>
    public sealed override IEnumerable<string> Commands =>
        Key is null
            ? [Command]
            :
            [
                Command,
                $"# and options:{MonitorOptions.Key} of interface {Name}, {Key}: others see what a command line holds",
            ];
}

/// <summary>Makes the switch with its local port.</summary>
public sealed record AddBridge(SwitchIntent Switch, string Overlay)
    : SwitchChange(
        ChangeAction.Add,
        "switch",
        Switch.Name,
        $"{Switch.Datapath} datapath, MTU {Switch.Ports[0].MtuRequest}"
    )
{
    /// <inheritdoc/>
    public override string Command
    {
        get
        {
            var mark = $"external_ids:{OwnershipMark.Key}={Overlay}";
            var datapath = Switch.Userspace ? $"datapath_type={Switch.DatapathType} " : "";
            var settings = string.Concat(
                Switch.Settings.Select(pair => $"other_config:{pair.Key}={pair.Value} ")
            );
            var marks = string.Join(
                ' ',
                Switch.Marks(Overlay).Select(pair => $"external_ids:{pair.Key}={pair.Value}")
            );
            var name = ShellWord.Quote(Name);
            return $"ovs-vsctl add-br {name} -- set bridge {name} {datapath}{settings}{marks} -- set port {name} {mark}"
                + $" -- set interface {name} {Vsctl.Columns(Switch.Ports[0])}{mark}";
        }
    }
}

/// <summary>Makes a port with its interface.</summary>
public sealed record AddPort(string Bridge, PortIntent Port, string Overlay)
    : SwitchChange(ChangeAction.Add, "port", Port.Name, Describe(Port))
{
    /// <inheritdoc/>
    public override Secret? Key => Port.Key;

    /// <inheritdoc/>
    public override IEnumerable<string> Remotes => RemotesOf(Port.Options);

    /// <inheritdoc/>
    public override string Command
    {
        get
        {
            var mark = $"external_ids:{OwnershipMark.Key}={Overlay}";
            var tag = Port.Tag is { } vlan ? $"tag={vlan} " : "";
            var split = Port.Protected ? "protected=true " : "";
            var name = ShellWord.Quote(Name);
            return $"ovs-vsctl add-port {ShellWord.Quote(Bridge)} {name} {tag}{split}{mark} -- set interface {name} {Vsctl.Columns(Port)}{mark}";
        }
    }

    private static string Describe(PortIntent port)
    {
        var words = new StringBuilder(port.Purpose);
        if (port.Peer is not null)
        {
            words.Append($": {port.Type} {port.Options["local_ip"]} → {port.Options["remote_ip"]}");
        }
        if (port.Key is { } key)
        {
            words.Append($", key {key}");
        }
        if (port.Tag is { } vlan)
        {
            words.Append($", VLAN {vlan}");
        }
        if (port.MtuRequest is { } mtu)
        {
            words.Append($", MTU {mtu}");
        }
        if (port.Protected)
        {
            words.Append(", protected");
        }
        return words.ToString();
    }
}

/// <summary>Puts columns of a row right.</summary>
public sealed record SetColumns(
    string What,
    string Name,
    string Detail,
    ImmutableArray<ColumnChange> Columns
) : SwitchChange(ChangeAction.Set, What, Name, Detail)
{
    /// <inheritdoc/>
    public override string? Identity => Columns.FirstOrDefault()?.Row.ToString();

    /// <inheritdoc/>
    public override Secret? Key =>
        Columns.Select(column => column.WantedKey).FirstOrDefault(key => key is not null);

    /// <inheritdoc/>
    public override IEnumerable<string> Remotes =>
        Columns
            .Where(column => column.Column == "options")
            .SelectMany(column => RemotesOf(column.Seen).Concat(RemotesOf(column.Wanted)));

    /// <inheritdoc/>
    public override string Command =>
        "ovs-vsctl "
        + string.Join(
            " -- ",
            Columns
                .GroupBy(column => column.Table)
                .Select(table =>
                    $"set {table.Key.ToLowerInvariant()} {(table.Key == "Open_vSwitch" ? "." : ShellWord.Quote(Name))} "
                    + string.Join(' ', table.Select(Vsctl.Assignment))
                )
        );
}

/// <summary>One column of one row, as it was seen and as it must be.</summary>
/// <param name="Table">The table.</param>
/// <param name="Row">The row.</param>
/// <param name="Column">The column.</param>
/// <param name="Seen">The value that the plan is based on; the transaction is void if it is another by then.</param>
/// <param name="Wanted">The value to set.</param>
public sealed record ColumnChange(string Table, Guid Row, string Column, Datum Seen, Datum Wanted)
{
    /// <summary>The key that stands beside <see cref="Seen"/> in the column.</summary>
    public Secret? SeenKey { get; init; }

    /// <summary>The key that is to stand beside <see cref="Wanted"/> in the column.</summary>
    public Secret? WantedKey { get; init; }
}

/// <summary>Removes a port with its interface.</summary>
public sealed record RemovePort(PortRow Port)
    : SwitchChange(ChangeAction.Remove, "port", Port.Name, $"from {Port.Bridge}")
{
    /// <summary>
    /// Whether the same port is made again: ovs-vswitchd must let go of this one first, in a transaction of its own, and before
    /// there is a link of that name again.
    /// </summary>
    public bool Reopens { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<string> Remotes =>
        Port.Interfaces.SelectMany(row => RemotesOf(row.Options));

    /// <inheritdoc/>
    public override string Command =>
        $"ovs-vsctl del-port {ShellWord.Quote(Port.Bridge)} {ShellWord.Quote(Name)}";
}

/// <summary>Removes a switch with the ports in it.</summary>
public sealed record RemoveBridge(BridgeRow Bridge, int Ports)
    : SwitchChange(
        ChangeAction.Remove,
        "switch",
        Bridge.Name,
        $"with its {Ports} port{(Ports == 1 ? "" : "s")}"
    )
{
    /// <inheritdoc/>
    public override string Command => $"ovs-vsctl del-br {ShellWord.Quote(Name)}";
}
