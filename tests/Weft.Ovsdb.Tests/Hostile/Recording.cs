using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>
/// What a real server said in a session: the answer to each request in order, and behind each answer whatever else it
/// sent before the next request.
/// </summary>
internal sealed record Recording(IReadOnlyList<Recording.Exchange> Exchanges)
{
    internal sealed record Exchange(
        string Method,
        string Result,
        IReadOnlyList<string> Notifications
    );

    /// <summary>Records the session that <see cref="HostileSessionTests"/> plays, against a real server.</summary>
    public static Recording Of(Tap tap)
    {
        var requests = tap.Heard(toClient: false)
            .Where(m => m.TryGetProperty("method", out _))
            .ToList();
        var exchanges = new List<Exchange>();
        foreach (var message in tap.Heard(toClient: true))
        {
            if (message.TryGetProperty("method", out _))
            {
                var last = exchanges[^1];
                exchanges[^1] = last with
                {
                    Notifications = [.. last.Notifications, message.GetRawText()],
                };
                continue;
            }
            var request = requests.First(r =>
                r.GetProperty("id").GetRawText() == message.GetProperty("id").GetRawText()
            );
            exchanges.Add(
                new(
                    request.GetProperty("method").GetString()!,
                    message.GetProperty("result").GetRawText(),
                    []
                )
            );
        }
        return new(exchanges);
    }

    /// <summary>The bytes that answer the n-th request of a method, under the id that it has.</summary>
    public byte[]? Answer(JsonElement request, int n)
    {
        var method = request.GetProperty("method").GetString();
        var found =
            Exchanges.Where(e => e.Method == method).Skip(n).FirstOrDefault()
            ?? Exchanges.LastOrDefault(e => e.Method == method);
        return found is null
            ? null
            : Encoding.UTF8.GetBytes(
                HostileSession.Reply(request, found.Result) + string.Concat(found.Notifications)
            );
    }
}
