using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Weft.Commands;
using Weft.Core.History;
using Weft.Core.Overlays;
using Weft.Installation;
using Weft.Trials;

namespace Weft.Tests;

/// <summary>What a try goes back to, and what it must not cut off.</summary>
public sealed class TrialTests
{
    private const string Yaml = """
        name: homelab
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2, host3: 192.0.2.3 }
        networks:
          host-mgmnt0: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        """;

    private const string Own = "/etc/weft/overlay.yaml";

    private static readonly SshLogin Login = SshLogin.Parse("203.0.113.7 52044 192.0.2.1 22")!;

    [Theory]
    [InlineData("90s", 90)]
    [InlineData("2m", 120)]
    [InlineData("1.5h", 5400)]
    [InlineData("24h", 86400)]
    [InlineData("45", 45)]
    public void Times_are_written_as_people_do(string text, double seconds)
    {
        Assert.True(Durations.TryParse(text, out var span));
        Assert.Equal(seconds, span.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("0s")]
    [InlineData("-5m")]
    [InlineData("25h")]
    [InlineData("two")]
    [InlineData("2d")]
    [InlineData("1e3s")]
    public void Other_times_are_refused(string text) =>
        Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData("203.0.113.7 52044 192.0.2.1 22", "203.0.113.7")]
    [InlineData("2001:db8::7 52044 2001:db8::1 22", "2001:db8::7")]
    [InlineData("fe80::7%eth0 52044 fe80::1%eth0 22", "fe80::7")]
    public void An_SSH_connection_says_who_is_at_its_other_end(string text, string client) =>
        Assert.StartsWith(
            client,
            SshLogin.Parse(text)?.Client.ToString(),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("203.0.113.7 52044 192.0.2.1")]
    [InlineData("host 52044 192.0.2.1 22")]
    [InlineData("203.0.113.7 99999 192.0.2.1 22")]
    public void What_is_no_SSH_connection_is_none(string? text) =>
        Assert.Null(SshLogin.Parse(text));

    [Fact]
    public void The_other_hosts_and_the_administrator_must_stay_in_reach() =>
        Assert.Equal(
            [
                new Lifeline("host host2", "192.0.2.1", "192.0.2.2"),
                new Lifeline("host host3", "192.0.2.1", "192.0.2.3"),
                new Lifeline("host host2 in host-mgmnt0", "10.8.3.1", "10.8.3.2"),
                new Lifeline(Lifelines.Administrator, "192.0.2.1", "203.0.113.7"),
            ],
            LinesOf(Yaml, Yaml, Login)
        );

    [Fact]
    public void What_the_new_file_says_is_elsewhere_is_not_missed()
    {
        Assert.Equal(
            [
                new Lifeline("host host2", "192.0.2.1", "192.0.2.2"),
                new Lifeline("host host2 in host-mgmnt0", "10.8.3.9", "10.8.3.2"),
            ],
            LinesOf(
                Yaml,
                Yaml.Replace("host1: 10.8.3.1,", "host1: 10.8.3.9,", StringComparison.Ordinal)
                    .Replace(", host3: 192.0.2.3", "", StringComparison.Ordinal),
                null
            )
        );
        Assert.Equal(
            ["host host3"],
            LinesOf(
                    Yaml,
                    Yaml.Replace("10.8.3.", "10.8.4.", StringComparison.Ordinal)
                        .Replace("192.0.2.2", "192.0.2.4", StringComparison.Ordinal),
                    null
                )
                .Select(line => line.Name)
        );
        // What a host had no part in before, it had reached nobody by.
        Assert.Empty(LinesOf(null, Yaml, SshLogin.Parse("127.0.0.1 1 127.0.0.1 22")));
        // An address that moved is asked from where it was, before.
        Assert.Equal(
            IPAddress.Parse("10.8.3.1"),
            Lifelines
                .Of(
                    Parse(Yaml),
                    Parse(
                        Yaml.Replace(
                            "host1: 10.8.3.1,",
                            "host1: 10.8.3.9,",
                            StringComparison.Ordinal
                        )
                    ),
                    "host1",
                    null
                )
                .Last()
                .From
        );
    }

    [Fact]
    public void Who_is_heard_again_was_not_silent()
    {
        var clock = new FakeTimeProvider();
        var silence = new Silence(clock);
        Assert.Equal(TimeSpan.Zero, silence.Note("you", isHeard: false));
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(TimeSpan.FromSeconds(9), silence.Note("you", isHeard: false));
        Assert.Equal(TimeSpan.Zero, silence.Note("you", isHeard: true));
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(TimeSpan.Zero, silence.Note("host2", isHeard: false));
        Assert.Equal(TimeSpan.FromSeconds(4), silence.Note("you", isHeard: false));
    }

    [Theory]
    [InlineData(
        "ESTAB 0 36 192.0.2.1:22 203.0.113.7:52044 cubic wscale:7,7 rto:201 rtt:0.2/0.1 unacked:1 lastsnd:4",
        false
    )]
    [InlineData(
        "ESTAB 0 144 192.0.2.1:22 203.0.113.7:52044 cubic wscale:7,7 rto:3216 backoff:4 rtt:0.2/0.1 unacked:1 retrans:1/4 lost:1",
        true
    )]
    [InlineData("", false)]
    public void A_connection_that_is_sent_by_again_and_again_is_not_heard(
        string socket,
        bool isUnheard
    ) => Assert.Equal(isUnheard, Lifelines.IsUnheard(socket));

    [Fact]
    public void What_was_applied_last_is_what_a_try_goes_back_to()
    {
        var (tried, own) = (File("new.yaml", "a"), File(Own, "b"));
        Assert.Equal((null, true), TrialRun.GoesBackTo(tried, Entry("b"), own));
        Assert.Equal((null, true), TrialRun.GoesBackTo(tried, Entry("b"), null));
        // The host's own copy, edited itself: its former content is known.
        Assert.Equal((null, true), TrialRun.GoesBackTo(File(Own, "a"), Entry("b"), File(Own, "a")));
        // Nobody has written anything down yet: the host's own copy is what is in force.
        Assert.Equal(
            (own.Bytes, false),
            TrialRun.GoesBackTo(tried, null, own) is var (before, isRecorded)
                ? (before!.Value, isRecorded)
                : default
        );
        // No overlay at all.
        Assert.Equal((null, false), TrialRun.GoesBackTo(tried, null, null));
        Assert.Equal((null, false), TrialRun.GoesBackTo(tried, Entry(null), own));
    }

    [Fact]
    public void What_is_not_known_for_certain_is_not_gone_back_to()
    {
        var twoFiles = Assert.Throws<UsageException>(() =>
            TrialRun.GoesBackTo(File("new.yaml", "a"), Entry("b"), File(Own, "c"))
        );
        Assert.Contains(Own, twoFiles.Message, StringComparison.Ordinal);
        var unknown = Assert.Throws<UsageException>(() =>
            TrialRun.GoesBackTo(File(Own, "a"), null, File(Own, "a"))
        );
        Assert.Contains("beside it", unknown.Message, StringComparison.Ordinal);
        var same = Assert.Throws<UsageException>(() =>
            TrialRun.GoesBackTo(File("new.yaml", "b"), Entry("b"), null)
        );
        Assert.Contains("weft apply", same.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whoever_watches_has_a_session_of_its_own_and_under_systemd_a_service_that_is_started_again()
    {
        var unit = new TrialUnit("homelab", 7);
        Assert.Equal(["setsid"], unit.Before(Keeper.Session, "try.log"));
        var scope = unit.Before(Keeper.Scope, "try.log");
        Assert.Equal(["setsid", "systemd-run"], scope.Take(2));
        Assert.Contains("--scope", scope);
        Assert.Equal("--", scope[^1]);
        var service = unit.Before(Keeper.Service, "try.log");
        Assert.Contains("--property=Restart=on-failure", service);
        Assert.All([scope, service], words => Assert.Contains("--unit=weft-try-homelab-7", words));
    }

    [Fact]
    public void A_service_has_the_environment_by_a_file_that_is_root_s_alone_and_not_by_what_it_is_told()
    {
        var directory = Directory.CreateTempSubdirectory("weft-unit-");
        Environment.SetEnvironmentVariable("WEFT_TEST_PSK", "a key \"of\" $ome \\ length");
        try
        {
            var unit = new TrialUnit("homelab", 7, directory.FullName);
            unit.LeaveEnvironment();
            var path = Path.Combine(directory.FullName, "weft-try-homelab-7", "environment");
            Assert.Contains(
                "WEFT_TEST_PSK=\"a key \\\"of\\\" \\$ome \\\\ length\"\n",
                System.IO.File.ReadAllText(path),
                StringComparison.Ordinal
            );
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite,
                System.IO.File.GetUnixFileMode(path)
            );
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                System.IO.File.GetUnixFileMode(Path.GetDirectoryName(path)!)
            );
            var told = string.Join(' ', unit.Before(Keeper.Service, "try.log"));
            Assert.Contains($"EnvironmentFile=-{path}", told, StringComparison.Ordinal);
            Assert.DoesNotContain("a key", told, StringComparison.Ordinal);

            unit.TakeEnvironment();
            Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
        }
        finally
        {
            Environment.SetEnvironmentVariable("WEFT_TEST_PSK", null);
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void What_systemd_takes_for_no_variable_is_left_out_of_the_file()
    {
        Assert.Equal(
            "LINES=\"one\ntwo\"\n_=\"\"\n",
            EnvironmentFile.Of([
                ("LINES", "one\ntwo"),
                ("BASH_FUNC_x%%", "() { :; }"),
                ("1ST", "x"),
                ("COLOR", "\e[1m"),
                ("_", ""),
            ])
        );
    }

    private static IEnumerable<Lifeline> LinesOf(
        string? before,
        string tried,
        SshLogin? connection
    ) =>
        Lifelines
            .Of(before is null ? null : Parse(before), Parse(tried), "host1", connection)
            .Select(line => line.After);

    private static LoadedFile File(string path, string content) =>
        new(path, Encoding.UTF8.GetBytes(content), Parse(Yaml));

    private static HistoryEntry Entry(string? content) =>
        new()
        {
            Number = 3,
            Time = default,
            Did = "apply",
            Host = "host1",
            File = content is null ? null : HistoryStore.NameOf(Encoding.UTF8.GetBytes(content)),
        };

    private static Overlay Parse(string yaml) =>
        OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml)).Overlay!;

    /// <summary>Open vSwitch makes again at boot what it had, which is not what the host's own file says where that was changed or a try is cut off.</summary>
    [Fact]
    public void What_was_applied_last_and_what_is_tried_are_known_however_much_of_the_rest_cannot_be_read()
    {
        var root = Directory.CreateTempSubdirectory("weft-last-").FullName;
        try
        {
            var settled = Encrypted("homelab", "192.0.2.2");
            var tried = Encrypted("homelab", "192.0.2.3");
            new HistoryStore("homelab", root).Write(
                HistoryBook
                    .Empty.Add(Entry(Encrypted("homelab", "192.0.2.9")))
                    .Add(Entry(settled))
                    .Add(
                        Entry(tried) with
                        {
                            State = EntryState.Trying,
                            Trial = new Trial
                            {
                                Within = TimeSpan.FromMinutes(1),
                                Deadline = DateTimeOffset.UnixEpoch,
                                Boot = "another",
                                Process = default,
                                Database = "unix:/run/openvswitch/db.sock",
                            },
                        }
                    ),
                settled,
                tried
            );
            var other = Encrypted("other", "192.0.2.4");
            var broken = "name: [\n"u8.ToArray();
            new HistoryStore("other", root).Write(
                HistoryBook
                    .Empty.Add(Entry(broken))
                    .Add(Entry(other) with { State = EntryState.Reverting }),
                broken,
                other
            );
            Store("plain", Encoding.UTF8.GetBytes(Yaml));
            Store("gone", file: null);
            Directory.CreateDirectory(Path.Combine(root, "torn", "history"));
            System.IO.File.WriteAllText(Path.Combine(root, "torn", "history", "history.json"), "{");

            var unread = new List<string>();
            Assert.Equal(
                ["192.0.2.2", "192.0.2.3", "192.0.2.4"],
                LastApplied
                    .Encrypted(new Told(unread), root)
                    .SelectMany(intent => intent.Ipsec!.Peers)
                    .Select(peer => peer.Address.ToString())
            );
            Assert.Collection(
                unread,
                first => Assert.Contains("other/history", first, StringComparison.Ordinal),
                second => Assert.Contains("torn/history", second, StringComparison.Ordinal)
            );
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        void Store(string overlay, byte[]? file) =>
            new HistoryStore(overlay, root).Write(
                HistoryBook.Empty.Add(Entry(file)),
                file is null ? [] : [file]
            );

        static byte[] Encrypted(string overlay, string peer) =>
            Encoding.UTF8.GetBytes(
                $$"""
                name: {{overlay}}
                hosts: { host1: 192.0.2.1, host2: {{peer}} }
                tunnels: { ipsec: { psk: "correct horse battery staple" } }
                """
            );

        static HistoryEntry Entry(byte[]? file) =>
            new()
            {
                Time = DateTimeOffset.UnixEpoch,
                Did = "apply",
                Host = "host1",
                File = file is null ? null : HistoryStore.NameOf(file),
            };
    }

    private sealed class Told(List<string> all) : IProgress<string>
    {
        public void Report(string value) => all.Add(value);
    }
}
