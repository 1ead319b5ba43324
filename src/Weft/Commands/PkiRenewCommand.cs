using System.CommandLine;
using Weft.Core.Pki;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft pki renew</c>: new keys and certificates in place of those that expire soon or cannot be used.</summary>
internal static class PkiRenewCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var hosts = new PkiHosts();
        var all = new Option<bool>("--all")
        {
            Description = "Renew every certificate, even those that are valid for a long time yet.",
        };
        var days = PkiOptions.Days(CertificateAuthority.DefaultHostDays);
        var command = new WeftCommand(
            "renew",
            "Make a new key and certificate for the hosts that are named; if none is, for those whose certificate expires within 30 days or cannot be used."
        )
        {
            Examples =
            [
                ("weft pki renew", "what is due; run it daily, and copy what it makes"),
                ("weft pki renew host1", "one host, due or not"),
                ("weft pki renew --all", "every host, as after weft pki init --next"),
            ],
        };
        command.AddAll(hosts.With(all, days));
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
            {
                var wanted = hosts.Load(parsed);
                var pki = hosts.Directory(parsed);
                var regardless = parsed.GetValue(all) || hosts.AreNamed(parsed);
                using var writer = PkiWriter.Open(pki, TimeProvider.System);
                using var trusted = pki.ReadTrusted();
                var made = new List<CertificateNames>();
                foreach (var names in wanted)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (pki.ReadHost(names.Host, trusted) is not { } status)
                    {
                        terminal.Notice(
                            $"{names.Host} has no certificate yet: weft pki issue {names.Host}"
                        );
                        continue;
                    }
                    var why = status.WhyRenew(names, TimeProvider.System.GetUtcNow());
                    if (why is null && !regardless)
                    {
                        terminal.Out.LineInterpolated(
                            $"[dim]=[/] {names.Host}: valid until {status.NotAfter:yyyy-MM-dd}, left alone"
                        );
                        continue;
                    }
                    if (why is not null)
                    {
                        terminal.Out.LineInterpolated(
                            $"[dim]  {names.Host}: the old certificate {why}[/]"
                        );
                    }
                    CertificateView.WriteMade(
                        terminal,
                        // A host keeps its kind of key: what speaks IPsec there may take no other.
                        writer.Issue(
                            names,
                            status.Kind is KeyKind.Rsa3072 ? KeyKind.Rsa3072 : null,
                            parsed.GetValue(days)
                        ),
                        parsed.GetValue(days)
                    );
                    made.Add(names);
                }
                CertificateView.WriteCopying(terminal, pki, made);
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }
}
