using Weft.Core.Linux;

namespace Weft.Core.Pki;

/// <summary>
/// Makes certificates in a <see cref="PkiDirectory"/>, alone as long as it is open. Whatever moment it is killed in,
/// each pair of files is the old one or the new one: what is half done the next one finishes or takes back.
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

    /// <summary>Opens a directory, and makes it, mode 0700, if it is not there.</summary>
    /// <exception cref="HostException">It cannot be made or changed, or another process is changing it.</exception>
    public static PkiWriter Make(PkiDirectory directory, TimeProvider clock)
    {
        PrivateDirectory.Make(directory.Path);
        return Open(directory, clock);
    }

    /// <summary>Makes the first authority.</summary>
    /// <param name="name">Its name; null for one that no other has.</param>
    /// <param name="kind">The kind of its key.</param>
    /// <param name="days">How long it lasts.</param>
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
    /// Makes the next authority, which signs from now on. The ones before it stay trusted until
    /// <see cref="RetireAuthorities"/>; their key is not kept, as nothing is signed with it any more.
    /// </summary>
    /// <param name="name">Its name; null for one that no other has.</param>
    /// <param name="kind">The kind of its key; null for the same as before.</param>
    /// <param name="days">How long it lasts.</param>
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

    /// <summary>Ends the trust in all authorities but the newest.</summary>
    /// <returns>The names of those that were trusted until now.</returns>
    /// <exception cref="HostException">A host's certificate here is still by one of them, or it cannot be written.</exception>
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

    /// <summary>Makes a new key and certificate for a host, in place of those that it may have.</summary>
    /// <param name="names">What the host is called.</param>
    /// <param name="kind">The kind of its key; null for the authority's.</param>
    /// <param name="days">How long it lasts; it ends with the authority at the latest.</param>
    /// <returns>How it stands now.</returns>
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
    /// Puts a pair in place of another, also across a power cut: the new files are on the disk before the key gets its
    /// name, and in that moment the pair is the new one. See <see cref="PkiDirectory.Read"/>.
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

    /// <summary>Finishes what a killed run began, or takes it back where its key has not its name yet.</summary>
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
