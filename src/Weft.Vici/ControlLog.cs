namespace Weft.Vici;

/// <summary>
/// A line that the daemon logs during an initiate or terminate command (strongSwan, vici/README.md, control-log).
/// </summary>
/// <param name="Group">The subsystem, such as <c>IKE</c>.</param>
/// <param name="Level">The log level, from 0 (most important) to 4 (most detailed).</param>
/// <param name="Ike">The name of the IKE SA that the line is about; null if none.</param>
/// <param name="IkeId">That IKE SA's unique id.</param>
/// <param name="Text">The line.</param>
public sealed record ControlLog(string Group, int Level, string? Ike, long? IkeId, string Text)
{
    internal static ControlLog FromMessage(ViciMessage message) =>
        new(
            message.Text("group") ?? "",
            (int)(message.Number("level") ?? 0),
            message.Text("ikesa-name"),
            message.Number("ikesa-uniqueid"),
            message.Text("msg") ?? ""
        );
}
