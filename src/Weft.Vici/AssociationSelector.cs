namespace Weft.Vici;

/// <summary>Selects associations: those that match everything given.</summary>
public sealed record AssociationSelector
{
    /// <summary>The name of the IKE SA's connection.</summary>
    public string? Ike { get; init; }

    /// <summary>The unique id of the IKE SA.</summary>
    public long? IkeId { get; init; }

    /// <summary>The name of the CHILD SA's configuration.</summary>
    public string? Child { get; init; }

    /// <summary>The unique id of the CHILD SA.</summary>
    public long? ChildId { get; init; }

    internal ViciMessage ToMessage() =>
        new()
        {
            ["ike"] = Ike,
            ["ike-id"] = IkeId is { } ike ? ike : null,
            ["child"] = Child,
            ["child-id"] = ChildId is { } child ? child : null,
        };
}
