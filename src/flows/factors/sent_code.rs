//! Second factors by mail and text message: sending codes, and setting such a factor up.
//!
//! They are weaker than an authenticator (NIST SP 800-63B-4 §3.2.9), so a deployment has to enable them, and each
//! message warns its reader never to pass the code on. A code is made, hashed and posted in one transaction; its digits
//! exist in the sealed message only.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::sealer::SealedAt;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{SentCodeFactorId, SessionId};
use crate::domain::message::{Channel, Message};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::numbers::{PENDING_FACTOR_LIFE, RESEND_AFTER};
use crate::domain::sending::Dispatch;
use crate::domain::sent_code::{self, CodePlace, CodePurpose, SentCode};
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::factors::destination::{Destination, destination_of};
use crate::flows::factors::inventory;
use crate::flows::factors::proof::{ProofContext, ProofRefusal};
use crate::flows::factors::recovery;
use crate::flows::factors::step_up::RecentCaller;
use crate::flows::limits::throttle::{Guard, ProofSource};
use crate::flows::notify::sending::{Contents, Decision, Permit, decide, post};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::sent_code_factors::NewPendingFactor;
use crate::store::sent_codes::NewCode;
use crate::store::{sent_code_factors, sent_codes};

/// A code that was sent.
pub struct CodeDispatch {
    /// The channel that it was sent by.
    pub channel: Channel,
    /// The masked address or number that it was sent to: enough for its owner to recognize it.
    pub hint: String,
    /// The lifetime of the code in seconds.
    pub expires_in: i64,
    /// Seconds before another one may be sent.
    pub resend_after: i64,
}

/// The result of a request for a code.
#[must_use]
pub enum Sending {
    /// A code was sent; the previous one is not valid any longer.
    Sent(CodeDispatch),
    /// A code was sent a moment ago, or a quota is used up. None is sent for this long.
    Wait(TimeDelta),
}

/// A request for a code. The caller has locked the user's row.
pub(in crate::flows) struct CodeRequest<'a> {
    pub(in crate::flows) user: &'a User,
    pub(in crate::flows) session_id: SessionId,
    /// Whether the sign-in of that session is complete.
    pub(in crate::flows) signed_in: bool,
    pub(in crate::flows) purpose: CodePurpose,
    pub(in crate::flows) destination: Destination,
}

/// Sends a code, within the quotas for sending.
pub(in crate::flows) fn send_code(tx: &mut Tx<'_>, request: &CodeRequest<'_>) -> Result<Sending, Fault> {
    let channel = request.destination.channel();
    if !tx.core.senders.has(channel) {
        return Err(Fault::NoSender(channel.as_str()));
    }
    let permit = match decide_on_code(tx, request)? {
        Decision::Granted(permit) => permit,
        Decision::Withheld(wait) => {
            let event = AuditEvent::failure(EventName::OtpSuppressed, channel.as_str(), Some(request.user.id));
            tx.audit_once_an_hour(event.in_session(request.session_id))?;
            return Ok(Sending::Wait(wait));
        }
    };
    let code = SentCode::generate(channel, tx.core.random.as_ref());
    let life = sent_code::life(channel);
    let new = NewCode {
        place: request.place(),
        code_hash: tx
            .core
            .sent_code_hasher
            .hash(request.place(), request.destination.as_str(), &code)?,
        now: tx.now,
        expires_at: tx.now + life,
        not_since: tx.now - RESEND_AFTER,
    };
    if !sent_codes::put(tx.connection, &new)? {
        return Ok(Sending::Wait(RESEND_AFTER));
    }
    request.post(tx, permit, &code, life)?;
    let event = AuditEvent::success(EventName::OtpSent, request.user.id).because(channel.as_str());
    tx.audit(&[event.in_session(request.session_id)])?;
    Ok(Sending::Sent(CodeDispatch {
        channel,
        hint: request.destination.hint(),
        expires_in: life.num_seconds(),
        resend_after: RESEND_AFTER.num_seconds(),
    }))
}

/// Decides whether a code is sent: not within a minute of the previous one in the same session, and within the quotas.
fn decide_on_code(tx: &mut Tx<'_>, request: &CodeRequest<'_>) -> Result<Decision, Fault> {
    let sent_at = sent_codes::sent_at(tx.connection, request.place())?;
    let too_soon = sent_at.map(|sent_at| sent_at + RESEND_AFTER - tx.now);
    if let Some(wait) = too_soon.filter(|wait| *wait > TimeDelta::zero()) {
        return Ok(Decision::Withheld(wait));
    }
    let dispatch = Dispatch {
        purpose: request.purpose.into(),
        account: Some(request.user.id),
        verified: request.purpose == CodePurpose::Authentication,
        session: request.signed_in.then_some(request.session_id),
        channel: request.destination.channel(),
        destination: request.destination.as_str(),
        block: request.destination.block(),
    };
    decide(tx, &dispatch)
}

impl CodeRequest<'_> {
    fn place(&self) -> CodePlace {
        CodePlace {
            session: SessionKey {
                user_id: self.user.id,
                session_id: self.session_id,
            },
            purpose: self.purpose,
            channel: self.destination.channel(),
        }
    }

    fn post(&self, tx: &mut Tx<'_>, permit: Permit, code: &SentCode, life: TimeDelta) -> Result<(), Fault> {
        let (code, minutes) = (code.expose().to_owned(), life.num_minutes());
        let message = match self.purpose {
            CodePurpose::Authentication => Message::SecondFactorCode { code, minutes },
            CodePurpose::Enrolment => Message::ConfirmationCode { code, minutes },
        };
        let locale = self.user.locale;
        let contents = Contents { message, locale, life };
        post(tx, permit, contents)
    }
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
pub async fn start(
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
    if !core.settings.channels.contains(&channel) {
        return Ok(Setup::NotOffered);
    }
    if phone_number
        .as_ref()
        .is_some_and(|number| !core.settings.sms_countries.include(number))
    {
        return Ok(Setup::CountryNotServed);
    }
    let key = caller.key();
    core.transaction("sent_code.start", origin, move |tx| {
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
            insert_pending(tx, &request)?;
        }
        Ok(Setup::Requested(sending))
    })
    .await
}

fn insert_pending(tx: &mut Tx<'_>, request: &CodeRequest<'_>) -> Result<(), Fault> {
    let (user_id, channel) = (request.user.id, request.destination.channel());
    let id = SentCodeFactorId::new(tx.now, tx.core.random.as_ref());
    let sealed_phone_number = match &request.destination {
        Destination::Email(_) => None,
        Destination::Phone(number) => {
            let place = SealedAt::phone_number(id, user_id);
            Some(tx.core.sealer.seal(&place, number.as_str().as_bytes())?)
        }
    };
    let factor = NewPendingFactor {
        id,
        user_id,
        session_id: request.session_id,
        channel,
        sealed_phone_number,
        now: tx.now,
        expires_at: tx.now + PENDING_FACTOR_LIFE,
    };
    sent_code_factors::replace_pending(tx.connection, &factor)?;
    let event = AuditEvent::success(EventName::MfaEnrolStarted, user_id).because(channel.as_str());
    tx.audit(&[event.in_session(request.session_id)])
}

/// The result of presenting the code that confirms a factor.
#[must_use]
pub enum Confirmation {
    /// The factor is confirmed.
    Confirmed,
    /// The code was refused, or no factor waits for one.
    Refused(ProofRefusal),
}

/// Confirms the factor that the caller's session began to set up.
pub async fn confirm(
    core: &Arc<Core>,
    caller: &RecentCaller,
    channel: Channel,
    code: SentCode,
    origin: RequestOrigin,
) -> Result<Confirmation, Fault> {
    let key = caller.key();
    core.transaction("sent_code.confirm", origin, move |tx| {
        let account = key.lock_user(tx)?;
        let context = ProofContext {
            account: &account,
            session_id: key.session_id,
            source: ProofSource::Session,
        };
        let guard = context.look_at_codes(tx)?;
        if let Some(wait) = context.wait(tx, &guard)? {
            return Ok(Confirmation::Refused(ProofRefusal::Locked(wait)));
        }
        if confirm_with(tx, &context, &guard, channel, &code)? {
            return Ok(Confirmation::Confirmed);
        }
        let event = AuditEvent::failure(EventName::MfaFail, "enrolment", Some(key.user_id));
        let refusal = context.reject(tx, guard, event)?;
        Ok(Confirmation::Refused(refusal))
    })
    .await
}

fn confirm_with(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    guard: &Guard,
    channel: Channel,
    code: &SentCode,
) -> Result<bool, Fault> {
    let user = &context.account.user;
    let begun = sent_code_factors::list_pending(tx.connection, context.key(), tx.now)?;
    let Some(pending) = begun.iter().find(|factor| factor.channel == channel) else {
        return Ok(false);
    };
    let Some(destination) = destination_of(tx.core, user, pending)? else {
        return Ok(false);
    };
    if !context.spend_sent_code(tx, CodePurpose::Enrolment, &destination, code)? {
        return Ok(false);
    }
    sent_code_factors::confirm(tx.connection, user.id, pending.id, channel, tx.now)?;
    context.reset_failures(tx, guard)?;
    context.enable_codes(tx)?;
    let event = AuditEvent::success(EventName::MfaEnrolConfirmed, user.id).because(channel.as_str());
    tx.audit(&[event.in_session(context.session_id)])?;
    let notice = match destination {
        Destination::Email(_) => Message::EmailFactorAdded,
        Destination::Phone(number) => Message::PhoneFactorAdded {
            hint: number.last_digits().to_owned(),
        },
    };
    tx.notify(user, notice)?;
    Ok(true)
}

/// The result of a request to remove a factor.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The account does not have the factor, whether or not it had one before.
    Removed,
    /// It is the last one, and the deployment requires every user to have one.
    Needed,
}

/// Removes the caller's factor of a channel.
pub async fn remove(
    core: &Arc<Core>,
    caller: &RecentCaller,
    channel: Channel,
    origin: RequestOrigin,
) -> Result<Removal, Fault> {
    let key = caller.key();
    core.transaction("sent_code.remove", origin, move |tx| {
        let (user, user_id) = (key.lock_user(tx)?.user, key.user_id);
        let kind = FactorKind::sent_by(channel);
        let before = inventory::load_factors(tx.core, tx.connection, &user, None)?;
        let (was_confirmed, after) = (before.confirmed(kind).is_some(), before.without(kind));
        if was_confirmed && !tx.core.settings.allows(&after) {
            return Ok(Removal::Needed);
        }
        sent_code_factors::remove(tx.connection, user_id, channel)?;
        if was_confirmed {
            recovery::remove_orphans(tx, user_id, &after)?;
            let event = AuditEvent::success(EventName::MfaRemoved, user_id).because(channel.as_str());
            tx.audit(&[event.in_session(key.session_id)])?;
            let notice = match channel {
                Channel::Email => Message::EmailFactorRemoved,
                Channel::Sms => Message::PhoneFactorRemoved,
            };
            tx.notify(&user, notice)?;
        }
        Ok(Removal::Removed)
    })
    .await
}
