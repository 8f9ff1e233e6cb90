//! `POST /step-up`: a signed-in user proves their identity again; and the requests that require such a proof.
//!
//! A session that was left open, or whose token was stolen, must not be enough to change how its owner signs in (ASVS
//! 7.5.1). Such requests require a proof of the last few minutes, of the strongest kind that the account has (RFC
//! 9470). Both conditions are checked against the presented token: a step-up with another token of the session does not
//! count.

use std::sync::Arc;

use chrono::TimeDelta;

use super::list::{load_factors, signs_in_by_provider};
use super::password::{ComparedPassword, compare_password};
use super::proof_context::{ProofContext, ProofRefusal, ProofResult, VerifiedFactor};
use super::user_verification::least_method;
use crate::domain::access_token::AccessTokenClaims;
use crate::domain::assurance::{AssuranceLevel, AuthenticationMethod, Ground, Proof, Proofs, Requirement};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::authority::Authority;
use crate::domain::factor::{FactorKind, Factors};
use crate::domain::factor_proof::FactorProof;
use crate::domain::password::Password;
use crate::domain::session::{ActiveSession, SessionKey};
use crate::domain::user::User;
use crate::flows::audit::note_unreadable;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{Caller, TokenGrant, grant};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users::UsableProofs;
use crate::store::{sessions, users};

/// A caller whose token shows a recent proof of as many factors as the account has. Only [`require_recent_proof`] makes
/// it, and the flows of sensitive changes take it: a handler that omits the check does not compile.
pub struct RecentCaller(Caller);

impl RecentCaller {
    /// Names the session of the token, and its user.
    pub const fn key(&self) -> SessionKey {
        self.0.key()
    }

    /// Returns the account.
    pub const fn user(&self) -> &User {
        &self.0.user
    }
}

/// What a request requires and the presented token does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The lowest level that is sufficient.
    pub level: AssuranceLevel,
    /// The maximum age of the proof.
    pub max_age: TimeDelta,
    /// The proofs of the account that meet the requirement, or part of it. Others would renew nothing that is required.
    pub accepted: Vec<AuthenticationMethod>,
}

/// A caller who may change the password by giving the current one. If the account has a possession factor, the token
/// shows a recent proof of one. Only [`require_holder`] makes it. The current password is the other proof, which the
/// flow verifies.
pub struct Holder(Caller);

impl Holder {
    /// Returns the caller.
    pub const fn caller(&self) -> &Caller {
        &self.0
    }
}

/// Checks whether a caller may make a sensitive change, by the token that they present. It requires a recent proof of
/// the strongest [`Ground`] that the account has: a possession factor beside the password, if one is confirmed; else
/// the password or a sign-in at a provider; else the mailbox.
pub async fn require_recent_proof(core: &Arc<Core>, caller: Caller) -> Result<Result<RecentCaller, Demand>, Fault> {
    let strongest = strongest_ground(core, &caller.user).await?;
    let missing = missing(core, &caller, strongest).await?;
    Ok(missing.map_or_else(|| Ok(RecentCaller(caller)), Err))
}

/// Checks whether a caller may change the password by giving the current one. If the account has a possession factor,
/// this requires the same proof as any sensitive change: a thief with a stolen token and the password could otherwise
/// lock the owner out.
pub async fn require_holder(core: &Arc<Core>, caller: Caller) -> Result<Result<Holder, Demand>, Fault> {
    let missing = match strongest_ground(core, &caller.user).await? {
        Ground::Possession => missing(core, &caller, Ground::Possession).await?,
        Ground::EarlierLogin | Ground::Mailbox | Ground::Knowledge => None,
    };
    Ok(missing.map_or_else(|| Ok(Holder(caller)), Err))
}

/// Returns the strongest ground that an account can prove. A disabled password does not count.
async fn strongest_ground(core: &Arc<Core>, user: &User) -> Result<Ground, Fault> {
    let means = load_means(core, user).await?;
    Ok(means.factors.strongest_ground(means.knows))
}

/// What an account can prove with.
struct Means {
    factors: Factors,
    usable: UsableProofs,
    /// Whether it has a proof of what its owner knows: a password, or a provider.
    knows: bool,
}

async fn load_means(core: &Arc<Core>, user: &User) -> Result<Means, Fault> {
    let (user, shared) = (user.clone(), Arc::clone(core));
    core.db
        .read("step_up.load_means", move |connection| {
            let usable = users::usable_proofs(connection, user.id)?;
            Ok(Means {
                factors: load_factors(&shared, connection, &user, None)?,
                knows: usable.password || signs_in_by_provider(&shared, connection, user.id)?,
                usable,
            })
        })
        .await
}

impl Means {
    /// Lists the methods that are accepted, the strongest first. It must agree with what [`ProofContext::verify`] and
    /// [`ProofContext::verify_password`] check.
    fn methods(&self, core: &Core, user: &User) -> Vec<AuthenticationMethod> {
        let kinds = core.settings.accepted_kinds(&self.factors, !self.usable.codes);
        let password = self.usable.password.then_some(AuthenticationMethod::Password);
        let proves = |kind: FactorKind| match kind {
            FactorKind::Passkey => least_method(core, user),
            _ => kind.abilities().method,
        };
        let mut methods: Vec<_> = kinds.map(proves).chain(password).collect();
        methods.sort_by_key(|method| std::cmp::Reverse(method.ground()));
        methods
    }
}

async fn missing(core: &Arc<Core>, caller: &Caller, strongest: Ground) -> Result<Option<Demand>, Fault> {
    let required = Requirement::of_sensitive_change(strongest, core.settings.step_up_max_age)
        .or_recovery(!caller.user.has_password);
    if required.is_met_by(caller.authority.proofs(), core.clock.now()) {
        return Ok(None);
    }
    demand(core, caller, &required).await.map(Some)
}

/// Returns what a caller has to prove for a requirement that their token does not meet.
pub(in crate::flows) async fn demand(
    core: &Arc<Core>,
    caller: &Caller,
    required: &Requirement,
) -> Result<Demand, Fault> {
    let means = load_means(core, &caller.user).await?;
    let strongest = means.factors.strongest_ground(means.knows);
    // As `renew` will: without what the account can no longer prove.
    let shown = caller.authority.proofs().up_to(strongest);
    Ok(Demand {
        level: required.level,
        max_age: core.settings.step_up_max_age,
        accepted: required.accepted(&shown, &means.methods(core, &caller.user), core.clock.now()),
    })
}

/// A proof that a signed-in user presents.
pub enum StepUpProof {
    /// The account's password.
    Password(Password),
    /// A code of a second factor.
    Code(FactorProof),
}

impl StepUpProof {
    /// Returns the kind of second factor that it is of; `None` for the password.
    pub const fn kind(&self) -> Option<FactorKind> {
        match self {
            Self::Password(_) => None,
            Self::Code(proof) => Some(proof.kind()),
        }
    }
}

/// The result of a step-up.
#[must_use]
pub enum StepUp {
    /// The session has new tokens; the old refresh token is dead.
    Granted(Box<TokenGrant>),
    /// The proof was refused.
    Refused(ProofRefusal),
}

impl Outcome for StepUp {
    fn word(&self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Refused(refusal) => refusal.word(),
        }
    }
}

enum Checked {
    Password(ComparedPassword),
    Code(FactorProof),
}

/// Adds a proof to the session. A right one is recorded with its time and rotates the tokens, even if `auth_time` stays
/// the same: a password does not renew it once a possession factor was verified.
pub async fn step_up(
    core: &Arc<Core>,
    caller: &Caller,
    proof: StepUpProof,
    origin: RequestOrigin,
) -> Result<StepUp, Fault> {
    counted("step_up", verify(core, caller, proof, origin).await)
}

async fn verify(core: &Arc<Core>, caller: &Caller, proof: StepUpProof, origin: RequestOrigin) -> Result<StepUp, Fault> {
    let proof = match proof {
        StepUpProof::Password(password) => match compare_password(core, caller.key(), password, &origin).await? {
            Ok(compared) => Checked::Password(compared),
            Err(refusal) => return Ok(StepUp::Refused(refusal)),
        },
        StepUpProof::Code(code) => Checked::Code(code),
    };
    let (key, claims, now) = (caller.key(), Arc::clone(&caller.claims), core.clock.now());
    let verdict = core
        .transaction_at(now, "step_up", origin.clone(), move |tx| {
            let account = key.lock_user(tx)?;
            let context = ProofContext::of_session(&account, key.session_id);
            let verified = match check_proof(tx, &context, &proof)? {
                Ok(verified) => verified,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let session = renew(tx, &context, &claims, verified.method)?;
            Ok(Ok((session, account.user)))
        })
        .await;
    let verdict = note_unreadable(core, verdict, key.session_id, origin).await?;
    match verdict {
        Ok((session, user)) => {
            let grant = grant(core, session, &user, now)?;
            Ok(StepUp::Granted(Box::new(grant)))
        }
        Err(refusal) => Ok(StepUp::Refused(refusal)),
    }
}

fn check_proof(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    proof: &Checked,
) -> Result<ProofResult<VerifiedFactor>, Fault> {
    match proof {
        Checked::Password(compared) => context.verify_password(tx, compared, EventName::StepUpFail),
        Checked::Code(code) => context.admit_and_verify(tx, code),
    }
}

fn renew(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    claims: &AccessTokenClaims,
    method: AuthenticationMethod,
) -> Result<ActiveSession, Fault> {
    // Without a key the session would continue with a refresh token that no client gets.
    tx.core.keys.current()?;
    let key = context.key();
    let live = sessions::find_live_for_update(tx.connection, key, tx.now)?.ok_or(Fault::SessionEnded)?;
    // The new proof is added to what the presented token shows, not to what the row says: with an older token of the
    // session and a password, a thief would otherwise get a token with what the owner proved with a newer one.
    let policy = &tx.core.settings.access_tokens;
    let shown = Authority::of(claims, &live, &context.account.user, policy);
    let proofs = provable(tx, context, shown.proofs(), method)?.with(Proof { method, at: tx.now });
    let session = sessions::step_up(tx.connection, key, &proofs, tx.core.settings.lifetimes.idle, tx.now)?;
    let done = AuditEvent::success(EventName::StepUpSuccess, live.user_id).because(method.request_name());
    context.succeed(tx, method, done)?;
    session.ok_or(Fault::SessionEnded)
}

/// Returns proofs without those that are stronger than everything that the account can still prove, as after its last
/// recovery code. They would stay the strongest, and the user could renew the session with nothing.
fn provable(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    shown: &Proofs,
    given: AuthenticationMethod,
) -> Result<Proofs, Fault> {
    if given.is_held() {
        return Ok(shown.clone());
    }
    let account = context.account;
    let factors = load_factors(tx.core, tx.connection, &account.user, None)?;
    let by_password = account.usable_password.is_some();
    let knows = by_password || signs_in_by_provider(tx.core, tx.connection, account.user.id)?;
    Ok(shown.up_to(factors.strongest_ground(knows)))
}
