using Spectre.Console;
using Weft.Core.Linux;
using Weft.Core.Pki;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Certificates for people.</summary>
internal static class CertificateView
{
    /// <summary>Writes a table, followed by what is wrong.</summary>
    public static void Write(
        Output terminal,
        IReadOnlyList<CertificateStatus> certificates,
        DateTimeOffset now
    )
    {
        AlignedRows.Write(
            terminal.Out,
            [
                ["NAME", "SUBJECT", "ISSUER", "FOR", "EXPIRES", "KEY", "TRUSTED"],
                .. certificates.Select(status =>
                    new[]
                    {
                        Markup.Escape(status.Name),
                        Markup.Escape(status.Subject),
                        Markup.Escape(status.Issuer),
                        Markup.Escape(string.Join(' ', [.. status.DnsNames, .. status.Addresses])),
                        Expiry(status, now),
                        Key(status),
                        status.Verifies ? "[green]✓[/]" : "[red]no[/]",
                    }
                ),
            ]
        );
        foreach (var status in certificates)
        {
            if (status.FaultAt(now) is { } fault)
            {
                terminal.Fail($"{status.Name}: {Sentence(status, fault)}");
            }
        }
    }

    /// <summary>Reports that a certificate was made.</summary>
    public static void WriteMade(Output terminal, CertificateStatus status, int days)
    {
        terminal.Out.LineInterpolated(
            $"[green]+[/] {status.Name}: {Word(status.Kind)}, for {string.Join(", ", [.. status.DnsNames, .. status.Addresses])}, valid until {status.NotAfter:yyyy-MM-dd}"
        );
        if (status.DaysLeftAt(TimeProvider.System.GetUtcNow()) < days - 1)
        {
            terminal.Notice(
                $"{status.Name}: not for {CertificateStatus.Days(days)}, as the authority itself ends then: make the next one in time with weft pki init --next"
            );
        }
    }

    /// <summary>Says which files to copy to which host.</summary>
    public static void WriteCopying(
        Output terminal,
        PkiDirectory pki,
        IReadOnlyList<CertificateNames> made
    )
    {
        var elsewhere = made.Where(names =>
                !Hostname.IsCalled(names.Host) || pki.Path != PkiDirectory.DefaultPath
            )
            .ToList();
        if (elsewhere.Count == 0)
        {
            return;
        }
        var directory = ShellWord.Quote(PkiDirectory.DefaultPath);
        terminal.Out.WriteLine(
            $"Give each host its own files, and then apply there; {PkiDirectory.Authority}.key goes to none:"
        );
        foreach (var names in elsewhere)
        {
            // The files become root's on the host. Otherwise tar would keep the numeric owner from this machine, which may be
            // another user there.
            terminal.Out.WriteLine(
                $"  tar -C {ShellWord.Quote(pki.Path)} --owner=0 --group=0 -c {PkiDirectory.Authority}.pem {names.Host}.pem {names.Host}.key | ssh root@{names.Addresses[0]} 'mkdir -p -m 700 {directory} && tar -C {directory} -x'"
            );
        }
    }

    /// <summary>The usual name of a kind of key.</summary>
    public static string Word(KeyKind? kind) =>
        kind switch
        {
            KeyKind.P256 => "ECDSA P-256",
            KeyKind.P384 => "ECDSA P-384",
            KeyKind.Rsa3072 => "RSA",
            _ => "a key of another kind",
        };

    private static string Expiry(CertificateStatus status, DateTimeOffset now)
    {
        var date = $"{status.NotAfter:yyyy-MM-dd}";
        return status.StateAt(now) switch
        {
            CertificateState.Expired => $"[red]{date} (expired)[/]",
            CertificateState.NotYetValid => $"[red]{date} (not valid yet)[/]",
            CertificateState.ExpiresSoon =>
                $"[yellow]{date} ({CertificateStatus.Days(status.DaysLeftAt(now))})[/]",
            _ => $"{date} ({CertificateStatus.Days(status.DaysLeftAt(now))})",
        };
    }

    private static string Key(CertificateStatus status) =>
        status.Key switch
        {
            KeyState.Matches => "[green]✓[/]",
            KeyState.Absent => "[dim]not here[/]",
            _ => "[red]unusable[/]",
        };

    // A key's fault already says what to do.
    private static string Sentence(CertificateStatus status, string fault) =>
        fault == status.KeyFault ? fault : $"the certificate {fault}: {Remedy(status)}";

    private static string Remedy(CertificateStatus status) =>
        status.Name == PkiDirectory.Authority
            ? "weft pki init --next makes the next authority, and --retire ends the older ones"
            : $"weft pki renew {status.Name}";
}
