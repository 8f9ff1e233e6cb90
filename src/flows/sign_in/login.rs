//! `POST /login`: a password as first factor.
//!
//! An unknown, a disabled and a known account cost the same work and get the same refusal: one hash, one audit row.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::password_renewal;
use crate::crypto::hasher::PasswordVerdict;
use crate::domain::assurance::{AuthenticationMethod, Proof, Proofs};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::{FactorKind, Factors};
use crate::domain::failed_attempts::Guesser;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::opaque_token::TokenKind;
use crate::domain::password::Password;
use crate::domain::policy::TwoFactorPolicy;
use crate::domain::session::{ActiveSession, RefreshTokenTransport, SessionKey};
use crate::domain::user::{Identifier, User};
use crate::flows::account::{password_awaits_verification, refuse_unverified, requires_email_verification};
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::factors::{Taken, count_wrong_password, load_factors, take_right_password};
use crate::flows::limits::{Admission, Passage, Throttle, Wait, is_known_network, networks};
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{
    Activated, PresentedDevice, RecalledDevice, SessionActivation, TokenGrant, activate, grant_with_device,
    trusted_device,
};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, whole_seconds};
use crate::store::sessions::NewSession;
use crate::store::users::LoginUser;
use crate::store::{sessions, users};

/// The result of a login: `P` waits for a second factor, `A` is signed in.
#[must_use]
pub enum Login<P = PendingLogin, A = TokenGrant> {
    /// The first factor was right; the second one is next.
    Pending(Box<P>),
    /// The first factor was sufficient: the policy is optional and the user has no second factor.
    Authenticated(Box<A>),
    /// The first factor was right, but the deployment requires a verified address; a link to verify it was sent.
    EmailNotVerified,
    /// There were too many wrong passwords before. None is checked for this long.
    Locked(Wait),
    /// The account is unknown or disabled, or the password is wrong. The client does not learn which.
    InvalidCredentials,
}

impl<P, A> Outcome for Login<P, A> {
    fn word(&self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Authenticated(_) => "authenticated",
            Self::EmailNotVerified => "email_not_verified",
            Self::Locked(_) => "locked",
            Self::InvalidCredentials => "invalid_credentials",
        }
    }
}

/// A login with a mailed token.
impl Outcome for Option<Login> {
    fn word(&self) -> &'static str {
        self.as_ref().map_or("invalid_token", Outcome::word)
    }
}

/// A login that waits for its second factor.
pub struct PendingLogin {
    /// Authorizes `/2fa/verify`.
    pub pre_auth_token: SecretString,
    /// The token's lifetime in seconds.
    pub expires_in: u64,
    /// The second factors of the account.
    pub factors: Factors,
    /// The kinds of them that can complete this login, in the order in which they are offered.
    pub offered: Vec<FactorKind>,
    /// How long a device is trusted in seconds, if the deployment trusts any.
    pub trusted_device_ttl: Option<u64>,
}

/// An identifier and a password to sign in with.
pub struct LoginAttempt {
    /// The identifier that was given.
    pub identifier: Identifier,
    /// The password that was given.
    pub password: Password,
    /// How the client gets refresh tokens, if the password is sufficient.
    pub delivery: RefreshTokenTransport,
    /// The device token that came with it.
    pub device: Option<PresentedDevice>,
    /// The proof of possession that came with it. It binds the session.
    pub proof: Option<VerifiedProof>,
    /// What the client computed in the place of a wait, not checked yet.
    pub work: Option<String>,
}

/// Checks a password and opens a session.
pub async fn login(core: &Arc<Core>, attempt: LoginAttempt, origin: RequestOrigin) -> Result<Login, Fault> {
    counted("login", authenticate(core, attempt, origin).await)
}

async fn authenticate(core: &Arc<Core>, attempt: LoginAttempt, origin: RequestOrigin) -> Result<Login, Fault> {
    let LoginAttempt {
        identifier,
        password,
        delivery,
        device,
        proof,
        work,
    } = attempt;
    let throttle = Throttle::of(core, &identifier, &origin)?.with_work(core, work.as_deref());
    let throttle = Arc::new(throttle);
    let candidate = match find(core, identifier, &throttle, &origin).await? {
        Found::Wait(wait) => return Ok(Login::Locked(wait)),
        Found::Admitted(candidate) => *candidate,
    };
    let throttle = match spend_work(core, &candidate, throttle, &origin).await? {
        Ok(throttle) => throttle,
        Err(wait) => return Ok(Login::Locked(wait)),
    };
    let requester = networks::requester(candidate.guesser, &origin);
    // Treated like a name without an account: the password is hashed and counted in the same way.
    let usable = candidate
        .user
        .as_ref()
        .filter(|user| user.accepts_password_of(candidate.guesser) && !password_awaits_verification(core, &user.user));
    let stored = usable.and_then(|found| found.password.clone());
    let verdict = core.hasher.verify(requester, password.clone(), stored.clone()).await?;
    match candidate.user {
        Some(found) if found.active && verdict == PasswordVerdict::Right => {
            let id = found.user.id;
            let login = open(core, found, throttle, (delivery, device, proof), origin).await?;
            // Not after a refusal: the time of a second hash would reveal that the password was right.
            if let Some(stored) = stored.filter(|_| !matches!(login, Login::Locked(_) | Login::InvalidCredentials)) {
                password_renewal::renew(core, id, password, stored).await;
            }
            Ok(login)
        }
        other => refuse(core, other.map(|found| found.user.id), throttle, origin).await,
    }
}

/// What a password is checked against.
struct Candidate {
    /// The account, if the name has one.
    user: Option<LoginUser>,
    guesser: Guesser,
    passage: Passage,
}

enum Found {
    Admitted(Box<Candidate>),
    Wait(Wait),
}

/// Finds the account, whether its password may be checked, and who asks. A name without an account gets the same
/// treatment.
async fn find(
    core: &Arc<Core>,
    identifier: Identifier,
    throttle: &Arc<Throttle>,
    origin: &RequestOrigin,
) -> Result<Found, Fault> {
    let throttle = Arc::clone(throttle);
    core.read("login.find", origin.clone(), move |tx| {
        let user = users::find_for_login(tx.connection, &identifier)?;
        let user_id = user.as_ref().map(|found| found.user.id);
        Ok(match throttle.admit(tx, user_id)? {
            Admission::Admitted { passage, guesser, .. } => {
                Found::Admitted(Box::new(Candidate { user, guesser, passage }))
            }
            Admission::Wait(wait) => Found::Wait(wait),
        })
    })
    .await
}

/// Spends the work that a password is checked for, before anything is hashed: of several requests with the same work,
/// one is checked. Returns the counts that apply afterwards.
async fn spend_work(
    core: &Arc<Core>,
    candidate: &Candidate,
    throttle: Arc<Throttle>,
    origin: &RequestOrigin,
) -> Result<Result<Arc<Throttle>, Wait>, Fault> {
    if candidate.passage == Passage::Free {
        return Ok(Ok(Arc::new(throttle.without_work())));
    }
    let user_id = candidate.user.as_ref().map(|found| found.user.id);
    let spent = core
        .transaction("login.spend_work", origin.clone(), move |tx| {
            throttle.spend_work(tx, user_id)
        })
        .await?;
    Ok(spent.map(Arc::new))
}

async fn refuse(
    core: &Arc<Core>,
    user_id: Option<UserId>,
    throttle: Arc<Throttle>,
    origin: RequestOrigin,
) -> Result<Login, Fault> {
    core.transaction("login.refuse", origin, move |tx| {
        Ok(
            match count_wrong_password(tx, user_id, &throttle, "invalid_credentials")? {
                Some(wait) => Login::Locked(wait),
                None => Login::InvalidCredentials,
            },
        )
    })
    .await
}

async fn open(
    core: &Arc<Core>,
    login: LoginUser,
    throttle: Arc<Throttle>,
    (delivery, device, proof): (RefreshTokenTransport, Option<PresentedDevice>, Option<VerifiedProof>),
    origin: RequestOrigin,
) -> Result<Login, Fault> {
    let now = core.clock.now();
    let first_factor = FirstFactorLogin {
        id: SessionId::new(now, core.random.as_ref()),
        method: AuthenticationMethod::Password,
        delivery,
        device,
        proof,
    };
    let opened = core
        .transaction_at(now, "login.open", origin, move |tx| {
            let account = match take_right_password(tx, &login, &throttle)? {
                Taken::Right(account) => account,
                Taken::Wait(wait) => return Ok(Opened::Locked(wait)),
                Taken::Gone => return Ok(Opened::InvalidCredentials),
            };
            open_session(tx, &account, &first_factor)
        })
        .await?;
    outcome(core, opened, now)
}

/// A first factor that was verified.
pub(in crate::flows) struct FirstFactorLogin {
    /// The id of the session to open.
    pub(in crate::flows) id: SessionId,
    /// The verified factor.
    pub(in crate::flows) method: AuthenticationMethod,
    /// How the client gets refresh tokens, if the factor is sufficient.
    pub(in crate::flows) delivery: RefreshTokenTransport,
    /// What may stand in the place of the second factor.
    pub(in crate::flows) device: Option<PresentedDevice>,
    /// The proof of possession beside it. It binds the session.
    pub(in crate::flows) proof: Option<VerifiedProof>,
}

/// The result of opening a session with a first factor. The tokens are made after the commit.
pub(in crate::flows) type Opened = Login<PendingSecondFactor, OpenedSession>;

/// A session that is active without a second factor of this login.
pub(in crate::flows) struct OpenedSession {
    session: ActiveSession,
    user: User,
    device: Option<RecalledDevice>,
}

/// A session that waits for its second factor.
pub(in crate::flows) struct PendingSecondFactor {
    key: SessionKey,
    factors: Factors,
    offered: Vec<FactorKind>,
}

/// Opens a session with a first factor: pending if the user has a second one or the policy requires one, otherwise, and
/// if the first one is two factors by itself or the device is trusted, active. The caller has locked the user's row.
pub(in crate::flows) fn open_session(
    tx: &mut Tx<'_>,
    login: &LoginUser,
    first_factor: &FirstFactorLogin,
) -> Result<Opened, Fault> {
    let user = &login.user;
    if requires_email_verification(tx.core, user) {
        refuse_unverified(tx, user, None)?;
        return Ok(Opened::EmailNotVerified);
    }
    let pending = NewSession {
        id: first_factor.id,
        user_id: user.id,
        method: Some(first_factor.method),
        password_changed_at: login.password_changed_at,
        origin: tx.origin,
        now: tx.now,
        expires_at: tx.now + tx.core.settings.lifetimes.pre_auth,
        key: key_of(first_factor.proof),
    };
    sessions::insert_pending(tx.connection, &pending)?;
    if first_factor.method.is_two_factors() {
        return sign_in_without_second_factor(tx, user, first_factor, None);
    }
    if let Some(presented) = &first_factor.device
        && let Some(device) = trusted_device::recall(tx, user, presented)?
    {
        return sign_in_without_second_factor(tx, user, first_factor, Some(device));
    }
    let factors = load_factors(tx.core, tx.connection, user, None)?;
    if factors.any_confirmed() || tx.core.settings.two_factor == TwoFactorPolicy::Required {
        return wait_for_second_factor(tx, login, first_factor, factors);
    }
    sign_in_without_second_factor(tx, user, first_factor, None)
}

fn wait_for_second_factor(
    tx: &mut Tx<'_>,
    login: &LoginUser,
    first_factor: &FirstFactorLogin,
    factors: Factors,
) -> Result<Opened, Fault> {
    let (user_id, session_id) = (login.user.id, first_factor.id);
    let event = AuditEvent::success(EventName::LoginSuccess, user_id).in_session(session_id);
    tx.audit(&[event.because("second_factor_required")])?;
    let key = SessionKey { user_id, session_id };
    let proofs = Proofs::first(first_factor.method, tx.now);
    let codes_disabled =
        login.codes_disabled || login.refused_to_strangers.codes && !is_known_network(tx, Some(user_id))?;
    let accepted = tx.core.settings.accepted_kinds(&factors, codes_disabled);
    let offered = factors.offer(accepted.filter(|kind| proofs.allow_second(kind.abilities().at_best)));
    Ok(Opened::Pending(Box::new(PendingSecondFactor { key, factors, offered })))
}

fn sign_in_without_second_factor(
    tx: &mut Tx<'_>,
    user: &User,
    first_factor: &FirstFactorLogin,
    device: Option<RecalledDevice>,
) -> Result<Opened, Fault> {
    let spared = device.is_some().then_some(AuthenticationMethod::TrustedDevice);
    let methods = std::iter::once(first_factor.method).chain(spared);
    let activation = SessionActivation {
        id: first_factor.id,
        user,
        proofs: &methods.map(|method| Proof { method, at: tx.now }).collect(),
        delivery: first_factor.delivery,
    };
    let Some(Activated { session, .. }) = activate(tx, &activation)? else {
        return Ok(Opened::InvalidCredentials);
    };
    let reason = spared.map(AuthenticationMethod::request_name);
    let events = [EventName::LoginSuccess, EventName::SessionCreated].map(|name| AuditEvent {
        reason,
        ..AuditEvent::success(name, user.id).in_session(first_factor.id)
    });
    tx.audit(&events)?;
    let user = user.clone();
    Ok(Opened::Authenticated(Box::new(OpenedSession { session, user, device })))
}

/// Makes the tokens, after the transaction was committed.
pub(in crate::flows) fn outcome(core: &Core, opened: Opened, now: DateTime<Utc>) -> Result<Login, Fault> {
    Ok(match opened {
        Opened::Pending(pending) => {
            let PendingSecondFactor { key, factors, offered } = *pending;
            let session = key.session_id.uuid();
            Login::Pending(Box::new(PendingLogin {
                pre_auth_token: core.tokens.issue(TokenKind::PreAuth, key.user_id, session, 0)?,
                expires_in: whole_seconds(core.settings.lifetimes.pre_auth),
                factors,
                offered,
                trusted_device_ttl: core.settings.trusted_devices.offered().map(whole_seconds),
            }))
        }
        Opened::Authenticated(signed_in) => {
            let OpenedSession { session, user, device } = *signed_in;
            let grant = grant_with_device(core, (session, device), &user, now)?;
            Login::Authenticated(Box::new(grant))
        }
        Opened::EmailNotVerified => Login::EmailNotVerified,
        Opened::Locked(wait) => Login::Locked(wait),
        Opened::InvalidCredentials => Login::InvalidCredentials,
    })
}
