using Weft.Core.Linux;

namespace Weft.Core.Pki;

/// <summary>
/// Creates certificates in a <see cref="PkiDirectory"/>, which it locks while open. Whenever it is killed, each pair of files is
/// either the old or the new one; the next writer completes or undoes an unfinished step.
/// </summary>
public sealed class PkiWriter : IDisposable
{
    private readonly PkiDirectory directory;
    private readonly PrivateDirectory files;
    private readonly TimeProvider clock;

    private PkiWriter(PkiDirectory directory, PrivateDirectory files, TimeProvider clock)
    {
        this.directory = directory;
        this.files = files;
        this.clock = clock;
    }

    /// <summary>Opens a directory that has an authority.</summary>
    /// <exception cref="HostException">It has none, cannot be changed, or another process is changing it.</exception>
    public static PkiWriter Open(PkiDirectory directory, TimeProvider clock)
    {
        if (!Directory.Exists(directory.Path))
        {
            throw NoAuthority(directory);
        }
        var opened = PrivateDirectory.Open(directory.Path);
        try
        {
            var writer = new PkiWriter(directory, opened, clock);
            writer.Settle();
            return writer;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Opens a directory, creating it with mode 0700 if it does not exist.</summary>
    /// <exception cref="HostException">It cannot be created or changed, or another process is changing it.</exception>
    public static PkiWriter Make(PkiDirectory directory, TimeProvider clock)
    {
        PrivateDirectory.Make(directory.Path);
        return Open(directory, clock);
    }

    /// <summary>Creates the first authority.</summary>
    /// <param name="name">Its name; null for a unique one.</param>
    /// <param name="kind">The kind of its key.</param>
    /// <param name="days">Its validity in days.</param>
    /// <exception cref="HostException">There is one already, or it cannot be written.</exception>
    public void MakeAuthority(string? name, KeyKind kind, int days)
    {
        foreach (
            var file in (string[])
                [
                    directory.CertificateFile(PkiDirectory.Authority),
                    directory.KeyFile(PkiDirectory.Authority),
                ]
        )
        {
            if (File.Exists(file))
            {
                throw new HostException(
                    $"{file} is there already, and to replace it would cut off every host that trusts it: make the next authority beside it with weft pki init --next, or name another directory"
                );
            }
        }
        using var authority = CertificateAuthority.Create(name, kind, days, clock.GetUtcNow());
        Replace(PkiDirectory.Authority, authority.ToPem());
    }

    /// <summary>
    /// Creates the next authority, which signs from now on. Earlier ones stay trusted until <see cref="RetireAuthorities"/>;
    /// their keys are not kept, as they sign nothing any more.
    /// </summary>
    /// <param name="name">Its name; null for a unique one.</param>
    /// <param name="kind">The kind of its key; null for that of the authority before.</param>
    /// <param name="days">Its validity in days.</param>
    /// <exception cref="HostException">There is none yet, the name is taken, or it cannot be written.</exception>
    public void MakeNextAuthority(string? name, KeyKind? kind, int days)
    {
        using var trusted = RequireTrusted();
        if (trusted.Certificates.Any(one => one.CommonName() == name))
        {
            throw new HostException(
                $"an authority called '{name}' is trusted already, and two of one name are hard to tell apart: choose another name"
            );
        }
        using var authority = CertificateAuthority.Create(
            name,
            kind ?? trusted.Certificates[0].KindOfKey() ?? KeyKind.P256,
            days,
            clock.GetUtcNow()
        );
        var pair = authority.ToPem();
        Replace(PkiDirectory.Authority, new PemPair(trusted.PemAfter(pair), pair.Key));
    }

    /// <summary>Removes all authorities but the newest from the trusted ones.</summary>
    /// <returns>The names of those removed.</returns>
    /// <exception cref="HostException">One of them issued a host's certificate here, or the file cannot be written.</exception>
    public IReadOnlyList<string> RetireAuthorities()
    {
        using var trusted = RequireTrusted();
        using var newest = TrustedAuthorities.Parse(
            trusted.NewestPem(),
            directory.CertificateFile(PkiDirectory.Authority)
        );
        string[] left =
        [
            .. directory.Hosts().Where(host => directory.ReadHost(host, newest)?.Verifies is false),
        ];
        if (left.Length > 0)
        {
            throw new HostException(
                $"the certificates of {string.Join(", ", left)} are not by the newest authority, and nobody would trust them any more: weft pki renew --all, copy them to the hosts, then try again (remove the files of hosts that are gone)"
            );
        }
        if (trusted.Certificates.Length > 1)
        {
            const string File = $"{PkiDirectory.Authority}{PkiDirectory.CertificateSuffix}";
            files.Write(File + PkiDirectory.NextSuffix, newest.ToPem());
            files.Rename(File + PkiDirectory.NextSuffix, File);
        }
        return [.. trusted.Certificates.Skip(1).Select(one => one.CommonName())];
    }

    /// <summary>Creates a new key and certificate for a host, replacing any it has.</summary>
    /// <param name="names">The names and addresses of the host.</param>
    /// <param name="kind">The kind of its key; null for the authority's.</param>
    /// <param name="days">Its validity in days; it expires with the authority at the latest.</param>
    /// <returns>The status of the new certificate.</returns>
    /// <exception cref="HostException">The authority's key is not here or cannot be used, or the files cannot be written.</exception>
    public CertificateStatus Issue(CertificateNames names, KeyKind? kind, int days)
    {
        using var authority = OpenAuthority();
        Replace(
            names.Host,
            authority.Issue(names, kind ?? authority.Kind, days, clock.GetUtcNow())
        );
        using var trusted = directory.ReadTrusted();
        return directory.ReadHost(names.Host, trusted)
            ?? throw new HostException(
                $"{directory.CertificateFile(names.Host)} is gone: something else changes {directory.Path}"
            );
    }

    /// <inheritdoc/>
    public void Dispose() => files.Dispose();

    private static HostException NoAuthority(PkiDirectory directory) =>
        new($"there is no authority in {directory.Path}: make one with weft pki init");

    private TrustedAuthorities RequireTrusted()
    {
        var trusted = directory.ReadTrusted();
        return trusted.Certificates.IsEmpty ? throw NoAuthority(directory) : trusted;
    }

    private CertificateAuthority OpenAuthority()
    {
        using var pair = directory.Read(PkiDirectory.Authority) ?? throw NoAuthority(directory);
        return pair.State is KeyState.Matches
            ? CertificateAuthority.Parse(
                new PemPair(pair.Certificates[0].ExportCertificatePem(), pair.Key!.ToPem())
            )
            : throw new HostException(
                pair.Fault
                    ?? $"{directory.KeyFile(PkiDirectory.Authority)} is not here, as on every host that only has the authority's certificate: make certificates where weft pki init was run"
            );
    }

    /// <summary>
    /// Replaces a pair so that even a power cut leaves the old or the new one: both new files are on disk before the key is
    /// renamed into place, which is when the new pair takes effect. See <see cref="PkiDirectory.Read"/>.
    /// </summary>
    private void Replace(string name, PemPair pair)
    {
        var certificate = $"{name}{PkiDirectory.CertificateSuffix}";
        var key = $"{name}{PkiDirectory.KeySuffix}";
        files.Write(certificate + PkiDirectory.NextSuffix, pair.Certificate);
        files.Write(key + PkiDirectory.NextSuffix, pair.Key);
        files.Rename(key + PkiDirectory.NextSuffix, key);
        files.Rename(certificate + PkiDirectory.NextSuffix, certificate);
    }

    /// <summary>Completes what a killed run began, or undoes it if its key was not renamed into place yet.</summary>
    private void Settle()
    {
        foreach (
            var file in directory.Names(
                $"{PkiDirectory.CertificateSuffix}{PkiDirectory.NextSuffix}"
            )
        )
        {
            var certificate = $"{file}{PkiDirectory.CertificateSuffix}";
            if (directory.IsFollowing(file))
            {
                files.Rename(certificate + PkiDirectory.NextSuffix, certificate);
            }
            else
            {
                files.Remove(certificate + PkiDirectory.NextSuffix);
            }
        }
        foreach (var file in directory.Names($"{PkiDirectory.KeySuffix}{PkiDirectory.NextSuffix}"))
        {
            files.Remove($"{file}{PkiDirectory.KeySuffix}{PkiDirectory.NextSuffix}");
        }
    }
}
