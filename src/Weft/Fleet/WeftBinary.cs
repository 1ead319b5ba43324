using System.Buffers.Binary;
using System.Security.Cryptography;
using Weft.Core;

namespace Weft.Fleet;

/// <summary>A build of weft that can be put on a host.</summary>
/// <param name="Path">Its path on this machine.</param>
/// <param name="Machine">The architecture that can run it, as <c>uname -m</c> prints it.</param>
/// <param name="Content">The executable.</param>
/// <param name="Hash">Its SHA-256, in hexadecimal digits.</param>
internal sealed record WeftBinary(
    string Path,
    string Machine,
    ReadOnlyMemory<byte> Content,
    string Hash
)
{
    // System V ABI, chapter 4: e_machine follows e_ident (16 bytes) and e_type (2 bytes), in the file's own byte order.
    private const int MachineAt = 18;
    private const ushort X64 = 62;
    private const ushort Arm64 = 183;

    /// <summary>Reads an executable.</summary>
    /// <exception cref="HostException">
    /// It does not exist, or is not an executable for an architecture that weft runs on.
    /// </exception>
    public static WeftBinary Read(string path)
    {
        var content = System.IO.File.Exists(path)
            ? System.IO.File.ReadAllBytes(path)
            : throw new HostException($"there is no file {path}: name a weft with --binary");
        var machine =
            content.AsSpan().StartsWith("\u007fELF"u8) && content.Length > MachineAt + 2
                ? BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(MachineAt)) switch
                {
                    X64 => "x86_64",
                    Arm64 => "aarch64",
                    _ => null,
                }
                : null;
        return new WeftBinary(
            path,
            machine
                ?? throw new HostException(
                    $"{path} is no program for x86_64 or aarch64: name the binary that `./build.sh publish` makes"
                ),
            content,
            Convert.ToHexStringLower(SHA256.HashData(content))
        );
    }

    /// <summary>This program itself; null if it is a development build, which consists of several files.</summary>
    public static WeftBinary? OfSelf() => Self.OneFile is { } program ? Read(program) : null;
}
