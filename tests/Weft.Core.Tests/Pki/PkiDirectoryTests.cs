using Weft.Core.Pki;

namespace Weft.Core.Tests.Pki;

/// <summary>Certificates as files: whose rights they have, and what is seen of them at any moment.</summary>
public sealed class PkiDirectoryTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public void Files_are_for_their_owner_only()
    {
        using var folder = PkiFolder.With("host1");
        Assert.Equal(
            OwnerOnly | UnixFileMode.UserExecute,
            File.GetUnixFileMode(folder.Directory.Path)
        );
        Assert.Equal(
            ["ca.key", "ca.pem", "host1.key", "host1.pem"],
            Directory.GetFiles(folder.Directory.Path).Select(Path.GetFileName).Order()
        );
        Assert.All(
            Directory.GetFiles(folder.Directory.Path),
            file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file))
        );
        Assert.StartsWith(
            "-----BEGIN PRIVATE KEY-----",
            File.ReadAllText(folder.File("host1.key"))
        );
    }

    [Fact]
    public void An_authority_is_never_replaced_by_mistake()
    {
        using var folder = PkiFolder.With();
        var before = File.ReadAllText(folder.File("ca.pem"));
        using var writer = folder.Open();
        var error = Assert.Throws<HostException>(() =>
            writer.MakeAuthority(null, KeyKind.P256, 10)
        );
        Assert.Contains("--next", error.Message);
        Assert.Equal(before, File.ReadAllText(folder.File("ca.pem")));
    }

    [Fact]
    public void While_one_authority_takes_over_both_are_trusted()
    {
        using var folder = PkiFolder.With("host1", "host2");
        using var writer = folder.Open();
        writer.MakeNextAuthority("second", null, CertificateAuthority.DefaultDays);
        Assert.Equal(
            ["second", "first"],
            folder.Directory.ReadAuthorities().Select(status => status.CommonName)
        );
        writer.Issue(PkiFolder.Names("host1"), null, 825);
        Assert.Equal("second", folder.Read("host1").Issuer);
        Assert.Equal("first", folder.Read("host2").Issuer);
        Assert.All(["host1", "host2"], host => Assert.Null(folder.Read(host).FaultAt(folder.Now)));

        var error = Assert.Throws<HostException>(writer.RetireAuthorities);
        Assert.Contains("host2", error.Message);
        Assert.DoesNotContain("host1,", error.Message);

        writer.Issue(PkiFolder.Names("host2"), null, 825);
        Assert.Equal(["first"], writer.RetireAuthorities());
        Assert.Equal("second", Assert.Single(folder.Directory.ReadAuthorities()).CommonName);
        Assert.All(["host1", "host2"], host => Assert.Null(folder.Read(host).FaultAt(folder.Now)));
        Assert.Empty(writer.RetireAuthorities());
    }

    [Fact]
    public void An_authority_whose_key_was_lost_can_be_replaced()
    {
        using var folder = PkiFolder.With("host1");
        File.Delete(folder.File("ca.key"));
        using var writer = folder.Open();
        var error = Assert.Throws<HostException>(() =>
            writer.Issue(PkiFolder.Names("host2"), null, 10)
        );
        Assert.Contains("ca.key is not here", error.Message);
        writer.MakeNextAuthority(null, null, 100);
        Assert.True(writer.Issue(PkiFolder.Names("host2"), null, 10).Verifies);
        Assert.True(folder.Read("host1").Verifies);
    }

    [Fact]
    public void A_certificate_by_another_authority_is_found()
    {
        using var folder = PkiFolder.With("host1");
        using var other = PkiFolder.With("host1");
        foreach (var file in (string[])["host1.pem", "host1.key"])
        {
            File.Copy(other.File(file), folder.File(file), overwrite: true);
        }
        var status = folder.Read("host1");
        Assert.False(status.Verifies);
        Assert.Equal(KeyState.Matches, status.Key);
        Assert.NotNull(status.FaultAt(folder.Now));
    }

    [Fact]
    public void A_key_that_others_can_read_is_refused()
    {
        using var folder = PkiFolder.With("host1");
        File.SetUnixFileMode(folder.File("host1.key"), OwnerOnly | UnixFileMode.GroupRead);
        var status = folder.Read("host1");
        Assert.Equal(KeyState.Unusable, status.Key);
        Assert.Contains("chmod 600", status.FaultAt(folder.Now));
        Assert.Contains("0640", status.FaultAt(folder.Now));
        Assert.Throws<HostException>(() => folder.Directory.ReadPair("host1"));

        File.SetUnixFileMode(folder.File("ca.key"), OwnerOnly | UnixFileMode.OtherRead);
        using var writer = folder.Open();
        var error = Assert.Throws<HostException>(() =>
            writer.Issue(PkiFolder.Names("host2"), null, 10)
        );
        Assert.Contains("chmod 600", error.Message);
    }

    [Fact]
    public void A_directory_that_others_can_write_to_is_refused()
    {
        using var folder = PkiFolder.With();
        File.SetUnixFileMode(
            folder.Directory.Path,
            OwnerOnly | UnixFileMode.UserExecute | UnixFileMode.OtherWrite
        );
        var error = Assert.Throws<HostException>(folder.Open);
        Assert.Contains("chmod go-w", error.Message);
    }

    [Theory]
    [InlineData("host1.key", "")]
    [InlineData("host1.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    [InlineData(
        "host1.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )]
    public void A_damaged_key_is_a_fault_in_words(string file, string text)
    {
        using var folder = PkiFolder.With("host1");
        File.WriteAllText(folder.File(file), text);
        var status = folder.Read("host1");
        Assert.Equal(KeyState.Unusable, status.Key);
        Assert.Contains(file, status.FaultAt(folder.Now));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0\u0001 garbage")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    [InlineData("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")]
    public void A_damaged_certificate_is_an_error_in_words(string text)
    {
        using var folder = PkiFolder.With("host1");
        File.WriteAllText(folder.File("host1.pem"), text);
        var error = Assert.Throws<HostException>(() => folder.Read("host1"));
        Assert.Contains("host1.pem", error.Message);
        File.WriteAllText(folder.File("ca.pem"), text);
        error = Assert.Throws<HostException>(folder.Directory.ReadAuthorities);
        Assert.Contains("ca.pem", error.Message);
    }

    [Fact]
    public void Keys_in_the_older_forms_and_other_certificates_of_a_chain_are_read()
    {
        using var folder = PkiFolder.With("host1");
        using (var key = System.Security.Cryptography.ECDsa.Create())
        {
            key.ImportFromPem(File.ReadAllText(folder.File("host1.key")));
            File.WriteAllText(folder.File("host1.key"), key.ExportECPrivateKeyPem());
        }
        File.AppendAllText(folder.File("host1.pem"), File.ReadAllText(folder.File("ca.pem")));
        Assert.Null(folder.Read("host1").FaultAt(folder.Now));
    }

    [Fact]
    public void Only_one_at_a_time_makes_certificates()
    {
        using var folder = PkiFolder.With();
        using (folder.Open())
        {
            var error = Assert.Throws<HostException>(folder.Open);
            Assert.Contains("another weft", error.Message);
        }
        folder.Open().Dispose();
    }

    [Fact]
    public void What_a_killed_run_wrote_before_the_key_had_its_name_is_taken_back()
    {
        using var folder = PkiFolder.With("host1");
        using var other = PkiFolder.With("host1");
        var before = folder.Read("host1").SerialNumber;
        File.Copy(other.File("host1.pem"), folder.File("host1.pem.new"));
        File.Copy(other.File("host1.key"), folder.File("host1.key.new"));
        File.WriteAllText(folder.File("host2.pem.new"), "-----BEGIN CERT");
        Assert.Equal(before, folder.Read("host1").SerialNumber);
        folder.Open().Dispose();
        Assert.Equal(before, folder.Read("host1").SerialNumber);
        Assert.Equal(4, Directory.GetFiles(folder.Directory.Path).Length);
    }

    [Theory]
    [InlineData("host1")]
    [InlineData("ca")]
    public void What_a_killed_run_wrote_after_the_key_had_its_name_is_finished(string name)
    {
        using var folder = PkiFolder.With("host1");
        using var other = PkiFolder.With("host1");
        File.Copy(other.File($"{name}.pem"), folder.File($"{name}.pem.new"));
        File.Copy(other.File($"{name}.key"), folder.File($"{name}.key"), overwrite: true);
        using (var pair = folder.Directory.Read(name))
        {
            Assert.Equal(KeyState.Matches, pair!.State);
        }
        folder.Open().Dispose();
        Assert.False(File.Exists(folder.File($"{name}.pem.new")));
        Assert.Equal(
            File.ReadAllText(other.File($"{name}.pem")),
            File.ReadAllText(folder.File($"{name}.pem"))
        );
    }

    [Fact]
    public async Task Whoever_reads_while_certificates_are_renewed_sees_whole_pairs_only()
    {
        using var folder = PkiFolder.With("host1");
        using var writer = folder.Open();
        var renewing = Task.Run(
            () =>
            {
                for (var turn = 0; turn < 200; turn++)
                {
                    writer.Issue(PkiFolder.Names("host1"), null, 825);
                }
            },
            TestContext.Current.CancellationToken
        );
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!renewing.IsCompleted)
        {
            var status = folder.Read("host1");
            Assert.Null(status.FaultAt(folder.Now));
            Assert.Equal(KeyState.Matches, status.Key);
            seen.Add(status.SerialNumber);
        }
        await renewing;
        Assert.True(seen.Count > 1, "the reader never saw a renewal");
    }
}
