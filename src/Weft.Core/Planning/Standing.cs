using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Says how things of a host stand, by what a plan would change of the ports, links and interfaces that make them up.
/// </summary>
/// <param name="observation">What the host looks like.</param>
/// <param name="plan">What has to change of it.</param>
public sealed class Standing(HostObservation observation, Plan plan)
{
    private readonly ILookup<string, Change> changes = plan.Changes.ToLookup(change => change.Name);

    /// <summary>How a thing stands.</summary>
    /// <param name="kind">What kind of thing it is.</param>
    /// <param name="name">What people call it.</param>
    /// <param name="intended">What it must be, in words.</param>
    /// <param name="parts">The names that changes of it have.</param>
    public StatusItem Of(string kind, string name, string intended, params string[] parts)
    {
        var errors = parts
            .Select(part => observation.Switch.Ports.GetValueOrDefault(part))
            .OfType<PortRow>()
            .SelectMany(port => port.Interfaces)
            .Select(row => row.Problem)
            .OfType<string>()
            .ToList();
        var pending = parts.SelectMany(part => changes[part]).ToList();
        var conflicts = plan
            .Conflicts.Where(conflict => parts.Contains(conflict.Name))
            .Select(conflict => conflict.Message)
            .ToList();
        return conflicts.Count > 0
                ? Item(ItemState.Missing, string.Join("; ", conflicts)) with
                {
                    IsBlocked = true,
                }
            : pending.Exists(change => change.Action is ChangeAction.Add)
                ? Item(ItemState.Missing, Words(pending))
            : errors.Count > 0 ? Item(ItemState.Error, string.Join("; ", errors))
            : pending.Count > 0 ? Item(ItemState.Differs, Words(pending))
            : Item(ItemState.Ok, null);

        StatusItem Item(ItemState state, string? detail) =>
            new(kind, name, intended, state, detail);
    }

    private static string Words(List<Change> pending) =>
        string.Join(
            "; ",
            pending.Select(change =>
                change.Action is ChangeAction.Add
                    ? $"no {change.What} {change.Name}"
                    : $"{change.What} {change.Name}: {change.Detail}"
            )
        );
}
