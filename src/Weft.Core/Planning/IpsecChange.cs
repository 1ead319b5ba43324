using System.Collections.Immutable;
using Weft.Core.Ipsec;
using Weft.Vici;

namespace Weft.Core.Planning;

/// <summary>A change of what strongSwan's daemon has loaded, over its VICI socket.</summary>
/// <param name="Action">What it does.</param>
/// <param name="What">The kind of thing.</param>
/// <param name="Name">The thing's name.</param>
/// <param name="Detail">What is being done to it, in words.</param>
/// <param name="Stage">When: what is loaded comes before the switch's transaction, what is unloaded goes at the end.</param>
public abstract record IpsecChange(
    ChangeAction Action,
    string What,
    string Name,
    string Detail,
    Stage Stage
) : Change(Action, What, Name, Detail)
{
    /// <summary>There is no command for it: <c>swanctl</c> loads whole files, and a key must not be in one.</summary>
    public override IEnumerable<string> Commands =>
        [$"# strongSwan, by its VICI socket: {Action.Word} {What} {Name}"];
}

/// <summary>Loads a connection, or loads it again.</summary>
/// <param name="Action">What it does.</param>
/// <param name="Name">The connection's name.</param>
/// <param name="Detail">In words.</param>
/// <param name="Message">The connection as <c>load-conn</c> takes it.</param>
/// <param name="Begins">
/// Whether to negotiate at once, while the switch sets up its ports; false if the peer has an association, even an unfinished
/// one.
/// </param>
public sealed record LoadConnection(
    ChangeAction Action,
    string Name,
    string Detail,
    ViciMessage Message,
    bool Begins
) : IpsecChange(Action, "connection", Name, Detail, Stage.BeforeSwitch);

/// <summary>Unloads a connection, and ends what was negotiated by it.</summary>
/// <param name="Name">The connection's name.</param>
public sealed record UnloadConnection(string Name)
    : IpsecChange(ChangeAction.Remove, "connection", Name, "", Stage.Last);

/// <summary>Loads a shared key, which is the one that this host proves itself with from then on.</summary>
/// <param name="Action">Whether it is new, or loaded already but behind others.</param>
/// <param name="Name">Its identifier.</param>
/// <param name="Peer">The host that it is shared with.</param>
/// <param name="Key">The key.</param>
/// <param name="Owners">The identities of the two.</param>
public sealed record LoadSharedKey(
    ChangeAction Action,
    string Name,
    string Peer,
    Secret Key,
    params string[] Owners
)
    : IpsecChange(
        Action,
        "key",
        Name,
        Action is ChangeAction.Add ? $"shared with {Peer}" : $"first of those shared with {Peer}",
        Stage.BeforeSwitch
    );

/// <summary>A shared key goes.</summary>
/// <param name="Name">Its identifier.</param>
public sealed record UnloadSharedKey(string Name)
    : IpsecChange(ChangeAction.Remove, "key", Name, "", Stage.Last);

/// <summary>The host's private key is loaded.</summary>
/// <param name="Name">Its identifier.</param>
/// <param name="Key">The key.</param>
/// <param name="Mark">The identifier of the mark beside it, by which Weft knows it for its own (<see cref="IpsecPlanner"/>).</param>
public sealed record LoadPrivateKey(string Name, Secret Key, string Mark)
    : IpsecChange(ChangeAction.Add, "key", Name, "of this host's certificate", Stage.BeforeSwitch);

/// <summary>A private key that this host had goes.</summary>
/// <param name="Name">Its identifier.</param>
/// <param name="Mark">The identifier of the mark beside it.</param>
public sealed record UnloadPrivateKey(string Name, string Mark)
    : IpsecChange(
        ChangeAction.Remove,
        "key",
        Name,
        "of a certificate that this host had",
        Stage.Last
    );

/// <summary>Loads the certificate of an authority, to trust those that it has issued.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Certificate">The certificate (DER).</param>
public sealed record LoadAuthority(string Name, ImmutableArray<byte> Certificate)
    : IpsecChange(
        ChangeAction.Add,
        "authority",
        Name,
        "of the hosts' certificates",
        Stage.BeforeSwitch
    );

/// <summary>The certificate of an authority goes.</summary>
/// <param name="Name">Its name.</param>
public sealed record UnloadAuthority(string Name)
    : IpsecChange(ChangeAction.Remove, "authority", Name, "", Stage.Last);
