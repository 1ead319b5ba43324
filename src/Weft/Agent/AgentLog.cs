namespace Weft.Agent;

/// <summary>Says what happens: in the journal, and to whoever listens to the agent.</summary>
/// <param name="journal">The journal.</param>
/// <param name="state">What tells listeners.</param>
internal sealed class AgentLog(Journal journal, AgentState state)
{
    /// <summary>Says one thing.</summary>
    /// <param name="severity">How much it matters.</param>
    /// <param name="kind">What it is about: <c>file</c>, <c>change</c> or <c>problem</c>.</param>
    /// <param name="message">What happened, in words.</param>
    /// <param name="why">What led to it; null where nothing did.</param>
    /// <param name="fields">What the journal is to have besides, each by a name of its own.</param>
    public void Say(
        Severity severity,
        string kind,
        string message,
        string? why = null,
        params ReadOnlySpan<(string, string)> fields
    )
    {
        journal.Write(severity, message, fields);
        state.Tell(new AgentEvent(TimeProvider.System.GetUtcNow(), kind, message, why));
    }
}
