using System.Text.Json;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>The directory in which a lab's record and the scripts that its processes run are kept.</summary>
internal sealed class LabDirectory
{
    /// <summary>Where all labs have their directories.</summary>
    public const string Root = "/run/weft/labs";

    private const UnixFileMode OwnerOnly =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string path;

    /// <summary>The directory of the lab of that name, which need not exist.</summary>
    public LabDirectory(string name)
    {
        Name = name;
        path = Path.Combine(Root, name);
    }

    /// <summary>The lab's name.</summary>
    public string Name { get; }

    /// <summary>Whether there is such a directory.</summary>
    public bool Exists => Directory.Exists(path);

    /// <summary>The lab's copy of the overlay file.</summary>
    public string OverlayFile => Path.Combine(path, "overlay.yaml");

    /// <summary>The directory of the certificates of a lab whose overlay has some.</summary>
    public string Pki => Path.Combine(path, "pki");

    private string RecordFile => Path.Combine(path, "lab.json");

    /// <summary>The directories of all labs, ordered by name.</summary>
    public static IReadOnlyList<LabDirectory> All() =>
        Directory.Exists(Root)
            ?
            [
                .. Directory
                    .EnumerateDirectories(Root)
                    .Select(directory => new LabDirectory(Path.GetFileName(directory)))
                    .OrderBy(lab => lab.Name, StringComparer.Ordinal),
            ]
            : [];

    /// <summary>Makes the directory.</summary>
    public void Create() => Directory.CreateDirectory(path, OwnerOnly);

    /// <summary>The lab's record, or null where none was written.</summary>
    /// <exception cref="LabException">The record cannot be understood.</exception>
    public LabRecord? Read()
    {
        try
        {
            return JsonSerializer
                .Deserialize(File.ReadAllBytes(RecordFile), LabJson.Default.LabRecord)
                ?.AsOf(Boot.Id);
        }
        catch (Exception exception)
            when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException exception)
        {
            throw new LabException(
                $"{RecordFile}: not a lab's record ({exception.Message}): end the lab's processes by hand and remove {path}"
            );
        }
    }

    /// <summary>Replaces the record atomically: a reader finds the old one or the new one.</summary>
    public void Write(LabRecord record)
    {
        var draft = RecordFile + ".new";
        File.WriteAllBytes(
            draft,
            JsonSerializer.SerializeToUtf8Bytes(record, LabJson.Default.LabRecord)
        );
        File.Move(draft, RecordFile, overwrite: true);
    }

    /// <summary>The path of something that one host has: its disk, its console.</summary>
    public string FileOf(string host, string what) => Path.Combine(path, $"{host}.{what}");

    /// <summary>Writes one of the files that the program carries into the directory and says where.</summary>
    public string Unpack(string name)
    {
        var file = Path.Combine(path, name);
        // Never rewritten: a shell may be reading it already.
        if (!File.Exists(file))
        {
            using var from = Resource.Open(name);
            using var to = File.Create(file);
            from.CopyTo(to);
        }
        return file;
    }

    /// <summary>Removes the directory, and those above it when no other lab is left.</summary>
    public void Remove()
    {
        if (Exists)
        {
            Directory.Delete(path, recursive: true);
        }
        foreach (var parent in new[] { Root, Path.GetDirectoryName(Root)! })
        {
            try
            {
                Directory.Delete(parent);
            }
            catch (IOException)
            {
                return; // Not empty, or gone already.
            }
        }
    }

    /// <summary>The text of one of the program's scripts.</summary>
    public static string Script(string name) => Resource.Text(name);
}
