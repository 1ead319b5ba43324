using System.Collections.Immutable;

namespace Weft.Vici;

/// <content>Credentials. They are sent to the daemon and stay in its memory; nothing is written to disk.</content>
public sealed partial class ViciClient
{
    /// <summary>Loads a shared secret, replacing one with the same id (<c>load-shared</c>).</summary>
    /// <param name="secret">The secret.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task LoadSharedAsync(SharedSecret secret, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(secret);
        return RequestAsync("load-shared", secret.ToMessage(), cancellationToken);
    }

    /// <summary>Unloads a shared secret (<c>unload-shared</c>). The daemon does not say whether it existed.</summary>
    /// <param name="id">The secret's id.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UnloadSharedAsync(string id, CancellationToken cancellationToken = default) =>
        RequestAsync("unload-shared", new ViciMessage { ["id"] = id }, cancellationToken);

    /// <summary>Lists the ids of the shared secrets that were loaded through VICI with an id (<c>get-shared</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>Their ids.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<string>> SharedIdsAsync(
        CancellationToken cancellationToken = default
    ) =>
        (await RequestAsync("get-shared", null, cancellationToken).ConfigureAwait(false)).Texts(
            "keys"
        );

    /// <summary>Loads a private key (<c>load-key</c>).</summary>
    /// <param name="key">The key as PEM or DER, unencrypted.</param>
    /// <param name="type"><c>rsa</c>, <c>ecdsa</c>, <c>ed25519</c>, <c>ed448</c>, or <c>any</c>.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The key's id: the SHA-1 of its public key, in hexadecimal.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<string> LoadKeyAsync(
        ReadOnlyMemory<byte> key,
        string type = "any",
        CancellationToken cancellationToken = default
    ) =>
        (
            await RequestAsync(
                    "load-key",
                    new ViciMessage { ["type"] = type, ["data"] = ViciValue.Secret(key) },
                    cancellationToken
                )
                .ConfigureAwait(false)
        ).Required("id");

    /// <summary>Unloads a private key (<c>unload-key</c>).</summary>
    /// <param name="id">The key's id, as <see cref="LoadKeyAsync"/> returned it.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <exception cref="ViciCommandException">There is no such key.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UnloadKeyAsync(string id, CancellationToken cancellationToken = default) =>
        RequestAsync("unload-key", new ViciMessage { ["id"] = id }, cancellationToken);

    /// <summary>Lists the ids of the private keys that were loaded through VICI (<c>get-keys</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>Their ids.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<string>> KeyIdsAsync(
        CancellationToken cancellationToken = default
    ) =>
        (await RequestAsync("get-keys", null, cancellationToken).ConfigureAwait(false)).Texts(
            "keys"
        );

    /// <summary>
    /// Loads a certificate (<c>load-cert</c>). It cannot be unloaded alone: see <see cref="ClearCredentialsAsync"/>.
    /// </summary>
    /// <param name="certificate">The certificate as PEM or DER.</param>
    /// <param name="type"><c>X509</c>, <c>X509_AC</c> or <c>X509_CRL</c>.</param>
    /// <param name="flag">For an X.509 certificate <c>NONE</c>, <c>CA</c>, <c>AA</c> or <c>OCSP</c>.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task LoadCertificateAsync(
        ReadOnlyMemory<byte> certificate,
        string type = "X509",
        string flag = "NONE",
        CancellationToken cancellationToken = default
    ) =>
        RequestAsync(
            "load-cert",
            new ViciMessage
            {
                ["type"] = type,
                ["flag"] = flag,
                ["data"] = new ViciValue(certificate),
            },
            cancellationToken
        );

    /// <summary>Lists the daemon's certificates, including those loaded by other means (<c>list-certs</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The certificates.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<LoadedCertificate>> CertificatesAsync(
        CancellationToken cancellationToken = default
    ) =>
        [
            .. (
                await StreamAsync("list-certs", "list-cert", null, cancellationToken)
                    .ConfigureAwait(false)
            ).Select(LoadedCertificate.FromMessage),
        ];

    /// <summary>Loads an authority, replacing one of the same name (<c>load-authority</c>).</summary>
    /// <param name="name">The authority's name.</param>
    /// <param name="authority">
    /// The settings documented in swanctl.conf(5) under <c>authorities.&lt;name&gt;</c>, but with the content of <c>cacert</c>
    /// instead of a file name.
    /// </param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task LoadAuthorityAsync(
        string name,
        ViciMessage authority,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(authority);
        return RequestAsync(
            "load-authority",
            new ViciMessage { [name] = authority },
            cancellationToken
        );
    }

    /// <summary>Unloads an authority (<c>unload-authority</c>).</summary>
    /// <param name="name">The authority's name.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <exception cref="ViciCommandException">There is no such authority.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UnloadAuthorityAsync(string name, CancellationToken cancellationToken = default) =>
        RequestAsync("unload-authority", new ViciMessage { ["name"] = name }, cancellationToken);

    /// <summary>Lists the names of the loaded authorities (<c>get-authorities</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>Their names.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<string>> AuthorityNamesAsync(
        CancellationToken cancellationToken = default
    ) =>
        (
            await RequestAsync("get-authorities", null, cancellationToken).ConfigureAwait(false)
        ).Texts("authorities");

    /// <summary>
    /// Removes every certificate, private key and shared secret that was loaded through VICI, by any client (<c>clear-creds</c>).
    /// </summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task ClearCredentialsAsync(CancellationToken cancellationToken = default) =>
        RequestAsync("clear-creds", null, cancellationToken);

    /// <summary>Clears the cache of certificates that peers sent or that were fetched (<c>flush-certs</c>).</summary>
    /// <param name="type">The only type to clear, as in <see cref="LoadCertificateAsync"/>; null for all.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task FlushCertificatesAsync(
        string? type = null,
        CancellationToken cancellationToken = default
    ) => RequestAsync("flush-certs", new ViciMessage { ["type"] = type }, cancellationToken);
}
