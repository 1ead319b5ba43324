using System.Collections.Immutable;
using System.Text;
using Weft.Core.Execution;
using Weft.Core.Ipsec;
using Weft.Core.Linux;

namespace Weft.Core.Tests.Linux;

public sealed class DurableFileTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("weft-durable-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void A_file_that_somebody_has_beside_it_stays()
    {
        var mine = File("overlay.yaml.new");
        System.IO.File.WriteAllText(mine, "my next version");
        DurableFile.Replace(File("overlay.yaml"), "new"u8);
        DurableFile.Replace(File("overlay.yaml"), "newer"u8);
        Assert.Equal("newer", System.IO.File.ReadAllText(File("overlay.yaml")));
        Assert.Equal("my next version", System.IO.File.ReadAllText(mine));
        Assert.Equal(2, Directory.GetFiles(directory).Length);
    }

    [Fact]
    public void What_a_killed_one_has_left_goes_and_nothing_that_only_looks_alike()
    {
        string[] others =
        [
            ".overlay.yaml.weft-notes",
            ".overlay.yaml.weft-0123456789abc",
            ".overlay.yaml.weft-0123456789AB",
            ".other.yaml.weft-0123456789ab",
        ];
        foreach (var name in (string[])[.. others, ".overlay.yaml.weft-0123456789ab"])
        {
            System.IO.File.WriteAllText(File(name), "");
        }
        DurableFile.Replace(File("overlay.yaml"), "new"u8);
        Assert.Equal(
            [.. others.Append("overlay.yaml").Order(StringComparer.Ordinal)],
            Directory
                .GetFiles(directory)
                .Select(path => Path.GetFileName(path))
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void What_cannot_be_put_in_place_leaves_nothing_behind()
    {
        Directory.CreateDirectory(File("overlay.yaml"));
        Assert.ThrowsAny<SystemException>(() => DurableFile.Replace(File("overlay.yaml"), "new"u8));
        Assert.Empty(Directory.GetFiles(directory));
    }

    [Fact]
    public void The_file_of_the_next_key_stays_when_the_keys_are_written()
    {
        System.IO.File.SetUnixFileMode(
            directory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        System.IO.File.WriteAllText(File("psk.new"), "the next key");
        ImmutableArray<Secret> keys = [Secret.OfText("one"), Secret.OfText("two")];
        KeyFileWriter.Write(File("psk"), keys);
        Assert.Equal("the next key", System.IO.File.ReadAllText(File("psk.new")));
        Assert.Equal("one\ntwo\n", System.IO.File.ReadAllText(File("psk"), Encoding.UTF8));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            System.IO.File.GetUnixFileMode(File("psk"))
        );
        Assert.Equal(2, Directory.GetFiles(directory).Length);
    }

    private string File(string name) => Path.Combine(directory, name);
}
