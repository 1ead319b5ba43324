return await Weft.Commands.Cli.RunAsync(args);
