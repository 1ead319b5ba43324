using System.Collections.Immutable;

namespace Weft.Core.Planning;

/// <summary>The ordered changes from what a host looks like to what it must look like.</summary>
public sealed record Plan
{
    /// <summary>The overlay.</summary>
    public required string Overlay { get; init; }

    /// <summary>The host.</summary>
    public required string Host { get; init; }

    /// <summary>The changes; those of one <see cref="Stage"/> keep this order.</summary>
    public required ImmutableArray<Change> Changes { get; init; }

    /// <summary>What stands in the way; a plan with conflicts must not be applied.</summary>
    public ImmutableArray<string> Conflicts { get; init; } = [];

    /// <summary>What the administrator should know, such as a container that is awaited; nothing is wrong with the plan.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsEmpty => Changes.IsEmpty;
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

/// <summary>When a command is carried out: links that ports need before the switch's transaction, what ports give after it.</summary>
public enum Stage
{
    /// <summary>Before the transaction.</summary>
    BeforeSwitch,

    /// <summary>After ovs-vswitchd has carried the transaction out.</summary>
    AfterSwitch,
}

/// <summary>One step of a plan: it can say itself in words, as shell commands, and be carried out.</summary>
/// <param name="Action">What it does.</param>
/// <param name="What">The kind of thing: <c>bridge</c>, <c>port</c>, <c>veth</c>, …</param>
/// <param name="Name">The thing's name.</param>
/// <param name="Detail">What is being done to it, in words.</param>
public abstract record Change(ChangeAction Action, string What, string Name, string Detail)
{
    /// <summary>The shell commands that an administrator would type for it, in order, each with its stage.</summary>
    public abstract IEnumerable<(Stage? Stage, string Command)> Commands { get; }
}

/// <summary>A change of links or addresses, by iproute2.</summary>
/// <param name="Action">What it does.</param>
/// <param name="What">The kind of thing.</param>
/// <param name="Name">The thing's name.</param>
/// <param name="Detail">What is being done to it, in words.</param>
/// <param name="Lines">The lines for <c>ip -batch</c>, in order.</param>
public sealed record LinkChange(
    ChangeAction Action,
    string What,
    string Name,
    string Detail,
    ImmutableArray<LinkCommand> Lines
) : Change(Action, What, Name, Detail)
{
    /// <inheritdoc/>
    public override IEnumerable<(Stage? Stage, string Command)> Commands =>
        Lines.Select(line => ((Stage?)line.Stage, line.ToString()));
}

/// <summary>One line for <c>ip -batch</c>.</summary>
/// <param name="Stage">When.</param>
/// <param name="Namespace">The network namespace to run it in; null for the host's own.</param>
/// <param name="Line">The line, without the leading <c>ip</c>.</param>
public sealed record LinkCommand(Stage Stage, string? Namespace, string Line)
{
    /// <summary>The shell command.</summary>
    public override string ToString() =>
        Namespace is null ? $"ip {Line}" : $"ip -n {Namespace} {Line}";
}

/// <summary>Has the kernel complete the checksums of what leaves by a link (<c>ethtool -K LINK tx off</c>).</summary>
/// <param name="Stage">When.</param>
/// <param name="Namespace">The network namespace that holds the link; null for the host's own.</param>
/// <param name="Link">The link.</param>
public sealed record ChecksumChange(Stage Stage, string? Namespace, string Link)
    : Change(
        ChangeAction.Set,
        "checksum",
        Link,
        "completed in software: the userspace datapath cannot leave it to hardware"
            + (Namespace is null ? "" : $" (in {Namespace})")
    )
{
    /// <inheritdoc/>
    public override IEnumerable<(Stage? Stage, string Command)> Commands =>
        [
            (
                Stage,
                (Namespace is null ? "" : $"ip netns exec {Namespace} ")
                    + $"ethtool -K {Link} tx off"
            ),
        ];
}
