//! `/oauth/authorize` and `/oauth/par`: an application asks, and a user decides.
//!
//! A request that passed all checks travels through the user's browser, sealed. Nothing is stored before the user has
//! decided, so an attacker who sends requests fills nothing.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::crypto::sealer::{RequestKind, SealedAt};
use crate::domain::assurance::Proofs;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::dpop::DpopPolicy;
use crate::domain::ids::{SessionId, uuid_v7};
use crate::domain::oauth::authorization_request::{
    AuthorizationErrorCode, AuthorizationParameters, AuthorizationRequest, Refused,
};
use crate::domain::oauth::client::{Client, Ownership};
use crate::domain::oauth::grant::{CodeBinding, Consent, Grant};
use crate::domain::oauth::id_token::IdTokenClaims;
use crate::domain::oauth::response_mode::{Reply, ResponseMode};
use crate::domain::oauth::scope::Scopes;
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::{
    AUTHORIZATION_CODE_LIFE, AUTHORIZATION_REQUEST_LIFE, GRANTS_GIVEN, PUSHED_REQUEST_LIFE,
};
use crate::domain::sent_code::Quota;
use crate::domain::session::SessionKey;
use crate::flows::factors::{self, Demand};
use crate::flows::limits::wait_or_take;
use crate::flows::oauth::known_clients::{self, ClientSearch};
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::sessions::NewGrant;
use crate::store::{consents, sessions};

/// What the `request_uri` of a pushed request begins with (RFC 9126 §2.2).
const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// The answer to a browser that an application sent.
#[must_use]
pub enum Beginning {
    /// The page where the user decides, with the sealed request.
    Page(String),
    /// Back to the application, with an error.
    Redirect(String),
    /// To the user: there is no address that can be trusted.
    Shown(&'static str),
    /// To the user: the application describes itself, and its document cannot be used.
    Undescribed(&'static str),
    /// To the user: the document of the application cannot be had at this moment.
    Unavailable(&'static str),
}

/// Checks the request of an application.
///
/// An attacker may write a document as well, so what is wrong with a request of an application that describes itself is
/// shown: this service would otherwise lead its users' browsers to every address, without a question (RFC 9700
/// §4.11.2).
pub async fn begin(core: &Arc<Core>, parameters: &AuthorizationParameters) -> Result<Beginning, Fault> {
    let client = match known_clients::find(core, parameters.client_id.as_deref().unwrap_or_default()).await? {
        ClientSearch::Found(client) => *client,
        ClientSearch::Unknown => {
            return Ok(Beginning::Shown(
                "The client_id is missing, or there is no such application.",
            ));
        }
        ClientSearch::Refused(why) => return Ok(Beginning::Undescribed(why)),
        ClientSearch::Unavailable(why) => return Ok(Beginning::Unavailable(why)),
    };
    Ok(match checked(core, parameters, &client)? {
        Err(Refused::Sent(_, _, description)) if client.is_described() => Beginning::Shown(description),
        Ok(request) if client.is_described() && request.prompt.none => Beginning::Shown(
            "An application that describes itself cannot use prompt=none, since its users are asked each time.",
        ),
        Ok(request) => {
            let sealed = seal(core, RequestKind::Checked, &request)?;
            let (base, hints) = (&core.settings.link_base_url, hints(&request));
            Beginning::Page(format!("{base}/authorize#request={sealed}{hints}"))
        }
        Err(Refused::Shown(reason)) => Beginning::Shown(reason),
        Err(Refused::Sent(address, error, description)) => {
            Beginning::Redirect(destination(core, address.with_error(issuer(core), error, description))?)
        }
    })
}

/// Returns what only the page needs: who will probably sign in, and in which language. Nothing is decided by it.
fn hints(request: &AuthorizationRequest) -> String {
    let given = [
        ("login_hint", request.login_hint.as_deref()),
        ("ui_locales", request.ui_locales.as_deref()),
    ];
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    fragment.extend_pairs(given.into_iter().filter_map(|(name, hint)| Some((name, hint?))));
    let fragment = fragment.finish();
    if fragment.is_empty() {
        fragment
    } else {
        format!("&{fragment}")
    }
}

/// Returns where the browser goes with an answer: to the application, or to the page that posts it there. The URL of
/// that page has the answer sealed, so the code is in no log and no history.
fn destination(core: &Core, reply: Reply) -> Result<String, Fault> {
    match reply.mode {
        ResponseMode::Query => Ok(reply.url()),
        ResponseMode::FormPost => {
            let until = core.clock.now() + AUTHORIZATION_CODE_LIFE;
            let written = serde_json::to_vec(&Posted { reply, until }).unwrap_or_default();
            let sealed = core.sealer.seal(&SealedAt::authorization_answer(), &written)?;
            let sealed = URL_SAFE_NO_PAD.encode(sealed);
            Ok(format!("{}/oauth/form-post?answer={sealed}", issuer(core)))
        }
    }
}

/// An answer that a page posts.
#[derive(Serialize, Deserialize)]
struct Posted {
    reply: Reply,
    /// From this time on the page posts it no more.
    until: DateTime<Utc>,
}

/// Opens the answer that a page posts. `None` if it is not one of this service, or has expired.
pub fn posted(core: &Core, sealed: &str) -> Option<Reply> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let written = core.sealer.open(&SealedAt::authorization_answer(), &sealed).ok()?;
    let posted: Posted = serde_json::from_slice(&written).ok()?;
    (core.clock.now() < posted.until).then_some(posted.reply)
}

fn issuer(core: &Core) -> &str {
    &core.settings.access_tokens.issuer
}

/// Checks a request, or takes the one that the client pushed.
fn checked(
    core: &Core,
    parameters: &AuthorizationParameters,
    client: &Client,
) -> Result<Result<AuthorizationRequest, Refused>, Fault> {
    let pushed = parameters
        .request_uri
        .as_deref()
        .and_then(|uri| uri.strip_prefix(PUSHED));
    let Some(sealed) = pushed else {
        return check(core, parameters, client);
    };
    let request = open(core, RequestKind::Pushed, sealed);
    let request = request
        .filter(|request| request.client() == client.reference() && is_within(core, request, PUSHED_REQUEST_LIFE));
    let request = request.and_then(|request| request.remaining(client, &userinfo(core)));
    Ok(request.ok_or(Refused::Shown(
        "The request has expired, or it is not one of this application. Start again there.",
    )))
}

/// Checks the parameters of a request, and the ID token among them.
fn check(
    core: &Core,
    parameters: &AuthorizationParameters,
    client: &Client,
) -> Result<Result<AuthorizationRequest, Refused>, Fault> {
    let now = core.clock.now();
    let id = uuid_v7(now, core.random.as_ref());
    let request = match AuthorizationRequest::check(parameters, client, (id, now)) {
        Ok(request) => request,
        Err(refused) => return Ok(Err(refused)),
    };
    // Where no proofs are taken, the code could not be redeemed.
    let key = request.key.filter(|_| core.settings.dpop != DpopPolicy::Off);
    let request = AuthorizationRequest { key, ..request };
    let Some(hint) = parameters.id_token_hint.as_deref() else {
        return Ok(Ok(request));
    };
    // An expired one says as well who is meant.
    let hint = core.keys.verify_kind::<IdTokenClaims>(hint)?;
    Ok(request.for_user_of(hint.as_ref(), issuer(core)))
}

fn userinfo(core: &Core) -> String {
    core.settings.access_tokens.userinfo()
}

/// Returns whether a request is not older than it may be.
fn is_within(core: &Core, request: &AuthorizationRequest, life: TimeDelta) -> bool {
    core.clock.now() < request.created_at + life
}

fn seal(core: &Core, kind: RequestKind, request: &AuthorizationRequest) -> Result<String, Fault> {
    let written = serde_json::to_vec(request).unwrap_or_default();
    let sealed = core.sealer.seal(&SealedAt::authorization_request(kind), &written)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

fn open(core: &Core, kind: RequestKind, sealed: &str) -> Option<AuthorizationRequest> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let written = core.sealer.open(&SealedAt::authorization_request(kind), &sealed).ok()?;
    serde_json::from_slice(&written).ok()
}

/// A pushed request.
#[must_use]
pub enum Push {
    /// The `request_uri`, and its life in seconds.
    Accepted(String, i64),
    /// The error, and what is wrong.
    Refused(AuthorizationErrorCode, &'static str),
}

/// Takes a request from the client itself (RFC 9126), so that the user's browser neither sees nor changes it.
pub fn push(core: &Core, parameters: &AuthorizationParameters, client: &Client) -> Result<Push, Fault> {
    Ok(match check(core, parameters, client)? {
        Ok(request) => {
            let sealed = seal(core, RequestKind::Pushed, &request)?;
            Push::Accepted(format!("{PUSHED}{sealed}"), PUSHED_REQUEST_LIFE.num_seconds())
        }
        Err(Refused::Shown(reason)) => Push::Refused(AuthorizationErrorCode::InvalidRequest, reason),
        Err(Refused::Sent(_address, error, description)) => Push::Refused(error, description),
    })
}

/// What a user sees of a request before they decide.
pub struct Question {
    /// The application.
    pub client: Client,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What it asks for.
    pub scopes: Scopes,
    /// The resource that its access tokens are for, if they are good for more than `GET /userinfo`.
    pub resource: Option<String>,
    /// Whether the user has to be asked: the application is not the deployment's own, and it asks for more than the
    /// user allowed it for this resource before.
    pub consent_required: bool,
}

/// The answer to a page that shows a request, or sends a decision.
#[must_use]
pub enum Answer {
    /// What the user has to decide.
    Question(Box<Question>),
    /// Where the user's browser goes.
    Redirect(String),
    /// The request asks for a better proof than the token of the user shows.
    StepUpRequired(Demand),
    /// The request is not one of this service, or has expired, or has been decided, or its application is gone.
    Invalid,
    /// The user approved too many requests.
    TooOften(TimeDelta),
}

/// What a user decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// They allow it.
    Approve,
    /// They were not asked, since they allowed it before.
    Continue,
    /// They refuse.
    Deny,
}

crate::domain::names::names!(Decision {
    Approve = "approve",
    Continue = "continue",
    Deny = "deny",
});

/// Opens a request that a page sends back.
async fn reopen(core: &Arc<Core>, sealed: &str) -> Result<Option<(AuthorizationRequest, Client)>, Fault> {
    let request = open(core, RequestKind::Checked, sealed);
    let Some(request) = request.filter(|request| is_within(core, request, AUTHORIZATION_REQUEST_LIFE)) else {
        return Ok(None);
    };
    let client = known_clients::find(core, &request.client().client_id()).await?.found();
    // The operator, or the owner of its document, may have changed the client in the meantime.
    Ok(client.and_then(|client| Some((request.remaining(&client, &userinfo(core))?, client))))
}

/// Answers a page without a signed-in user. Only a request that forbids to involve the user is answered: to the
/// application.
pub async fn consider_signed_out(core: &Arc<Core>, sealed: &str) -> Result<Option<Answer>, Fault> {
    let Some((request, _client)) = reopen(core, sealed).await? else {
        return Ok(Some(Answer::Invalid));
    };
    let error = AuthorizationErrorCode::LoginRequired;
    let refusal = || refuse(core, &request, error, "No user is signed in.");
    request.prompt.none.then(refusal).transpose()
}

fn refuse(
    core: &Core,
    request: &AuthorizationRequest,
    error: AuthorizationErrorCode,
    why: &str,
) -> Result<Answer, Fault> {
    let reply = request.return_address.with_error(issuer(core), error, why);
    Ok(Answer::Redirect(destination(core, reply)?))
}

/// Shows a request to a signed-in user, or answers the application if there is nothing to ask.
pub async fn consider(core: &Arc<Core>, caller: &Caller, sealed: &str, origin: RequestOrigin) -> Result<Answer, Fault> {
    let Some((request, client)) = reopen(core, sealed).await? else {
        return Ok(Answer::Invalid);
    };
    if let Some(answer) = unfit(core, caller, &request).await? {
        return Ok(answer);
    }
    let consent_required = request.prompt.consent || is_consent_required(core, caller, &request, &client).await?;
    if request.prompt.none && !consent_required {
        return approve(core, caller, (request, client), Decision::Continue, origin).await;
    }
    ask(core, (request, client), consent_required)
}

/// Asks the user. If the request forbids that, the application is told so.
fn ask(
    core: &Core,
    (request, client): (AuthorizationRequest, Client),
    consent_required: bool,
) -> Result<Answer, Fault> {
    if request.prompt.none {
        let error = AuthorizationErrorCode::ConsentRequired;
        return refuse(core, &request, error, "The user has to be asked.");
    }
    let resource = Some(request.audience).filter(|audience| *audience != userinfo(core));
    Ok(Answer::Question(Box::new(Question {
        redirect_uri: request.return_address.redirect_uri,
        scopes: request.scopes,
        resource,
        consent_required,
        client,
    })))
}

/// Answers if the request is for another user, or requires a better proof than the user's token shows.
async fn unfit(core: &Arc<Core>, caller: &Caller, request: &AuthorizationRequest) -> Result<Option<Answer>, Fault> {
    if request.is_for(caller.user.id.uuid()) {
        return missing_proof(core, caller, request).await;
    }
    // Also where the user may be involved: the application would otherwise get another user's tokens.
    let error = AuthorizationErrorCode::LoginRequired;
    refuse(core, request, error, "Another user is signed in.").map(Some)
}

/// Checks what the request asks of the proofs behind the user's token.
async fn missing_proof(
    core: &Arc<Core>,
    caller: &Caller,
    request: &AuthorizationRequest,
) -> Result<Option<Answer>, Fault> {
    let now = core.clock.now();
    let required = request.requirement(now);
    if required.is_met_by(caller.authority.proofs(), now) {
        return Ok(None);
    }
    if request.prompt.none {
        let error = AuthorizationErrorCode::InteractionRequired;
        return refuse(core, request, error, "The user has to authenticate again.").map(Some);
    }
    let demand = factors::demand(core, caller, &required).await?;
    if demand.accepted.is_empty() {
        let error = AuthorizationErrorCode::UnmetAuthenticationRequirements;
        return refuse(core, request, error, "The user has no second factor.").map(Some);
    }
    Ok(Some(Answer::StepUpRequired(demand)))
}

async fn is_consent_required(
    core: &Arc<Core>,
    caller: &Caller,
    request: &AuthorizationRequest,
    client: &Client,
) -> Result<bool, Fault> {
    if client.is_first_party() || client.is_described() {
        return Ok(client.is_described());
    }
    let (user_id, client_id, audience) = (caller.user.id, client.id, request.audience.clone());
    let allowed = core
        .db
        .read("oauth.consent", move |connection| {
            consents::find(connection, (user_id, client_id), &audience).map_err(Fault::from)
        })
        .await?;
    Ok(!allowed.is_some_and(|allowed| allowed.cover(&request.scopes)))
}

/// Carries out what a user decided.
pub async fn decide(
    core: &Arc<Core>,
    caller: &Caller,
    (sealed, decision): (&str, Decision),
    origin: RequestOrigin,
) -> Result<Answer, Fault> {
    let Some((request, client)) = reopen(core, sealed).await? else {
        return Ok(Answer::Invalid);
    };
    if decision == Decision::Deny {
        record_refusal(core, caller, &client, origin).await?;
        let error = AuthorizationErrorCode::AccessDenied;
        return refuse(core, &request, error, "The user refused.");
    }
    if let Some(answer) = unfit(core, caller, &request).await? {
        return Ok(answer);
    }
    approve(core, caller, (request, client), decision, origin).await
}

async fn record_refusal(
    core: &Arc<Core>,
    caller: &Caller,
    client: &Client,
    origin: RequestOrigin,
) -> Result<(), Fault> {
    let (key, client) = (caller.key(), client.reference());
    core.transaction("oauth.deny", origin, move |tx| {
        let event = AuditEvent::success(EventName::GrantRefused, key.user_id);
        tx.audit(&[event.in_session(key.session_id).with_client(client.clone())])
    })
    .await
}

/// What became of an approval.
enum Approved {
    /// The grant waits for its code.
    Made,
    /// The user has to be asked: what they allowed before was withdrawn meanwhile.
    ConsentMissing,
    /// The request was approved before, or the session has ended.
    Spent,
    /// The user approved too many requests.
    TooOften(TimeDelta),
}

/// Makes the grant and its code. The request becomes no second one of this user.
async fn approve(
    core: &Arc<Core>,
    caller: &Caller,
    (request, client): (AuthorizationRequest, Client),
    decision: Decision,
    origin: RequestOrigin,
) -> Result<Answer, Fault> {
    let (key, proofs) = (caller.key(), caller.authority.proofs().clone());
    let code = core
        .tokens
        .issue(TokenKind::AuthorizationCode, key.user_id, request.id, 0)?;
    let approval = Approval {
        key,
        request: request.clone(),
        client: client.clone(),
        is_asked: decision == Decision::Approve,
        proofs,
    };
    let approved = core
        .transaction("oauth.approve", origin, move |tx| approval.carry_out(tx))
        .await?;
    match approved {
        Approved::Made => {
            let reply = request.return_address.with_code(issuer(core), code.expose_secret());
            Ok(Answer::Redirect(destination(core, reply)?))
        }
        Approved::Spent => Ok(Answer::Invalid),
        Approved::TooOften(wait) => Ok(Answer::TooOften(wait)),
        Approved::ConsentMissing => ask(core, (request, client), true),
    }
}

struct Approval {
    key: SessionKey,
    request: AuthorizationRequest,
    client: Client,
    /// Whether the user was asked for these scopes.
    is_asked: bool,
    /// The proofs behind the token of the user.
    proofs: Proofs,
}

impl Approval {
    fn carry_out(&self, tx: &mut Tx<'_>) -> Result<Approved, Fault> {
        let (user_id, client) = (self.key.user_id, &self.client);
        let (_account, session) = self.key.lock_session(tx)?;
        let given = Quota::new(format!("grants given by {}", user_id.uuid()), GRANTS_GIVEN);
        if let Some(wait) = wait_or_take(tx, &[given])? {
            return Ok(Approved::TooOften(wait));
        }
        // Under the user's lock: a withdrawal at the same moment comes before this, or ends the grant.
        let before = consents::find(tx.connection, (user_id, client.id), &self.request.audience)?.unwrap_or_default();
        let is_covered = match client.ownership {
            Ownership::FirstParty => true,
            Ownership::ThirdParty => before.cover(&self.request.scopes),
            // Its document may have changed since, and a program on the user's machine may only claim to be it.
            Ownership::Described { .. } => false,
        };
        if !self.is_asked && (self.request.prompt.consent || !is_covered) {
            return Ok(Approved::ConsentMissing);
        }
        // A factor may have been removed since the token was looked at.
        let new = self.grant(self.proofs.within(&session.proofs), tx.now);
        if !sessions::insert_grant(tx.connection, self.key, &new)? {
            return Ok(Approved::Spent);
        }
        if client.ownership == Ownership::ThirdParty && !is_covered {
            self.remember(tx, before.and(&self.request.scopes))?;
        }
        let event = AuditEvent::success(EventName::GrantCreated, user_id);
        tx.audit(&[event.in_session(new.id).with_client(client.reference())])?;
        Ok(Approved::Made)
    }

    /// Stores what the user allowed, so that they are not asked again.
    fn remember(&self, tx: &mut Tx<'_>, scopes: Scopes) -> Result<(), Fault> {
        let consent = Consent {
            user_id: self.key.user_id,
            client_id: self.client.id,
            audience: self.request.audience.clone(),
            scopes,
            granted_at: tx.now,
        };
        Ok(consents::store(tx.connection, &consent)?)
    }

    fn grant(&self, proofs: Proofs, now: DateTime<Utc>) -> NewGrant {
        NewGrant {
            id: SessionId::from_uuid(self.request.id),
            grant: Grant {
                parent: self.key.session_id,
                client: self.client.reference(),
                scopes: self.request.scopes.clone(),
                audience: self.request.audience.clone(),
                nonce: self.request.nonce.clone(),
            },
            proofs,
            binding: Some(CodeBinding {
                client_id: self.client.id,
                redirect_uri: self.request.return_address.redirect_uri.clone(),
                challenge: self.request.challenge,
            }),
            key: self.request.key,
            now,
            expires_at: now + AUTHORIZATION_CODE_LIFE,
        }
    }
}
