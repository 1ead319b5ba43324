using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>A certificate and its key, as read from files.</summary>
/// <param name="certificates">The certificate, and any others in the same file.</param>
/// <param name="key">Its key; null if there is none or it cannot be used.</param>
/// <param name="fault">Why the key cannot be used; null if it can or there is none.</param>
internal sealed class KeyPair(
    X509Certificate2Collection certificates,
    PrivateKey? key,
    string? fault
) : IDisposable
{
    /// <summary>The certificate, and any others in the same file.</summary>
    public X509Certificate2Collection Certificates { get; } = certificates;

    /// <summary>Its key; null if there is none or it cannot be used.</summary>
    public PrivateKey? Key { get; } = key;

    /// <summary>Why the key cannot be used; null if it can or there is none.</summary>
    public string? Fault { get; } = fault;

    /// <summary>The state of the key.</summary>
    public KeyState State =>
        Key is not null ? KeyState.Matches
        : Fault is not null ? KeyState.Unusable
        : KeyState.Absent;

    /// <inheritdoc/>
    public void Dispose()
    {
        Key?.Dispose();
        foreach (var certificate in Certificates)
        {
            certificate.Dispose();
        }
    }
}
