using System.CommandLine;

namespace Weft.Commands;

/// <summary><c>weft pki</c>: the certificates that hosts know each other by.</summary>
internal static class PkiCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() =>
        new WeftCommand(
            "pki",
            "Make the certificates by which the hosts of an overlay know each other: one authority, and one certificate for each host."
        )
        {
            Examples =
            [
                ("weft pki init", "make the authority, once for an overlay"),
                ("weft pki issue", "make a certificate for each host that has none"),
                ("weft pki show", "what is there, and until when it is valid"),
                ("weft pki renew", "make those anew that expire soon"),
            ],
            Subcommands =
            {
                PkiInitCommand.Create(),
                PkiIssueCommand.Create(),
                PkiRenewCommand.Create(),
                PkiShowCommand.Create(),
            },
        };
}
