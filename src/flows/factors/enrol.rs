//! Enrolment of second factors: a new one waits for its first code, which only the session that began it may send.

use std::sync::Arc;

use super::destination::Destination;
use super::list::load_factors;
use super::proof_context::{ProofContext, ProofRefusal};
use super::recovery_codes;
use super::sent_code::{self, CodeRequest, Sending, send_code};
use super::step_up::RecentCaller;
use super::totp::{self, TotpEnrolment};
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::factor_proof::FactorProof;
use crate::domain::message::{Channel, Message};
use crate::domain::opaque_token::TokenKind;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::sent_code::CodePurpose;
use crate::domain::session::{PendingSession, SessionKey};
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::limits::Guard;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users::LockedUser;
use crate::store::{sessions, users};

/// The result of a request for a new secret.
#[must_use]
pub enum Enrolment {
    /// The secret waits for its first code; an older pending one was replaced.
    Started(TotpEnrolment),
    /// The pre-auth token is not valid.
    InvalidPreAuthToken,
    /// A factor is confirmed, so a pre-auth token does not authorize an enrolment any longer.
    AlreadyConfirmed,
    /// The pre-auth token is of a registration without a password. An authenticator alone would be its only factor.
    PasskeyOnly,
}

/// Makes a new pending secret for the user of a pending session, as long as no factor is confirmed.
pub async fn enrol_totp(
    core: &Arc<Core>,
    (pre_auth_token, shown): (&str, Option<VerifiedProof>),
    origin: RequestOrigin,
) -> Result<Enrolment, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Enrolment::InvalidPreAuthToken);
    };
    let key = token.session();
    core.transaction("enrol.totp", origin, move |tx| {
        match lock_pending_login(tx, key, shown)? {
            Ok((account, login)) if login.proofs.allow_second(AuthenticationMethod::Totp) => {
                totp::start(tx, &account.user, key.session_id).map(Enrolment::Started)
            }
            Ok((account, _registration)) => {
                note_barred(tx, key, &account)?;
                Ok(Enrolment::PasskeyOnly)
            }
            Err(Barred::InvalidPreAuthToken) => Ok(Enrolment::InvalidPreAuthToken),
            Err(Barred::AlreadyConfirmed) => Ok(Enrolment::AlreadyConfirmed),
        }
    })
    .await
}

/// Why a pending login may enrol nothing.
pub(super) enum Barred {
    /// The pre-auth token is not valid.
    InvalidPreAuthToken,
    /// A factor is confirmed, so a pre-auth token does not authorize an enrolment any longer.
    AlreadyConfirmed,
}

/// Locks the account of a pending login, so that neither a second request nor a confirmation at the same moment
/// interferes. The login may enrol a factor as long as the account has none.
pub(super) fn lock_pending_login(
    tx: &mut Tx<'_>,
    key: SessionKey,
    shown: Option<VerifiedProof>,
) -> Result<Result<(LockedUser, PendingSession), Barred>, Fault> {
    let Some(account) = users::find_active_for_update(tx.connection, key.user_id)? else {
        return Ok(Err(Barred::InvalidPreAuthToken));
    };
    let Some(login) = sessions::find_pending_of_key(tx.connection, key, key_of(shown), tx.now)? else {
        return Ok(Err(Barred::InvalidPreAuthToken));
    };
    if load_factors(tx.core, tx.connection, &account.user, None)?.any_confirmed() {
        note_barred(tx, key, &account)?;
        return Ok(Err(Barred::AlreadyConfirmed));
    }
    Ok(Ok((account, login)))
}

/// Records an enrolment that a pending login does not authorize.
fn note_barred(tx: &mut Tx<'_>, key: SessionKey, account: &LockedUser) -> Result<(), Fault> {
    let event = AuditEvent::failure(EventName::SequenceFail, "enrolment", Some(account.user.id));
    tx.audit_once_an_hour(event.in_session(key.session_id))
}

/// Makes a new pending secret for a signed-in user. The active one continues to work until the new one is confirmed, so
/// that the user is never without one.
pub async fn replace_totp(core: &Arc<Core>, caller: &RecentCaller, origin: RequestOrigin) -> Result<Enrolment, Fault> {
    let key = caller.key();
    core.transaction("enrol.replace_totp", origin, move |tx| {
        let account = key.lock_user(tx)?;
        totp::start(tx, &account.user, key.session_id).map(Enrolment::Started)
    })
    .await
}

/// The result of a request for a new factor.
#[must_use]
pub enum Setup {
    /// A code was requested; it confirms the factor.
    Requested(Sending),
    /// The deployment does not use the channel.
    NotOffered,
    /// The deployment sends no text messages to the number's country.
    CountryNotServed,
    /// The account has no verified address.
    NoVerifiedEmail,
}

/// Begins to set a factor up: sends a code to the number, or without a number to the account's address. A confirmed
/// factor of the channel stays until the new one is confirmed.
pub async fn set_up_sent_codes(
    core: &Arc<Core>,
    caller: &RecentCaller,
    phone_number: Option<PhoneNumber>,
    origin: RequestOrigin,
) -> Result<Setup, Fault> {
    let channel = if phone_number.is_some() {
        Channel::Sms
    } else {
        Channel::Email
    };
    if !core.settings.uses(FactorKind::sent_by(channel)) {
        return Ok(Setup::NotOffered);
    }
    if phone_number
        .as_ref()
        .is_some_and(|number| !core.settings.sms_countries.include(number))
    {
        return Ok(Setup::CountryNotServed);
    }
    let key = caller.key();
    core.transaction("enrol.sent_codes", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        let to_phone = phone_number.clone().map(Destination::Phone);
        let Some(destination) = to_phone.or_else(|| user.verified_email().cloned().map(Destination::Email)) else {
            return Ok(Setup::NoVerifiedEmail);
        };
        let request = CodeRequest {
            user: &user,
            session_id: key.session_id,
            signed_in: true,
            purpose: CodePurpose::Enrolment,
            destination,
        };
        let sending = send_code(tx, &request)?;
        if matches!(sending, Sending::Sent(_)) {
            sent_code::insert_pending(tx, &request)?;
        }
        Ok(Setup::Requested(sending))
    })
    .await
}

/// The result of presenting the first code of a new factor.
#[must_use]
pub enum Confirmation {
    /// The factor is confirmed. With an authenticator, recovery codes are made if none were left, and shown only once.
    Confirmed(Option<Vec<RecoveryCode>>),
    /// The code was refused, or no factor waits for one.
    Refused(ProofRefusal),
}

/// Confirms the factor that the caller's session began to enrol.
pub async fn confirm_factor(
    core: &Arc<Core>,
    caller: &RecentCaller,
    proof: FactorProof,
    origin: RequestOrigin,
) -> Result<Confirmation, Fault> {
    let key = caller.key();
    core.transaction("enrol.confirm", origin, move |tx| {
        let account = key.lock_user(tx)?;
        let context = ProofContext::of_session(&account, key.session_id);
        match context.admit(tx, &proof)? {
            Ok(guard) => confirm(tx, &context, guard, &proof),
            Err(refusal) => Ok(Confirmation::Refused(refusal)),
        }
    })
    .await
}

fn confirm(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    guard: Guard,
    proof: &FactorProof,
) -> Result<Confirmation, Fault> {
    let confirmed = match proof {
        FactorProof::Totp(code) => totp::confirm_pending(context, tx, code)?,
        FactorProof::Sent(channel, code) => sent_code::confirm_pending(context, tx, *channel, code)?,
        // Recovery codes are confirmed by being shown, and a passkey by its registration.
        FactorProof::Recovery(_) | FactorProof::Passkey(_) => None,
    };
    let Some(confirmed) = confirmed else {
        // A double click: the code has confirmed the factor, which is now the active one.
        if let Some(refusal) = context.refuse_replay(tx, proof)? {
            return Ok(Confirmation::Refused(refusal));
        }
        let event = AuditEvent::failure(EventName::MfaFail, "enrolment", Some(context.account.user.id));
        return context.reject(tx, guard, event).map(Confirmation::Refused);
    };
    context.reset_failures(tx, &guard)?;
    context.enable_codes(tx)?;
    Ok(Confirmation::Confirmed(confirmed.new_recovery_codes))
}

/// Makes a new set of recovery codes; the old ones are not valid any longer. `None`: the account has no second factor
/// that they could replace.
pub async fn renew_recovery_codes(
    core: &Arc<Core>,
    caller: &RecentCaller,
    origin: RequestOrigin,
) -> Result<Option<Vec<RecoveryCode>>, Fault> {
    let key = caller.key();
    core.transaction("enrol.recovery_codes", origin, move |tx| {
        let account = key.lock_user(tx)?;
        if !load_factors(tx.core, tx.connection, &account.user, None)?.any_confirmed() {
            return Ok(None);
        }
        let codes = recovery_codes::replace_set(&ProofContext::of_session(&account, key.session_id), tx)?;
        session_end::remove_proofs_elsewhere(tx, key, FactorKind::RecoveryCodes)?;
        tx.notify(&account.user, Message::RecoveryCodesReplaced)?;
        Ok(Some(codes))
    })
    .await
}
