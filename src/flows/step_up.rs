//! `POST /step-up`: somebody who is signed in proves once more who they are; and what wants that proof.
//!
//! A session that was left open, or whose token was stolen, must not be enough to change how its owner signs in (ASVS
//! 7.5.1). Such requests want a proof of the last few minutes, and of as many factors as the account has (RFC 9470).

use std::sync::Arc;

use chrono::TimeDelta;

use super::account::second_factors;
use super::audit::note_unreadable;
use super::outcomes::counted;
use super::proof::{Claimant, Refusal};
use super::sessions::Caller;
use super::sign_in::{self, TokenGrant};
use super::{Core, Fault};
use crate::crypto::fair_queue::Requester;
use crate::crypto::hasher::PasswordVerdict;
use crate::domain::assurance::{self, AssuranceLevel, AuthenticationMethod};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::password::Password;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::domain::session::ActiveSession;
use crate::store::{PgConnection, sessions, users};

/// What a request wants proven that the caller's session does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// At least so many factors.
    pub level: AssuranceLevel,
    /// Proven no longer ago than this.
    pub max_age: TimeDelta,
}

/// Returns what the caller must prove before a sensitive change; `None`: enough was proven, recently enough.
///
/// # Errors
///
/// Returns faults only.
pub async fn demand(core: &Arc<Core>, caller: &Caller) -> Result<Option<Demand>, Fault> {
    let factors = second_factors(core, &caller.user).await?;
    let level = if factors.reach_aal2() {
        AssuranceLevel::Aal2
    } else {
        AssuranceLevel::Aal1
    };
    let max_age = core.settings.step_up_max_age;
    let recent = core.clock.now() - caller.session.auth_time <= max_age;
    let enough = assurance::level(&caller.session.methods) >= level;
    Ok((!recent || !enough).then_some(Demand { level, max_age }))
}

/// Something that proves who is calling.
pub enum StepUpProof {
    /// The account's password.
    Password(Password),
    /// A code of a second factor.
    Code(SecondFactorCode),
}

/// What became of a step-up.
#[must_use]
pub enum StepUp {
    /// The session goes on with new tokens; the old refresh token is dead.
    Granted(Box<TokenGrant>),
    /// The proof was not taken.
    Refused(Refusal),
}

enum Checked {
    Password(ComparedPassword),
    Code(SecondFactorCode),
}

/// Renews the proof of who is calling.
///
/// # Errors
///
/// Returns faults only.
pub async fn step_up(
    core: &Arc<Core>,
    caller: &Caller,
    proof: StepUpProof,
    origin: RequestOrigin,
) -> Result<StepUp, Fault> {
    counted("step_up", judge(core, caller, proof, origin).await)
}

async fn judge(core: &Arc<Core>, caller: &Caller, proof: StepUpProof, origin: RequestOrigin) -> Result<StepUp, Fault> {
    let proof = match proof {
        StepUpProof::Password(password) => Checked::Password(compare(core, caller, password, &origin).await?),
        StepUpProof::Code(code) => Checked::Code(code),
    };
    let (key, now) = (caller.key(), core.clock.now());
    let (shared, asked_from) = (Arc::clone(core), origin.clone());
    let judged = core
        .db
        .transaction("step_up", move |connection| -> Result<_, Fault> {
            let held = key.hold(connection, now)?;
            let claimant = Claimant {
                held: &held,
                session_id: key.session_id,
                origin: &origin,
                now,
            };
            let judged = match &proof {
                Checked::Code(code) => claimant.judge(&shared, connection, code)?,
                Checked::Password(compared) => {
                    claimant.judge_password(&shared, connection, compared, EventName::StepUpFail)?
                }
            };
            let proven = match judged {
                Ok(proven) => proven,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let session = renew(&shared, connection, &claimant, proven.method)?;
            Ok(Ok((session, held.user)))
        })
        .await;
    let judged = note_unreadable(core, judged, key.session_id, asked_from).await?;
    match judged {
        Ok((session, user)) => {
            let grant = sign_in::grant(core, session, &user, now)?;
            Ok(StepUp::Granted(Box::new(grant)))
        }
        Err(refusal) => Ok(StepUp::Refused(refusal)),
    }
}

/// What a comparison of passwords said. Nothing was held meanwhile, so that another password may be the account's by now.
#[derive(Clone, Copy)]
pub(super) struct ComparedPassword {
    /// Whether it was right.
    pub(super) right: bool,
    /// The version of the password that it was compared with.
    pub(super) version: Option<i32>,
}

/// Compares a password with the account's, holding nothing while hashing.
pub(super) async fn compare(
    core: &Arc<Core>,
    caller: &Caller,
    password: Password,
    origin: &RequestOrigin,
) -> Result<ComparedPassword, Fault> {
    let id = caller.user.id;
    let found = core
        .db
        .read("step_up.password", move |connection| {
            users::find_login(connection, id).map_err(Fault::from)
        })
        .await?;
    let version = found.as_ref().map(|found| found.password_version);
    let stored = found.and_then(|found| found.password);
    let requester = Requester::known(origin.ip);
    let right = core.hasher.verify(requester, password, stored).await? == PasswordVerdict::Right;
    Ok(ComparedPassword { right, version })
}

fn renew(
    core: &Core,
    connection: &mut PgConnection,
    claimant: &Claimant<'_>,
    method: AuthenticationMethod,
) -> Result<ActiveSession, Fault> {
    // Without a key the session would go on with a refresh token that nobody gets.
    core.keys.ready_to_sign()?;
    let (key, now) = (claimant.key(), claimant.now);
    let live = sessions::find_live_for_update(connection, key, now)?.ok_or(Fault::SessionEnded)?;
    let methods = assurance::with_proof(&live.methods, method);
    let session = sessions::step_up(connection, key, &methods, core.settings.lifetimes.idle, now)?;
    let done = AuditEvent::success(EventName::StepUpSuccess, live.user_id).because(method.amr());
    claimant.succeed(core, connection, method, done)?;
    session.ok_or(Fault::SessionEnded)
}
