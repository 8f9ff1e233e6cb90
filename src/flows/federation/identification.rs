//! What a client brings back from a provider, and who the provider says it is.

use std::sync::Arc;

use secrecy::SecretString;

use super::start::{self, StartedAt};
use crate::domain::federation::identity::FederatedIdentity;
use crate::domain::federation::provider::{Provider, ProviderId};
use crate::domain::message::Locale;
use crate::domain::session::SessionKey;
use crate::flows::Core;
use crate::flows::sign_in::FirstFactorLogin;
use crate::providers::{ProviderFault, RedeemedCode};

/// What a provider gave a client.
pub enum ProviderReply {
    /// A code, which the browser brought back.
    Code {
        /// The code.
        code: SecretString,
        /// The `state` beside it.
        state: String,
        /// The `iss` beside it, if there was one (RFC 9207).
        iss: Option<String>,
    },
    /// An ID token, which the system of a phone gave an app.
    IdToken(SecretString),
}

impl ProviderReply {
    const fn is_by_browser(&self) -> bool {
        matches!(self, Self::Code { .. })
    }
}

/// Why a reply does not say who the user is.
pub(super) enum NoIdentity {
    /// The federation token is not valid, or the reply is not to what it started.
    InvalidToken,
    /// The provider.
    Provider(ProviderFault),
}

/// A user of a provider, with what was started for them.
pub(super) struct Identified {
    pub(super) provider: ProviderId,
    pub(super) started: StartedAt,
    pub(super) identity: FederatedIdentity,
}

/// What a client brings beside the identity.
pub(super) struct Visit {
    pub(super) first_factor: FirstFactorLogin,
    pub(super) email_token: Option<SecretString>,
    pub(super) locale: Locale,
}

/// Finds out who a client brings. No connection to the database is held meanwhile.
pub(super) async fn identify(
    core: &Arc<Core>,
    provider: &Provider,
    token: &SecretString,
    reply: ProviderReply,
    present: Option<SessionKey>,
) -> Result<Identified, NoIdentity> {
    let started = start::open(core, &provider.id, token).ok_or(NoIdentity::InvalidToken)?;
    // What was started decides: a token that was made to link links, and only for its own session; one that was made to
    // sign in only signs in. Before the code is used up: the client may have left its access token out by mistake.
    if started.link_to() != present || started.is_by_browser() != reply.is_by_browser() {
        return Err(NoIdentity::InvalidToken);
    }
    let nonce = started.nonce().to_owned();
    let identity = match reply {
        ProviderReply::Code { state, .. } if state != started.state() => return Err(NoIdentity::InvalidToken),
        ProviderReply::Code { code, iss, .. } => {
            let answer = RedeemedCode {
                code,
                issuer: iss,
                redirect_uri: start::callback_uri(core, &provider.id),
                nonce,
                verifier: started.verifier(),
            };
            core.providers.redeem(&provider.id, answer).await
        }
        ProviderReply::IdToken(id_token) => core.providers.check_id_token(&provider.id, id_token, nonce).await,
    };
    let identity = identity.map_err(NoIdentity::Provider)?;
    Ok(Identified {
        provider: provider.id.clone(),
        started,
        identity,
    })
}
