//! Codes by mail and text message: sending, verifying, and the first one of a new factor.
//!
//! They are weaker than an authenticator (NIST SP 800-63B-4 §3.2.9), so a deployment has to enable them, and each
//! message warns its reader never to pass the code on. A code is made, hashed and posted in one transaction; its digits
//! exist in the sealed message only.

use chrono::TimeDelta;

use super::destination::{Destination, confirmed_destination, destination_of};
use super::proof_context::{ProofContext, VerifiedFactor};
use crate::crypto::sealer::SealedAt;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{SentCodeFactorId, SessionId};
use crate::domain::message::{Channel, Message};
use crate::domain::policy::numbers::{PENDING_FACTOR_LIFE, RESEND_AFTER};
use crate::domain::sending::Dispatch;
use crate::domain::sent_code::{self, CodePlace, CodePurpose, SentCode};
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::Fault;
use crate::flows::notify::{Contents, Decision, Permit, decide, post};
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
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

/// Makes a factor that waits for the code that was requested.
pub(super) fn insert_pending(tx: &mut Tx<'_>, request: &CodeRequest<'_>) -> Result<(), Fault> {
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

/// Verifies a code that was sent for this session, and marks it as used if it is right.
pub(super) fn verify(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    channel: Channel,
    code: &SentCode,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user = &context.account.user;
    // Since the code was sent, the factor may have been removed or replaced, its address may have left the account, or
    // the deployment may have disabled the channel.
    let Some(destination) = confirmed_destination(tx.core, tx.connection, user, channel)? else {
        return Ok(None);
    };
    if !spend(context, tx, CodePurpose::Authentication, &destination, code)? {
        return Ok(None);
    }
    let used = sent_code_factors::mark_used(tx.connection, user.id, channel, tx.now)?;
    let method = FactorKind::sent_by(channel).abilities().method;
    Ok(used.then_some(VerifiedFactor::by(method)))
}

/// Marks a code that was sent to this destination for this session as used, if it is right.
fn spend(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    purpose: CodePurpose,
    destination: &Destination,
    code: &SentCode,
) -> Result<bool, Fault> {
    let place = CodePlace {
        session: context.key(),
        purpose,
        channel: destination.channel(),
    };
    let candidates = tx.core.sent_code_hasher.candidates(place, destination.as_str(), code);
    Ok(sent_codes::try_code(tx.connection, place, &candidates, tx.now)?)
}

/// Confirms the factor that the context's session began to set up, if the code is right.
pub(super) fn confirm_pending(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    channel: Channel,
    code: &SentCode,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user = &context.account.user;
    let begun = sent_code_factors::list_pending(tx.connection, context.key(), tx.now)?;
    let Some(pending) = begun.iter().find(|factor| factor.channel == channel) else {
        return Ok(None);
    };
    let Some(destination) = destination_of(tx.core, user, pending)? else {
        return Ok(None);
    };
    if !spend(context, tx, CodePurpose::Enrolment, &destination, code)? {
        return Ok(None);
    }
    sent_code_factors::confirm(tx.connection, user.id, pending.id, channel, tx.now)?;
    let kind = FactorKind::sent_by(channel);
    // Of a number or an address that is replaced. Where there was none, no session has a proof by it.
    session_end::remove_proofs_elsewhere(tx, context.key(), kind)?;
    let method = kind.abilities().method;
    context.record_change(tx, EventName::MfaEnrolConfirmed, method)?;
    let notice = match destination {
        Destination::Email(_) => Message::EmailFactorAdded,
        Destination::Phone(number) => Message::PhoneFactorAdded {
            hint: number.last_digits().to_owned(),
        },
    };
    tx.notify(user, notice)?;
    Ok(Some(VerifiedFactor::by(method)))
}
