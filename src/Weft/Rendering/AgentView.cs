using System.Text.Json;
using Spectre.Console;
using Weft.Agent;

namespace Weft.Rendering;

/// <summary>Shows the state of a host's agent.</summary>
internal static class AgentView
{
    /// <summary>Writes for people.</summary>
    public static void Write(Output terminal, AgentDocument agent)
    {
        terminal.Out.LineInterpolated(
            $"  [grey]agent: runs since {Time(agent.Started)}; {Round(agent)}[/]"
        );
        if (AgentSeat.WhyOther(agent.Version) is { } other)
        {
            terminal.Notice(other);
        }
        if (agent.Refused.Count > 0)
        {
            terminal.Fail(
                $"the agent refuses {agent.File} as it is now; what it read before stays in force:"
            );
            foreach (var mistake in agent.Refused)
            {
                terminal.Error.WriteLine($"  {mistake}");
            }
        }
        if (agent.Problem is { } problem)
        {
            terminal.Fail($"the agent says what is wrong: {problem}");
        }
        foreach (var retry in agent.Retries)
        {
            terminal.Notice(
                $"{retry.Item} has failed {retry.Times} time{(retry.Times == 1 ? "" : "s")}, and the agent tries it again at {Time(retry.Until)}: {retry.Reason}"
            );
        }
    }

    /// <summary>The state of a host as JSON, and its agent's within it; null where there is none.</summary>
    public static string Json(StatusDocument host, AgentDocument? agent)
    {
        var document = JsonSerializer
            .SerializeToNode(host, StatusJsonContext.Default.StatusDocument)!
            .AsObject();
        var beside = agent is null
            ? null
            : JsonSerializer
                .SerializeToNode(agent, AgentJsonContext.Default.AgentDocument)!
                .AsObject();
        // The host's state is in the document already, and more recent.
        beside?.Remove("host");
        document["agent"] = beside;
        return document.ToJsonString(StatusJsonContext.Default.Options);
    }

    /// <summary>Says when the agent last read the host.</summary>
    internal static string Round(AgentDocument agent) =>
        agent.Rounds == 0
            ? "looks at the host for the first time"
            : $"last round at {Time(agent.LastRound)}, {agent.LastRoundMilliseconds:0} ms";

    private static string Time(DateTimeOffset time) =>
        time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss");
}
