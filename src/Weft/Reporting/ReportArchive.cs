using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Weft.Core.Ipsec;
using Weft.Core.Linux;

namespace Weft.Reporting;

/// <summary>One part of a report: a file of the archive, or why it is missing.</summary>
/// <param name="Name">The file's name in the archive.</param>
/// <param name="What">Its description, or the command that wrote it.</param>
/// <param name="Text">Its text, without secrets; null where it could not be read.</param>
/// <param name="Problem">What went wrong, without secrets; null where nothing did.</param>
internal sealed record ReportPart(string Name, string What, string? Text, string? Problem);

/// <summary>Writes the parts of a report into one file.</summary>
internal static class ReportArchive
{
    /// <summary>The file in the archive that lists the others.</summary>
    public const string Contents = "contents.txt";

    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes the archive.</summary>
    /// <param name="path">The file, readable by its owner only; it appears when it is complete.</param>
    /// <param name="name">The directory inside the archive.</param>
    /// <param name="parts">The parts.</param>
    /// <param name="time">When they were read.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static async Task WriteAsync(
        string path,
        string name,
        IReadOnlyList<ReportPart> parts,
        DateTimeOffset time,
        CancellationToken cancellationToken
    )
    {
        var unfinished = Draft.PathFor(path);
        try
        {
            await PackAsync(unfinished, name, parts, time, cancellationToken);
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    private static async Task PackAsync(
        string path,
        string name,
        IReadOnlyList<ReportPart> parts,
        DateTimeOffset time,
        CancellationToken cancellationToken
    )
    {
        await using var file = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = Mode,
            }
        );
        await using var packed = new GZipStream(file, CompressionLevel.Optimal);
        await using var archive = new TarWriter(packed);
        foreach (
            var (part, text) in parts
                .Where(part => part.Text is not null)
                .Select(part => (part.Name, part.Text!))
                .Prepend((Contents, List(parts, time)))
        )
        {
            await archive.WriteEntryAsync(
                new PaxTarEntry(TarEntryType.RegularFile, $"{name}/{part}")
                {
                    Mode = Mode,
                    ModificationTime = time,
                    DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
                },
                cancellationToken
            );
        }
    }

    /// <summary>The list of parts, including those that are missing and why.</summary>
    internal static string List(IReadOnlyList<ReportPart> parts, DateTimeOffset time)
    {
        var list = new StringBuilder();
        list.Append(
            $"Read on {time:yyyy-MM-dd HH:mm:ss} UTC. Keys and passwords were taken out: {Secret.Veil} stands for each.\n\n"
        );
        var width = parts.Max(part => part.Name.Length);
        foreach (var part in parts.Where(part => part.Text is not null))
        {
            list.Append(
                $"{part.Name.PadRight(width)}  {part.What}{(part.Problem is { } problem ? $"; it failed: {problem}" : "")}\n"
            );
        }
        list.Append("\nCould not be read:\n\n");
        foreach (var part in parts.Where(part => part.Text is null))
        {
            list.Append($"{part.Name.PadRight(width)}  {part.What}: {part.Problem}\n");
        }
        return list.ToString();
    }
}
