using System.Collections;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Weft.Core.Linux;

/// <summary>Puts another program into this process's place.</summary>
internal static class Replacement
{
    private const nint Ignore = 1;

    /// <summary>
    /// Becomes another program (execve(2)), which keeps this process's terminal, standard streams and number. It starts with
    /// the signals of the terminal's keys ignored.
    /// </summary>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="environment">What its environment has besides this process's.</param>
    /// <exception cref="Win32Exception">The program could not be started.</exception>
    public static unsafe void Become(
        IReadOnlyList<string> command,
        IReadOnlyDictionary<string, string> environment
    )
    {
        var program = Tool.Find(command[0]) ?? command[0];
        var variables = Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Where(variable =>
                (string)variable.Key != "PATH" && !environment.ContainsKey((string)variable.Key)
            )
            .Select(variable => $"{variable.Key}={variable.Value}")
            .Append($"PATH={environment.GetValueOrDefault("PATH") ?? Tool.Path}")
            .Concat(
                environment
                    .Where(variable => variable.Key != "PATH")
                    .Select(variable => $"{variable.Key}={variable.Value}")
            );
        _ = Libc.Signal(Libc.SigInt, Ignore);
        _ = Libc.Signal(Libc.SigQuit, Ignore);
        // What is allocated here is the kernel's to free: the call returns only when it fails.
        Libc.Execute(Text(program), Texts(command), Texts([.. variables]));
        throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{program} could not be started");
    }

    private static unsafe byte* Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(memory, bytes.Length));
        return memory;
    }

    private static unsafe byte** Texts(IReadOnlyList<string> texts)
    {
        var memory = (byte**)
            NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
        for (var index = 0; index < texts.Count; index++)
        {
            memory[index] = Text(texts[index]);
        }
        return memory;
    }
}
