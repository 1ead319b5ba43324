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

        Remembering.Add(store, Entry(HistoryStore.NameOf(Second)), Second, hasChanged: false);
        Assert.Equal(2, store.Read().Entries.Length);

        Remembering.Add(store, Entry(HistoryStore.NameOf(Second)), Second, hasChanged: true);
        var book = store.Read();
        Assert.Equal(3, book.Entries.Length);
        Assert.Equal(Second, store.FileOf(book.Settled!.File!));
        // What `weft rollback` goes back to.
        Assert.Equal(First, store.FileOf(book.Former!.File!));
    }

    private static string OldNameOf(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));

    private static HistoryEntry Entry(string file) =>
        new()
        {
            Time = DateTimeOffset.UnixEpoch,
            Did = "apply",
            Host = "host1",
            File = file,
        };
}
