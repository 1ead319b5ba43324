using System.CommandLine;
using Weft.Core.Pki;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft pki issue</c>: a certificate for each host that has none.</summary>
internal static class PkiIssueCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var hosts = new PkiHosts();
        var days = PkiOptions.Days(CertificateAuthority.DefaultHostDays);
        var rsa = new Option<bool>("--rsa")
        {
            Description =
                "Make RSA keys: the only ones that ovs-monitor-ipsec can give to strongSwan.",
        };
        var command = new WeftCommand(
            "issue",
            "Make a key and a certificate for each host that has none. Those that are there are left alone."
        )
        {
            Examples =
            [
                ("weft pki issue", "for all hosts of the overlay"),
                ("weft pki issue host3 --file overlay.yaml", "for a host that was added"),
                ("weft pki issue --days 90", "for three months"),
            ],
        };
        command.AddAll(hosts.With(days, rsa));
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
            {
                var wanted = hosts.Load(parsed);
                var pki = hosts.Directory(parsed);
                using var writer = PkiWriter.Open(pki, TimeProvider.System);
                using var trusted = pki.ReadTrusted();
                var kind = parsed.GetValue(rsa) ? KeyKind.Rsa3072 : (KeyKind?)null;
                var made = new List<CertificateNames>();
                var wrong = false;
                foreach (var names in wanted)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (pki.ReadHost(names.Host, trusted) is { } status)
                    {
                        wrong |= !Tell(terminal, status, names);
                    }
                    else
                    {
                        CertificateView.WriteMade(
                            terminal,
                            writer.Issue(names, kind, parsed.GetValue(days)),
                            parsed.GetValue(days)
                        );
                        made.Add(names);
                    }
                }
                CertificateView.WriteCopying(terminal, pki, made);
                return Task.FromResult(wrong ? ExitCode.Failed : ExitCode.Done);
            }
        );
        return command;
    }

    /// <summary>Says how a certificate that is there already stands.</summary>
    /// <returns>Whether it can be used for the host.</returns>
    private static bool Tell(Output terminal, CertificateStatus status, CertificateNames names)
    {
        var now = TimeProvider.System.GetUtcNow();
        if (status.WhyRenew(names, now) is not { } why)
        {
            terminal.Out.LineInterpolated(
                $"[dim]=[/] {names.Host}: valid until {status.NotAfter:yyyy-MM-dd}, left alone{(status.Key is KeyState.Absent ? "; its key is not here, weft pki renew makes both anew" : "")}"
            );
            return true;
        }
        terminal.Notice($"{names.Host}: the certificate {why}: weft pki renew {names.Host}");
        return status.FaultAt(now) is null && status.WrongNames(names) is null;
    }
}
