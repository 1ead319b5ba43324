using Weft.Bench;

string[] known = ["apply", "ovsdb"];
var wanted = args.Length == 0 ? known : args;
foreach (var name in wanted)
{
    switch (name)
    {
        case "apply":
            await ApplyBench.RunAsync();
            break;
        default:
            await Console.Error.WriteLineAsync($"there is no benchmark '{name}': {string.Join(", ", known)}");
            return 2;
    }
}
return 0;
