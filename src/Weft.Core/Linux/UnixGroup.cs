namespace Weft.Core.Linux;

/// <summary>The machine's groups (group(5)).</summary>
internal static class UnixGroup
{
    private const string File = "/etc/group";

    /// <summary>Gives a file to a group, if the machine has one of that name.</summary>
    /// <returns>Whether it has.</returns>
    public static bool Give(string path, string group)
    {
        var id = Find(group);
        return id is { } number && Libc.ChangeOwner(path, uint.MaxValue, number) == 0;
    }

    private static uint? Find(string group) =>
        System.IO.File.Exists(File)
            ? System
                .IO.File.ReadLines(File)
                .Select(line => line.Split(':'))
                .Where(fields => fields.Length > 2 && fields[0] == group)
                .Select(fields => (uint?)uint.Parse(fields[2]))
                .FirstOrDefault()
            : null;
}
