using Weft.Core.Intents;

namespace Weft.Core.Execution;

/// <summary>Says in words why a negotiation failed, from what strongSwan's daemon logs of it.</summary>
internal static class IkeFailure
{
    /// <summary>What the log means to the administrator.</summary>
    /// <param name="peer">The other host.</param>
    /// <param name="log">The daemon's lines.</param>
    /// <param name="otherwise">What to say where the lines say nothing known.</param>
    public static string Explain(IpsecPeer peer, IReadOnlyList<string> log, string otherwise)
    {
        bool Says(string words) =>
            log.Any(line => line.Contains(words, StringComparison.OrdinalIgnoreCase));

        if (Says("subject certificate invalid") || Says("certificate expired"))
        {
            return $"{peer.Name}'s certificate is not valid at this time: renew it (`weft pki renew`), or set the clock that is wrong";
        }
        if (Says("no trusted") && Says("found for"))
        {
            return $"{peer.Name}'s certificate is not by an authority that this host trusts: see `weft pki show` on both";
        }
        if (Says("AUTHENTICATION_FAILED") || Says("MAC mismatched") || Says("no shared key found"))
        {
            return $"{peer.Name} has another key, or does not accept this host's: compare what the two hosts have (and their clocks, where they have certificates), and apply on both";
        }
        if (Says("NO_PROPOSAL_CHOSEN"))
        {
            return $"{peer.Name} answers and knows nothing of this host: apply the overlay there";
        }
        if (Says("TS_UNACCEPTABLE"))
        {
            return $"{peer.Name} protects other packets than this host: apply the same overlay on both";
        }
        if (
            log.FirstOrDefault(line => line.EndsWith(" not supported", StringComparison.Ordinal)) is
            { } lacking
        )
        {
            return $"strongSwan lacks what Weft encrypts with here ({lacking}): install the Debian package libstrongswan-standard-plugins and start strongSwan again";
        }
        if (Says("parsed") || Says("received packet"))
        {
            return $"{peer.Name} answers, and nothing came of it: {otherwise}";
        }
        return $"{peer.Name} does not answer at {peer.Address}: apply the overlay there, and let UDP ports 500 and 4500 and IP protocol 50 (ESP) pass between the two";
    }
}
