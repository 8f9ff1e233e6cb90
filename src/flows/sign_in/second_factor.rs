//! `POST /2fa/verify`: a second factor completes a login.
//!
//! One transaction uses up an attempt before it compares anything, compares, marks a right code as used by one
//! conditional statement, and makes the session active. A refusal commits its attempt and its audit row, so that all
//! concurrent guesses are counted (RFC 4226 §7.3), and of many requests with the same code exactly one signs in.

use std::sync::Arc;

use crate::domain::assurance::{AuthenticationMethod, Proof};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor_proof::FactorProof;
use crate::domain::opaque_token::TokenKind;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::{ActiveSession, PendingSession, RefreshTokenTransport, SessionKey};
use crate::domain::user::User;
use crate::domain::work::Work;
use crate::flows::account::requires_email_verification;
use crate::flows::audit::note_unreadable;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::factors::{ProofContext, ProofRefusal, VerifiedFactor};
use crate::flows::limits::{Guard, work_on_codes};
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{
    RecalledDevice, SessionActivation, TokenGrant, activate, grant_with_device, trusted_device,
};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{sessions, users};

/// The result of presenting a code.
#[must_use]
pub enum Verification<T = SecondFactorGrant> {
    /// It was right: the user is signed in.
    SignedIn(Box<T>),
    /// It was wrong, or not checked.
    Refused(ProofRefusal),
    /// The deployment requires a verified address; the code was not checked.
    EmailNotVerified,
    /// The session is bound to another key than the client has shown, or to none; the code was not checked.
    WrongKey,
    /// The pre-auth token is unknown, expired or used up, or its account was deleted.
    InvalidPreAuthToken,
}

impl<T> Verification<T> {
    /// Returns the same with what is made of a right code.
    fn try_map<U>(self, make: impl FnOnce(T) -> Result<U, Fault>) -> Result<Verification<U>, Fault> {
        Ok(match self {
            Self::SignedIn(signed_in) => Verification::SignedIn(Box::new(make(*signed_in)?)),
            Self::Refused(refusal) => Verification::Refused(refusal),
            Self::EmailNotVerified => Verification::EmailNotVerified,
            Self::WrongKey => Verification::WrongKey,
            Self::InvalidPreAuthToken => Verification::InvalidPreAuthToken,
        })
    }
}

impl Outcome for Verification {
    fn word(&self) -> &'static str {
        match self {
            Self::SignedIn(_) => "signed_in",
            Self::Refused(refusal) => refusal.word(),
            Self::EmailNotVerified => "email_not_verified",
            Self::WrongKey => "wrong_key",
            Self::InvalidPreAuthToken => "invalid_token",
        }
    }
}

/// What a right code brings.
pub struct SecondFactorGrant {
    /// The tokens.
    pub grant: TokenGrant,
    /// The second factor that was verified.
    pub method: AuthenticationMethod,
    /// The new set of recovery codes, shown only once: present if the code confirmed the first authenticator.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
    /// The number of recovery codes that are left.
    pub recovery_codes_remaining: i64,
}

struct CompletedLogin {
    session: ActiveSession,
    user: User,
    verified: VerifiedFactor,
    remaining: i64,
    device: Option<RecalledDevice>,
}

/// What the transaction decides. The tokens are made after its commit.
type Decision = Verification<CompletedLogin>;

/// A code that is to complete a login.
pub struct SecondFactorAttempt {
    /// The code that was given.
    pub code: FactorProof,
    /// How the client gets the session's refresh tokens.
    pub delivery: RefreshTokenTransport,
    /// Whether the user trusts the device, so that the next logins on it need no second factor.
    pub trust_device: bool,
    /// The proof of possession that came with it: by the key that the session is bound to.
    pub shown: Option<VerifiedProof>,
    /// What the client computed in the place of a wait, not checked yet.
    pub work: Option<String>,
}

/// Exchanges a pre-auth token and a code for tokens.
pub async fn verify(
    core: &Arc<Core>,
    pre_auth_token: &str,
    attempt: SecondFactorAttempt,
    origin: RequestOrigin,
) -> Result<Verification, Fault> {
    counted("second_factor", exchange(core, pre_auth_token, attempt, origin).await)
}

async fn exchange(
    core: &Arc<Core>,
    pre_auth_token: &str,
    attempt: SecondFactorAttempt,
    origin: RequestOrigin,
) -> Result<Verification, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Verification::InvalidPreAuthToken);
    };
    let key = token.session();
    let now = core.clock.now();
    let work = work_on_codes(core, key.user_id, attempt.work.as_deref())?;
    let decided = core
        .transaction_at(now, "second_factor.verify", origin.clone(), move |tx| {
            decide(tx, key, &attempt, work)
        })
        .await;
    let decision = note_unreadable(core, decided, key.session_id, origin).await?;
    decision.try_map(|completed| {
        Ok(SecondFactorGrant {
            grant: grant_with_device(core, (completed.session, completed.device), &completed.user, now)?,
            method: completed.verified.method,
            recovery_codes: completed.verified.new_recovery_codes,
            recovery_codes_remaining: completed.remaining,
        })
    })
}

fn decide(
    tx: &mut Tx<'_>,
    key: SessionKey,
    attempt: &SecondFactorAttempt,
    work: Option<Work>,
) -> Result<Decision, Fault> {
    // The user's row before any session's, as everywhere: locking them in the other order could deadlock.
    let Some(account) = users::find_active_for_update(tx.connection, key.user_id)? else {
        return Ok(Decision::InvalidPreAuthToken);
    };
    let context = ProofContext::of_login(&account, key.session_id).with_work(work);
    let guard = match precheck(tx, &context, &attempt.code)? {
        Ok(guard) => guard,
        Err(decision) => {
            // This uses up no attempt, and is revealed only to a client whose login is still pending.
            let is_pending = sessions::find_pending(tx.connection, key, tx.now)?.is_some();
            return Ok(if is_pending {
                decision
            } else {
                Decision::InvalidPreAuthToken
            });
        }
    };
    let shown = key_of(attempt.shown);
    let Some(pending) = sessions::take_attempt(tx.connection, key, shown, tx.now)? else {
        let waits = sessions::find_pending(tx.connection, key, tx.now)?;
        let is_of_another_key = waits.is_some_and(|pending| pending.key != shown);
        return Ok(if is_of_another_key {
            Decision::WrongKey
        } else {
            Decision::InvalidPreAuthToken
        });
    };
    if !pending.proofs.allow_second(attempt.code.kind().abilities().at_best) {
        return refuse_lone_factor(tx, &pending, &context);
    }
    match context.verify(tx, guard, &attempt.code)? {
        Ok(verified) if pending.proofs.allow_second(verified.method) => {
            complete_login(tx, &pending, &context, verified, attempt)
        }
        // A passkey whose user is only present is one factor, and there is no other.
        Ok(_right) => refuse_lone_factor(tx, &pending, &context),
        Err(ProofRefusal::InvalidCode(_)) => Ok(Decision::invalid_code(&pending)),
        Err(refusal) => Ok(Decision::Refused(refusal)),
    }
}

/// Refuses a proof that does not make two factors with those before it.
fn refuse_lone_factor(
    tx: &mut Tx<'_>,
    pending: &PendingSession,
    context: &ProofContext<'_>,
) -> Result<Decision, Fault> {
    let event = AuditEvent::failure(EventName::MfaFail, "no_second_factor", Some(context.account.user.id));
    tx.audit(&[event.in_session(context.session_id)])?;
    Ok(Decision::invalid_code(pending))
}

impl Decision {
    /// Reports the attempts of this login and no other count. A replayed code uses up one like a wrong code, so the
    /// number does not reveal which of the two it was. A wait of the account or the network uses up none.
    fn invalid_code(pending: &PendingSession) -> Self {
        Self::Refused(ProofRefusal::InvalidCode(Some(pending.attempts_remaining())))
    }
}

/// Decides whether a code of the account is checked now. `Err`: why not.
fn precheck(tx: &mut Tx<'_>, context: &ProofContext<'_>, code: &FactorProof) -> Result<Result<Guard, Decision>, Fault> {
    if requires_email_verification(tx.core, &context.account.user) {
        return Ok(Err(Decision::EmailNotVerified));
    }
    Ok(context.admit(tx, code)?.map_err(Decision::Refused))
}

fn complete_login(
    tx: &mut Tx<'_>,
    pending: &PendingSession,
    context: &ProofContext<'_>,
    verified: VerifiedFactor,
    attempt: &SecondFactorAttempt,
) -> Result<Decision, Fault> {
    let (id, user) = (context.session_id, &context.account.user);
    let second = Proof {
        method: verified.method,
        at: tx.now,
    };
    let activation = SessionActivation {
        id,
        user,
        proofs: &pending.proofs.with(second),
        delivery: attempt.delivery,
    };
    let Some(activated) = activate(tx, &activation)? else {
        return Ok(Decision::InvalidPreAuthToken);
    };
    let created = AuditEvent::success(EventName::SessionCreated, user.id).because(verified.method.request_name());
    context.succeed(tx, verified.method, created)?;
    let device = trust_device(tx, context, attempt)?;
    Ok(Decision::SignedIn(Box::new(CompletedLogin {
        session: activated.session,
        user: user.clone(),
        verified,
        remaining: activated.recovery_codes_remaining,
        device,
    })))
}

/// Trusts the device, if the attempt asks for it and proves what that requires. The login succeeds in any case.
fn trust_device(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    attempt: &SecondFactorAttempt,
) -> Result<Option<RecalledDevice>, Fault> {
    if !attempt.trust_device {
        return Ok(None);
    }
    let session = (&context.account.user, context.session_id);
    trusted_device::trust(tx, session, attempt.code.kind(), attempt.delivery)
}
