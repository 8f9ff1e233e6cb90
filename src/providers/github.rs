//! Sign-ins at GitHub, or at a GitHub Enterprise Server (GitHub, "Authorizing OAuth apps").

use secrecy::ExposeSecret;

use super::fault::ProviderFault;
use super::http::{Answer, Authorization, Deadline};
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
    let asked = [
        ("code", answer.code.expose_secret()),
        ("redirect_uri", answer.redirect_uri.as_str()),
        ("code_verifier", answer.verifier.expose_secret()),
    ];
    let access_token = tokens(upstream, &exchange(upstream, &asked, deadline)?)?.access_token;
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

/// Asks whether GitHub accepts this client, by a code that it did not make ("Troubleshooting OAuth app access token
/// request errors"). Asks its API for a user without a token, which it refuses.
pub(super) fn try_out(upstream: &Upstream, deadline: Deadline) -> Result<(), ProviderFault> {
    let answer = exchange(upstream, &[("code", "vestibule-check")], deadline)?;
    if answer.status == 404 {
        return Err(ProviderFault::Unavailable("It does not know this client."));
    }
    match tokens(upstream, &answer) {
        Err(ProviderFault::Refused(_)) => {}
        Err(fault) => return Err(fault),
        Ok(_tokens) => return Err(ProviderFault::Untrusted("It accepts a code that it did not make.")),
    }
    let api = upstream.provider.api.as_deref().unwrap_or_default();
    let user = upstream.get(&format!("{api}/user"), &Authorization::None, deadline)?;
    // 403 and 429: this network has asked GitHub too often without a token.
    match user.status {
        401 | 403 | 429 => Ok(()),
        _ => Err(ProviderFault::Unavailable("Its API does not answer as GitHub's does.")),
    }
}

fn exchange(upstream: &Upstream, asked: &[(&str, &str)], deadline: Deadline) -> Result<Answer, ProviderFault> {
    let provider = &upstream.provider;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", provider.client_id.as_str()),
    ];
    form.extend(asked);
    if let ClientCredential::Secret(secret) = &upstream.credential {
        form.push(("client_secret", secret.expose_secret()));
    }
    let url = format!("{}/login/oauth/access_token", provider.issuer.base());
    upstream.exchange(&url, &Authorization::None, &form, deadline)
}
