using System.Diagnostics;

namespace Weft.Bench;

/// <summary>A real ovsdb-server with a small schema, in a directory of its own.</summary>
internal sealed class BenchServer : IDisposable
{
    public const string Database = "bench";

    private const string Schema = """
        {"name":"bench","tables":{
          "thing":{"isRoot":true,"columns":{
            "name":{"type":"string"},"number":{"type":"integer"},
            "map":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
          "counter":{"isRoot":true,"columns":{"n":{"type":"integer"}}}}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("weft-bench-").FullName;
    private readonly Process _process;

    public BenchServer()
    {
        File.WriteAllText(Path.Combine(_folder, "schema"), Schema);
        Run("ovsdb-tool", "create", Path.Combine(_folder, "db"), Path.Combine(_folder, "schema"));
        _process = Start(
            "ovsdb-server",
            $"--remote=punix:{Path.Combine(_folder, "s")}",
            $"--unixctl={Path.Combine(_folder, "ctl")}",
            "--no-chdir",
            "-vconsole:off",
            Path.Combine(_folder, "db")
        );
        var began = Stopwatch.GetTimestamp();
        while (!File.Exists(Path.Combine(_folder, "s")))
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(30))
            {
                throw new InvalidOperationException("ovsdb-server does not start");
            }
            Thread.Sleep(5);
        }
    }

    public string Remote => $"unix:{Path.Combine(_folder, "s")}";

    public static void Run(string command, params string[] arguments)
    {
        using var process = Start(command, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{command} {string.Join(' ', arguments)} ended with {process.ExitCode}"
            );
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Process Start(string command, params string[] arguments)
    {
        var process = Process.Start(
            new ProcessStartInfo(command, arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
