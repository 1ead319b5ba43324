using System.Security.Cryptography;
using System.Text;
using Weft.Core.History;
using Weft.Trials;

namespace Weft.Tests;

public sealed class RememberingTests : IDisposable
{
    private static readonly byte[] First = Encoding.UTF8.GetBytes("name: home");
    private static readonly byte[] Second = Encoding.UTF8.GetBytes("name: home # changed");

    private readonly string directory = Directory.CreateTempSubdirectory("weft-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void A_file_that_an_earlier_weft_stored_by_another_hash_is_the_same_when_it_is_applied_again()
    {
        var store = new HistoryStore("home", directory);
        var (first, second) = (OldNameOf(First), OldNameOf(Second));
        store.Write(HistoryBook.Empty.Add(Entry(first)).Add(Entry(second)));
        File.WriteAllBytes(store.PathOf(first), First);
        File.WriteAllBytes(store.PathOf(second), Second);

        Remembering.Add(store, Entry(null), Second, hasChanged: false);
        Assert.Equal(2, store.Read().Entries.Length);

        Remembering.Add(store, Entry(null), Second, hasChanged: true);
        var book = store.Read();
        Assert.Equal(3, book.Entries.Length);
        Assert.Equal(Second, store.FileOf(book.Settled!.File!));
        // What `weft rollback` goes back to.
        Assert.Equal(First, store.FileOf(book.Former!.File!));
    }

    [Theory]
    // What was applied after it, or nothing as the overlay was taken off the host since.
    [InlineData(true)]
    [InlineData(false)]
    public void A_file_that_an_earlier_weft_stored_by_another_hash_can_be_tried_confirmed_and_gone_back_from(
        bool isOn
    )
    {
        var store = new HistoryStore("home", directory);
        var first = OldNameOf(First);
        var settled = isOn ? OldNameOf(Second) : null;
        store.Write(HistoryBook.Empty.Add(Entry(first)).Add(Entry(settled)), First, Second);
        var run = new TrialRun(store, TimeProvider.System);
        var entry = Try(null, settled);
        Assert.Equal(First, store.FileOf(entry.File!));
        Assert.Equal(first, store.Read().Open!.File);
        Assert.Equal(isOn ? Second : null, BeforeOf(entry));
        store.Write(store.Read().Settle(EntryState.Reverted, DateTimeOffset.UnixEpoch));

        // What nobody wrote down as applied, but as what a try went back to.
        entry = Try(Second, null);
        Assert.Equal(First, store.FileOf(entry.File!));
        Assert.Equal(Second, BeforeOf(entry));

        HistoryEntry Try(byte[]? before, string? stored) =>
            run.Begin(
                new Administrator("root", null),
                "host1",
                First,
                before is null ? null : (ReadOnlyMemory<byte>?)before,
                new Trial
                {
                    Before = stored,
                    Within = TimeSpan.FromMinutes(1),
                    Deadline = DateTimeOffset.UnixEpoch,
                    Boot = "this",
                    Process = default,
                    Database = "unix:/run/openvswitch/db.sock",
                }
            );

        byte[]? BeforeOf(HistoryEntry tried) =>
            tried.Trial!.Before is { } name ? store.FileOf(name) : null;
    }

    [Fact]
    public void A_file_that_entries_have_by_two_names_is_found_by_either()
    {
        var store = new HistoryStore("home", directory);
        string[] names = [OldNameOf(First), HistoryStore.NameOf(First)];
        store.Write(HistoryBook.Empty.Add(Entry(names[0])).Add(Entry(names[1])), First);
        Assert.All(names, name => Assert.Equal(First, store.FileOf(name)));
    }

    private static string OldNameOf(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));

    private static HistoryEntry Entry(string? file) =>
        new()
        {
            Time = DateTimeOffset.UnixEpoch,
            Did = "apply",
            Host = "host1",
            File = file,
        };
}
