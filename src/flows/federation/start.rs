//! `POST /federation/{provider}/start`: where a user's browser goes, and what its client keeps meanwhile.
//!
//! Nothing is stored before the user comes back. The client holds what was started, sealed: the nonce and the verifier
//! that the answer of the provider has to fit. So only the client that started a sign-in can finish it, and an attacker
//! who leads a victim's browser to the way back with a code of their own achieves nothing (RFC 9700 §4.7).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crypto::oauth::challenge_of;
use crate::crypto::sealer::SealedAt;
use crate::domain::federation::callback::{ProviderAnswer, STATE_RANDOMNESS, state_of};
use crate::domain::federation::provider::{Provider, ProviderId};
use crate::domain::ids::{FederationId, SessionId, UserId};
use crate::domain::oauth::pkce::CodeVerifier;
use crate::domain::policy::numbers::FEDERATION_LIFE;
use crate::domain::random;
use crate::domain::session::SessionKey;
use crate::flows::factors::RecentCaller;
use crate::flows::{Core, Fault, whole_seconds};
use crate::providers::{AuthorizationStart, ProviderFault};

/// The prefix by which users and secret scanners recognise a federation token. Part of the API contract.
const PREFIX: &str = "vft_";

/// What a client asks for.
pub struct Starting {
    /// Where the answer goes; none for an app that gets an ID token from its system.
    pub redirect_uri: Option<String>,
    /// The session whose account the identity is linked to; none for a sign-in.
    pub link_to: Option<RecentCaller>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
}

/// The result of a start.
#[must_use]
pub enum FederationStart {
    /// The user goes to the provider.
    Started(Box<StartedFederation>),
    /// The redirect URI is not on the list of the provider.
    RedirectUriNotListed,
    /// The provider cannot be used at this moment.
    Fault(ProviderFault),
}

/// A sign-in that was started.
pub struct StartedFederation {
    /// Where the browser goes; absent without a redirect URI.
    pub authorization_url: Option<String>,
    /// What the client keeps, and finishes the sign-in with.
    pub federation_token: SecretString,
    /// The `state` that comes back.
    pub state: String,
    /// The `nonce` that the ID token has to have.
    pub nonce: String,
    /// The lifetime of the token in seconds.
    pub expires_in: u64,
}

/// What a federation token contains.
#[derive(Serialize, Deserialize)]
pub(super) struct StartedAt {
    id: Uuid,
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    /// Whether a browser goes to the provider. Otherwise an app gets an ID token from its system.
    by_browser: bool,
    /// The user and the session that an identity is linked to.
    link_to: Option<(Uuid, Uuid)>,
    until: DateTime<Utc>,
}

impl StartedAt {
    pub(super) const fn id(&self) -> FederationId {
        FederationId::from_uuid(self.id)
    }

    pub(super) fn state(&self) -> &str {
        &self.state
    }

    pub(super) const fn is_by_browser(&self) -> bool {
        self.by_browser
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifier(&self) -> SecretString {
        self.verifier.clone().into()
    }

    pub(super) fn link_to(&self) -> Option<SessionKey> {
        let (user, session) = self.link_to?;
        Some(SessionKey {
            user_id: UserId::from_uuid(user),
            session_id: SessionId::from_uuid(session),
        })
    }
}

/// Starts a sign-in at a provider.
pub async fn start(core: &Arc<Core>, provider: &Provider, starting: Starting) -> Result<FederationStart, Fault> {
    let redirect_uri = starting.redirect_uri.as_deref();
    if redirect_uri.is_some_and(|uri| !provider.may_redirect_to(uri)) {
        return Ok(FederationStart::RedirectUriNotListed);
    }
    let begun = begin(core, provider, &starting);
    let verifier = CodeVerifier::parse(begun.verifier());
    let authorization_url = match verifier.filter(|_| redirect_uri.is_some()) {
        None => None,
        Some(verifier) => {
            let asked = AuthorizationStart {
                redirect_uri: &callback_uri(core, &provider.id),
                state: &begun.state,
                nonce: &begun.nonce,
                challenge: &challenge_of(&verifier),
                login_hint: starting.login_hint.as_deref(),
            };
            match core.providers.authorization_url(&provider.id, &asked).await {
                Ok(url) => Some(url),
                Err(fault) => return Ok(FederationStart::Fault(fault)),
            }
        }
    };
    Ok(FederationStart::Started(Box::new(StartedFederation {
        authorization_url,
        federation_token: seal(core, &begun)?,
        state: begun.state,
        nonce: begun.nonce,
        expires_in: whole_seconds(FEDERATION_LIFE),
    })))
}

fn begin(core: &Core, provider: &Provider, starting: &Starting) -> StartedAt {
    let now = core.clock.now();
    let random = core.random.as_ref();
    let secret = || URL_SAFE_NO_PAD.encode(random::bytes::<32>(random));
    let key = starting.link_to.as_ref().map(RecentCaller::key);
    StartedAt {
        id: FederationId::new(now, random).uuid(),
        provider: provider.id.as_str().to_owned(),
        state: state_of(
            random::bytes::<STATE_RANDOMNESS>(random),
            starting.redirect_uri.as_deref().unwrap_or_default(),
        ),
        nonce: secret(),
        verifier: secret(),
        by_browser: starting.redirect_uri.is_some(),
        link_to: key.map(|key| (key.user_id.uuid(), key.session_id.uuid())),
        until: now + FEDERATION_LIFE,
    }
}

fn seal(core: &Core, begun: &StartedAt) -> Result<SecretString, Fault> {
    let written = serde_json::to_vec(begun).unwrap_or_default();
    let sealed = core.sealer.seal(&place(core), &written)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)).into())
}

fn place(core: &Core) -> SealedAt {
    SealedAt::federation_token(&core.settings.access_tokens.issuer)
}

/// Opens a federation token. `None` if it is not one of this service, is of another provider, or has expired.
pub(super) fn open(core: &Core, provider: &ProviderId, token: &SecretString) -> Option<StartedAt> {
    let sealed = token.expose_secret().trim().strip_prefix(PREFIX)?;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let written = core.sealer.open(&place(core), &sealed).ok()?;
    let begun: StartedAt = serde_json::from_slice(&written).ok()?;
    (begun.provider == provider.as_str() && core.clock.now() < begun.until).then_some(begun)
}

/// Returns the address to which a provider sends browsers back: the one that the operator registers there.
pub(super) fn callback_uri(core: &Core, provider: &ProviderId) -> String {
    format!("{}/federation/{provider}/callback", core.settings.access_tokens.issuer)
}

/// Returns where the browser goes with the answer of a provider. `None` if the answer is not one of a sign-in that was
/// started here.
pub fn callback(provider: &Provider, answer: &ProviderAnswer) -> Option<String> {
    answer.destination(provider)
}
