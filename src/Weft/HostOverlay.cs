using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft;

/// <summary>An overlay as one of its hosts has to do with it.</summary>
internal sealed class HostOverlay
{
    /// <summary>An overlay as one of its hosts has to do with it.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">One of its hosts.</param>
    public HostOverlay(Overlay overlay, string host)
    {
        Overlay = overlay;
        Host = host;
        Interest = new ContainerInterest(overlay, host);
        Credentials = overlay.Tunnels.Ipsec?.Credentials is CertificateFiles files
            ? files.Of(host)
            : overlay.Tunnels.Ipsec?.Credentials;
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay { get; }

    /// <summary>The host's name.</summary>
    public string Host { get; }

    /// <summary>Which of the host's containers matter.</summary>
    public ContainerInterest Interest { get; }

    /// <summary>Where to look for what the host proves who it is with; null where the tunnels are not encrypted.</summary>
    public IpsecCredentials? Credentials { get; }

    /// <summary>What the host must look like, which depends on what its kernel can do and which containers it has.</summary>
    public HostIntent Intend(HostObservation observation) =>
        IntentBuilder.Build(Overlay, Host, observation.KernelDatapath);
}
