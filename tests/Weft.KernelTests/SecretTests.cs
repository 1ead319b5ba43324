namespace Weft.KernelTests;

/// <summary>The hosts' key is in the file that the administrator put it in, and nowhere else.</summary>
public sealed class SecretTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Fact]
    public async Task The_key_is_in_no_command_line_no_file_no_database_and_no_output()
    {
        const string Refused = "/opt/refused";
        var lab = await LabAsync();
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        await Mishap.WrongKeyAsync(lab, "host1");
        await lab.RunAsync("host1", $"mkdir -p /opt; cp /etc/weft/psk {Refused}");
        var search = await SecretSearch.BeginAsync(lab, "host1");
        var wrong = await lab.WeftAsync("host1", "apply", "--yes");
        await Mishap.RightKeyAsync(lab, "host1");
        var right = await lab.WeftDoneAsync("host1", "apply", "--yes");
        var status = await lab.WeftAsync("host1", "status", "--json");
        Assert.Contains("host2 has another key", wrong.Errors, StringComparison.Ordinal);
        Assert.Equal(
            ["/etc/weft/psk"],
            await search.EndAsync(
                $"cat /etc/weft/psk {Refused}; rm {Refused}",
                wrong.Output + wrong.Errors + right + status.Output + status.Errors
            )
        );
        await lab.AllReachAllAsync();
    }
}
