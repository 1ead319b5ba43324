using System.Collections.Immutable;
using System.IO.Hashing;
using System.Text.RegularExpressions;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Plans what ovs-monitor-ipsec reads in the tunnels' rows: this host's credentials. From these it writes strongSwan's files,
/// which Weft leaves alone.
/// </summary>
internal sealed partial class MonitorPlanner(HostIntent intent, HostObservation observation)
{
    private HostIntent? completed;

    public List<Change> Additions { get; } = [];

    public List<Change> Removals { get; } = [];

    public List<Conflict> Conflicts { get; } = [];

    /// <summary>The intent, with what the host's credentials add to the tunnels' rows.</summary>
    public HostIntent Completed => completed ?? intent;

    public void Plan()
    {
        var authorities = new HashSet<string>(StringComparer.Ordinal);
        if (intent.Ipsec is { Manager: IpsecManager.OpenVSwitch } ipsec)
        {
            FindConflicts(ipsec);
            if (observation.Credentials is not { Problem: null } credentials)
            {
                return;
            }
            if (ipsec.Credentials is SharedKey)
            {
                Complete(
                    IpsecPlanner.NumberOf(credentials.SharedKeys[0]),
                    credentials.SharedKeys[0]
                );
            }
            else if (credentials.Certificate is { } certificate)
            {
                Complete(NumberOf(certificate), null);
                AddAuthorities(certificate, authorities);
            }
        }
        var own = AuthorityPrefix(intent.Overlay);
        Removals.AddRange(
            observation
                .StrongSwan.Authorities.Where(name =>
                    name.StartsWith(own, StringComparison.Ordinal) && !authorities.Contains(name)
                )
                .Order(StringComparer.Ordinal)
                .Select(name => new UnloadAuthority(name))
        );
    }

    private static string AuthorityPrefix(string overlay) => $"weft-{overlay}/";

    private void FindConflicts(IpsecIntent ipsec)
    {
        if (observation.MonitorProblem is { } problem)
        {
            Conflict(
                "openvswitch-ipsec",
                $"the overlay has `manager: openvswitch-ipsec`, and {problem}"
            );
        }
        else if (observation.StrongSwan.Problem is { } silence)
        {
            Conflict(
                "strongSwan",
                $"the overlay has `ipsec`, and {silence}; ovs-monitor-ipsec starts it: `systemctl restart openvswitch-ipsec`"
            );
        }
        foreach (var port in intent.Switch!.Ports.Where(port => port.Peer is not null))
        {
            FindConflicts(port);
        }
        if (observation.Credentials is not { Problem: null } credentials)
        {
            Conflict(
                "credentials",
                observation.Credentials?.Problem
                    ?? $"the credentials of host '{intent.Host}' were not read ({ipsec.Manager})"
            );
        }
        else if (ipsec.Credentials is SharedKey)
        {
            FindConflicts(credentials.SharedKeys);
        }
        else if (credentials.Certificate is { } certificate)
        {
            FindConflicts(certificate, ipsec.LocalIdentity);
        }
    }

    /// <summary>
    /// Refuses a second tunnel to the same host: strongSwan selects packets by protocol and addresses, whatever the tunnel's
    /// key.
    /// </summary>
    private void FindConflicts(PortIntent port)
    {
        var other = observation.Switch.Ports.Values.FirstOrDefault(other =>
            other.Mark != intent.Overlay
            // A tunnel that is taken over has this very name.
            && other.Name != port.Name
            && other.Interfaces.Any(row =>
                row.Type == port.Type
                && TunnelIdentity.RemoteOf(row.Options) == TunnelIdentity.RemoteOf(port.Options)
                && (
                    row.Key is not null
                    || row.Options.ContainsKey(MonitorOptions.RemoteName)
                    || row.Options.ContainsKey(MonitorOptions.RemoteCertificate)
                )
            )
        );
        if (other is not null)
        {
            Conflict(
                port.Name,
                $"port '{other.Name}', {Ownership.Describe(other.Mark)}, is a {port.Type} tunnel to {port.Options["remote_ip"]} that ovs-monitor-ipsec encrypts already, "
                    + $"and it cannot tell two apart: remove the other with `ovs-vsctl del-port {other.Name}`, or make the manager strongswan"
            );
        }
    }

    private void FindConflicts(ImmutableArray<Secret> keys)
    {
        if (keys.Length > 1)
        {
            Conflict(
                "credentials",
                $"there are {keys.Length} keys, and ovs-monitor-ipsec knows one for a tunnel: leave one, or make the manager strongswan"
            );
        }
        if (keys.Any(key => key.Reveal().IndexOfAny("\"\r\n"u8) >= 0))
        {
            Conflict(
                "credentials",
                "the key holds a quotation mark, which ovs-monitor-ipsec cannot write down: choose another key, or make the manager strongswan"
            );
        }
    }

    private void FindConflicts(HostCertificate certificate, string identity)
    {
        if (!certificate.IsRsa)
        {
            Conflict(
                "credentials",
                "the certificate's key is not RSA, and ovs-monitor-ipsec gives strongSwan no others: "
                    + "make one with `weft pki issue --rsa`, or make the manager strongswan"
            );
        }
        // ovs-monitor-ipsec looks for "CN=(.+?)," in what openssl prints.
        var found = CommonName().Match(certificate.Subject);
        if (found.Groups["name"].Value != identity)
        {
            Conflict(
                "credentials",
                $"ovs-monitor-ipsec does not find this host's name in the subject of its certificate, '{certificate.Subject}': "
                    + $"it must have 'CN={identity}' with another part before it, as those of `weft pki issue --rsa` do"
            );
        }
    }

    private void Complete(int number, Secret? key) =>
        completed = intent with
        {
            Switch = intent.Switch! with
            {
                Ports =
                [
                    .. intent.Switch.Ports.Select(port =>
                        port.Peer is null
                            ? port
                            : port with
                            {
                                Key = key,
                                Options =
                                    KeptOptions(port, key)
                                    ?? port.Options.Add(
                                        MonitorOptions.Lifetime,
                                        MonitorOptions.LifetimeOf(number)
                                    ),
                            }
                    ),
                ],
            },
        };

    /// <summary>
    /// The options of a tunnel that was taken over, if they encrypt it by the overlay's key and say nothing that Weft would
    /// not; null if Weft writes its own. Whenever a row tells ovs-monitor-ipsec more than before, it ends what two hosts have
    /// negotiated before they negotiate anew. A row with a lifetime is one that Weft has written.
    /// </summary>
    private ImmutableSortedDictionary<string, string>? KeptOptions(PortIntent port, Secret? key) =>
        port.IsAdopted
        && key is not null
        && observation.Switch.Ports.GetValueOrDefault(port.Name) is { Interfaces: [var row] }
        && SwitchPlanner.IsTunnel(row, port)
        && key.Equals(row.Key)
        && row.Options.All(port.Options.Contains)
            ? row.Options
            : null;

    /// <summary>
    /// Loads the authorities over VICI: ovs-monitor-ipsec writes them into /etc/ipsec.conf in such a way that strongSwan does
    /// not load them, and no certificate would be accepted.
    /// </summary>
    private void AddAuthorities(HostCertificate certificate, HashSet<string> wanted)
    {
        foreach (var authority in certificate.Authorities)
        {
            var name =
                $"{AuthorityPrefix(intent.Overlay)}{XxHash3.HashToUInt64(authority.AsSpan()):x16}";
            wanted.Add(name);
            if (!observation.StrongSwan.Authorities.Contains(name))
            {
                Additions.Add(new LoadAuthority(name, authority));
            }
        }
    }

    private static int NumberOf(HostCertificate certificate) =>
        (int)(
            XxHash3.HashToUInt64([
                .. certificate.Certificate,
                .. certificate.Authorities.SelectMany(authority => authority),
            ]) & int.MaxValue
        );

    private void Conflict(string name, string message) => Conflicts.Add(new(name, message));

    [GeneratedRegex("CN=(?<name>.+?),", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CommonName();
}
