using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>Which containers a selection is about.</summary>
public static class Selecting
{
    /// <summary>Whether a container, on a host that the selection is about, is of its engine and carries all its labels.</summary>
    public static bool Selects(this Selection selection, ContainerSighting container) =>
        (selection.Engine is null || selection.Engine == container.Key.Engine)
        && selection.Labels.All(label =>
            container.Labels.TryGetValue(label.Key, out var value) && value == label.Value
        );
}
