using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>The ordered changes from what a host looks like to what it must look like.</summary>
public sealed record Plan
{
    /// <summary>The overlay.</summary>
    public required string Overlay { get; init; }

    /// <summary>The host.</summary>
    public required string Host { get; init; }

    /// <summary>The changes, in the order that tells best; <see cref="Commands"/> has the order of carrying them out.</summary>
    public required ImmutableArray<Change> Changes { get; init; }

    /// <summary>
    /// What stands in the way. A plan with conflicts must not be applied, except where nobody could be asked and all of them
    /// stand alone.
    /// </summary>
    public ImmutableArray<Conflict> Conflicts { get; init; } = [];

    /// <summary>What the administrator should know, such as a container that is awaited; nothing is wrong with the plan.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>What is interrupted while the hosts change one after the other, though all goes well.</summary>
    public ImmutableArray<string> Interruptions { get; init; } = [];

    /// <summary>The MTU in bytes that the overlay has on the host before; null where it is not there yet.</summary>
    public int? FormerMtu { get; init; }

    /// <summary>Whether the kernel said which guards stand.</summary>
    internal bool KnowsGuards { get; init; } = true;

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsEmpty => Changes.IsEmpty;

    /// <summary>Whether there is something to do and nothing in the way.</summary>
    public bool IsApplicable => !IsEmpty && Conflicts.IsEmpty;

    /// <summary>Whether all else can be carried out, if anything stands in the way.</summary>
    public bool HasClearWay => Conflicts.All(conflict => conflict.StandsAlone);

    /// <summary>
    /// What is carried out whatever else stands in the way: guards that are missing beside tunnels, which meanwhile send plaintext.
    /// Empty if the kernel does not say which guards it has.
    /// </summary>
    internal Plan Overdue =>
        this with
        {
            Changes = KnowsGuards
                ? [.. Changes.Where(change => change is GuardChange { IsOverdue: true })]
                : [],
            Conflicts = [],
        };

    /// <summary>Whether people would read the same in both plans.</summary>
    /// <param name="other">The other plan.</param>
    public bool SaysTheSameAs(Plan other) =>
        Changes
            .Select(change => (change.Action, change.What, change.Name, change.Detail))
            .SequenceEqual(
                other.Changes.Select(change =>
                    (change.Action, change.What, change.Name, change.Detail)
                )
            ) && Commands.SequenceEqual(other.Commands);

    /// <summary>What an administrator would type, in the order of carrying it out.</summary>
    public IEnumerable<string> Commands =>
        [
            .. CommandsOf(Stage.First),
            .. IpsecOf(Stage.BeforeSwitch).SelectMany(change => change.Commands),
            .. Reopenings.SelectMany(change => change.Commands),
            .. CommandsOf(Stage.BeforeSwitch),
            .. SwitchChanges.SelectMany(change => change.Commands),
            .. NicsOf(Stage.AfterSwitch).SelectMany(change => change.Commands),
            .. CommandsOf(Stage.AfterSwitch),
            .. IpsecOf(Stage.Last).SelectMany(change => change.Commands),
            .. NicsOf(Stage.Last).SelectMany(change => change.Commands),
            .. CommandsOf(Stage.Last),
        ];

    /// <summary>The changes of strongSwan's at a stage, which come before its link commands.</summary>
    public IEnumerable<IpsecChange> IpsecOf(Stage stage) =>
        Changes.OfType<IpsecChange>().Where(change => change.Stage == stage);

    /// <summary>The ports that are removed in a transaction of their own, before links are made: a new one takes their place.</summary>
    public IEnumerable<RemovePort> Reopenings =>
        Changes.OfType<RemovePort>().Where(change => change.Reopens);

    /// <summary>The changes of the switch that are one transaction.</summary>
    public IEnumerable<SwitchChange> SwitchChanges =>
        Changes.OfType<SwitchChange>().Where(change => change is not RemovePort { Reopens: true });

    /// <summary>
    /// The changes of containers' devices at a stage, which come before its link commands, as bridges that they leave may go
    /// then. A device that makes way for another goes before that comes.
    /// </summary>
    public IEnumerable<NicChange> NicsOf(Stage stage) =>
        Changes
            .OfType<NicChange>()
            .Where(change =>
                change is { Action: ChangeAction.Remove, MakesWay: false } == stage is Stage.Last
            )
            .Where(_ => stage is Stage.AfterSwitch or Stage.Last)
            .OrderBy(change => change.Action is not ChangeAction.Remove);

    /// <summary>
    /// The link commands of a stage, in order: containers shrink their MTU and clear their interfaces' names before
    /// the host's links change, and get theirs after.
    /// </summary>
    public IEnumerable<LinkCommand> LinesOf(Stage stage) =>
        Changes
            .OfType<BatchChange>()
            .SelectMany(change => change.Lines)
            .Where(line => line.Stage == stage)
            .OrderBy(line => line.Namespace is null == stage is Stage.BeforeSwitch);

    /// <summary>The checksum changes of a stage, which come after its link commands.</summary>
    public IEnumerable<ChecksumChange> ChecksumsOf(Stage stage) =>
        Changes.OfType<ChecksumChange>().Where(change => change.Stage == stage);

    private IEnumerable<string> CommandsOf(Stage stage) =>
        [
            .. LinesOf(stage).Select(line => line.ToString()),
            .. ChecksumsOf(stage).SelectMany(change => change.Commands),
        ];
}

/// <summary>Something on the host that is not Weft's and stands in the way.</summary>
/// <param name="Name">The name of the change that it keeps from being planned.</param>
/// <param name="Message">What it is and what to do about it.</param>
public sealed record Conflict(string Name, string Message)
{
    /// <summary>Whether all else can be carried out: it is in the way of a single container's interface, of one tunnel, or of a bridge that is to go.</summary>
    public bool StandsAlone { get; init; }

    /// <summary>Containers wait for addresses that cannot be recorded.</summary>
    // No link's name has a space: nobody takes this for a conflict over a part of the host.
    internal static Conflict WithRecords(string message) =>
        new("new addresses", message) { StandsAlone = true };

    /// <summary>A port of a switch has a name that is needed.</summary>
    internal static Conflict WithPort(
        PortRow port,
        string remedy = "change the name in the file"
    ) =>
        new(
            port.Name,
            $"port '{port.Name}' is in bridge '{port.Bridge}' already, {Ownership.Describe(port.Mark)}: "
                + Ownership.Remedy(
                    port.Mark,
                    $"remove it with `ovs-vsctl del-port {port.Name}`, or {remedy}"
                )
        );

    /// <summary>A link has a name that is needed beside its own.</summary>
    internal static Conflict WithAlternativeName(Link link, string name) =>
        new(
            name,
            $"link '{link.Name}' has the alternative name '{name}': "
                + $"take it away with `ip link property del dev {ShellWord.Quote(link.Name)} altname {ShellWord.Quote(name)}`, or change the name in the file"
        );

    /// <summary>A link has an address that this host is to have by another.</summary>
    internal static Conflict WithAddress(
        Link link,
        InterfaceAddress address,
        string network,
        string host
    ) =>
        new(
            network,
            $"link '{link.Name}', {Ownership.Describe(OwnershipMark.OfAlias(link.Alias))}, has {address}, and network '{network}' gives this host the same address: "
                + $"take it from the link, or give {host} another in the network's `hosts`"
        );

    /// <summary>A link has a name that is needed.</summary>
    internal static Conflict WithLink(Link link) =>
        new(
            link.Name,
            $"link '{link.Name}' is there already, {Ownership.Describe(OwnershipMark.OfAlias(link.Alias))}: "
                + Ownership.Remedy(
                    OwnershipMark.OfAlias(link.Alias),
                    "rename it or change the name in the file"
                )
        );
}

/// <summary>What a change does to the thing that it is about.</summary>
public enum ChangeAction
{
    /// <summary>The thing is made.</summary>
    Add,

    /// <summary>The thing stays and is put right.</summary>
    Set,

    /// <summary>The thing goes.</summary>
    Remove,
}

/// <summary>When a command of iproute2 is carried out.</summary>
public enum Stage
{
    /// <summary>Before all else: the guard, without which no tunnel may be.</summary>
    First,

    /// <summary>Before the switch's transaction: what ports need.</summary>
    BeforeSwitch,

    /// <summary>After ovs-vswitchd has carried the transaction out: what needs ports.</summary>
    AfterSwitch,

    /// <summary>After all else: what nothing needs any more goes, the guard at the very end.</summary>
    Last,
}

/// <summary>One step of a plan: it can say itself in words, as shell commands, and be carried out.</summary>
/// <param name="Action">What it does.</param>
/// <param name="What">The kind of thing: <c>bridge</c>, <c>port</c>, <c>veth</c>, …</param>
/// <param name="Name">The thing's name.</param>
/// <param name="Detail">What is being done to it, in words.</param>
public abstract record Change(ChangeAction Action, string What, string Name, string Detail)
{
    /// <summary>
    /// What tells the thing from an earlier one of the same name, as that of a container before it restarted: its network
    /// namespace, or its row. Null if the name does.
    /// </summary>
    public virtual string? Identity => null;

    /// <summary>
    /// What it does, and to what. A change that was carried out and is planned again did not hold. The same change of another thing
    /// that has the name by now is a different one.
    /// </summary>
    internal (
        ChangeAction Action,
        string What,
        string Name,
        string Detail,
        string? Identity
    ) Deed => (Action, What, Name, Detail, Identity);

    /// <summary>The shell commands that an administrator would type for it, in order.</summary>
    public abstract IEnumerable<string> Commands { get; }
}

/// <summary>A change by iproute2.</summary>
/// <param name="Action">What it does.</param>
/// <param name="What">The kind of thing.</param>
/// <param name="Name">The thing's name.</param>
/// <param name="Detail">What is being done to it, in words.</param>
/// <param name="Lines">The lines for <c>ip -batch</c>, in order.</param>
public abstract record BatchChange(
    ChangeAction Action,
    string What,
    string Name,
    string Detail,
    ImmutableArray<LinkCommand> Lines
) : Change(Action, What, Name, Detail)
{
    /// <inheritdoc/>
    public sealed override IEnumerable<string> Commands => Lines.Select(line => line.ToString());
}

/// <summary>A change of links or addresses.</summary>
public sealed record LinkChange(
    ChangeAction Action,
    string What,
    string Name,
    string Detail,
    ImmutableArray<LinkCommand> Lines
) : BatchChange(Action, What, Name, Detail, Lines)
{
    /// <summary>The network namespace of the container that the link leads into, by its name or the path of its file; null where it leads into none.</summary>
    public string? Namespace { get; init; }

    /// <inheritdoc/>
    public override string? Identity => Namespace;
}

/// <summary>A change of the guard of one peer: the policies that block what is not encrypted.</summary>
/// <param name="Action">What it does.</param>
/// <param name="Name">The peer's underlay address.</param>
/// <param name="Detail">What is being done to it, in words.</param>
/// <param name="IsOverdue">Whether the tunnel is there already, so that packets may cross in plaintext until then.</param>
/// <param name="Lines">The lines for <c>ip -batch</c>, in order.</param>
public sealed record GuardChange(
    ChangeAction Action,
    string Name,
    string Detail,
    bool IsOverdue,
    ImmutableArray<LinkCommand> Lines
) : BatchChange(Action, "guard", Name, Detail, Lines);

/// <summary>
/// One line for <c>ip -batch</c>, or one setting for <c>sysctl -w</c> where ip(8) has no words for it. A line about a policy is
/// for people to type; Weft tells the kernel without ip.
/// </summary>
/// <param name="Stage">When.</param>
/// <param name="Namespace">The network namespace to run it in, by its name or the path of its file; null for the host's own.</param>
/// <param name="Line">The line, without the leading <c>ip</c> or <c>sysctl -w</c>.</param>
public sealed record LinkCommand(Stage Stage, string? Namespace, string Line)
{
    private const string RemovalOfLink = "link del dev ";
    private const string AdditionOfLink = "link add ";

    // With slashes, as a link's name may have dots (sysctl(8)).
    private const string Ipv4Setting = "net/ipv4/conf/";
    private const string Ipv6Setting = "net/ipv6/conf/";

    /// <summary>The IPsec policy that the line puts up, changes or takes away; null where it is about none.</summary>
    public (ChangeAction Action, XfrmPolicy Policy)? Policy { get; private init; }

    /// <summary>Puts up, changes or takes away an IPsec policy that blocks.</summary>
    public static LinkCommand OfPolicy(Stage stage, ChangeAction action, XfrmPolicy policy) =>
        new(
            stage,
            null,
            action is ChangeAction.Remove
                ? $"xfrm policy delete {policy}"
                : $"xfrm policy {(action is ChangeAction.Add ? "add" : "update")} {policy} action block priority {policy.Priority}"
        )
        {
            Policy = (action, policy),
        };

    /// <summary>Whether the line removes a link.</summary>
    public bool IsRemovalOfLink => Line.StartsWith(RemovalOfLink, StringComparison.Ordinal);

    /// <summary>Whether the line makes a link of that name, alone or as the other end of a pair.</summary>
    public bool IsAdditionOf(string link) =>
        Line.StartsWith(AdditionOfLink, StringComparison.Ordinal)
        && $"{Line} ".Contains($" name {link} ", StringComparison.Ordinal);

    /// <summary>Removes a link.</summary>
    public static LinkCommand RemoveLink(Stage stage, string? @namespace, string name) =>
        new(stage, @namespace, RemovalOfLink + name);

    /// <summary>Whether the line is for <c>sysctl -w</c>: <c>net/ipv6/conf/LINK/SETTING=VALUE</c>, or the same of IPv4.</summary>
    public bool IsSetting =>
        Line.StartsWith(Ipv6Setting, StringComparison.Ordinal)
        || Line.StartsWith(Ipv4Setting, StringComparison.Ordinal);

    /// <summary>The name of the link that the setting is of; null where the line is none.</summary>
    public string? LinkOfSetting => IsSetting ? Line.Split('/')[3] : null;

    /// <summary>Gives a link a setting of IPv4's (the kernel's ip-sysctl, <c>/proc/sys/net/ipv4/conf</c>).</summary>
    public static LinkCommand SetIpv4(
        Stage stage,
        string? @namespace,
        string link,
        string setting,
        int value
    ) => Set(stage, @namespace, Ipv4Setting + link, setting, value);

    /// <summary>Gives a link a setting of IPv6's (the kernel's ip-sysctl, <c>/proc/sys/net/ipv6/conf</c>).</summary>
    public static LinkCommand SetIpv6(
        Stage stage,
        string? @namespace,
        string link,
        string setting,
        int value
    ) => Set(stage, @namespace, Ipv6Setting + link, setting, value);

    private static LinkCommand Set(
        Stage stage,
        string? @namespace,
        string place,
        string setting,
        int value
    ) => new(stage, @namespace, $"{place}/{setting}={value}");

    /// <summary>The shell command.</summary>
    public override string ToString() =>
        string.Join(
            ' ',
            [
                .. (Namespace, IsSetting) switch
                {
                    (null, false) => (string[])["ip"],
                    (null, true) => ["sysctl", "-w"],
                    (['/', ..], false) => ["nsenter", $"--net={Namespace}", "ip"],
                    (['/', ..], true) => ["nsenter", $"--net={Namespace}", "sysctl", "-w"],
                    (_, false) => ["ip", "-n", Namespace],
                    (_, true) => ["ip", "netns", "exec", Namespace, "sysctl", "-w"],
                },
                .. Line.Split(' ').Select(ShellWord.Quote),
            ]
        );
}

/// <summary>Has the kernel complete the checksums of what leaves by a link (<c>ethtool -K LINK tx off</c>), or not.</summary>
/// <param name="Stage">When.</param>
/// <param name="Namespace">The network namespace that holds the link, by its name or the path of its file; null for the host's own.</param>
/// <param name="Link">The link.</param>
/// <param name="Container">The container that the namespace is of; null for the host's own.</param>
/// <param name="LeavesUndone">Whether checksums may be left undone, as the kernel's datapath can take them.</param>
public sealed record ChecksumChange(
    Stage Stage,
    string? Namespace,
    string Link,
    string? Container,
    bool LeavesUndone = false
)
    : Change(
        ChangeAction.Set,
        "checksum",
        Container is null ? Link : $"{Link} in {Container}",
        LeavesUndone
            ? "left to hardware: the kernel's datapath can take it"
            : "completed in software: the userspace datapath cannot leave it to hardware"
    )
{
    /// <inheritdoc/>
    public override string? Identity => Namespace;

    /// <inheritdoc/>
    public override IEnumerable<string> Commands =>
        [
            Namespace switch
            {
                null => "",
                ['/', ..] => $"nsenter --net={Namespace} ",
                _ => $"ip netns exec {Namespace} ",
            } + $"ethtool -K {ShellWord.Quote(Link)} tx {(LeavesUndone ? "on" : "off")}",
        ];
}
