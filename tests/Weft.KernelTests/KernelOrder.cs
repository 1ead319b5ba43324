using Weft.LabTests;

[assembly: TestCollectionOrderer<Weft.KernelTests.KernelOrder>]

namespace Weft.KernelTests;

/// <summary>What begins first.</summary>
public sealed class KernelOrder()
    : LongestFirst(
        typeof(TwoHostsTests),
        typeof(KindTests),
        typeof(SystemdTests),
        typeof(ImportTests),
        typeof(FleetTests),
        typeof(SecondDayTests),
        typeof(MonitorTests),
        typeof(RekeyTests),
        typeof(TutorialTests)
    );
