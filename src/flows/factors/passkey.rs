//! Passkeys: registration, the challenge of a proof, the proof, and their names.
//!
//! Nothing is stored before a browser comes back with a challenge: the challenge proves what it was made for, for which
//! session and when. A registration counts once because its session accepts only challenges that are newer than the
//! last one that registered a passkey, a proof because each passkey answers only challenges that are newer than the
//! last one that it answered.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::enrol::{Barred, lock_pending_login};
use super::proof_context::{ProofContext, VerifiedFactor};
use super::recovery_codes;
use super::step_up::RecentCaller;
use super::user_verification::demanded_verification;
use crate::crypto::passkey::{authenticate, register};
use crate::crypto::passkey_challenge::{ChallengePurpose, PasskeyChallenge};
use crate::domain::account_change::AccountChange;
use crate::domain::account_event::COPIED_PASSKEY;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{PasskeyId, UserId};
use crate::domain::message::Message;
use crate::domain::opaque_token::TokenKind;
use crate::domain::passkey::{
    KnownHandle, KnownPasskey, NewPasskey, Passkey, PasskeyName, PasskeyUse, Refusal, UserVerification,
};
use crate::domain::passkey_response::{Assertion, ClientData, Registration};
use crate::domain::policy::numbers::MOST_PASSKEYS;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::dpop::VerifiedProof;
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::passkeys::{self, Registered, StoredPasskey};
use crate::store::sessions;
use crate::store::users::LockedUser;

/// A session that may enrol a factor: of a caller with a recent proof, or a pending login of an account without one.
#[derive(Clone, Copy)]
pub struct EnrollingSession {
    key: SessionKey,
    signed_in: bool,
    /// The proof of possession beside the pre-auth token.
    shown: Option<VerifiedProof>,
}

impl EnrollingSession {
    /// Names the pending login of a pre-auth token. `None`: the token is not one of this service.
    pub fn of_login(core: &Core, pre_auth_token: &str, shown: Option<VerifiedProof>) -> Option<Self> {
        let token = core.tokens.open(TokenKind::PreAuth, pre_auth_token)?;
        Some(Self {
            key: token.session(),
            signed_in: false,
            shown,
        })
    }

    /// Names the session of a caller.
    pub fn of_caller(caller: &RecentCaller) -> Self {
        Self {
            key: caller.key(),
            signed_in: true,
            shown: None,
        }
    }

    /// Locks the account, if the session may register a passkey and they are offered. A token is refused first.
    fn lock(self, tx: &mut Tx<'_>) -> Result<Result<LockedUser, NoRegistration>, Fault> {
        let locked = if self.signed_in {
            Ok(self.key.lock_user(tx)?)
        } else {
            let locked = lock_pending_login(tx, self.key, self.shown)?.map_err(NoRegistration::from);
            locked.map(|(account, _login)| account)
        };
        let is_offered = tx.core.settings.uses(FactorKind::Passkey);
        Ok(locked.and_then(|account| is_offered.then_some(account).ok_or(NoRegistration::NotOffered)))
    }
}

/// Why a session may not register a passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRegistration {
    /// The deployment does not use passkeys.
    NotOffered,
    /// The account has as many as it may have.
    TooMany,
    /// The pre-auth token is not valid.
    InvalidPreAuthToken,
    /// A factor is confirmed, so a pre-auth token does not authorize a registration any longer.
    AlreadyConfirmed,
}

impl From<Barred> for NoRegistration {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::InvalidPreAuthToken => Self::InvalidPreAuthToken,
            Barred::AlreadyConfirmed => Self::AlreadyConfirmed,
        }
    }
}

/// What a browser needs to make a passkey.
pub struct RegistrationOptions {
    /// The challenge.
    pub challenge: String,
    /// The user, whose id is the user handle.
    pub user: User,
    /// The passkeys that the user has: an authenticator with one of them makes no second one.
    pub present: Vec<Passkey>,
    /// Whether the passkey has to be able to sign in alone, so that its authenticator stores the user's id.
    pub alone: bool,
    /// Whether the authenticator has to verify its user.
    pub verification: UserVerification,
}

/// Makes the options of a registration.
pub async fn registration_options(
    core: &Arc<Core>,
    session: EnrollingSession,
    origin: RequestOrigin,
) -> Result<Result<RegistrationOptions, NoRegistration>, Fault> {
    core.transaction("passkeys.registration_options", origin, move |tx| {
        let account = match session.lock(tx)? {
            Ok(account) => account,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(present) = unless_too_many(tx, account.user.id)? else {
            return Ok(Err(NoRegistration::TooMany));
        };
        Ok(Ok(RegistrationOptions {
            challenge: issue(tx.core, ChallengePurpose::Registration(session.key), tx.now)?,
            alone: !account.user.has_password,
            verification: demanded_verification(tx.core, &account.user),
            user: account.user,
            present,
        }))
    })
    .await
}

/// Lists the passkeys of a user. `None`: there are as many as a user may have.
fn unless_too_many(tx: &mut Tx<'_>, user_id: UserId) -> Result<Option<Vec<Passkey>>, Fault> {
    let present = passkeys::list(tx.connection, user_id)?;
    Ok((present.len() < MOST_PASSKEYS).then_some(present))
}

/// The result of a registration.
#[must_use]
pub enum PasskeyRegistration {
    /// The passkey is a factor of the account.
    Added(Box<AddedPasskey>),
    /// The session may not register one.
    NotAllowed(NoRegistration),
    /// The account has this passkey already.
    AlreadyThere,
    /// The checks refused it.
    Refused(Refusal),
}

/// A passkey that was just registered.
pub struct AddedPasskey {
    /// The passkey.
    pub passkey: Passkey,
    /// The new set of recovery codes: only when none were left.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
}

/// Registers a passkey with the response of a browser to the options.
pub async fn register_passkey(
    core: &Arc<Core>,
    session: EnrollingSession,
    (given, name): (Registration, PasskeyName),
    origin: RequestOrigin,
) -> Result<PasskeyRegistration, Fault> {
    core.transaction("passkeys.register", origin, move |tx| {
        let account = match session.lock(tx)? {
            Ok(account) => account,
            Err(reason) => return Ok(PasskeyRegistration::NotAllowed(reason)),
        };
        let context = ProofContext::of_session(&account, session.key.session_id);
        match check_registration(tx, session.key, &account.user, &given) {
            Ok((challenge, passkey)) => add(tx, &context, (&given, &name), &challenge, passkey),
            Err(refusal) => refuse(tx, &context, refusal),
        }
    })
    .await
}

fn refuse(tx: &mut Tx<'_>, context: &ProofContext<'_>, refusal: Refusal) -> Result<PasskeyRegistration, Fault> {
    let (key, user_id) = (context.key(), context.account.user.id);
    let event = AuditEvent::failure(EventName::MfaFail, "enrolment", Some(user_id));
    tx.audit(&[event.in_session(key.session_id)])?;
    note_refusal(tx, ChallengePurpose::Registration(key), user_id, refusal)?;
    Ok(PasskeyRegistration::Refused(refusal))
}

/// Records which check refused a passkey.
fn note_refusal(tx: &mut Tx<'_>, purpose: ChallengePurpose, user_id: UserId, refusal: Refusal) -> Result<(), Fault> {
    let ceremony = match purpose {
        ChallengePurpose::Registration(_) => "registration",
        _ => "assertion",
    };
    metrics::passkey_refused(ceremony, refusal.as_str());
    let event = AuditEvent::failure(EventName::PasskeyRefused, refusal.as_str(), Some(user_id));
    let event = match purpose.session() {
        Some(session) => event.in_session(session.session_id),
        None => event,
    };
    tx.audit(&[event])
}

fn check_registration(
    tx: &Tx<'_>,
    key: SessionKey,
    user: &User,
    given: &Registration,
) -> Result<(PasskeyChallenge, NewPasskey), Refusal> {
    let party = tx.core.settings.relying_party.as_ref().ok_or(Refusal::RelyingParty)?;
    let challenge = open(tx, ChallengePurpose::Registration(key), &given.client_data)?;
    let passkey = register(given, &challenge, party, demanded_verification(tx.core, user))?;
    Ok((challenge, passkey))
}

fn add(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    (given, name): (&Registration, &PasskeyName),
    challenge: &PasskeyChallenge,
    passkey: NewPasskey,
) -> Result<PasskeyRegistration, Fault> {
    let user = &context.account.user;
    let Some(present) = unless_too_many(tx, user.id)? else {
        return Ok(PasskeyRegistration::NotAllowed(NoRegistration::TooMany));
    };
    if present.iter().any(|known| known.credential_id == passkey.credential_id) {
        return Ok(PasskeyRegistration::AlreadyThere);
    }
    // Nothing of a registration is signed. Its body would register a removed passkey again, and one challenge several.
    if !sessions::spend_passkey_challenge(tx.connection, context.key(), challenge.issued_at())? {
        return refuse(tx, context, Refusal::Spent);
    }
    let row = Registered {
        id: PasskeyId::new(tx.now, tx.core.random.as_ref()),
        user_id: user.id,
        user_handle: &KnownHandle::UserId,
        passkey: &passkey,
        transports: &given.transports,
        name,
        // What a passkey signed before it was removed must not count again. The clock that made the challenge may be
        // ahead.
        last_challenge_at: challenge.issued_at().max(tx.now),
        now: tx.now,
    };
    if !passkeys::insert(tx.connection, &row)? {
        return Ok(PasskeyRegistration::AlreadyThere);
    }
    let added = Passkey {
        id: row.id,
        name: name.as_str().to_owned(),
        transports: given.transports.clone(),
        backed_up: passkey.backed_up,
        credential_id: passkey.credential_id,
        created_at: tx.now,
        last_used_at: None,
    };
    context.record_change(tx, EventName::MfaEnrolConfirmed, AuthenticationMethod::Passkey)?;
    let name = added.name.clone();
    tx.notify(user, Message::PasskeyAdded { name })?;
    Ok(PasskeyRegistration::Added(Box::new(AddedPasskey {
        passkey: added,
        recovery_codes: recovery_codes::make_if_none_left(context, tx)?,
    })))
}

/// What a browser needs to show a passkey.
pub struct AssertionOptions {
    /// The challenge.
    pub challenge: String,
    /// The passkeys that can answer it; empty at a sign-in, which names no user.
    pub accepted: Vec<Passkey>,
    /// Whether the authenticator has to verify its user.
    pub verification: UserVerification,
}

/// Makes the challenge of a second factor or a step-up. `None`: the user has no passkey, or the deployment does not use
/// them.
pub(super) fn challenge(tx: &mut Tx<'_>, context: &ProofContext<'_>) -> Result<Option<AssertionOptions>, Fault> {
    if !tx.core.settings.uses(FactorKind::Passkey) {
        return Ok(None);
    }
    let accepted = passkeys::list(tx.connection, context.account.user.id)?;
    if accepted.is_empty() {
        return Ok(None);
    }
    let challenge = issue(tx.core, ChallengePurpose::Assertion(context.key()), tx.now)?;
    Ok(Some(AssertionOptions {
        challenge,
        accepted,
        verification: demanded_verification(tx.core, &context.account.user),
    }))
}

/// Makes the challenge of a sign-in with a passkey alone. It is the same for every client, and needs no database.
///
/// # Errors
///
/// Never in practice: the current key is always known.
pub fn sign_in_challenge(core: &Core) -> Result<Option<AssertionOptions>, Fault> {
    challenge_alone(core, ChallengePurpose::SignIn)
}

/// Makes a challenge for a passkey that is the only proof. It names no passkeys, so that only one that knows its user
/// answers. `None`: the deployment does not use passkeys.
pub(in crate::flows) fn challenge_alone(
    core: &Core,
    purpose: ChallengePurpose,
) -> Result<Option<AssertionOptions>, Fault> {
    if !core.settings.uses(FactorKind::Passkey) {
        return Ok(None);
    }
    Ok(Some(AssertionOptions {
        challenge: issue(core, purpose, core.clock.now())?,
        accepted: Vec::new(),
        verification: UserVerification::Required,
    }))
}

/// Verifies a proof beside another factor, and records its use if it is right.
pub(super) fn verify(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    given: &Assertion,
) -> Result<Option<VerifiedFactor>, Fault> {
    let purpose = ChallengePurpose::Assertion(context.key());
    let method = use_passkey(tx, &context.account.user, purpose, given)?;
    Ok(method.map(VerifiedFactor::by))
}

/// Verifies a passkey that is the only proof, with a challenge of [`challenge_alone`] for the same purpose, and records
/// its use if it is right. The caller has locked the user's row.
pub(in crate::flows) fn verify_alone(
    tx: &mut Tx<'_>,
    user: &User,
    purpose: ChallengePurpose,
    given: &Assertion,
) -> Result<bool, Fault> {
    if !tx.core.settings.uses(FactorKind::Passkey) {
        return Ok(false);
    }
    let method = use_passkey(tx, user, purpose, given)?;
    Ok(method == Some(AuthenticationMethod::VerifiedPasskey))
}

/// Returns whether a right proof answered the challenge before.
pub(super) fn was_used(context: &ProofContext<'_>, tx: &mut Tx<'_>, given: &Assertion) -> Result<bool, Fault> {
    let purpose = ChallengePurpose::Assertion(context.key());
    let checked = check(tx, &context.account.user, purpose, given)?;
    Ok(checked.is_ok_and(|checked| checked.is_used()))
}

/// A proof that passed the checks. Whether it counts, the statement that records its use decides.
struct Checked {
    passkey: StoredPasskey,
    challenge: PasskeyChallenge,
    used: PasskeyUse,
}

impl Checked {
    fn is_used(&self) -> bool {
        self.challenge.issued_at() <= self.passkey.last_challenge_at
    }
}

fn use_passkey(
    tx: &mut Tx<'_>,
    user: &User,
    purpose: ChallengePurpose,
    given: &Assertion,
) -> Result<Option<AuthenticationMethod>, Fault> {
    let checked = match check(tx, user, purpose, given)? {
        Ok(checked) => checked,
        Err(refusal) => {
            note_refusal(tx, purpose, user.id, refusal)?;
            return Ok(None);
        }
    };
    let times = (checked.challenge.issued_at(), tx.now);
    if passkeys::use_once(tx.connection, user.id, checked.passkey.id, &checked.used, times)? {
        return Ok(Some(if checked.used.user_verified {
            AuthenticationMethod::VerifiedPasskey
        } else {
            AuthenticationMethod::Passkey
        }));
    }
    if !checked.is_used() {
        report_copy(tx, user, checked.passkey)?;
    } else if purpose.is_alone() {
        // Beside another factor, it is a replay, which has an event of its own.
        note_refusal(tx, purpose, user.id, Refusal::Spent)?;
    }
    Ok(None)
}

fn check(
    tx: &mut Tx<'_>,
    user: &User,
    purpose: ChallengePurpose,
    given: &Assertion,
) -> Result<Result<Checked, Refusal>, Fault> {
    let Some(passkey) = passkeys::find(tx.connection, user.id, &given.credential_id)? else {
        return Ok(Err(Refusal::User));
    };
    let known = KnownPasskey {
        user_id: user.id,
        user_handle: &passkey.user_handle,
        public_key: &passkey.public_key,
        backup_eligible: passkey.backup_eligible,
    };
    let Some(party) = &tx.core.settings.relying_party else {
        return Ok(Err(Refusal::RelyingParty));
    };
    let verification = demanded_verification(tx.core, user);
    let checked = open(tx, purpose, &given.client_data).and_then(|challenge| {
        let used = authenticate(given, &challenge, party, verification, known)?;
        Ok((challenge, used))
    });
    Ok(checked.map(|(challenge, used)| Checked {
        passkey,
        challenge,
        used,
    }))
}

/// Reports a passkey whose counter has not risen: another authenticator may have the same key (WebAuthn §6.1.1).
fn report_copy(tx: &mut Tx<'_>, user: &User, passkey: StoredPasskey) -> Result<(), Fault> {
    let event = AuditEvent::failure(EventName::MfaFail, COPIED_PASSKEY, Some(user.id));
    tx.audit(&[event])?;
    tx.notify(user, Message::PasskeyCloned { name: passkey.name })
}

fn issue(core: &Core, purpose: ChallengePurpose, now: DateTime<Utc>) -> Result<String, Fault> {
    let challenge = PasskeyChallenge::issue(&core.tokens, purpose, now, core.random.as_ref())?;
    Ok(challenge.text().to_owned())
}

fn open(tx: &Tx<'_>, purpose: ChallengePurpose, client_data: &[u8]) -> Result<PasskeyChallenge, Refusal> {
    let data = ClientData::parse(client_data)?;
    PasskeyChallenge::open(&tx.core.tokens, purpose, &data.challenge, tx.now).ok_or(Refusal::Challenge)
}

/// Lists the caller's passkeys, the oldest first.
pub async fn list_passkeys(core: &Arc<Core>, caller: &Caller) -> Result<Vec<Passkey>, Fault> {
    let user_id = caller.user.id;
    core.db
        .read("passkeys.list", move |connection| {
            Ok(passkeys::list(connection, user_id)?)
        })
        .await
}

/// Gives a passkey of the caller another name. Returns `false` if there is none with the id.
pub async fn rename_passkey(
    core: &Arc<Core>,
    caller: &RecentCaller,
    (id, name): (PasskeyId, PasskeyName),
    origin: RequestOrigin,
) -> Result<bool, Fault> {
    let key = caller.key();
    core.transaction("passkeys.rename", origin, move |tx| {
        key.lock_user(tx)?;
        let is_renamed = passkeys::rename(tx.connection, key.user_id, id, &name)?;
        if is_renamed {
            let event = AuditEvent::account_changed(AccountChange::PasskeyRenamed, key.user_id);
            tx.audit(&[event.in_session(key.session_id)])?;
        }
        Ok(is_renamed)
    })
    .await
}
