using System.Collections.Immutable;

namespace Weft.Core.Ipsec;

/// <summary>
/// The steps to replace the key that hosts share. Each is done on all hosts before the next begins; at every moment in between,
/// any two hosts have a key that both accept.
/// </summary>
public enum RotationStep
{
    /// <summary>Accept the new key from others; the host still proves its identity with the old one.</summary>
    Accept,

    /// <summary>Prove the host's identity with the new key; the old one is still accepted.</summary>
    Use,

    /// <summary>No longer accept the old key.</summary>
    Finish,
}

/// <summary>Replaces the key that hosts share.</summary>
public static class KeyRotation
{
    /// <summary>
    /// The keys of a host after a step: it proves its identity with the first and accepts all. A step may be repeated.
    /// </summary>
    /// <param name="step">The step.</param>
    /// <param name="keys">The keys before it.</param>
    /// <param name="next">The new key.</param>
    /// <exception cref="HostException">The step before it was not taken.</exception>
    public static ImmutableArray<Secret> After(
        RotationStep step,
        ImmutableArray<Secret> keys,
        Secret next
    ) =>
        step switch
        {
            RotationStep.Accept => keys.Contains(next) ? keys : [.. keys, next],
            RotationStep.Use when keys.Contains(next) =>
            [
                next,
                .. keys.Where(key => !key.Equals(next)),
            ],
            RotationStep.Use => throw new HostException(
                "this host does not accept the new key yet: run `weft rotate accept` on every host first"
            ),
            RotationStep.Finish when keys is [var first, ..] && first.Equals(next) => [next],
            _ => throw new HostException(
                "this host does not prove itself with the new key yet: run `weft rotate use` on every host first"
            ),
        };
}
