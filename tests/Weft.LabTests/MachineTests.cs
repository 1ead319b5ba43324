using System.Runtime.CompilerServices;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.LabTests;

public sealed class MachineTests
{
    [Fact]
    public void What_is_missing_is_named_by_its_Debian_package()
    {
        Needs.ALab();
        var failure = Assert.Throws<LabException>(() =>
            Machine.Check(new IsolationThatNeeds("no-such-program", "no-such-package"))
        );
        Assert.Contains(
            "apt-get install no-such-package",
            failure.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_kernel_datapath_that_is_not_there_is_refused_and_never_replaced()
    {
        var there = await Machine.ChooseDatapathAsync(
            null,
            DatapathChoice.Auto,
            new NamespaceIsolation(),
            Needs.Cancellation
        );
        Assert.SkipWhen(there is Datapath.Kernel, "this kernel has Open vSwitch's datapath");
        foreach (
            var (forced, overlay) in new[]
            {
                ((Datapath?)Datapath.Kernel, DatapathChoice.Auto),
                (null, DatapathChoice.Kernel),
            }
        )
        {
            var failure = await Assert.ThrowsAsync<LabException>(() =>
                Machine.ChooseDatapathAsync(
                    forced,
                    overlay,
                    new NamespaceIsolation(),
                    Needs.Cancellation
                )
            );
            Assert.Contains("no module 'openvswitch'", failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(DatapathChoice.Auto)]
    [InlineData(DatapathChoice.Kernel)]
    [InlineData(DatapathChoice.Userspace)]
    public async Task The_userspace_datapath_can_always_be_had(DatapathChoice overlay) =>
        Assert.Equal(
            Datapath.Userspace,
            await Machine.ChooseDatapathAsync(
                Datapath.Userspace,
                overlay,
                new NamespaceIsolation(),
                Needs.Cancellation
            )
        );

    [Fact]
    public void An_overlay_that_was_made_up_is_read_from_its_file_as_it_is()
    {
        foreach (var hosts in new[] { 1, 2, 50, SampleOverlay.MostHosts })
        {
            var overlay = SampleOverlay.Of(hosts);
            var read = OverlayFile.Parse("overlay.yaml", OverlayYaml.Write(overlay));
            Assert.Empty(read.Mistakes);
            Assert.Equal(Printed(overlay), Printed(read.Overlay!));
        }
    }

    [Theory]
    [InlineData("psk: 'it''s a \"key\" of é and \\'")]
    [InlineData("psk: { file: /etc/weft/psk }, manager: openvswitch-ipsec")]
    [InlineData("psk: { env: WEFT_PSK }")]
    [InlineData("certificates: { ca: /a b/ca.pem, key: /k/HOST.key }")]
    public void An_encrypted_overlay_is_read_from_its_file_as_it_is(string ipsec)
    {
        var overlay = OverlayLab.Parse(
            $$"""
            name: encrypted
            hosts: { host1: { address: 203.0.113.1{{(
                ipsec.Contains("openvswitch", StringComparison.Ordinal) ? "" : ", local: 10.0.0.5"
            )}} }, host2: { address: 203.0.113.2, ssh: 'ann@[2001:db8::1]:2222' } }
            tunnels: { type: geneve, ipsec: { {{ipsec}} } }
            """
        );
        var read = OverlayFile.Parse("overlay.yaml", OverlayYaml.Write(overlay));
        Assert.Empty(read.Mistakes);
        Assert.Equal(overlay.Tunnels, read.Overlay!.Tunnels);
        Assert.Equal(overlay.Hosts, read.Overlay.Hosts);
    }

    private static string Printed(Overlay overlay) =>
        System.Text.Encoding.UTF8.GetString(OverlayYaml.Write(overlay));

    private sealed class IsolationThatNeeds(string program, string package) : IIsolation
    {
        public IReadOnlyDictionary<string, string> Programs { get; } =
            new Dictionary<string, string> { [program] = package };

        public string? ControlAddress => null;

        public bool? HasKernelDatapath => null;

        public bool CanReboot => false;

        public Holder Prepare(LabDirectory directory, LabRecord lab, HostRecord host) =>
            throw Unasked();

        public Task<HeldProcess> MakeAsync(
            Holder holder,
            LabRecord lab,
            HostRecord host,
            CancellationToken cancellationToken
        ) => throw Unasked();

        public IReadOnlyList<string> Enter(
            LabRecord lab,
            HostRecord host,
            params IEnumerable<string> command
        ) => throw Unasked();

        public Task RemoveAsync(HostRecord host, CancellationToken cancellationToken) =>
            throw Unasked();

        private static InvalidOperationException Unasked([CallerMemberName] string member = "") =>
            new($"{member} was not to be called");
    }
}
