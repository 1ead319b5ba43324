using System.CommandLine;
using Weft.Commands;

var root = new RootCommand("Weft makes many container hosts behave like one switch.")
{
    LabCommand.Create(),
    PingCommand.Create(),
};
return await root.Parse(args)
    .InvokeAsync(
        new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) }
    );
