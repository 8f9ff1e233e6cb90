//! The caller of a request, and their other sessions.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::access_token::AccessTokenClaims;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::authority::Authority;
use crate::domain::dpop::is_confirmed;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::oauth::client::{ClientRef, NamedApplication};
use crate::domain::session::{ActiveSession, ListedSession, SessionKey};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::session_batches::LookUp;
use crate::store::users::LockedUser;
use crate::store::{PgConnection, clients, sessions, users};

/// The user behind an access token. The session's row is not part of it: other tokens of the session change that row,
/// and a check that read it would allow one token what only another one may do.
pub struct Caller {
    /// The account.
    pub user: User,
    /// What the presented token authorizes now.
    pub authority: Authority,
    /// The token's claims, as far as its session and account still confirm them.
    pub claims: Arc<AccessTokenClaims>,
    key: SessionKey,
}

/// How a client presents its access token.
#[derive(Clone, Copy, Debug)]
pub struct Presentation {
    /// The proof of possession beside it; none beside a bearer token.
    pub proof: Option<VerifiedProof>,
    /// Whether the request changes something. In a bound session such a request uses up the nonce of its proof, so that
    /// a copy of the request changes nothing more.
    pub is_change: bool,
}

impl Presentation {
    fn admits(self, claims: &AccessTokenClaims) -> bool {
        is_confirmed(claims.cnf.as_ref(), key_of(self.proof))
    }
}

/// The result of presenting an access token.
#[must_use]
pub enum Authentication {
    /// It is valid now.
    Caller(Box<Caller>),
    /// It is valid, but the nonce of the proof allowed a change before, or is older than one that did.
    NonceSpent,
    /// It is not valid now, or not with this proof, or not without one.
    Invalid,
}

/// Finds the caller who presents an access token.
pub async fn authenticate(
    core: &Arc<Core>,
    access_token: &str,
    presentation: Presentation,
) -> Result<Authentication, Fault> {
    let Some(caller) = find_caller(core, access_token, |claims| presentation.admits(claims)).await? else {
        return Ok(Authentication::Invalid);
    };
    if let Some(proof) = presentation.proof.filter(|_| presentation.is_change)
        && !spend_nonce(core, caller.key, proof).await?
    {
        return Ok(Authentication::NonceSpent);
    }
    Ok(Authentication::Caller(Box::new(caller)))
}

async fn spend_nonce(core: &Arc<Core>, key: SessionKey, proof: VerifiedProof) -> Result<bool, Fault> {
    core.db
        .transaction("sessions.spend_nonce", move |connection| {
            sessions::spend_nonce(connection, key, proof.nonce_issued_at()).map_err(Fault::from)
        })
        .await
}

/// Finds the caller behind an access token, which a back end asks about; `None` for every token that is not valid now.
pub(in crate::flows) async fn look_into(core: &Arc<Core>, access_token: &str) -> Result<Option<Caller>, Fault> {
    find_caller(core, access_token, |_claims| true).await
}

/// The signature and the claims are checked first, without a query. Then the session is looked up, so that a logout or
/// a disabled account takes effect at once on this service's endpoints (ASVS 7.4.1).
async fn find_caller(
    core: &Arc<Core>,
    access_token: &str,
    admits: impl Fn(&AccessTokenClaims) -> bool,
) -> Result<Option<Caller>, Fault> {
    let now = core.clock.now();
    let Some(claims) = core.keys.verify(access_token)? else {
        return Ok(None);
    };
    if !core.settings.access_tokens.accepts(&claims, now) || !admits(&claims) {
        return Ok(None);
    }
    let key = claims.session();
    Ok(look_up(core, key, now).await?.map(|(session, user)| {
        let authority = Authority::of(&claims, &session, &user, &core.settings.access_tokens);
        let claims = authority.confirm(claims);
        Caller {
            user,
            authority,
            claims,
            key,
        }
    }))
}

/// The user behind an application's access token.
pub(in crate::flows) struct ApplicationCaller {
    /// The account.
    pub(in crate::flows) user: User,
    /// The grant.
    pub(in crate::flows) session: ActiveSession,
    /// The token's claims, as far as its session and account still confirm them.
    pub(in crate::flows) claims: Arc<AccessTokenClaims>,
}

/// Finds the user behind an application's access token; `None` for every other token, and for every one that is not
/// valid now, or not with this proof. Its user is not a [`Caller`]: such a token allows nothing here but to
/// read what its scopes tell.
pub(in crate::flows) async fn authenticate_application(
    core: &Arc<Core>,
    access_token: &str,
    shown: Option<VerifiedProof>,
) -> Result<Option<ApplicationCaller>, Fault> {
    find_application(core, access_token, |claims| {
        is_confirmed(claims.cnf.as_ref(), key_of(shown))
    })
    .await
}

/// Finds the user behind an application's access token, which a back end asks about.
pub(in crate::flows) async fn look_into_application(
    core: &Arc<Core>,
    access_token: &str,
) -> Result<Option<ApplicationCaller>, Fault> {
    find_application(core, access_token, |_claims| true).await
}

async fn find_application(
    core: &Arc<Core>,
    access_token: &str,
    admits: impl Fn(&AccessTokenClaims) -> bool,
) -> Result<Option<ApplicationCaller>, Fault> {
    let now = core.clock.now();
    let policy = &core.settings.access_tokens;
    let claims = core.keys.verify(access_token)?;
    let Some(claims) = claims.filter(|claims| policy.accepts_of_application(claims, now) && admits(claims)) else {
        return Ok(None);
    };
    let found = look_up(core, claims.session(), now).await?;
    let granted = found.filter(|(session, _user)| session.grant.is_some());
    Ok(granted.map(|(session, user)| {
        let claims = Authority::of(&claims, &session, &user, policy).confirm(claims);
        ApplicationCaller { user, session, claims }
    }))
}

async fn look_up(
    core: &Arc<Core>,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<(ActiveSession, User)>, Fault> {
    match core.batches.look_ups.ask(LookUp { key, now }).await? {
        Some(found) => Ok(found),
        None => find_alone(core, key, now).await,
    }
}

/// Looks a session up by a statement of its own.
async fn find_alone(core: &Core, key: SessionKey, now: DateTime<Utc>) -> Result<Option<(ActiveSession, User)>, Fault> {
    let find = move |connection: &mut PgConnection| sessions::find_active(connection, key, now);
    Ok(core.db.read("sessions.authenticate", find).await?)
}

impl Caller {
    /// Returns the session of the token, and its user.
    pub const fn key(&self) -> SessionKey {
        self.key
    }
}

impl SessionKey {
    /// Locks the caller's account and session for the rest of a transaction, so that changes to one account are
    /// serialized, and none is made for a session that has just ended.
    pub(in crate::flows) fn lock_user(self, tx: &mut Tx<'_>) -> Result<LockedUser, Fault> {
        Ok(self.lock_session(tx)?.0)
    }

    /// The same, and returns the session, for what depends on its proofs.
    pub(in crate::flows) fn lock_session(self, tx: &mut Tx<'_>) -> Result<(LockedUser, ActiveSession), Fault> {
        let account = users::find_active_for_update(tx.connection, self.user_id)?;
        let live = sessions::find_live_for_update(tx.connection, self, tx.now)?;
        account.zip(live).ok_or(Fault::SessionEnded)
    }
}

/// A session as its owner sees it.
pub struct OwnSession {
    /// The session.
    pub session: ListedSession,
    /// The applications that were granted something in it. They end with it.
    pub applications: Vec<NamedApplication>,
}

/// Lists the live sessions of a user, the most recently used first. What was granted to an application belongs to the
/// session that it was granted in.
pub async fn list(core: &Arc<Core>, user_id: UserId) -> Result<Vec<OwnSession>, Fault> {
    let now = core.clock.now();
    core.db
        .read("sessions.list", move |connection| load(connection, user_id, now))
        .await
}

fn load(connection: &mut PgConnection, user_id: UserId, now: DateTime<Utc>) -> Result<Vec<OwnSession>, Fault> {
    let listed = sessions::list(connection, user_id, now)?;
    let grants = sessions::list_grants(connection, user_id, now)?;
    let clients: Vec<ClientRef> = grants.iter().map(|grant| grant.client.clone()).collect();
    let known = clients::application_names(connection, &clients)?;
    let with_applications = |session: ListedSession| {
        let of_session = || grants.iter().filter(|grant| grant.parent == session.session.id);
        let is_of_session =
            |application: &&NamedApplication| of_session().any(|grant| grant.client.id == application.client_id);
        OwnSession {
            applications: known.iter().filter(is_of_session).cloned().collect(),
            session,
        }
    };
    Ok(listed.into_iter().map(with_applications).collect())
}

/// Ends one of the caller's sessions. Returns whether there was one: for this caller, sessions of other users do not
/// exist.
pub async fn end_own(core: &Arc<Core>, caller: &Caller, id: SessionId, origin: RequestOrigin) -> Result<bool, Fault> {
    let (user_id, own) = (caller.user.id, caller.key().session_id);
    let named = SessionKey {
        user_id,
        session_id: id,
    };
    core.transaction("sessions.end_own", origin, move |tx| {
        let ended = session_end::end(tx, named, EndCause::EndedByOwner)?;
        if !ended && sessions::is_of_another(tx.connection, named)? {
            // An id cannot be guessed, so a caller who gives another user's has obtained it somewhere.
            let event = AuditEvent::failure(EventName::MaliciousDirectReference, "session", Some(user_id));
            tx.audit_once_an_hour(event.in_session(own))?;
        }
        Ok(ended)
    })
    .await
}

/// Ends all of the caller's sessions except the current one, and removes what is pending on the account.
pub async fn end_others(core: &Arc<Core>, caller: &Caller, origin: RequestOrigin) -> Result<(), Fault> {
    let key = caller.key();
    core.transaction("sessions.end_others", origin, move |tx| {
        key.lock_user(tx)?;
        session_end::end_others(tx, key, EndCause::OthersEndedByOwner)
    })
    .await
}
