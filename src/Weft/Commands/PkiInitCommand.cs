using System.CommandLine;
using Spectre.Console;
using Weft.Core.Pki;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft pki init</c>: makes the authority, and replaces it in steps that cut no host off.</summary>
internal static class PkiInitCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var directory = PkiOptions.Directory();
        var name = new Option<string?>("--name")
        {
            Description = "What the authority is called; if not given: a name that no other has.",
            HelpName = "NAME",
        };
        var curve = new Option<string?>("--curve")
        {
            Description = "The curve of its key and the hosts': p256 (if not given) or p384.",
            HelpName = "CURVE",
        };
        var days = PkiOptions.Days(CertificateAuthority.DefaultDays);
        var next = new Option<bool>("--next")
        {
            Description = "Make the next authority; both are trusted until --retire.",
        };
        var retire = new Option<bool>("--retire")
        {
            Description = "Stop trusting all authorities but the newest.",
        };
        curve.AcceptOnlyFromAmong("p256", "p384");
        name.Validators.Add(result =>
        {
            if (
                result.Tokens is [{ Value: var value }]
                && (
                    string.IsNullOrWhiteSpace(value)
                    || value.Length > CertificateAuthority.LongestName
                    || value.Any(char.IsControl)
                )
            )
            {
                result.AddError(
                    $"'{value}' is no name: use 1 to {CertificateAuthority.LongestName} printable characters."
                );
            }
        });
        var command = new WeftCommand("init", "Make the authority that signs certificates.")
        {
            Examples =
            [
                ("weft pki init", "once for an overlay, where its certificates are made"),
                ("weft pki init --curve p384 --days 1825", "stronger keys, for five years"),
                ("weft pki init --next", "begin to replace the authority; no host is cut off"),
                ("weft pki init --retire", "the last step, when all hosts have new certificates"),
            ],
        };
        command.AddAll(name, curve, days, next, retire, directory);
        command.Validators.Add(result =>
        {
            if (result.GetValue(next) && result.GetValue(retire))
            {
                result.AddError("--next is the first step and --retire the last: say one of them.");
            }
        });
        command.SetAction(
            (parsed, terminal, _) =>
            {
                var pki = PkiOptions.Open(parsed.GetValue(directory));
                if (parsed.GetValue(retire))
                {
                    Retire(terminal, pki);
                    return Task.FromResult(ExitCode.Done);
                }
                KeyKind? kind = parsed.GetValue(curve) switch
                {
                    "p384" => KeyKind.P384,
                    "p256" => KeyKind.P256,
                    _ => null,
                };
                if (parsed.GetValue(next))
                {
                    using var writer = PkiWriter.Open(pki, TimeProvider.System);
                    writer.MakeNextAuthority(parsed.GetValue(name), kind, parsed.GetValue(days));
                }
                else
                {
                    using var writer = PkiWriter.Make(pki, TimeProvider.System);
                    writer.MakeAuthority(
                        parsed.GetValue(name),
                        kind ?? KeyKind.P256,
                        parsed.GetValue(days)
                    );
                }
                Report(terminal, pki, parsed.GetValue(next));
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }

    private static void Report(Output terminal, PkiDirectory pki, bool isNext)
    {
        var made = pki.ReadAuthorities()[0];
        terminal.Out.LineInterpolated(
            $"[green]✓[/] authority [bold]{made.CommonName}[/] ({CertificateView.Word(made.Kind)}), valid until {made.NotAfter:yyyy-MM-dd}"
        );
        terminal.Out.LineInterpolated(
            $"  {pki.CertificateFile(PkiDirectory.Authority)}  its certificate{(isNext ? ", and before it the older ones': all are trusted" : "")}; every host gets it"
        );
        terminal.Out.LineInterpolated(
            $"  {pki.KeyFile(PkiDirectory.Authority)}  its key: it stays here and goes to no host; keep a copy in a safe place"
        );
        terminal.Out.WriteLine(
            isNext
                ? "Next: copy ca.pem to every host and apply there; then weft pki renew --all, copy and apply; then weft pki init --retire"
                : "Next: weft pki issue"
        );
    }

    private static void Retire(Output terminal, PkiDirectory pki)
    {
        using var writer = PkiWriter.Open(pki, TimeProvider.System);
        var retired = writer.RetireAuthorities();
        if (retired.Count == 0)
        {
            terminal.Out.WriteLine("There is one authority only: nothing to retire.");
            return;
        }
        terminal.Out.LineInterpolated(
            $"[green]✓[/] no longer trusted: {string.Join(", ", retired)}"
        );
        terminal.Out.LineInterpolated(
            $"Next: copy {pki.CertificateFile(PkiDirectory.Authority)} to every host and apply there"
        );
    }
}
