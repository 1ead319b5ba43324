using System.Security.Cryptography;
using Weft.Core.History;

namespace Weft.Core.Tests.History;

public sealed class HistoryStoreTests : IDisposable
{
    private static readonly byte[] File1 = "name: one\n"u8.ToArray();
    private static readonly byte[] File2 = "name: two\n"u8.ToArray();

    private readonly string directory = Directory.CreateTempSubdirectory("weft-history-").FullName;

    [Fact]
    public void What_was_written_is_read_again_and_only_its_owner_may_read_it()
    {
        var store = new HistoryStore("home", directory);
        Assert.Empty(store.Read().Entries);
        Assert.Empty(HistoryStore.All(directory));
        var book = HistoryBook
            .Empty.Add(HistoryBookTests.Entry(HistoryStore.NameOf(File1)))
            .Add(HistoryBookTests.Tried(HistoryStore.NameOf(File2)));
        store.Write(book, File1, File2);

        var read = Assert.Single(HistoryStore.All(directory)).Read();
        Assert.Equal(book.Entries[0], read.Entries[0]);
        Assert.Equal(
            book.Entries[1].Trial! with
            {
                Lifelines = [],
            },
            read.Entries[1].Trial! with
            {
                Lifelines = [],
            }
        );
        Assert.Equal(book.Entries[1].Trial!.Lifelines, read.Entries[1].Trial!.Lifelines);
        Assert.Equal(File2, store.FileOf(read.Open!.File!));
        foreach (var path in Directory.GetFiles(Path.GetDirectoryName(store.Path)!))
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite,
                File.GetUnixFileMode(path)
            );
        }
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(Path.GetDirectoryName(store.Path)!)
        );
    }

    [Fact]
    public void Files_that_no_entry_names_any_more_go()
    {
        var store = new HistoryStore("home", directory);
        store.Write(
            HistoryBook.Empty.Add(HistoryBookTests.Entry(HistoryStore.NameOf(File1))),
            File1
        );
        store.Write(
            HistoryBook.Empty.Add(HistoryBookTests.Entry(HistoryStore.NameOf(File2))),
            File2
        );
        Assert.Equal(
            [store.PathOf(HistoryStore.NameOf(File2))],
            Directory.GetFiles(Path.GetDirectoryName(store.Path)!, "*.yaml")
        );
    }

    [Fact]
    public void A_file_that_is_gone_or_is_not_what_was_applied_is_refused_by_name()
    {
        var store = new HistoryStore("home", directory);
        var name = HistoryStore.NameOf(File1);
        Assert.Contains(
            store.PathOf(name),
            Assert.Throws<HostException>(() => store.FileOf(name)).Message,
            StringComparison.Ordinal
        );
        store.Write(HistoryBook.Empty.Add(HistoryBookTests.Entry(name)), File1);
        File.WriteAllBytes(store.PathOf(name), File2);
        Assert.Contains(
            "not what was applied",
            Assert.Throws<HostException>(() => store.FileOf(name)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void What_an_earlier_weft_stored_by_another_hash_is_what_was_applied()
    {
        var store = new HistoryStore("home", directory);
        var name = Convert.ToHexStringLower(SHA256.HashData(File1));
        store.Write(HistoryBook.Empty.Add(HistoryBookTests.Entry(name)));
        File.WriteAllBytes(store.PathOf(name), File1);
        Assert.Equal(File1, store.FileOf(name));
        Assert.True(HistoryStore.IsNameOf(name, File1));
        Assert.False(HistoryStore.IsNameOf(name, File2));
        File.WriteAllBytes(store.PathOf(name), File2);
        Assert.Throws<HostException>(() => store.FileOf(name));
    }

    [Fact]
    public void A_try_that_is_marked_as_over_reads_as_one_that_goes_back_until_that_is_written_down()
    {
        var store = new HistoryStore("home", directory, Path.Combine(directory, "marks"));
        var before = HistoryBook.Empty.Add(HistoryBookTests.Entry(HistoryStore.NameOf(File1)));
        var tried = before.Add(HistoryBookTests.Tried(HistoryStore.NameOf(File2)));
        store.Write(tried, File1, File2);

        store.MarkOver("nobody answered");
        var over = store.Read();
        Assert.Equal(EntryState.Reverting, over.Open?.State);
        Assert.Equal("nobody answered", over.Open?.Trial?.Reason);
        Assert.True(over.Open!.IsOpen);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(directory, "marks", "home"))
        );

        store.Write(over.Settle(EntryState.Reverted, DateTimeOffset.UnixEpoch));
        Assert.Equal("nobody answered", store.Read()[2]?.Trial?.Reason);
        // What is tried next is not over.
        store.Write(tried);
        Assert.Equal(EntryState.Trying, store.Read().Open?.State);
    }

    [Fact]
    public void All_that_is_known_of_a_try_is_read_as_it_was_written()
    {
        var entry = new HistoryEntry
        {
            Number = 7,
            Time = new DateTimeOffset(2026, 11, 30, 4, 2, 28, 811, TimeSpan.FromHours(1)).AddTicks(
                6332
            ),
            Did = "try",
            By = "jürgen \"j\"",
            From = "192.0.2.7",
            Host = "host1",
            File = HistoryStore.NameOf(File1),
            State = EntryState.Reverted,
            Trial = new Trial
            {
                Before = HistoryStore.NameOf(File2),
                Kept = "/etc/weft/overlay.yaml",
                Within = TimeSpan.FromSeconds(90.5),
                Deadline = DateTimeOffset.UnixEpoch.AddDays(1),
                IsApplied = true,
                Boot = "boot",
                Process = new(4711, 1L << 40),
                Lifelines = [new("ssh", "192.0.2.1", "192.0.2.7")],
                Connection = "192.0.2.7 50000 192.0.2.1 22",
                Grace = TimeSpan.FromDays(2),
                Database = "unix:/run/openvswitch/db.sock",
                Engine = Core.Overlays.Engine.Podman,
                Datapath = Core.Overlays.DatapathChoice.Kernel,
                Ended = DateTimeOffset.UnixEpoch.AddDays(2),
                Reason = "nobody answered",
            },
        };
        var store = new HistoryStore("home", directory);
        store.Write(new HistoryBook([entry]), File1, File2);

        var read = Assert.Single(store.Read().Entries);
        Assert.Equal(entry.Trial.Lifelines, read.Trial!.Lifelines);
        Assert.Equal(
            entry,
            read with
            {
                Trial = read.Trial with { Lifelines = entry.Trial.Lifelines },
            }
        );
    }

    [Fact]
    public void A_list_of_a_weft_from_before_is_read_and_what_nobody_knows_is_passed_over()
    {
        var store = new HistoryStore("home", directory);
        store.Make();
        File.WriteAllText(
            store.Path,
            """
            {
              "version": 1,
              "entries": [
                {
                  "number": 1, "time": "2026-11-30T04:02:28.8116332+00:00", "did": "try", "by": null, "host": "host1",
                  "state": "Trying", "isOpen": true, "weather": { "wind": [1, 2] },
                  "trial": {
                    "within": "00:01:30", "deadline": "2026-11-30T04:04:00+00:00", "isApplied": false, "boot": "b",
                    "process": { "pid": 12, "started": 34 }, "grace": "00:00:05", "database": "unix:/run/openvswitch/db.sock"
                  }
                }
              ]
            }
            """
        );
        var read = Assert.Single(store.Read().Entries);
        Assert.Null(read.By);
        Assert.Equal(EntryState.Trying, read.State);
        Assert.Equal(TimeSpan.FromSeconds(90), read.Trial!.Within);
        Assert.Equal(new(12, 34), read.Trial.Process);
        Assert.Empty(read.Trial.Lifelines);
    }

    [Fact]
    public void A_list_of_a_later_weft_is_not_called_damaged()
    {
        var store = new HistoryStore("home", directory);
        store.Make();
        File.WriteAllText(store.Path, "{\"version\":2,\"entries\":{\"1\":{}}}");
        Assert.Contains(
            "is of version 2",
            Assert.Throws<HostException>(store.Read).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"version\":\"1\",\"entries\":[]}")]
    [InlineData("{\"version\":1,\"entries\":[3]}")]
    [InlineData(
        "{\"version\":1,\"entries\":[{\"number\":1,\"time\":\"noon\",\"did\":\"apply\",\"host\":\"a\"}]}"
    )]
    [InlineData(
        "{\"version\":1,\"entries\":[{\"number\":1,\"time\":\"2026-11-30T04:02:28Z\",\"did\":\"apply\",\"host\":null}]}"
    )]
    [InlineData(
        "{\"version\":1,\"entries\":[{\"number\":1,\"time\":\"2026-11-30T04:02:28Z\",\"did\":\"apply\",\"host\":\"a\",\"state\":\"Lost\"}]}"
    )]
    [InlineData("null")]
    [InlineData("{\"version\":1}")]
    [InlineData("{\"version\":2,\"entries\":[]}")]
    [InlineData("{\"version\":1,\"entries\":[{\"number\":1}]}")]
    public void A_list_that_cannot_be_read_is_named_with_what_to_do(string text)
    {
        var store = new HistoryStore("home", directory);
        store.Make();
        File.WriteAllText(store.Path, text);
        var message = Assert.Throws<HostException>(store.Read).Message;
        Assert.Contains(store.Path, message, StringComparison.Ordinal);
        Assert.Matches("move it away|install the weft", message);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
