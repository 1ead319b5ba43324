using System.CommandLine;
using Weft.Core;
using Weft.Core.Overlays;
using Weft.Core.Pki;

namespace Weft.Commands;

/// <summary>What the commands for certificates take.</summary>
internal static class PkiOptions
{
    /// <summary>Where the certificates are.</summary>
    public static Option<string> Directory() =>
        new("--directory", "-d")
        {
            Description = "Where the certificates are.",
            HelpName = "DIR",
            DefaultValueFactory = _ => PkiDirectory.DefaultPath,
        };

    /// <summary>The directory that was named.</summary>
    /// <exception cref="UsageException">Its name is empty.</exception>
    public static PkiDirectory Open(string? directory) =>
        string.IsNullOrWhiteSpace(directory)
            ? throw new UsageException("the name of the directory is empty")
            : new PkiDirectory(Path.GetFullPath(directory));

    /// <summary>How long a certificate lasts.</summary>
    public static Option<int> Days(int otherwise)
    {
        var days = new Option<int>("--days")
        {
            Description = "How many days it is valid.",
            HelpName = "DAYS",
            DefaultValueFactory = _ => otherwise,
        };
        days.Validators.Add(result =>
        {
            if (
                result.Tokens is [{ Value: var value }]
                && !(
                    int.TryParse(value, out var number)
                    && number is > 0 and <= CertificateAuthority.MostDays
                )
            )
            {
                result.AddError(
                    $"'{value}' is no number of days from 1 to {CertificateAuthority.MostDays}."
                );
            }
        });
        return days;
    }
}

/// <summary>What the commands that make hosts' certificates take: which hosts, and the overlay that says what they are called.</summary>
internal sealed class PkiHosts
{
    private readonly Argument<string[]> hosts = new("HOST")
    {
        Description = "The hosts; if none is named: all of the overlay's.",
        HelpName = "HOST",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> file = new("--file", "-f")
    {
        Description =
            $"The overlay file; if not given: {string.Join(", else ", CommonOptions.DefaultFiles)}.",
        HelpName = "FILE",
    };

    private readonly Option<string> directory = PkiOptions.Directory();

    /// <summary>Makes them.</summary>
    public PkiHosts()
    {
        hosts.CompletionSources.Add(HostNames.Complete);
        hosts.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => token.Value is ['-', _, ..]) is { } token)
            {
                result.AddError($"There is no option '{token.Value}'.");
            }
        });
    }

    /// <summary>All of them, with a command's own.</summary>
    public IEnumerable<Symbol> With(params IEnumerable<Symbol> own) =>
        [hosts, file, .. own, directory];

    /// <summary>The directory of the certificates.</summary>
    public PkiDirectory Directory(ParseResult parsed) =>
        PkiOptions.Open(parsed.GetValue(directory));

    /// <summary>Whether hosts were named.</summary>
    public bool AreNamed(ParseResult parsed) => parsed.GetValue(hosts) is { Length: > 0 };

    /// <summary>The names of the hosts that were named, or of all.</summary>
    /// <exception cref="UsageException">There is no overlay file, or it has no such host.</exception>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    /// <exception cref="HostException">A host cannot have a certificate.</exception>
    public IReadOnlyList<CertificateNames> Load(ParseResult parsed)
    {
        var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
        string[] named =
        [
            .. parsed.GetValue(hosts)!.Select(name => Find(overlay, name)).Distinct(),
        ];
        return
        [
            .. overlay
                .Hosts.Where(host => named.Length == 0 || named.Contains(host.Name))
                .Select(host => CertificateNames.Of(overlay, host)),
        ];
    }

    private static string Find(Overlay overlay, string name) =>
        (name.EndsWith(".yaml") || name.EndsWith(".yml")) && File.Exists(name)
            ? throw new UsageException(
                $"'{name}' is a file, and hosts are named here: say --file {name}"
            )
            : OverlayLoader.FindHost(overlay, name)!;
}
