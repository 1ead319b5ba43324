using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Weft.Ovsdb;

/// <summary>Opens streams to remotes.</summary>
internal static class Dialer
{
    /// <summary>
    /// Opens a stream, or throws an <see cref="OvsdbConnectionException"/> that says why not and what to look at.
    /// </summary>
    public static async Task<Stream> DialAsync(
        Remote remote,
        TlsOptions tls,
        CancellationToken cancellationToken
    )
    {
        Stream? stream = null;
        try
        {
            stream = await ConnectAsync(remote, cancellationToken).ConfigureAwait(false);
            if (remote.Kind != RemoteKind.Ssl)
            {
                return stream;
            }

            var secure = new SslStream(stream);
            stream = secure;
            await secure
                .AuthenticateAsClientAsync(Authentication(remote, tls), cancellationToken)
                .ConfigureAwait(false);
            return secure;
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException)
        {
            if (stream is not null)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }

            throw new OvsdbConnectionException($"{remote}: {Explain(remote, e)}", remote, cause: e);
        }
        catch
        {
            if (stream is not null)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    private static async Task<Stream> ConnectAsync(
        Remote remote,
        CancellationToken cancellationToken
    )
    {
        var socket =
            remote.Kind == RemoteKind.Unix
                ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (remote.Kind == RemoteKind.Unix)
            {
                await socket
                    .ConnectAsync(new UnixDomainSocketEndPoint(remote.Address), cancellationToken)
                    .ConfigureAwait(false);
            }
            else
            {
                await socket
                    .ConnectAsync(remote.Address, remote.Port, cancellationToken)
                    .ConfigureAwait(false);
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SslClientAuthenticationOptions Authentication(Remote remote, TlsOptions tls)
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate can name a URL to fetch its issuer from. Without this, any server could make us send a request there.
            DisableCertificateDownloads = true,
        };
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = tls.ServerName ?? remote.Address,
            ClientCertificateContext = tls.ClientCertificate is null
                ? null
                : SslStreamCertificateContext.Create(
                    tls.ClientCertificate,
                    additionalCertificates: null,
                    offline: true
                ),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateChainPolicy = policy,
        };
        if (tls.CaCertificates.Count == 0)
        {
            return options;
        }

        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(tls.CaCertificates);
        if (tls.ServerName is null)
        {
#pragma warning disable CA5359 // Not every certificate is accepted: the chain must lead to the given authority; only the name may be any.
            options.RemoteCertificateValidationCallback = static (_, _, _, errors) =>
                (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None;
#pragma warning restore CA5359
        }

        return options;
    }

    private static string Explain(Remote remote, Exception e) =>
        e switch
        {
            SocketException { SocketErrorCode: SocketError.AddressNotAvailable }
                when remote.Kind == RemoteKind.Unix => "no such socket: is ovsdb-server running?",
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } =>
                "connection refused: is ovsdb-server running and listening there?",
            SocketException { SocketErrorCode: SocketError.AccessDenied } =>
                "permission denied: run as root",
            SocketException => e.Message,
            AuthenticationException =>
                $"TLS failed: {e.InnerException?.Message ?? e.Message}: check the certificates on both sides",
            _ =>
                $"TLS failed: {e.Message}: does the server speak TLS there, and accept the client's certificate?",
        };
}
