using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>What the overlay is wanted for: Ansible, on one host, reaches the containers of all.</summary>
public sealed class AnsibleTests
{
    private const string Overlay = """
        name: ansible
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont-mgmnt0:
            vlan: 200
            subnet: 10.8.2.0/24
            bridge: true
            hosts: { host1: 10.8.2.1, host2: 10.8.2.129 }
        containers:
          web: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
          database: { host: host2, engine: netns, networks: { cont-mgmnt0: 10.8.2.130 } }
          mail: { host: host2, engine: netns, networks: { cont-mgmnt0: 10.8.2.131 } }
        """;

    [Fact]
    public async Task The_real_Ansible_reaches_containers_on_both_hosts_by_the_inventory()
    {
        Needs.ALab();
        foreach (var program in new[] { "ansible", "sshd", "ssh", "ssh-keygen" })
        {
            Assert.SkipWhen(
                Tool.Find(program) is null,
                $"there is no {program}: apt install ansible-core openssh-server openssh-client"
            );
        }
        await using var lab = await OverlayLab.UpAsync(Overlay);
        await lab.RunAsync("host1", "ssh-keygen -q -t ed25519 -N '' -f /run/id");
        var key = await lab.RunAsync("host1", "cat /run/id.pub");
        await ServeAsync(lab, "host1", key, "web");
        await ServeAsync(lab, "host2", key, "database", "mail");
        // The overlay file is root's alone, and Ansible need not be root.
        const string AsRoot = "exec sudo weft ";
        var inventory = Recipes.Of("ansible.md").Next("Ansible").Commands;
        Assert.Contains(AsRoot, inventory, StringComparison.Ordinal);
        await lab.RunAsync(
            "host1",
            $"""
            cat >/run/inventory <<'END'
            {inventory.Replace(AsRoot, $"exec {WeftProgram.Path} ", StringComparison.Ordinal)}END
            chmod +x /run/inventory
            """
        );
        foreach (var address in new[] { "10.8.2.2", "10.8.2.130", "10.8.2.131" })
        {
            await lab.ReachesAsync("host1", null, address, 100);
        }

        var ping = await AnsibleAsync(lab, "all -m ping");
        Assert.True(ping.ExitCode == 0, ping.Output + ping.Errors);
        foreach (var container in new[] { "web", "database", "mail" })
        {
            Assert.Contains($"{container} | SUCCESS", ping.Output, StringComparison.Ordinal);
        }
        var there = await AnsibleAsync(
            lab,
            "host_host2:\\&network_cont_mgmnt0 -o -m command -a 'ip -o -4 address show eth1'"
        );
        Assert.True(there.ExitCode == 0, there.Output + there.Errors);
        var lines = there
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Order()
            .ToArray();
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("database | CHANGED", lines[0]);
        Assert.Contains("inet 10.8.2.130/24", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("mail | CHANGED", lines[1]);
        Assert.Contains("inet 10.8.2.131/24", lines[1], StringComparison.Ordinal);
    }

    /// <summary>Gives containers an SSH server each, which ends with its host.</summary>
    private static async Task ServeAsync(
        OverlayLab lab,
        string host,
        string key,
        params string[] containers
    )
    {
        await lab.RunAsync(host, SshServer.OwnHome);
        await lab.RunAsync(
            host,
            $"mkdir -p /run/sshd && ssh-keygen -q -t ed25519 -N '' -f /run/hostkey && printf '%s' '{key}' >/run/authorized"
        );
        foreach (var container in containers)
        {
            await lab.RunAsync(
                host,
                $"ip netns exec {container} {Tool.Find("sshd")} -f /dev/null -h /run/hostkey -o AuthorizedKeysFile=/run/authorized -o StrictModes=no -o PermitRootLogin=yes -o UsePAM=no -o PidFile=/run/sshd-{container}.pid </dev/null >/dev/null 2>&1"
            );
        }
    }

    private static Task<ToolResult> AnsibleAsync(OverlayLab lab, string arguments) =>
        lab.TryAsync(
            "host1",
            "export HOME=/run/home ANSIBLE_LOCAL_TEMP=/run/ansible ANSIBLE_REMOTE_TEMP=/run/ansible-there LC_ALL=C.UTF-8; mkdir -p $HOME; "
                + "ansible -i /run/inventory --private-key /run/id --ssh-common-args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null' "
                + $"-T 60 -e ansible_python_interpreter=/usr/bin/python3 {arguments}"
        );
}
