//! Sign-ins at GitHub, or at a GitHub Enterprise Server (GitHub, "Authorizing OAuth apps").

use secrecy::{ExposeSecret, SecretString};

use super::fault::ProviderFault;
use super::http::{Authorization, Deadline};
use super::openid::tokens;
use super::upstream::Upstream;
use crate::crypto::client_credential::ClientCredential;
use crate::domain::federation::exchange::RedeemedCode;
use crate::domain::federation::github;
use crate::domain::federation::id_token::check_issuer_of_answer;
use crate::domain::federation::identity::FederatedIdentity;

/// Returns where the browser of a user is sent.
pub(super) fn authorization_endpoint(upstream: &Upstream) -> String {
    format!("{}/login/oauth/authorize", upstream.provider.issuer.base())
}

/// Exchanges a code for the identity of a user.
pub(super) fn redeem(
    upstream: &Upstream,
    answer: &RedeemedCode,
    deadline: Deadline,
) -> Result<FederatedIdentity, ProviderFault> {
    let provider = &upstream.provider;
    check_issuer_of_answer(&provider.issuer, false, answer.issuer.as_deref()).map_err(ProviderFault::Untrusted)?;
    let access_token = exchange(upstream, answer, deadline)?;
    let api = provider.api.as_deref().unwrap_or_default();
    let bearer = Authorization::Bearer(access_token);
    let user = upstream.get(&format!("{api}/user"), &bearer, deadline)?.good()?;
    let emails = upstream.get(&format!("{api}/user/emails"), &bearer, deadline)?;
    // The user may not have shown addresses, which GitHub answers with one of these.
    let emails = match emails.status {
        403 | 404 => None,
        _ => Some(emails.good()?),
    };
    let emails = emails.as_ref().map(|emails| emails.as_slice());
    github::identity(provider, &user, emails).map_err(ProviderFault::Untrusted)
}

fn exchange(upstream: &Upstream, answer: &RedeemedCode, deadline: Deadline) -> Result<SecretString, ProviderFault> {
    let provider = &upstream.provider;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", provider.client_id.as_str()),
        ("code", answer.code.expose_secret()),
        ("redirect_uri", answer.redirect_uri.as_str()),
        ("code_verifier", answer.verifier.expose_secret()),
    ];
    if let ClientCredential::Secret(secret) = &upstream.credential {
        form.push(("client_secret", secret.expose_secret()));
    }
    let url = format!("{}/login/oauth/access_token", provider.issuer.base());
    let answer = upstream.exchange(&url, &Authorization::None, &form, deadline)?;
    Ok(tokens(upstream, &answer)?.access_token)
}
