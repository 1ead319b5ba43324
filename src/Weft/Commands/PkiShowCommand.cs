using System.CommandLine;
using Weft.Core;
using Weft.Core.Pki;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft pki show</c>: what certificates there are, and how they stand.</summary>
internal static class PkiShowCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var directory = PkiOptions.Directory();
        var json = CommonOptions.Json();
        var command = new WeftCommand(
            "show",
            "Show the certificates: whose they are, until when they are valid, whether they can be used."
        )
        {
            Examples =
            [
                ("weft pki show", "exit code 1 if one cannot be used"),
                ("weft pki show --json | jq '.[] | {name, daysLeft}'", "for scripts"),
            ],
        };
        command.AddAll(json, directory);
        command.SetAction(
            (parsed, terminal, _) =>
                Task.FromResult(
                    Run(
                        terminal,
                        PkiOptions.Open(parsed.GetValue(directory)),
                        parsed.GetValue(json)
                    )
                )
        );
        return command;
    }

    private static int Run(Output terminal, PkiDirectory pki, bool json)
    {
        var now = TimeProvider.System.GetUtcNow();
        var hosts = pki.Hosts();
        var unreadable = new List<string>();
        var authorities = Try(unreadable, pki.ReadAuthorities) ?? [];
        using var trusted = authorities.Count > 0 ? pki.ReadTrusted() : TrustedAuthorities.None;
        CertificateStatus[] all =
        [
            .. authorities,
            .. hosts
                .Select(host => Try(unreadable, () => pki.ReadHost(host, trusted)))
                .OfType<CertificateStatus>(),
        ];
        if (json)
        {
            CertificateJson.Write(Console.Out, all, now);
        }
        else if (all.Length > 0)
        {
            CertificateView.Write(terminal, all, now);
        }
        if (authorities.Count == 0 && unreadable.Count == 0)
        {
            unreadable.Add(
                hosts.Count == 0
                    ? $"there is no certificate in {pki.Path}: make an authority with weft pki init, or copy here what was made for this host"
                    : $"{pki.CertificateFile(PkiDirectory.Authority)} is not there: copy it here from where weft pki init made it"
            );
        }
        foreach (var message in unreadable)
        {
            terminal.Fail(message);
        }
        return unreadable.Count > 0 || all.Any(status => status.FaultAt(now) is not null)
            ? ExitCode.Failed
            : ExitCode.Done;
    }

    /// <summary>One damaged file does not keep the others from being shown.</summary>
    private static T? Try<T>(List<string> unreadable, Func<T?> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (HostException exception)
        {
            unreadable.Add(exception.Message);
            return null;
        }
    }
}
