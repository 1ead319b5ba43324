[assembly: TestCollectionOrderer<Weft.LabTests.LabOrder>]

namespace Weft.LabTests;

/// <summary>What begins first.</summary>
public sealed class LabOrder()
    : LongestFirst(
        typeof(AgentTests),
        typeof(FleetTests),
        typeof(AgentEngineTests),
        typeof(KillTests),
        typeof(EngineTests),
        typeof(BootTests),
        typeof(TryTests),
        typeof(PageTests)
    );
