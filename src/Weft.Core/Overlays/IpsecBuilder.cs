using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;
using Schema = Weft.Core.Overlays.OverlaySchema;

namespace Weft.Core.Overlays;

/// <summary>
/// Builds the encryption settings of tunnels from what the schema has read, and finds combinations that cannot work.
/// </summary>
internal sealed class IpsecBuilder(Fields file, Fields tunnels, Mistakes mistakes)
{
    private readonly Position at = tunnels.Find(Schema.Tunnels.Ipsec) ?? default;

    /// <summary>The settings; null if the file has none, or wrong ones.</summary>
    public IpsecSettings? Build()
    {
        if (tunnels.Get(Schema.Tunnels.Ipsec)?.Value is not { } ipsec)
        {
            return null;
        }
        var manager = ipsec.Get(Schema.Ipsec.Manager)?.Value ?? IpsecManager.StrongSwan;
        var credentials = BuildCredentials(ipsec);
        if (file.Get(Schema.Overlay.Datapath) is { Value: DatapathChoice.Userspace } userspace)
        {
            mistakes.Add(
                userspace.At,
                $"'datapath' is userspace, whose packets never pass the kernel's IPsec (line {at.Line}), so that nothing would be encrypted: write kernel or auto, or take 'ipsec' out"
            );
        }
        CheckForIPv6();
        if (manager is IpsecManager.OpenVSwitch)
        {
            CheckForOpenVSwitch(ipsec, credentials);
        }
        return credentials is null
            ? null
            : new IpsecSettings(credentials, manager)
            {
                RekeySeconds = (int)(
                    ipsec.Get(Schema.Ipsec.Rekey)?.Value ?? IpsecSettings.DefaultRekeySeconds
                ),
            };
    }

    private IpsecCredentials? BuildCredentials(Fields ipsec)
    {
        var psk = ipsec.Find(Schema.Ipsec.Psk);
        var files = ipsec.Get(Schema.Ipsec.Certificates);
        var certificates = files is { Value.IsOn: false }
            ? null
            : ipsec.Find(Schema.Ipsec.Certificates);
        if (psk is null && certificates is null && ipsec.IsWhole)
        {
            mistakes.Add(
                at,
                "'ipsec' of 'tunnels' has neither 'psk' nor 'certificates': add one of them, such as 'psk: { file: /etc/weft/psk }'"
            );
        }
        if (psk is { } one && certificates is { } other)
        {
            var (earlier, later) = one.IsBefore(other) ? (one, other) : (other, one);
            mistakes.Add(
                later,
                $"'ipsec' of 'tunnels' has both 'psk' and 'certificates' (first in line {earlier.Line}): keep one of them"
            );
        }
        return ipsec.Get(Schema.Ipsec.Psk)?.Value is { } source ? BuildKey(source, psk!.Value)
            : files?.Value is { IsOn: true } given ? BuildFiles(given)
            : null;
    }

    private SharedKey? BuildKey(Fields source, Position psk)
    {
        Key[] keys = [Schema.Psk.KeyItself, Schema.Psk.File, Schema.Psk.Variable];
        var found = keys.Where(key => source.Find(key) is not null).ToList();
        if (found.Count == 0 && source.IsWhole)
        {
            mistakes.Add(
                psk,
                "'psk' of 'ipsec' says no key and not where it is: write { file: /etc/weft/psk }, { env: WEFT_PSK }, or the key itself"
            );
        }
        if (found.Count > 1)
        {
            mistakes.Add(
                psk,
                $"'psk' of 'ipsec' has {Words.List(found.Select(key => $"'{key.Name}'"))}: keep one of them"
            );
        }
        return source.Get(Schema.Psk.KeyItself) is { } key ? new InlineKey(key.Value)
            : source.Get(Schema.Psk.File) is { } path ? new KeyFile(path.Value)
            : source.Get(Schema.Psk.Variable) is { } variable ? new KeyVariable(variable.Value)
            : null;
    }

    private static CertificateFiles BuildFiles(Fields files) =>
        new(
            files.Get(Schema.Certificates.Authority)?.Value ?? CertificateFiles.Default.Authority,
            files.Get(Schema.Certificates.Certificate)?.Value
                ?? CertificateFiles.Default.Certificate,
            files.Get(Schema.Certificates.PrivateKey)?.Value ?? CertificateFiles.Default.Key
        );

    /// <summary>
    /// Refuses GRE over IPv6. Seen with Linux 6.1: the kernel datapath looks up the policy of such a packet before it has a
    /// source address (__gre6_xmit in net/ipv6/ip6_gre.c sets none), and no association matches a packet without one.
    /// </summary>
    private void CheckForIPv6()
    {
        var hosts = file.Get(Schema.Overlay.Hosts)?.Value ?? [];
        if (
            Type is TunnelType.Gre
            && hosts.Any(host =>
                host.Value?.Value.Get(Schema.Host.Address)?.Value.AddressFamily
                is AddressFamily.InterNetworkV6
            )
        )
        {
            mistakes.Add(
                tunnels.Find(Schema.Tunnels.Type) ?? at,
                $"gre over IPv6 cannot be encrypted: Linux looks for the policy before the packet has its address, and nothing would cross. Write `type: geneve`, or take 'ipsec' out"
            );
        }
    }

    private TunnelType Type => tunnels.Get(Schema.Tunnels.Type)?.Value ?? TunnelType.Gre;

    /// <summary>Refuses what ovs-monitor-ipsec of Open vSwitch 3.1 cannot do, judging by its templates for strongSwan.</summary>
    private void CheckForOpenVSwitch(Fields ipsec, IpsecCredentials? credentials)
    {
        if (ipsec.Get(Schema.Ipsec.Rekey) is { } rekey)
        {
            mistakes.Add(
                rekey.At,
                $"'rekey' of 'ipsec' is for the manager strongswan: {IpsecManager.OpenVSwitch.Word} leaves it to strongSwan's own default; take it out, or make the manager strongswan"
            );
        }
        if (
            tunnels.Get(Schema.Tunnels.Port) is { } port
            && Type is not TunnelType.Gre
            && TunnelTraffic.Of(Type, null).Port != port.Value
        )
        {
            mistakes.Add(
                port.At,
                $"'tunnels' has port {port.Value}, and {IpsecManager.OpenVSwitch.Word} (line {at.Line}) encrypts port {TunnelTraffic.Of(Type, null).Port} only: take the port out, or make the manager strongswan"
            );
        }
        // It writes %any PEER : PSK "KEY" into /etc/ipsec.secrets, which has no way to escape these characters.
        if (credentials is InlineKey { Key: var key } && key.Reveal().IndexOfAny("\"\r\n"u8) >= 0)
        {
            mistakes.Add(
                ipsec.Get(Schema.Ipsec.Psk)!.Value.At,
                $"'psk' of 'ipsec' holds a quotation mark or the end of a line, which {IpsecManager.OpenVSwitch.Word} cannot write down: choose another key, or make the manager strongswan"
            );
        }
        // The same holds for paths, which a space ends as well.
        if (
            credentials is CertificateFiles files
            && (files.Authority + files.Certificate + files.Key).IndexOfAny([' ', '"', '#']) >= 0
        )
        {
            mistakes.Add(
                ipsec.Find(Schema.Ipsec.Certificates)!.Value,
                $"'certificates' of 'ipsec' has a path with a space, a quotation mark or '#', which {IpsecManager.OpenVSwitch.Word} cannot write down: choose other paths, or make the manager strongswan"
            );
        }
        // With a key and no names, each end identifies the other by the address that it sees.
        foreach (var host in file.Get(Schema.Overlay.Hosts)?.Value ?? [])
        {
            if (credentials is SharedKey && host.Value?.Value.Get(Schema.Host.Local) is { } local)
            {
                mistakes.Add(
                    local.At,
                    $"host {host.Quoted} has a local address, and {IpsecManager.OpenVSwitch.Word} (line {at.Line}) with a psk knows hosts by the address that they have themselves: make the manager strongswan, or use certificates"
                );
            }
        }
    }
}
