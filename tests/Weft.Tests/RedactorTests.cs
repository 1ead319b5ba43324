using System.Text;
using Weft.Core.Ipsec;
using Weft.Reporting;

namespace Weft.Tests;

/// <summary>A report tells no secret.</summary>
public sealed class RedactorTests
{
    private const string Key = "correct-horse-battery-staple";

    private static readonly Redactor Redactor = new([Secret.OfText(Key)]);

    public static TheoryData<string> Written
    {
        get
        {
            var bytes = Encoding.UTF8.GetBytes(Key);
            var hexadecimal = Convert.ToHexString(bytes);
            return
            [
                Key,
                hexadecimal,
                hexadecimal.ToLowerInvariant(),
                $"0x{hexadecimal}",
                string.Join(':', bytes.Select(one => $"{one:x2}")),
                string.Join(' ', bytes.Select(one => $"{one:X2}")),
                Convert.ToBase64String(bytes),
            ];
        }
    }

    [Theory]
    [MemberData(nameof(Written))]
    public void A_key_is_taken_out_however_it_is_written(string written)
    {
        var cleaned = Redactor.Clean($"before {written} behind");
        Assert.DoesNotContain(written, cleaned, StringComparison.OrdinalIgnoreCase);
        Assert.StartsWith("before ", cleaned, StringComparison.Ordinal);
        Assert.EndsWith(" behind", cleaned, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("ab")]
    public void As_a_part_of_something_longer_in_base64_it_is_taken_out_too(string before)
    {
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{before}{Key}:end"));
        var left = Redactor.Clean(encoded).Replace(Secret.Veil, "", StringComparison.Ordinal);
        Assert.InRange(left.Length, 0, 14);
    }

    [Theory]
    [InlineData("options: {psk=\"my key\", remote_ip=\"192.0.2.2\"}", "my key")]
    [InlineData("options: {local_ip=\"192.0.2.1\", psk=mykey}", "mykey")]
    [InlineData("[\"map\",[[\"psk\",\"my\\\"key\"]]]", "my\\\"key")]
    [InlineData("\"password\": \"hunter2\",", "hunter2")]
    [InlineData("\tenc cbc(aes) 0xdeadbeef", "deadbeef")]
    [InlineData("\taead rfc4106(gcm(aes)) 0x0123456789abcdef 128", "0123456789abcdef")]
    [InlineData("\tauth-trunc hmac(sha256) 0x00ff 96", "00ff")]
    [InlineData(
        "x\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\ny",
        "MHcCAQEE"
    )]
    [InlineData("-----BEGIN PRIVATE KEY-----\ncut off: MHcCAQEE", "MHcCAQEE")]
    public void What_holds_a_secret_is_emptied_though_nobody_knows_the_secret(
        string text,
        string secret
    )
    {
        var cleaned = Redactor.Clean(text);
        Assert.DoesNotContain(secret, cleaned, StringComparison.Ordinal);
        Assert.Contains(Secret.Veil, cleaned, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("options: {key=\"7\", remote_ip=\"192.0.2.2\"}")]
    [InlineData("psk: { file: /etc/weft/psk }")]
    [InlineData("psk:\n  file: /etc/weft/psk")]
    [InlineData("src 192.0.2.1 dst 192.0.2.2 proto esp spi 0xc8a1b2c3")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")]
    public void What_is_no_secret_stays(string text) => Assert.Equal(text, Redactor.Clean(text));

    [Theory]
    [InlineData("tunnels: { ipsec: { psk: some other long key } }")]
    [InlineData("tunnels: { ipsec: { psk: { key: some other long key } } }")]
    [InlineData("tunnels: { ipsec: { \"psk\" : \"some other long key\" } }")]
    [InlineData("tunnels:\n  ipsec:\n    psk:\n      key: some other long key")]
    [InlineData(
        "tunnels:\n  ipsec:\n    psk: |\n      some other\n\n      some other long key\n    manager: strongswan"
    )]
    [InlineData("tunnels: {ipsec: {psk: some other long key")]
    public void A_key_in_a_file_goes_whatever_the_file_is_like(string yaml)
    {
        var cleaned = Redactor.CleanFile($"name: a\n{yaml}\nnetworks: {{}}\n", mayHoldKey: true);
        Assert.DoesNotContain("other", cleaned, StringComparison.Ordinal);
        Assert.StartsWith("name: a\n", cleaned, StringComparison.Ordinal);
        Assert.EndsWith("\nnetworks: {}\n", cleaned, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("# psk: some other long key")]
    [InlineData("ipsec: { psk: { file: /etc/weft/psk } }  # was 'psk': 'some other long key'")]
    public void A_key_that_a_comment_remembers_goes_though_the_file_holds_none(string yaml)
    {
        var cleaned = Redactor.CleanFile($"name: a\n{yaml}\nnetworks: {{}}\n", mayHoldKey: false);
        Assert.DoesNotContain("other", cleaned, StringComparison.Ordinal);
        Assert.EndsWith("\nnetworks: {}\n", cleaned, StringComparison.Ordinal);
    }
}
