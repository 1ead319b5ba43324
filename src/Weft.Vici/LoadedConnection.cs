using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>
/// A loaded connection (strongSwan, vici/README.md, list-conn). The daemon does not report everything that it was loaded with.
/// </summary>
public sealed record LoadedConnection
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The addresses of this end.</summary>
    public ImmutableArray<string> LocalAddresses { get; init; } = [];

    /// <summary>The addresses of the other end.</summary>
    public ImmutableArray<string> RemoteAddresses { get; init; } = [];

    /// <summary>The IKE version: <c>IKEv1</c>, <c>IKEv2</c>, or <c>IKEv1/2</c> for either.</summary>
    public required string Version { get; init; }

    /// <summary>The rounds of this end's authentication.</summary>
    public ImmutableArray<LoadedAuthentication> Local { get; init; } = [];

    /// <summary>The rounds of the other end's authentication.</summary>
    public ImmutableArray<LoadedAuthentication> Remote { get; init; } = [];

    /// <summary>The time after which an IKE SA is rekeyed; zero for never.</summary>
    public TimeSpan RekeyTime { get; init; }

    /// <summary>The time after which an IKE SA is reauthenticated; zero for never.</summary>
    public TimeSpan ReauthenticationTime { get; init; }

    /// <summary>The configurations of CHILD SAs.</summary>
    public ImmutableArray<LoadedChild> Children { get; init; } = [];

    /// <summary>The daemon's whole message, including what has no property here.</summary>
    public required ViciMessage Message { get; init; }

    internal static LoadedConnection FromSection(string name, ViciMessage section) =>
        new()
        {
            Name = name,
            LocalAddresses = section.Texts("local_addrs"),
            RemoteAddresses = section.Texts("remote_addrs"),
            Version = section.Required("version"),
            Local = LoadedAuthentication.FromSections(section, "local"),
            Remote = LoadedAuthentication.FromSections(section, "remote"),
            RekeyTime = section.Seconds("rekey_time") ?? TimeSpan.Zero,
            ReauthenticationTime = section.Seconds("reauth_time") ?? TimeSpan.Zero,
            Children =
            [
                .. (section.Section("children") ?? ViciMessage.Empty).Sections.Select(
                    static child => LoadedChild.FromSection(child.Key, child.Value)
                ),
            ],
            Message = section,
        };
}

/// <summary>One round of an end's authentication.</summary>
/// <param name="Class">The method in strongSwan's words: <c>pre-shared key</c>, <c>public key</c>, <c>EAP</c>, …</param>
/// <param name="Id">The identity; null for any.</param>
/// <param name="Certificates">The subjects of the certificates that it may use.</param>
/// <param name="Authorities">The subjects of the authorities' certificates that it may use.</param>
public sealed record LoadedAuthentication(
    string Class,
    string? Id,
    ImmutableArray<string> Certificates,
    ImmutableArray<string> Authorities
)
{
    internal static ImmutableArray<LoadedAuthentication> FromSections(
        ViciMessage connection,
        string end
    ) =>
        [
            .. connection
                .Sections.Where(section => section.Key.StartsWith(end, StringComparison.Ordinal))
                .Select(static section => new LoadedAuthentication(
                    section.Value.Text("class") ?? "any",
                    section.Value.Text("id"),
                    section.Value.Texts("certs"),
                    section.Value.Texts("cacerts")
                )),
        ];
}

/// <summary>The configuration of a CHILD SA.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mode"><c>TUNNEL</c>, <c>TRANSPORT</c>, <c>PASS</c>, <c>DROP</c>, …</param>
/// <param name="RekeyTime">The time after which the SA is rekeyed; zero for never.</param>
/// <param name="RekeyBytes">The number of bytes after which it is rekeyed; 0 for never.</param>
/// <param name="RekeyPackets">The number of packets after which it is rekeyed; 0 for never.</param>
/// <param name="LocalSelectors">The traffic selectors of this end.</param>
/// <param name="RemoteSelectors">The traffic selectors of the other end.</param>
public sealed record LoadedChild(
    string Name,
    string Mode,
    TimeSpan RekeyTime,
    long RekeyBytes,
    long RekeyPackets,
    ImmutableArray<string> LocalSelectors,
    ImmutableArray<string> RemoteSelectors
)
{
    internal static LoadedChild FromSection(string name, ViciMessage section) =>
        new(
            name,
            section.Required("mode"),
            section.Seconds("rekey_time") ?? TimeSpan.Zero,
            section.Number("rekey_bytes") ?? 0,
            section.Number("rekey_packets") ?? 0,
            section.Texts("local-ts"),
            section.Texts("remote-ts")
        );
}
