using System.Text.Json;
using Weft.Agent;

namespace Weft.LabTests;

/// <summary>An agent that runs in a host of a lab.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private const string UsualLog = "/var/log/weft-agent.log";

    private readonly OverlayLab lab;
    private readonly string host;
    private readonly string options;
    private readonly string environment;
    private readonly string log;
    private readonly string socket;

    private RunningAgent(
        OverlayLab lab,
        string host,
        string options,
        string environment,
        string log,
        string socket
    )
    {
        this.lab = lab;
        this.host = host;
        this.options = options;
        this.environment = environment;
        this.log = log;
        this.socket = socket;
    }

    /// <summary>Starts it and waits until it has made its first round, which goes through where all is well.</summary>
    public static async Task<RunningAgent> StartAsync(
        OverlayLab lab,
        string host,
        string options = "",
        string environment = "",
        string log = UsualLog,
        bool isWell = true,
        string socket = AgentApi.DefaultSocket
    )
    {
        var agent = new RunningAgent(lab, host, options, environment, log, socket);
        await agent.BeginAsync();
        await (isWell ? agent.IsReadyAsync() : agent.HasBegunAsync());
        return agent;
    }

    /// <summary>Starts it, with the rights that its service gives it.</summary>
    public Task BeginAsync() =>
        lab.RunAsync(
            host,
            $"{environment} setsid {ServiceRights.Of("weft-agent.service")} {WeftProgram.Path} agent --socket {socket} {options} </dev/null >>{log} 2>&1 & echo $! >/run/weft-agent.pid"
        );

    /// <summary>Waits until a round has gone through: whether peers answer, say, is another question.</summary>
    public Task IsReadyAsync() =>
        Eventually.IsAsync(
            async () =>
            {
                if (await lab.TryAsync(host, Ask("v1/status")) is not { ExitCode: 0 } answer)
                {
                    return false;
                }
                using var document = JsonDocument.Parse(answer.Output);
                var agent = document.RootElement;
                return agent.GetProperty("host") is { ValueKind: JsonValueKind.Object } status
                    && agent.GetProperty("retries").GetArrayLength() == 0
                    && status.GetProperty("conflicts").GetArrayLength() == 0;
            },
            () => lab.TryAsync(host, $"cat {log}").Result.Output
        );

    private Task HasBegunAsync() =>
        Eventually.IsAsync(
            async () =>
                (await lab.TryAsync(host, $"{Ask("v1/status")} | grep 'rounds.: *[1-9]'")).ExitCode
                == 0,
            () => lab.TryAsync(host, $"cat {log}").Result.Output
        );

    /// <summary>What it says of itself.</summary>
    public async Task<JsonElement> StatusAsync()
    {
        using var document = JsonDocument.Parse(await lab.RunAsync(host, Ask("v1/status")));
        return document.RootElement.Clone();
    }

    /// <summary>What it measures, in Prometheus' format.</summary>
    public Task<string> MetricsAsync() => lab.RunAsync(host, Ask("metrics"));

    /// <summary>What it has written.</summary>
    public Task<string> LogAsync() => lab.RunAsync(host, $"cat {log}");

    /// <summary>Sends it a signal.</summary>
    public Task SignalAsync(string signal) =>
        lab.RunAsync(host, $"kill -{signal} $(cat /run/weft-agent.pid)");

    /// <summary>Waits until it has ended.</summary>
    public Task HasEndedAsync() =>
        Eventually.IsAsync(async () =>
            (await lab.TryAsync(host, "test -d /proc/$(cat /run/weft-agent.pid)")).ExitCode != 0
        );

    /// <summary>Waits until the host is as intended: by the plan, which the agent has no part in.</summary>
    public Task HasMendedAsync() =>
        Eventually.IsAsync(
            async () => (await lab.WeftAsync(host, "plan", "--exit-code")).ExitCode == 0,
            () =>
                lab.WeftAsync(host, "plan").Result.Output
                + lab.TryAsync(host, $"cat {log}").Result.Output
        );

    public async ValueTask DisposeAsync()
    {
        // One that a test holds up ends once it goes on.
        await lab.TryAsync(
            host,
            "kill $(cat /run/weft-agent.pid); kill -CONT $(cat /run/weft-agent.pid)"
        );
        // The next one does not start before.
        await HasEndedAsync();
    }

    private string Ask(string path) =>
        $"curl --fail --silent --max-time 5 --unix-socket {socket} http://weft/{path}";
}
