using Weft.Core;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.Fleet;

/// <summary>The hosts of a lab on this machine.</summary>
/// <param name="lab">The lab.</param>
/// <param name="weft">The first words of weft's command line; those of this program unless given.</param>
internal sealed class LabRunner(Lab lab, IReadOnlyList<string>? weft = null) : IHostRunner
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Hosts { get; } = [.. lab.Hosts.Select(host => host.Name)];

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            return await lab[host]
                .RunAsync([.. weft ?? Self.Command, .. arguments], input, cancellationToken);
        }
        catch (LabException exception)
        {
            throw new HostException(exception.Message, exception);
        }
    }
}
