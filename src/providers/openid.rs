//! Sign-ins at OpenID providers (OpenID Connect Core 1.0 §3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::fault::{ProviderFault, TrialFault};
use super::http::{Answer, Authorization, Deadline};
use super::upstream::Upstream;
use crate::crypto::client_credential::ClientCredential;
use crate::crypto::provider_keys::{SignedIdToken, is_hash_of};
use crate::domain::federation::exchange::{Blame, RedeemedCode, TokenAnswer, blame};
use crate::domain::federation::id_token::{Route, check_issuer_of_answer};
use crate::domain::federation::identity::{FederatedIdentity, Userinfo};
use crate::domain::federation::metadata::{Metadata, OTHER_ISSUER, SecretPlace};
use crate::domain::policy::numbers::PROVIDER_DOCUMENT_LIFE;

/// Exchanges a code for the identity of a user.
pub(super) fn redeem(
    upstream: &Upstream,
    answer: &RedeemedCode,
    deadline: Deadline,
) -> Result<FederatedIdentity, ProviderFault> {
    let (provider, metadata) = (&upstream.provider, upstream.metadata(deadline)?);
    check_issuer_of_answer(&provider.issuer, metadata.names_itself, answer.issuer.as_deref())
        .map_err(ProviderFault::Untrusted)?;
    let tokens = exchange(upstream, &metadata, answer, deadline)?;
    let id_token = tokens.id_token.as_ref();
    let id_token = id_token.ok_or(ProviderFault::Untrusted("The provider's answer has no ID token."))?;
    let signed = accept(upstream, id_token, Route::Code, &answer.nonce, deadline)?;
    // The issuer of a tenant is known only now.
    if answer
        .issuer
        .as_deref()
        .is_some_and(|issuer| issuer != signed.claims.issuer())
    {
        return Err(ProviderFault::Untrusted(
            "The answer is of another issuer than the ID token.",
        ));
    }
    let access_token = tokens.access_token.expose_secret();
    let is_of_another = |hash: &String| !is_hash_of(hash, access_token, signed.algorithm);
    if signed.claims.at_hash.as_ref().is_some_and(is_of_another) {
        return Err(ProviderFault::Untrusted("The ID token came with another access token."));
    }
    let userinfo = userinfo(upstream, &metadata, &signed, tokens.access_token, deadline)?;
    let more = userinfo.as_ref().map(|userinfo| &userinfo.user);
    Ok(signed.claims.identity(provider, more))
}

/// Checks an ID token that an app got from a sheet of its system.
pub(super) fn check_id_token(
    upstream: &Upstream,
    id_token: &SecretString,
    nonce: &str,
    deadline: Deadline,
) -> Result<FederatedIdentity, ProviderFault> {
    let signed = accept(upstream, id_token, Route::Native, nonce, deadline)?;
    Ok(signed.claims.identity(&upstream.provider, None))
}

/// Fetches the configuration and the keys, and signs a client secret if the provider takes such ones.
pub(super) fn try_out(upstream: &Upstream, deadline: Deadline) -> Result<(), TrialFault> {
    let metadata = upstream.metadata(deadline).map_err(|fault| TrialFault {
        named_issuer: (fault == ProviderFault::Untrusted(OTHER_ISSUER))
            .then(|| upstream.named_issuer(deadline))
            .flatten(),
        fault,
    })?;
    upstream.keys(&metadata, PROVIDER_DOCUMENT_LIFE, deadline)?;
    signed_secret(upstream)?;
    Ok(())
}

fn accept(
    upstream: &Upstream,
    id_token: &SecretString,
    route: Route,
    nonce: &str,
    deadline: Deadline,
) -> Result<SignedIdToken, ProviderFault> {
    let signed = upstream.verify(id_token.expose_secret(), route, deadline)?;
    let checked = signed
        .claims
        .check(&upstream.provider, route, nonce, upstream.clock.now());
    checked.map_err(|why| ProviderFault::of_token(route, why))?;
    Ok(signed)
}

/// Asks for the tokens.
fn exchange(
    upstream: &Upstream,
    metadata: &Metadata,
    answer: &RedeemedCode,
    deadline: Deadline,
) -> Result<TokenAnswer, ProviderFault> {
    let client_id = upstream.provider.client_id.as_str();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", answer.code.expose_secret()),
        ("redirect_uri", answer.redirect_uri.as_str()),
        ("code_verifier", answer.verifier.expose_secret()),
    ];
    let mut authorization = Authorization::None;
    let signed = signed_secret(upstream)?;
    match (&upstream.credential, metadata.secret_in) {
        (ClientCredential::Nothing, _) => form.push(("client_id", client_id)),
        (ClientCredential::Secret(secret), SecretPlace::Header) => {
            authorization = Authorization::Basic(basic(client_id, secret));
        }
        (ClientCredential::Secret(secret), SecretPlace::Body) => {
            form.extend([("client_id", client_id), ("client_secret", secret.expose_secret())]);
        }
        (ClientCredential::Apple(_), _) => {
            let secret = signed.as_ref().map_or("", |secret| secret.expose_secret());
            form.extend([("client_id", client_id), ("client_secret", secret)]);
        }
    }
    let answer = upstream.exchange(&metadata.token_endpoint, &authorization, &form, deadline)?;
    tokens(upstream, &answer)
}

/// Signs a client secret, if the provider takes such ones.
fn signed_secret(upstream: &Upstream) -> Result<Option<SecretString>, ProviderFault> {
    let ClientCredential::Apple(key) = &upstream.credential else {
        return Ok(None);
    };
    let (provider, now) = (&upstream.provider, upstream.clock.now());
    let secret = key.client_secret(&provider.client_id, provider.issuer.in_configuration(), now);
    secret
        .map(Some)
        .ok_or(ProviderFault::Unavailable("No client secret could be signed."))
}

/// Returns the client and its secret for the header. Both are form-encoded first (RFC 6749 §2.3.1).
fn basic(client_id: &str, secret: &SecretString) -> SecretString {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let secret = Zeroizing::new(encode(secret.expose_secret()));
    let both = Zeroizing::new(format!("{}:{}", encode(client_id), secret.as_str()));
    STANDARD.encode(both.as_bytes()).into()
}

/// Reads the answer of the token endpoint. GitHub answers with 200 where the standard has 400, so an `error` counts with
/// each status.
pub(super) fn tokens(upstream: &Upstream, answer: &Answer) -> Result<TokenAnswer, ProviderFault> {
    match (answer.status, blame(&answer.body)) {
        (500.. | 429, _) | (_, Some(Blame::Provider)) => Err(ProviderFault::Unavailable("It answers with an error.")),
        (401, _) | (_, Some(Blame::Client)) => {
            let id = &upstream.provider.id;
            tracing::error!(provider = %id, "a provider does not accept this client: check its id and secret");
            Err(ProviderFault::Unavailable("It does not accept this client."))
        }
        (_, Some(Blame::Code)) => Err(ProviderFault::Refused("It does not accept the code.")),
        (200, None) => serde_json::from_slice(&answer.body)
            .map_err(|_unreadable| ProviderFault::Untrusted("The provider's answer to the code has no tokens.")),
        (_, None) => Err(ProviderFault::Unavailable("It answers with an error.")),
    }
}

/// Asks for an address that is not in the ID token, if the provider would say it.
fn userinfo(
    upstream: &Upstream,
    metadata: &Metadata,
    signed: &SignedIdToken,
    access_token: SecretString,
    deadline: Deadline,
) -> Result<Option<Userinfo>, ProviderFault> {
    let is_asked_for = upstream.provider.scopes.iter().any(|scope| scope == "email");
    let endpoint = metadata.userinfo_endpoint.as_ref();
    let endpoint = endpoint.filter(|_| is_asked_for && !signed.claims.user.has_address());
    let Some(endpoint) = endpoint else {
        return Ok(None);
    };
    let answer = upstream.get(endpoint, &Authorization::Bearer(access_token), deadline)?;
    let read = Userinfo::check(&answer.good()?, signed.claims.subject());
    read.map(Some).map_err(ProviderFault::Untrusted)
}
