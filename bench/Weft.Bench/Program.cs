using Weft.Bench;

string[] known =
[
    "agent",
    "apply",
    "attach",
    "encryption",
    "fleet",
    "ovsdb",
    "scale",
    "throughput",
];
foreach (var name in args.Length == 0 ? known : args)
{
    switch (name)
    {
        case "agent":
            await AgentBench.RunAsync();
            break;
        case "apply":
            await ApplyBench.RunAsync();
            break;
        case "attach":
            await AttachBench.RunAsync();
            break;
        case "encryption":
            await EncryptionBench.RunAsync();
            break;
        case "fleet":
            await FleetBench.RunAsync();
            break;
        case "ovsdb":
            OvsdbBench.Run();
            break;
        case "scale":
            await ScaleBench.RunAsync();
            break;
        case "throughput":
            await EncryptionBench.ThroughputAsync();
            break;
        default:
            await Console.Error.WriteLineAsync(
                $"there is no benchmark '{name}': {string.Join(", ", known)}"
            );
            return 2;
    }
}
return 0;
