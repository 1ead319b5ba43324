using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Weft.Commands;

namespace Weft.Agent;

/// <summary>Has the agent show its page: where it listens anyway, and at one more place.</summary>
/// <param name="EndPoint">A loopback address and a port; null for nowhere else.</param>
internal sealed record PageListener(IPEndPoint? EndPoint)
{
    /// <summary>Stands for only those places where the agent listens anyway.</summary>
    public const string Socket = "socket";

    /// <summary>Reads what was asked for.</summary>
    /// <param name="where">An address with a port, or <see cref="Socket"/>; null for no page.</param>
    /// <exception cref="UsageException">It is neither, or not for this machine alone.</exception>
    public static PageListener? Parse(string? where)
    {
        if (where is null or Socket)
        {
            return where is null ? null : new PageListener((IPEndPoint?)null);
        }
        if (!IPEndPoint.TryParse(where, out var endPoint) || endPoint.Port == 0)
        {
            throw new UsageException(
                $"--page takes an address and a port, such as 127.0.0.1:8080, or `socket`, not '{where}'"
            );
        }
        return IPAddress.IsLoopback(endPoint.Address)
            ? new PageListener(endPoint)
            : throw new UsageException(
                $"--page is without TLS and so for this machine alone: {endPoint.Address} is no loopback address. "
                    + "From others, use `--page socket` and `ssh -L 8080:/run/weft/agent.sock HOST`, or add --listen with its certificates"
            );
    }
}

/// <summary>The agent's page: three small files that ask the API, and nothing from anywhere else.</summary>
internal static class AgentPage
{
    /// <summary>The browser loads nothing from elsewhere, runs no script but the page's own, and lets nobody frame it (CSP level 3).</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    /// <summary>Serves the page.</summary>
    public static void Serve(WebApplication app)
    {
        app.Use(
            (context, next) =>
            {
                if (!context.Request.IsHttps && !IsName(context.Request.Host.Host))
                {
                    context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
                    return context.Response.WriteAsync(
                        "this is an agent of Weft, asked for by a name that is not its own: use localhost or an address\n"
                    );
                }
                var headers = context.Response.Headers;
                headers.ContentSecurityPolicy = Policy;
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "no-referrer";
                headers["Cross-Origin-Resource-Policy"] = "same-origin";
                return next(context);
            }
        );
        Map("/", "page.html", "text/html");
        Map("/page.css", "page.css", "text/css");
        Map("/page.js", "page.js", "text/javascript");

        void Map(string path, string name, string type) =>
            app.MapGet(
                path,
                (RequestDelegate)(
                    context =>
                    {
                        context.Response.ContentType = $"{type}; charset=utf-8";
                        context.Response.Headers.CacheControl = "no-cache";
                        return context.Response.WriteAsync(Resource.Text(name));
                    }
                )
            );
    }

    /// <summary>
    /// Whether a host name may mean the agent. Any site can have its own name resolve to a loopback address, and its scripts
    /// would read the answers as the site's own (DNS rebinding); such a name has a dot.
    /// </summary>
    private static bool IsName(string host) =>
        !host.Contains('.', StringComparison.Ordinal) || IPAddress.TryParse(host, out _);
}
