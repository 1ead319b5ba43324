using System.CommandLine;
using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft inventory</c>: the containers, as Ansible asks a program for them.</summary>
internal static class InventoryCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var list = new Option<bool>("--list")
        {
            Description = "All containers, with groups and variables.",
        };
        var host = new Option<string?>("--host")
        {
            Description = "The variables of one container.",
            HelpName = "NAME",
        };
        var here = CommonOptions.As();
        var state = new Option<string>("--state-dir")
        {
            Description = "Where this host keeps which addresses it gave to whom.",
            HelpName = "DIRECTORY",
            DefaultValueFactory = _ => AddressStore.DefaultDirectory,
        };
        var command = new WeftCommand(
            "inventory",
            "Print the containers as a dynamic inventory for Ansible: those of the overlay file, and those that this host gave addresses."
        )
        {
            Examples =
            [
                ("weft inventory --list", "what Ansible asks first"),
                ("weft inventory overlay.yaml --host web", "the variables of one"),
            ],
        };
        command.AddAll(file, list, host, here, state);
        command.Validators.Add(result =>
        {
            if (result.GetValue(list) == result.GetValue(host) is not null)
            {
                result.AddError("Say --list or --host NAME, one of them.");
            }
        });
        command.SetAction(
            (parsed, terminal, _) =>
            {
                var overlay = OverlayLoader.Load(
                    parsed.GetValue(file),
                    CommonOptions.EngineOfEnvironment,
                    null
                );
                var own = OverlayLoader.FindHost(overlay, parsed.GetValue(here));
                if (own is null && GivesAddresses(overlay))
                {
                    terminal.Notice(
                        $"this machine is called '{Hostname.Own}', and overlay '{overlay.Name}' has no such host: containers that were given their addresses are left out. Run it on the host that gave them, or say with --as which one this is"
                    );
                }
                var records = own is null
                    ? []
                    : new AddressStore(overlay.Name, parsed.GetValue(state)!).Read();
                var inventory = Inventory.Of(overlay, own, records);
                if (parsed.GetValue(host) is not { } name)
                {
                    InventoryJson.WriteList(Console.Out, inventory);
                }
                else
                {
                    InventoryJson.WriteHost(
                        Console.Out,
                        inventory.FirstOrDefault(one => one.Name == name)
                            ?? throw new UsageException(
                                $"the inventory has no '{name}': `weft inventory --list` says whom it has"
                            )
                    );
                }
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }

    /// <summary>Whether hosts give containers addresses that the file does not have.</summary>
    private static bool GivesAddresses(Overlay overlay) =>
        !overlay.Selections.IsEmpty
        || overlay.Containers.Any(container =>
            container.Attachments.Any(place => place.Addresses.IsEmpty)
        );
}
