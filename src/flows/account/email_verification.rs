//! `POST /email/verify`: verifies an address.
//!
//! It takes two things: the token that was mailed to the address, and a proof that the client may use the account.
//! Otherwise an attacker could register with another user's address, have that user confirm the account by a click, and
//! remain in it. The proof is a session of the account, a login that waits for its second factor, the password, or a
//! passkey alone. Without one the token stays valid.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::crypto::hasher::PasswordVerdict;
use crate::crypto::passkey_challenge::ChallengePurpose;
use crate::domain::account_change::AccountChange;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::SessionId;
use crate::domain::link_token::{LinkKey, LinkPurpose};
use crate::domain::message::Message;
use crate::domain::opaque_token::TokenKind;
use crate::domain::passkey_response::Assertion;
use crate::domain::password::Password;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::domain::user::{Identifier, User};
use crate::flows::account::email::{record, wait_to_leave};
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::factors::{ProofRefusal, Taken, count_wrong_password, take_right_password, verify_alone};
use crate::flows::limits::{Admission, Throttle, networks};
use crate::flows::notify::links;
use crate::flows::session::Caller;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users::{LockedUser, LoginUser, Renaming};
use crate::store::{PgConnection, link_tokens, sessions, users};

/// Selects the kind of token: links that confirm an address and links that change it open the same page, and the
/// token's row says which of them it is.
const PURPOSE: LinkPurpose = LinkPurpose::EmailVerification;

/// The bearer token that was presented beside the mailed token.
pub enum AccountToken {
    /// None.
    Absent,
    /// The pre-auth token of a login, not yet checked, with the proof of possession beside it.
    PreAuth(SecretString, Option<VerifiedProof>),
    /// A valid access token.
    SignedIn(Box<Caller>),
}

/// The result of presenting a token that verifies an address.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerification {
    /// The account has the address, and it is verified.
    Verified,
    /// The token is unknown, expired or of another kind, or was used for an address that the account does not have any
    /// longer; or the session that requested the change has ended; or another account has the address by now.
    InvalidToken,
    /// Nothing showed that the client may use the account. The token stays valid.
    ProofRequired,
    /// The pre-auth token is not valid. The mailed token stays valid.
    InvalidPreAuthToken,
    /// The password or the passkey was refused. The mailed token stays valid.
    Refused(ProofRefusal),
    /// The account's current address is not verified, and accounts have left that address too often. Changing it is
    /// refused for this long. The mailed token stays valid.
    Wait(TimeDelta),
}

/// What was presented in the place of a bearer token.
pub enum LooseProof {
    /// Nothing.
    Absent,
    /// The account's password.
    Password(Password),
    /// A passkey that answered the challenge of a sign-in.
    Passkey(Box<Assertion>),
}

/// A session that a bearer token named.
#[derive(Clone, Copy)]
struct Presented {
    key: SessionKey,
    /// Whether it waits for its second factor.
    pending: bool,
    /// The proof of possession beside the token of a session that waits.
    shown: Option<VerifiedProof>,
}

impl Presented {
    /// Returns whether the session still waits, and is bound to the key that the client has shown.
    fn waits(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> Result<bool, Fault> {
        Ok(sessions::find_pending_of_key(connection, self.key, key_of(self.shown), now)?.is_some())
    }
}

/// The result of comparing a password with the account's. No row was locked meanwhile.
struct Compared {
    right: bool,
    login: LoginUser,
    throttle: Arc<Throttle>,
}

/// What shows that the client may use the account.
enum AccountProof {
    Session(Presented),
    Password(Box<Compared>),
    Passkey(Box<Assertion>),
}

impl AccountProof {
    fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Session(presented) => Some(presented.key.session_id),
            Self::Password(_) | Self::Passkey(_) => None,
        }
    }
}

/// The result of the first check, before any hash is made or any token used.
enum Look {
    Over(EmailVerification),
    Authenticated(Presented),
    Unauthenticated(Box<LoginUser>),
}

/// Takes a token that was sent to an address, with a proof of its account. It verifies the account's address, or
/// replaces it by the new one. The same token again gets the same answer, as long as the account has that address.
///
/// # Errors
///
/// Returns faults; [`Fault::SessionEnded`] when the session of the access token ended meanwhile.
pub async fn verify(
    core: &Arc<Core>,
    token: &str,
    (bearer, loose): (AccountToken, LooseProof),
    origin: RequestOrigin,
) -> Result<EmailVerification, Fault> {
    let presented = match bearer {
        AccountToken::Absent => None,
        AccountToken::SignedIn(caller) => Some(Presented {
            key: caller.key(),
            pending: false,
            shown: None,
        }),
        AccountToken::PreAuth(token, shown) => match core.tokens.open(TokenKind::PreAuth, token.expose_secret()) {
            Some(body) => Some(Presented {
                key: body.session(),
                pending: true,
                shown,
            }),
            None => return Ok(EmailVerification::InvalidPreAuthToken),
        },
    };
    let Some(key) = links::open(core, PURPOSE, token) else {
        return Ok(EmailVerification::InvalidToken);
    };
    let proof = match (look(core, key, presented).await?, loose) {
        (Look::Over(verification), _) => return Ok(verification),
        (Look::Authenticated(session), _) => AccountProof::Session(session),
        (Look::Unauthenticated(_), LooseProof::Absent) => return Ok(EmailVerification::ProofRequired),
        (Look::Unauthenticated(_), LooseProof::Passkey(given)) => AccountProof::Passkey(given),
        (Look::Unauthenticated(login), LooseProof::Password(password)) => {
            match compare(core, *login, password, &origin).await? {
                Ok(compared) => AccountProof::Password(Box::new(compared)),
                Err(refusal) => return Ok(EmailVerification::Refused(refusal)),
            }
        }
    };
    redeem(core, key, proof, origin).await
}

/// Checks whether a mailed token is valid and whether the client is authenticated for its account, so that an invalid
/// token costs no hash.
async fn look(core: &Arc<Core>, key: LinkKey, presented: Option<Presented>) -> Result<Look, Fault> {
    let now = core.clock.now();
    core.db
        .read("email.look", move |connection| {
            if let Some(session) = presented.filter(|session| session.pending)
                && !session.waits(connection, now)?
            {
                return Ok(Look::Over(EmailVerification::InvalidPreAuthToken));
            }
            let counts = links::find(connection, key, PURPOSE, now)?.is_some();
            let account = users::find_login(connection, key.user_id)?.filter(|_| counts);
            let Some(login) = account else {
                return Ok(Look::Over(EmailVerification::InvalidToken));
            };
            let own = presented.filter(|session| session.key.user_id == key.user_id);
            Ok(own.map_or_else(|| Look::Unauthenticated(Box::new(login)), Look::Authenticated))
        })
        .await
}

/// Compares a password with the account's, unless it has to wait, as in `/login`. No row is locked while hashing.
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
    let (shared, user_id) = (Arc::clone(&throttle), user.id);
    let admission = core
        .read("email.admit", origin.clone(), move |tx| shared.admit(tx, Some(user_id)))
        .await?;
    let guesser = match admission {
        Admission::Wait(wait) => return Ok(Err(ProofRefusal::Locked(wait))),
        Admission::Admitted { guesser, .. } => guesser,
    };
    let accepted = login.accepts_password_of(guesser);
    let stored = login.password.clone().filter(|_| accepted);
    let requester = networks::requester(guesser, origin);
    let verdict = core.hasher.verify(requester, password, stored).await?;
    Ok(Ok(Compared {
        right: verdict == PasswordVerdict::Right,
        login,
        throttle,
    }))
}

async fn redeem(
    core: &Arc<Core>,
    key: LinkKey,
    proof: AccountProof,
    origin: RequestOrigin,
) -> Result<EmailVerification, Fault> {
    core.transaction("email.verify", origin, move |tx| {
        // The user's row is locked first, as everywhere, so that the proof stays valid until the commit.
        let Some(account) = users::find_active_for_update(tx.connection, key.user_id)? else {
            return Ok(EmailVerification::InvalidToken);
        };
        if let Some(refused) = recheck(tx, &account.user, &proof)? {
            return Ok(refused);
        }
        let kept = proof.session_id();
        confirm(tx, key, &account, kept)
    })
    .await
}

/// Checks a proof again, with the account's row locked. Returns why it is refused, if it is.
fn recheck(tx: &mut Tx<'_>, user: &User, proof: &AccountProof) -> Result<Option<EmailVerification>, Fault> {
    let compared = match proof {
        AccountProof::Session(session @ Presented { pending: true, .. }) => {
            let waits = session.waits(tx.connection, tx.now)?;
            return Ok((!waits).then_some(EmailVerification::InvalidPreAuthToken));
        }
        AccountProof::Session(Presented { key, .. }) => {
            return match sessions::find_live_for_update(tx.connection, *key, tx.now)? {
                Some(_live) => Ok(None),
                None => Err(Fault::SessionEnded),
            };
        }
        AccountProof::Passkey(given) => return recheck_passkey(tx, user, given),
        AccountProof::Password(compared) => compared,
    };
    let (login, throttle) = (&compared.login, compared.throttle.as_ref());
    let refusal = if compared.right {
        match take_right_password(tx, login, throttle)? {
            Taken::Right(_) => return Ok(None),
            Taken::Wait(wait) => ProofRefusal::Locked(wait),
            Taken::Gone => ProofRefusal::InvalidCredentials,
        }
    } else {
        let wait = count_wrong_password(tx, Some(login.user.id), throttle, "email_verification")?;
        wait.map_or(ProofRefusal::InvalidCredentials, ProofRefusal::Locked)
    };
    Ok(Some(EmailVerification::Refused(refusal)))
}

fn recheck_passkey(tx: &mut Tx<'_>, user: &User, given: &Assertion) -> Result<Option<EmailVerification>, Fault> {
    // The challenge of a sign-in is enough: the session that the passkey opens with it would prove the account as well.
    if verify_alone(tx, user, ChallengePurpose::SignIn, given)? {
        return Ok(None);
    }
    let event = AuditEvent::failure(EventName::LoginFail, "email_verification", Some(user.id));
    tx.audit(&[event])?;
    Ok(Some(EmailVerification::Refused(ProofRefusal::InvalidCredentials)))
}

/// Returns how long a change has to wait if the account would leave an address that was never verified. The token stays
/// valid.
fn wait_to_change(tx: &mut Tx<'_>, key: LinkKey, user: &User) -> Result<Option<TimeDelta>, Fault> {
    if user.unverified_email().is_none() {
        return Ok(None);
    }
    let link = links::find(tx.connection, key, PURPOSE, tx.now)?;
    match link.filter(|link| !link.used && link.purpose == LinkPurpose::EmailChange) {
        Some(_) => wait_to_leave(tx, user),
        None => Ok(None),
    }
}

/// Marks the token as used, and gives the account the address that it was sent to.
fn confirm(
    tx: &mut Tx<'_>,
    key: LinkKey,
    account: &LockedUser,
    kept: Option<SessionId>,
) -> Result<EmailVerification, Fault> {
    let user = &account.user;
    if let Some(wait) = wait_to_change(tx, key, user)? {
        return Ok(EmailVerification::Wait(wait));
    }
    let Some(link) = links::redeem_locked(tx, key, PURPOSE)? else {
        // A double click: nothing is left to do, and nothing went wrong.
        let used = links::find(tx.connection, key, PURPOSE, tx.now)?;
        let done = used.is_some_and(|link| link.used && user.verified_email() == Some(&link.email));
        return Ok(if done {
            EmailVerification::Verified
        } else {
            EmailVerification::InvalidToken
        });
    };
    let is_own = user.email.as_ref() == Some(&link.email);
    if !is_own && link.purpose != LinkPurpose::EmailChange {
        // The account has another address by now, and this token verifies only the one that it was sent to.
        return Ok(EmailVerification::InvalidToken);
    }
    if users::set_verified_email(tx.connection, user.id, &link.email, tx.now)? == Renaming::Taken {
        return Ok(EmailVerification::InvalidToken);
    }
    if is_own {
        record(tx, user, AccountChange::EmailVerified)?;
    } else {
        follow_change(tx, key, user, kept)?;
    }
    Ok(EmailVerification::Verified)
}

/// Does what a change of address brings with it. `user` was read before the change.
fn follow_change(tx: &mut Tx<'_>, key: LinkKey, user: &User, kept: Option<SessionId>) -> Result<(), Fault> {
    if user.verified_email().is_none() {
        record(tx, user, AccountChange::EmailVerified)?;
    }
    record(tx, user, AccountChange::EmailChanged)?;
    // Tokens that were sent to the old address must not work any longer.
    link_tokens::remove_others(tx.connection, key)?;
    session_end::end_pending_logins(tx, user.id, kept, EndCause::EmailChanged)?;
    // Sent to the old address.
    tx.notify(user, Message::EmailChanged)
}
