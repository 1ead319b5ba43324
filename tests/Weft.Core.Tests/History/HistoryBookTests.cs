using Weft.Core.History;
using Weft.Core.Linux;

namespace Weft.Core.Tests.History;

public sealed class HistoryBookTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_is_in_force_is_what_was_applied_or_confirmed_last()
    {
        var book = HistoryBook.Empty.Add(Entry("a")).Add(Entry("b"));
        Assert.Equal("b", book.Settled?.File);
        Assert.Equal("a", book.Former?.File);

        book = book.Add(Tried("c"));
        Assert.Equal("b", book.Settled?.File);
        Assert.Equal(3, book.Open?.Number);
        Assert.Equal(2, book.Before(book.Open!)?.Number);

        var confirmed = book.Settle(EntryState.Confirmed, Noon);
        Assert.Null(confirmed.Open);
        Assert.Equal("c", confirmed.Settled?.File);
        Assert.Equal("b", confirmed.Former?.File);

        var reverted = book.Settle(EntryState.Reverting, Noon, "first")
            .Settle(EntryState.Reverted, Noon, "second");
        Assert.Null(reverted.Open);
        Assert.Equal("b", reverted.Settled?.File);
        Assert.Equal("first", reverted[3]?.Trial?.Reason);
        Assert.Equal(Noon, reverted[3]?.Trial?.Ended);
    }

    [Fact]
    public void A_file_that_was_applied_again_is_not_the_one_to_go_back_to()
    {
        var book = HistoryBook.Empty.Add(Entry("a")).Add(Entry("b")).Add(Entry("b"));
        Assert.Equal(1, book.Former?.Number);
        Assert.Null(HistoryBook.Empty.Add(Entry("a")).Former);
        // From off the host one goes back to what was last on it.
        Assert.Equal(3, book.Add(Entry(null)).Former?.Number);
    }

    [Fact]
    public void A_try_is_on_until_its_deadline_and_until_the_machine_starts_anew()
    {
        var entry = HistoryBook.Empty.Add(Tried("a")).Open!;
        Assert.True(HistoryBook.IsOn(entry, Noon.AddSeconds(59), "boot"));
        Assert.False(HistoryBook.IsOn(entry, Noon.AddSeconds(60), "boot"));
        Assert.False(HistoryBook.IsOn(entry, Noon, "another boot"));
        Assert.False(HistoryBook.IsOn(entry with { State = EntryState.Reverting }, Noon, "boot"));
    }

    [Fact]
    public void The_oldest_go_but_never_what_is_in_force()
    {
        var book = HistoryBook.Empty.Add(Entry("old")).Add(Entry("kept"));
        for (var time = 0; time < 2 * HistoryBook.Most; time++)
        {
            book = book.Add(Tried("tried")).Settle(EntryState.Reverted, Noon, "no");
        }
        Assert.Equal("kept", book.Settled?.File);
        Assert.Equal(HistoryBook.Most + 1, book.Entries.Length);
        Assert.Equal(2 + 2 * HistoryBook.Most, book.Entries[^1].Number);
        Assert.Equal(["kept", "tried"], book.Files.Order());
    }

    internal static HistoryEntry Entry(string? file) =>
        new()
        {
            Time = Noon,
            Did = "apply",
            By = "root",
            Host = "host1",
            File = file,
        };

    internal static HistoryEntry Tried(string? file) =>
        Entry(file) with
        {
            Did = "try",
            State = EntryState.Trying,
            Trial = new Trial
            {
                Within = TimeSpan.FromMinutes(1),
                Deadline = Noon.AddMinutes(1),
                Boot = "boot",
                Process = new ProcessIdentity(4, 5),
                Grace = TimeSpan.FromSeconds(10),
                Lifelines = [new Lifeline("host host2", "192.0.2.1", "192.0.2.2")],
                Database = "unix:/run/openvswitch/db.sock",
            },
        };
}
