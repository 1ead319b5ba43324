using System.Security.Cryptography.X509Certificates;

namespace Weft.Core.Pki;

/// <summary>A certificate with the key beside it, as read from files.</summary>
/// <param name="certificates">The certificate, and those that came in one file with it.</param>
/// <param name="key">Its key; null if it is not there or cannot be used.</param>
/// <param name="fault">Why the key cannot be used; null if it can be or is not there.</param>
internal sealed class KeyPair(
    X509Certificate2Collection certificates,
    PrivateKey? key,
    string? fault
) : IDisposable
{
    /// <summary>The certificate, and those that came in one file with it.</summary>
    public X509Certificate2Collection Certificates { get; } = certificates;

    /// <summary>Its key; null if it is not there or cannot be used.</summary>
    public PrivateKey? Key { get; } = key;

    /// <summary>Why the key cannot be used; null if it can be or is not there.</summary>
    public string? Fault { get; } = fault;

    /// <summary>How the two go together.</summary>
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
