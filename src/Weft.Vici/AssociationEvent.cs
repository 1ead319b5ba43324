namespace Weft.Vici;

/// <summary>The kind of an event about an association.</summary>
public enum AssociationEventKind
{
    /// <summary>An IKE SA was established.</summary>
    IkeUp,

    /// <summary>An IKE SA is gone.</summary>
    IkeDown,

    /// <summary>An IKE SA was replaced.</summary>
    IkeRekeyed,

    /// <summary>An IKE SA is about to change an address or a port; <see cref="AssociationEvent.Ike"/> still has the old ones.</summary>
    IkeMoved,

    /// <summary>A CHILD SA was installed.</summary>
    ChildUp,

    /// <summary>A CHILD SA is gone.</summary>
    ChildDown,

    /// <summary>A CHILD SA was replaced.</summary>
    ChildRekeyed,
}

/// <summary>An event about an association.</summary>
/// <param name="Kind">The kind of event.</param>
/// <param name="Ike">The IKE SA; after a rekeying, the new one.</param>
/// <param name="OldIke">The replaced IKE SA; null if none was replaced.</param>
/// <param name="Child">The CHILD SA; after a rekeying, the new one. Null if the event is not about one.</param>
/// <param name="OldChild">The replaced CHILD SA; null if none was replaced.</param>
public sealed record AssociationEvent(
    AssociationEventKind Kind,
    IkeSa Ike,
    IkeSa? OldIke = null,
    ChildSa? Child = null,
    ChildSa? OldChild = null
)
{
    internal static AssociationEvent? FromEvent(ViciEvent told)
    {
        if (
            told.Name
            is not (
                EventNames.IkeUpdown
                or EventNames.IkeRekey
                or EventNames.IkeUpdate
                or EventNames.ChildUpdown
                or EventNames.ChildRekey
            )
        )
        {
            return null;
        }

        var (name, section) = told.Message.Only();
        var isUp = told.Message.Flag("up");
        if (told.Name == EventNames.IkeRekey)
        {
            return new(
                AssociationEventKind.IkeRekeyed,
                IkeSa.FromSection(name, section.RequiredSection("new")),
                IkeSa.FromSection(name, section.RequiredSection("old"))
            );
        }

        var ike = IkeSa.FromSection(name, section);
        switch (told.Name)
        {
            case EventNames.IkeUpdown:
                return new(isUp ? AssociationEventKind.IkeUp : AssociationEventKind.IkeDown, ike);
            case EventNames.IkeUpdate:
                return new(AssociationEventKind.IkeMoved, ike);
            case EventNames.ChildRekey:
                var rekeyed = section.RequiredSection("child-sas").Only().Value;
                return new(
                    AssociationEventKind.ChildRekeyed,
                    ike,
                    Child: ChildSa.FromSection(rekeyed.RequiredSection("new")),
                    OldChild: ChildSa.FromSection(rekeyed.RequiredSection("old"))
                );
            default:
                return new(
                    isUp ? AssociationEventKind.ChildUp : AssociationEventKind.ChildDown,
                    ike,
                    Child: ChildSa.FromSection(section.RequiredSection("child-sas").Only().Value)
                );
        }
    }
}
