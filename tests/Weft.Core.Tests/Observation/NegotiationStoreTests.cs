using Weft.Core.Observation;

namespace Weft.Core.Tests.Observation;

public sealed class NegotiationStoreTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("weft-negotiations-").FullName;
    private readonly NegotiationStore store;

    public NegotiationStoreTests() => store = new NegotiationStore("home", root);

    [Fact]
    public void The_last_failure_with_each_host_is_kept_for_root_until_it_is_forgotten()
    {
        Assert.Empty(store.Read());
        store.Remove(["host2"]);
        var second = Failed("host2.example", "it has another key");
        var third = Failed("host3", "it does not answer");
        store.Write(Failed("host2.example", "it does not answer"));
        store.Write(second);
        store.Write(third);

        Assert.Equal([second, third], new NegotiationStore("home", root).Read());
        Assert.Empty(new NegotiationStore("other", root).Read());
        var files = Directory.GetFiles(Path.Combine(root, "home"));
        Assert.Equal(2, files.Length);
        Assert.All(
            files,
            file =>
                Assert.Equal(
                    UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    File.GetUnixFileMode(file)
                )
        );

        store.Remove(["host2.example", "host4"]);
        Assert.Equal([third], store.Read());
    }

    [Fact]
    public void What_cannot_be_understood_or_written_is_left_out()
    {
        store.Write(Failed("host2", "it does not answer"));
        File.WriteAllText(Path.Combine(root, "home", "host2.json"), "{ \"peer\": \"host2\" ");
        File.WriteAllText(Path.Combine(root, "home", "host3.json"), "{ \"peer\": \"host3\" }");
        Assert.Empty(store.Read());

        File.WriteAllText(Path.Combine(root, "full"), "a file where a directory would have to be");
        var full = new NegotiationStore("full", root);
        full.Write(Failed("host2", "it does not answer"));
        Assert.Empty(full.Read());
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static FailedNegotiation Failed(string peer, string why) =>
        new(peer, "gre-01234567-89ab", new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), why);
}
