//! `POST /2fa/verify`: the second door.
//!
//! One transaction takes an attempt before it compares anything, compares, spends what matched by one conditional
//! statement, and turns the session active. A refusal commits its attempt and its audit row, so that guesses are
//! counted however many come at once (RFC 4226 §7.3), and of one code sent many times exactly one signs in.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::sign_in::{self, Arrival, TokenGrant};
use super::{Core, Fault};
use crate::crypto::sealer::SealedAt;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::SessionId;
use crate::domain::opaque_token::TokenKind;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::domain::session::{ActiveSession, Delivery, PendingSession};
use crate::domain::totp::{TotpCode, TotpSecret};
use crate::domain::user::User;
use crate::store::{PgConnection, recovery_codes, sessions, totp_factors, users};

/// What became of a code.
#[must_use]
pub enum Verification {
    /// It was right: signed in.
    SignedIn(Box<SignedIn>),
    /// It was wrong, expired or used before: nobody is told which.
    InvalidCode {
        /// Attempts left with this pre-auth token.
        attempts_remaining: i16,
    },
    /// The pre-auth token is unknown, expired, used up, or its account is gone.
    InvalidPreAuthToken,
}

/// What a right code brings.
pub struct SignedIn {
    /// The tokens.
    pub grant: TokenGrant,
    /// The new set of recovery codes, shown this once: only when the code confirmed the first factor.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
    /// Codes not yet spent.
    pub recovery_codes_remaining: i64,
}

/// A factor that a code proved and spent.
struct Proven {
    method: AuthenticationMethod,
    /// What happened beside the sign-in.
    events: &'static [EventName],
    new_recovery_codes: Option<Vec<RecoveryCode>>,
}

struct Opened {
    session: ActiveSession,
    user: User,
    new_recovery_codes: Option<Vec<RecoveryCode>>,
    remaining: i64,
}

enum Decision {
    SignedIn(Box<Opened>),
    Refused { attempts_remaining: i16 },
    NoSession,
}

/// A code at the second door.
pub struct Attempt {
    /// What was typed.
    pub code: SecondFactorCode,
    /// Where the session's refresh tokens shall go.
    pub delivery: Delivery,
    /// Where the request came from.
    pub origin: RequestOrigin,
}

/// Exchanges a pre-auth token and a code for tokens.
///
/// # Errors
///
/// Returns faults only.
pub async fn verify(core: &Arc<Core>, pre_auth_token: &str, attempt: Attempt) -> Result<Verification, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Verification::InvalidPreAuthToken);
    };
    let id = SessionId::from_uuid(token.row_id);
    let now = core.clock.now();
    let shared = Arc::clone(core);
    let decision = core
        .db
        .transaction("second_factor.verify", move |connection| {
            decide(&shared, connection, id, &attempt, now)
        })
        .await?;
    Ok(match decision {
        Decision::SignedIn(opened) => Verification::SignedIn(Box::new(SignedIn {
            grant: sign_in::grant(core, opened.session, &opened.user, now)?,
            recovery_codes: opened.new_recovery_codes,
            recovery_codes_remaining: opened.remaining,
        })),
        Decision::Refused { attempts_remaining } => Verification::InvalidCode { attempts_remaining },
        Decision::NoSession => Verification::InvalidPreAuthToken,
    })
}

fn decide(
    core: &Core,
    connection: &mut PgConnection,
    id: SessionId,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<Decision, Fault> {
    let Some(pending) = sessions::take_attempt(connection, id, now)? else {
        return Ok(Decision::NoSession);
    };
    let Some(user) = users::find_active_for_update(connection, pending.user_id)? else {
        return Ok(Decision::NoSession);
    };
    let proven = match &attempt.code {
        SecondFactorCode::Totp(code) => prove_totp(core, connection, &pending, code, now)?,
        SecondFactorCode::Recovery(code) => prove_recovery_code(core, connection, &pending, code, now)?,
    };
    let Some(proven) = proven else {
        let event = AuditEvent::failure(EventName::MfaFail, "invalid_code", Some(user.id)).in_session(id);
        core.audit(connection, &[event], &attempt.origin, now)?;
        return Ok(Decision::Refused {
            attempts_remaining: pending.attempts_remaining(),
        });
    };
    let arrival = Arrival {
        id,
        methods: &[pending.methods.as_slice(), &[proven.method]].concat(),
        delivery: attempt.delivery,
        origin: &attempt.origin,
        now,
    };
    let Some(session) = sign_in::activate(core, connection, &arrival)? else {
        return Ok(Decision::NoSession);
    };
    let common = [EventName::MfaSuccess, EventName::SessionCreated];
    let events: Vec<AuditEvent> = common
        .iter()
        .chain(proven.events)
        .map(|name| {
            AuditEvent::success(*name, user.id)
                .in_session(id)
                .because(proven.method.amr())
        })
        .collect();
    core.audit(connection, &events, &attempt.origin, now)?;
    let remaining = recovery_codes::remaining(connection, user.id)?;
    Ok(Decision::SignedIn(Box::new(Opened {
        session,
        user,
        new_recovery_codes: proven.new_recovery_codes,
        remaining,
    })))
}

fn prove_totp(
    core: &Core,
    connection: &mut PgConnection,
    pending: &PendingSession,
    code: &TotpCode,
    now: DateTime<Utc>,
) -> Result<Option<Proven>, Fault> {
    let Some(factor) = totp_factors::find_usable(connection, pending.user_id, now)? else {
        return Ok(None);
    };
    let secret = core.sealer.open(
        &SealedAt::totp_secret(factor.id, pending.user_id),
        &factor.sealed_secret,
    )?;
    let Some(step) = TotpSecret::from_bytes(secret).matched_step(code, now, factor.last_step) else {
        return Ok(None);
    };
    if factor.active {
        let spent = totp_factors::advance_step(connection, factor.id, step)?;
        return Ok(spent.then_some(Proven {
            method: AuthenticationMethod::Totp,
            events: &[],
            new_recovery_codes: None,
        }));
    }
    if !totp_factors::confirm(connection, factor.id, step, now)? {
        return Ok(None);
    }
    let codes = RecoveryCode::generate_set(core.random.as_ref());
    let hashes: Result<Vec<_>, _> = codes
        .iter()
        .map(|code| core.codes.hash(pending.user_id, code))
        .collect();
    recovery_codes::replace_set(connection, pending.user_id, &hashes?, now)?;
    Ok(Some(Proven {
        method: AuthenticationMethod::Totp,
        events: &[EventName::MfaEnrolConfirmed, EventName::RecoveryCodesGenerated],
        new_recovery_codes: Some(codes),
    }))
}

fn prove_recovery_code(
    core: &Core,
    connection: &mut PgConnection,
    pending: &PendingSession,
    code: &RecoveryCode,
    now: DateTime<Utc>,
) -> Result<Option<Proven>, Fault> {
    let candidates = core.codes.candidates(pending.user_id, code);
    let spent = recovery_codes::consume(connection, pending.user_id, &candidates, now)?;
    Ok(spent.then_some(Proven {
        method: AuthenticationMethod::RecoveryCode,
        events: &[EventName::RecoveryCodeUsed],
        new_recovery_codes: None,
    }))
}
