using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>
/// Namespaces in which nothing happens but what a test does, so that all of before and after can be compared.
/// </summary>
internal static class QuietMachine
{
    private const string Prologue = """
        # the-quiet-machine: with these words a snapshot knows its own shell and leaves it out.
        set -u
        mount -t tmpfs tmpfs /run
        mkdir /run/netns
        weft=$1
        snapshot() {
          echo links; ip -d -o link
          echo namespaces; ip netns
          echo files; find /run /etc/openvswitch /etc/weft /var/log/openvswitch /var/lib/openvswitch \
            /etc/hosts /etc/hostname -printf '%p %s %T@\n' 2>/dev/null | grep -v '^/run '
          echo mounts; cat /proc/self/mountinfo
          echo sockets; tail -n +2 /proc/net/unix | cut -d' ' -f8-
          # Not through a pipe: what it leads to might be seen between its start and its name.
          running=$(ps -eo args=)
          echo processes; echo "$running" | grep -v -e 'ps -eo' -e the-quiet-machine
        }
        # Processes that were told to end need a moment; what is still there after 20 s stays.
        same_as_before() {
          for try in $(seq 100); do
            after=$(snapshot)
            if [ "$after" = "$before" ]; then return; fi
            sleep 0.2
          done
          printf 'before:\n%s\nafter:\n%s\n' "$before" "$after"
          exit 1
        }
        before=$(snapshot)

        """;

    /// <summary>
    /// Runs a shell script there, which fails unless all is as before at its end; <c>$weft</c> is the program.
    /// </summary>
    public static async Task<string> LeftAsItWasByAsync(string script)
    {
        var result = await Tool.RunAsync(
            [
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--mount-proc",
                "--kill-child",
                "sh",
                "-c",
                $"{Prologue}{script}\nsame_as_before",
                "sh",
                WeftProgram.Path,
            ],
            cancellationToken: Needs.Cancellation
        );
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        return result.Output;
    }
}
