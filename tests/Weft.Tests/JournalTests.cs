using Weft.Agent;

namespace Weft.Tests;

/// <summary>What the journal hears of the agent (systemd's native protocol: a datagram for each entry, a line for each field).</summary>
public sealed class JournalTests : IDisposable
{
    private readonly ListeningSocket heard = new();

    public void Dispose() => heard.Dispose();

    [Fact]
    public async Task A_line_has_its_severity_and_fields_of_its_own()
    {
        using var journal = Joined();
        journal.Write(
            Severity.Info,
            "add interface eth1 in größe (start; 3 ms)",
            ("CHANGE", "interface"),
            ("NAME", "eth1 in größe")
        );
        Assert.Equal(
            [
                ("MESSAGE", "add interface eth1 in größe (start; 3 ms)"),
                ("PRIORITY", "6"),
                ("SYSLOG_IDENTIFIER", "weft"),
                ("WEFT_CHANGE", "interface"),
                ("WEFT_NAME", "eth1 in größe"),
            ],
            await HearAsync()
        );
        journal.Write(Severity.Error, "overlay.yaml:3:1: …");
        Assert.Equal(
            [("MESSAGE", "overlay.yaml:3:1: …"), ("PRIORITY", "3"), ("SYSLOG_IDENTIFIER", "weft")],
            await HearAsync()
        );
    }

    /// <summary>A link may have any name, and a message any text: neither begins a field, or ends the entry.</summary>
    [Theory]
    [InlineData("a\nWEFT_CHANGE=port", "a; WEFT_CHANGE=port")]
    [InlineData("a\r\nPRIORITY=0\n\n", "a; PRIORITY=0; ; ")]
    [InlineData("a=b", "a=b")]
    [InlineData("", "")]
    public async Task Nothing_that_is_written_passes_for_another_field(string text, string written)
    {
        using var journal = Joined();
        journal.Write(Severity.Warning, text, ("NAME", text));
        Assert.Equal(
            [
                ("MESSAGE", written),
                ("PRIORITY", "4"),
                ("SYSLOG_IDENTIFIER", "weft"),
                ("WEFT_NAME", written),
            ],
            await HearAsync()
        );
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Where_the_service_manager_has_not_joined_the_two_the_journal_hears_nothing(
        string? stream
    )
    {
        using var journal = new Journal(_ => stream, heard.Path);
        journal.Write(Severity.Info, "to standard error");
        Assert.Equal(0, heard.Available);
    }

    [Fact]
    public void A_journal_that_is_not_there_or_does_not_listen_is_no_reason_to_stop()
    {
        using var absent = new Journal(_ => "8:1234", $"{heard.Path}.nowhere");
        absent.Write(Severity.Info, "to standard error");
        using var journal = Joined();
        heard.Close();
        journal.Write(Severity.Info, "to standard error");
        using var deaf = Joined();
        deaf.Write(Severity.Info, "to standard error");
    }

    private Journal Joined() =>
        new(variable => variable == "JOURNAL_STREAM" ? "8:1234" : null, heard.Path);

    private async Task<(string Name, string Value)[]> HearAsync()
    {
        var datagram = await heard.HearAsync();
        Assert.EndsWith("\n", datagram, StringComparison.Ordinal);
        return
        [
            .. datagram[..^1]
                .Split('\n')
                .Select(line => line.Split('=', 2))
                .Select(field => (field[0], field[1])),
        ];
    }
}
