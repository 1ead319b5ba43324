namespace Weft.LabTests;

/// <summary>A terminal in a host of a lab, on which one command runs: what stands on it, and what is typed.</summary>
internal sealed class Terminal
{
    /// <summary>What stands on it.</summary>
    public const string Typescript = "/run/typescript";

    /// <summary>Holds the number of the process that is the terminal.</summary>
    public const string Pid = "/run/script.pid";

    /// <summary>Holds the number of the process that keeps the keys within reach.</summary>
    public const string KeysPid = "/run/keys.pid";

    private const string Keys = "/run/keys";
    private const string Exit = "/run/script.exit";

    private readonly OverlayLab lab;
    private readonly string host;

    private Terminal(OverlayLab lab, string host)
    {
        this.lab = lab;
        this.host = host;
    }

    /// <summary>Runs Weft on one; a host has one at a time.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The host.</param>
    /// <param name="arguments">What Weft is told.</param>
    /// <param name="environment">What is in its environment besides, as a shell takes it.</param>
    public static async Task<Terminal> RunAsync(
        OverlayLab lab,
        string host,
        string arguments,
        string environment = ""
    )
    {
        // What a shell leaves in the background ignores Ctrl-C, unless it is told otherwise.
        await lab.RunAsync(
            host,
            $$"""
            rm -f {{Keys}} {{Exit}} {{Pid}} {{Typescript}}; mkfifo {{Keys}}
            sleep 1d >{{Keys}} 2>/dev/null & echo $! >{{KeysPid}}
            {
              SHELL=/bin/sh env --default-signal=INT,QUIT setsid script --quiet --flush --return --command '{{environment}} {{WeftProgram.Path}} {{arguments}}' {{Typescript}} <{{Keys}} &
              echo $! >{{Pid}}
              code=0
              wait $! || code=$?
              echo $code >{{Exit}}
            } >/dev/null 2>&1 &
            """
        );
        return new Terminal(lab, host);
    }

    /// <summary>Waits until something stands on it.</summary>
    public Task SaysAsync(string text) =>
        Eventually.IsAsync(
            async () => (await lab.TryAsync(host, $"grep -F '{text}' {Typescript}")).ExitCode == 0,
            () => TextAsync().Result
        );

    /// <summary>Types a line, with Enter.</summary>
    public Task TypeAsync(string line) => lab.RunAsync(host, $"echo '{line}' >{Keys}");

    /// <summary>Presses Ctrl-C.</summary>
    public Task InterruptAsync() => lab.RunAsync(host, $"printf '\\003' >{Keys}");

    /// <summary>Waits until the command has ended.</summary>
    /// <returns>Its exit code, and what stands on the terminal.</returns>
    public async Task<(int ExitCode, string Text)> EndedAsync()
    {
        await Eventually.IsAsync(
            async () => (await lab.TryAsync(host, $"test -s {Exit}")).ExitCode == 0,
            () => TextAsync().Result
        );
        await lab.RunAsync(host, $"kill $(cat {KeysPid})");
        return (int.Parse(await lab.RunAsync(host, $"cat {Exit}")), await TextAsync());
    }

    private async Task<string> TextAsync() =>
        (await lab.TryAsync(host, $"cat {Typescript}")).Output;
}
