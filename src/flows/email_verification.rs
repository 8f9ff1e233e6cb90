//! `POST /email/verify`: an address is proven.
//!
//! It takes two things: the token that was mailed there, and a proof that the account is the sender's. Whoever registers with
//! a stranger's address would otherwise have the stranger confirm the account by a click, and keep it. The proof is a session
//! of the account, a login that waits for its second factor, or the password. Without one the token stays good.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::email::{record, wait_to_leave};
use super::links::{self, Request};
use super::login::{Taken, count_wrong, take_right};
use super::proof::ProofRefusal;
use super::sending::notify;
use super::sessions::Caller;
use super::throttle::{Admission, Throttle};
use super::{Core, Fault, networks, session_end};
use crate::crypto::hasher::PasswordVerdict;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::ids::SessionId;
use crate::domain::link_token::{LinkKey, LinkPurpose};
use crate::domain::message::Message;
use crate::domain::opaque_token::TokenKind;
use crate::domain::password::Password;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::domain::user::{Identifier, User};
use crate::store::users::{LockedUser, LoginUser, Renaming};
use crate::store::{PgConnection, link_tokens, sessions, users};

/// Names the kind: a link that confirms an address and one that changes it lead to the same page, and the token's row tells
/// which of them it is.
const PURPOSE: LinkPurpose = LinkPurpose::EmailVerification;

/// What was presented as bearer, beside the mailed token.
pub enum Bearer {
    /// Nothing.
    Absent,
    /// The pre-auth token of a login; whether it is good is judged here.
    PreAuth(SecretString),
    /// A good access token.
    SignedIn(Box<Caller>),
}

/// What became of a token that proves an address.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The address is the account's, and its owner's.
    Verified,
    /// The token is unknown, expired or of another kind, or was used for an address that the account does not have any more;
    /// the session that asked for the change has ended; or another account has the address by now.
    InvalidToken,
    /// Nothing showed that the account is the sender's. The token stays good.
    ProofRequired,
    /// The pre-auth token is not good. The mailed token stays good.
    InvalidPreAuthToken,
    /// The password was not taken. The mailed token stays good.
    Refused(ProofRefusal),
    /// The address that the account has was not proven, and left its accounts too often; it stays for so long. The mailed token
    /// stays good.
    Wait(TimeDelta),
}

/// A session that a bearer token named.
#[derive(Clone, Copy)]
struct Presented {
    key: SessionKey,
    /// Whether it waits for its second factor.
    pending: bool,
}

/// A password that was compared with the account's while nothing was held.
struct Compared {
    right: bool,
    login: LoginUser,
    throttle: Arc<Throttle>,
}

/// What shows that the account is the sender's.
enum Proof {
    Session(Presented),
    Password(Box<Compared>),
}

impl Proof {
    fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Session(presented) => Some(presented.key.session_id),
            Self::Password(_) => None,
        }
    }
}

/// What a first look came to, before anything is hashed or used up.
enum Look {
    Over(Verification),
    Authenticated(Presented),
    Unauthenticated(Box<LoginUser>),
}

/// Takes a token that was sent to an address, with a proof of the account that it is for. It proves the account's address, or
/// puts the new one in its place. The same token again is answered the same, as long as the account has that address.
///
/// # Errors
///
/// Returns faults; [`Fault::SessionEnded`] when the session of the access token ended meanwhile.
pub async fn verify(
    core: &Arc<Core>,
    token: &str,
    (bearer, password): (Bearer, Option<Password>),
    origin: RequestOrigin,
) -> Result<Verification, Fault> {
    let presented = match bearer {
        Bearer::Absent => None,
        Bearer::SignedIn(caller) => Some(Presented {
            key: caller.key(),
            pending: false,
        }),
        Bearer::PreAuth(token) => match core.tokens.open(TokenKind::PreAuth, token.expose_secret()) {
            Some(body) => Some(Presented {
                key: body.session(),
                pending: true,
            }),
            None => return Ok(Verification::InvalidPreAuthToken),
        },
    };
    let Some(key) = links::open(core, PURPOSE, token) else {
        return Ok(Verification::InvalidToken);
    };
    let proof = match (look(core, key, presented).await?, password) {
        (Look::Over(verification), _) => return Ok(verification),
        (Look::Authenticated(session), _) => Proof::Session(session),
        (Look::Unauthenticated(_), None) => return Ok(Verification::ProofRequired),
        (Look::Unauthenticated(login), Some(password)) => match compare(core, *login, password, &origin).await? {
            Ok(compared) => Proof::Password(Box::new(compared)),
            Err(refusal) => return Ok(Verification::Refused(refusal)),
        },
    };
    redeem(core, key, proof, origin).await
}

/// Tells whether a mailed token counts and whether its account is proven already, so that a token that is over costs no hash.
async fn look(core: &Arc<Core>, key: LinkKey, presented: Option<Presented>) -> Result<Look, Fault> {
    let now = core.clock.now();
    core.db
        .read("email.look", move |connection| {
            if let Some(session) = presented.filter(|session| session.pending)
                && sessions::find_pending(connection, session.key, now)?.is_none()
            {
                return Ok(Look::Over(Verification::InvalidPreAuthToken));
            }
            let counts = links::find(connection, key, PURPOSE, now)?.is_some();
            let account = users::find_login(connection, key.user_id)?.filter(|_| counts);
            let Some(login) = account else {
                return Ok(Look::Over(Verification::InvalidToken));
            };
            let own = presented.filter(|session| session.key.user_id == key.user_id);
            Ok(own.map_or_else(|| Look::Unauthenticated(Box::new(login)), Look::Authenticated))
        })
        .await
}

/// Compares a password with the account's, unless it has to wait, as at `/login`. Nothing is held while hashing.
async fn compare(
    core: &Arc<Core>,
    login: LoginUser,
    password: Password,
    origin: &RequestOrigin,
) -> Result<Result<Compared, ProofRefusal>, Fault> {
    let user = &login.user;
    let by_email = user.email.clone().map(Identifier::Email);
    let Some(name) = by_email.or_else(|| user.username.clone().map(Identifier::Username)) else {
        return Ok(Err(ProofRefusal::InvalidCredentials));
    };
    let throttle = Arc::new(Throttle::of(core, &name, origin)?);
    let (shared, user_id, now, asked_from) = (Arc::clone(&throttle), user.id, core.clock.now(), origin.clone());
    let (admission, requester) = core
        .db
        .read("email.admit", move |connection| -> Result<_, Fault> {
            let admission = shared.admit(connection, Some(user_id), (&asked_from, now))?;
            let requester = networks::requester(connection, Some(user_id), (&asked_from, now))?;
            Ok((admission, requester))
        })
        .await?;
    if let Admission::Wait(wait) = admission {
        return Ok(Err(ProofRefusal::Locked(wait)));
    }
    let verdict = core.hasher.verify(requester, password, login.password.clone()).await?;
    Ok(Ok(Compared {
        right: verdict == PasswordVerdict::Right,
        login,
        throttle,
    }))
}

async fn redeem(core: &Arc<Core>, key: LinkKey, proof: Proof, origin: RequestOrigin) -> Result<Verification, Fault> {
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("email.verify", move |connection| {
            let request = Request { origin: &origin, now };
            // The user's row first, as everywhere; what is proven holds from here to the commit.
            let Some(account) = users::find_active_for_update(connection, key.user_id)? else {
                return Ok(Verification::InvalidToken);
            };
            if let Some(refused) = recheck(&shared, connection, &proof, request)? {
                return Ok(refused);
            }
            let kept = proof.session_id();
            confirm(&shared, connection, (key, &account, kept), request)
        })
        .await
}

/// Judges a proof once more, under the account's row. Returns what is wrong with it.
fn recheck(
    core: &Core,
    connection: &mut PgConnection,
    proof: &Proof,
    request: Request<'_>,
) -> Result<Option<Verification>, Fault> {
    let Request { origin, now } = request;
    let compared = match proof {
        Proof::Session(Presented { key, pending: true }) => {
            let waits = sessions::find_pending(connection, *key, now)?.is_some();
            return Ok((!waits).then_some(Verification::InvalidPreAuthToken));
        }
        Proof::Session(Presented { key, pending: false }) => {
            return match sessions::find_live_for_update(connection, *key, now)? {
                Some(_live) => Ok(None),
                None => Err(Fault::SessionEnded),
            };
        }
        Proof::Password(compared) => compared,
    };
    let (login, throttle) = (&compared.login, compared.throttle.as_ref());
    let refusal = if compared.right {
        match take_right(core, connection, (login, throttle), (origin, now))? {
            Taken::Right(_) => return Ok(None),
            Taken::Wait(wait) => ProofRefusal::Locked(wait),
            Taken::Gone => ProofRefusal::InvalidCredentials,
        }
    } else {
        let wrong = (Some(login.user.id), throttle, "email_verification");
        let wait = count_wrong(core, connection, wrong, (origin, now))?;
        wait.map_or(ProofRefusal::InvalidCredentials, ProofRefusal::Locked)
    };
    Ok(Some(Verification::Refused(refusal)))
}

/// Returns how long a change has to wait that makes an account leave an address which was never proven. The token stays good.
fn wait_to_change(
    core: &Core,
    connection: &mut PgConnection,
    (key, user): (LinkKey, &User),
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, Fault> {
    if user.unverified_email().is_none() {
        return Ok(None);
    }
    let link = links::find(connection, key, PURPOSE, now)?;
    match link.filter(|link| !link.used && link.purpose == LinkPurpose::EmailChange) {
        Some(_) => wait_to_leave(core, connection, user, now),
        None => Ok(None),
    }
}

/// Uses the token up, and gives the account the address that it was sent to.
fn confirm(
    core: &Core,
    connection: &mut PgConnection,
    (key, account, kept): (LinkKey, &LockedUser, Option<SessionId>),
    request: Request<'_>,
) -> Result<Verification, Fault> {
    let (user, now) = (&account.user, request.now);
    if let Some(wait) = wait_to_change(core, connection, (key, user), now)? {
        return Ok(Verification::Wait(wait));
    }
    let Some(link) = links::redeem_locked(connection, key, PURPOSE, now)? else {
        // A button that was pressed twice: nothing is left to do, and nothing went wrong.
        let used = links::find(connection, key, PURPOSE, now)?;
        let done = used.is_some_and(|link| link.used && user.verified_email() == Some(&link.email));
        return Ok(if done {
            Verification::Verified
        } else {
            Verification::InvalidToken
        });
    };
    let is_own = user.email.as_ref() == Some(&link.email);
    if !is_own && link.purpose != LinkPurpose::EmailChange {
        // The account has another address since, and this token proves its own one only.
        return Ok(Verification::InvalidToken);
    }
    if users::set_verified_email(connection, user.id, &link.email, now)? == Renaming::Taken {
        return Ok(Verification::InvalidToken);
    }
    if is_own {
        record(core, connection, user, "email_verified", request)?;
    } else {
        record(core, connection, user, "email_changed", request)?;
        // Tokens that were sent to the old address are worth nothing any more.
        link_tokens::remove_others(connection, key)?;
        let cause = EndCause::EmailChanged;
        let ended = session_end::end_pending_logins(connection, user.id, kept, cause, now)?;
        core.audit_ended(connection, user.id, ended, request.origin, now)?;
        // To the old address: what was read before the change still names it.
        notify(
            core,
            connection,
            user,
            Message::EmailChanged,
            request.origin,
            request.now,
        )?;
    }
    Ok(Verification::Verified)
}
