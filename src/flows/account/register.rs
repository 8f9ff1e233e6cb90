//! `POST /register`: makes an account, and the session that may confirm its authenticator or register its passkey, all or
//! nothing.
//!
//! An account without a password has no way in until its passkey is registered. If that does not happen in time, the
//! account is deleted by whatever comes first: another registration with one of its names, or retention. In time is
//! while the pre-auth token is valid or, where only a mail answers, within a day: further links can be asked for
//! meanwhile.

use std::sync::Arc;

use secrecy::SecretString;

use crate::crypto::fair_queue::Requester;
use crate::crypto::stored_password::StoredPassword;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::input::InvalidInput;
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::Locale;
use crate::domain::opaque_token::TokenKind;
use crate::domain::password::{Password, PasswordRejection};
use crate::domain::policy::RegistrationMode;
use crate::domain::registration_hook::{Applicant, HookMethod};
use crate::domain::user::{AccountNames, Identifier, User};
use crate::flows::account::admission::{self, Admitted, NotAdmitted};
use crate::flows::account::email::{self, send_email_verification};
use crate::flows::account::{new_password, unfinished};
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::factors::{PreparedTotp, TotpEnrolment};
use crate::flows::limits::identifier_hash;
use crate::flows::notify::require_mail;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, whole_seconds};
use crate::store::account_names::Insertion;
use crate::store::sessions::NewSession;
use crate::store::{sessions, totp_factors, unfinished_registrations, users};

/// The result of a registration.
#[must_use]
pub enum Registration {
    /// The account was made; its authenticator waits for its first code, or it waits for its passkey.
    Created(Box<NewAccount>),
    /// The registration was accepted; only a mail says what came of it.
    Accepted,
    /// Another account has the address.
    EmailTaken,
    /// Another account has the name, or gave it up recently.
    UsernameTaken,
    /// The new password is refused.
    PasswordRejected(PasswordRejection),
    /// The deployment does not take an account with these names.
    Invalid(InvalidInput),
    /// Only operators make accounts.
    Closed,
    /// The deployment does not use passkeys.
    NoPasskeys,
    /// The registration hook does not allow it.
    NotAdmitted(NotAdmitted),
}

impl Outcome for Registration {
    fn word(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Accepted => "accepted",
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::PasswordRejected(_) => "password_rejected",
            Self::Invalid(_) => "invalid_names",
            Self::Closed => "closed",
            Self::NoPasskeys => "no_passkeys",
            Self::NotAdmitted(refused) => refused.word(),
        }
    }
}

/// How the owner of a new account will sign in.
pub enum Registrant {
    /// With a password, and a second factor beside it.
    Password(Password),
    /// With a passkey alone, which is registered next.
    Passkey,
}

/// A new account, and what it takes to sign in to it.
pub struct NewAccount {
    /// The account.
    pub user: User,
    /// What its authenticator app needs; none without a password.
    pub enrolment: Option<TotpEnrolment>,
    /// Authorizes `/2fa/verify` and, without a password, the registration of a passkey.
    pub pre_auth_token: SecretString,
    /// The lifetime of the pre-auth token in seconds.
    pub expires_in: u64,
}

/// Makes an account.
pub async fn register(
    core: &Arc<Core>,
    names: AccountNames,
    (registrant, proof): (Registrant, Option<VerifiedProof>),
    locale: Locale,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    counted(
        "register",
        apply(core, names, (registrant, proof), locale, origin).await,
    )
}

async fn apply(
    core: &Arc<Core>,
    names: AccountNames,
    (registrant, proof): (Registrant, Option<VerifiedProof>),
    locale: Locale,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    if let Err(refused) = check(core, &names, &registrant) {
        return Ok(refused);
    }
    let asked = Applicant {
        names: names.clone(),
        email_verified: false,
        method: match registrant {
            Registrant::Password(_) => HookMethod::Password,
            Registrant::Passkey => HookMethod::Passkey,
        },
        locale,
    };
    // Before the hash, and for taken names as for free ones: neither the time nor the answer tells which they are.
    let admitted = match admission::ask(core, &asked, &origin).await? {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(Registration::NotAdmitted(refused)),
    };
    let password = match registrant {
        Registrant::Password(password) => {
            // Hashed before the names are checked, so that the answer for a taken name takes as long as for a free one.
            let requester = Requester::stranger(origin.ip);
            match new_password::hash(core, requester, password, names.words()).await? {
                Ok(password) => Some(password),
                Err(rejection) => return Ok(Registration::PasswordRejected(rejection)),
            }
        }
        Registrant::Passkey => None,
    };
    let registrant = AdmittedRegistrant {
        names,
        password,
        locale,
        proof,
        admitted,
    };
    create(core, registrant, origin).await
}

/// Checks what needs neither the hook nor the database.
fn check(core: &Core, names: &AccountNames, registrant: &Registrant) -> Result<(), Registration> {
    let settings = &core.settings;
    if settings.registration == RegistrationMode::Closed {
        return Err(Registration::Closed);
    }
    let checked = settings.registration.check(names, settings.email_verification_required);
    checked.map_err(Registration::Invalid)?;
    match registrant {
        Registrant::Password(_) => Ok(()),
        Registrant::Passkey => check_passkey(core, names),
    }
}

/// Checks whether an account with these names may begin with a passkey.
fn check_passkey(core: &Core, names: &AccountNames) -> Result<(), Registration> {
    if !core.settings.uses(FactorKind::Passkey) {
        return Err(Registration::NoPasskeys);
    }
    // There the answer has no pre-auth token, and a mail is the only way on.
    if core.settings.registration == RegistrationMode::Private && names.email.is_none() {
        let detail = "is required here for an account without a password";
        return Err(Registration::Invalid(InvalidInput::of("/email", detail)));
    }
    Ok(())
}

struct AdmittedRegistrant {
    names: AccountNames,
    password: Option<StoredPassword>,
    locale: Locale,
    /// The proof of possession that came with the registration. It binds the session.
    proof: Option<VerifiedProof>,
    admitted: Admitted,
}

async fn create(
    core: &Arc<Core>,
    registrant: AdmittedRegistrant,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    let private = core.settings.registration == RegistrationMode::Private;
    if private {
        require_mail(core)?;
    }
    let now = core.clock.now();
    let AdmittedRegistrant {
        names,
        password,
        locale,
        proof,
        admitted,
    } = registrant;
    let user = User {
        id: UserId::new(now, core.random.as_ref()),
        email: names.email.clone(),
        email_verified_at: None,
        username: names.username.clone(),
        roles: Vec::new(),
        claims: admitted.claims,
        created_at: now,
        locale,
        has_password: password.is_some(),
    };
    core.transaction_at(now, "register", origin, move |tx| {
        // Only retention does that where a registration must not reveal that the address had one.
        if !private {
            unfinished::free_names(tx, &names)?;
        }
        let is_new = match users::insert(tx.connection, &user, password.as_ref(), tx.now)? {
            Insertion::Inserted => true,
            Insertion::EmailTaken => false,
            Insertion::UsernameTaken => return Ok(Registration::UsernameTaken),
        };
        if private {
            limit_wait(tx, &user, is_new)?;
            answer_by_mail(tx, &user, is_new)?;
            return Ok(Registration::Accepted);
        }
        if !is_new {
            return Ok(Registration::EmailTaken);
        }
        send_email_verification(tx, &user)?;
        open(tx, &user, proof).map(|account| Registration::Created(Box::new(account)))
    })
    .await
}

/// Registers an address for which a provider vouches too little, where an answer must not say whether it is taken. It is
/// the registration of an account without a password: the same statements, and the same mails.
pub(in crate::flows) fn register_privately(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    require_mail(tx.core)?;
    let is_new = users::insert(tx.connection, user, None, tx.now)? == Insertion::Inserted;
    limit_wait(tx, user, is_new)?;
    answer_by_mail(tx, user, is_new)
}

/// Limits how long an account without a password waits for its owner, who gets a link. A taken address costs the same
/// statement.
fn limit_wait(tx: &mut Tx<'_>, user: &User, is_new: bool) -> Result<(), Fault> {
    if user.has_password {
        return Ok(());
    }
    if is_new {
        let ends_at = tx.now + LinkPurpose::EmailVerification.life();
        return Ok(unfinished_registrations::insert(tx.connection, user.id, ends_at)?);
    }
    Ok(unfinished_registrations::remove(tx.connection, user.id)?)
}

/// Sends the result of a registration to the address; the client learns it in no other way. A taken address costs the
/// same statements as a free one, whichever account has it and however many mails were sent there before.
fn answer_by_mail(tx: &mut Tx<'_>, user: &User, is_new: bool) -> Result<(), Fault> {
    if let Some(email) = &user.email {
        // For a free address, this finds the account that was just made.
        let holder = users::find_active_by_email(tx.connection, email)?;
        email::answer_registration(tx, holder.as_ref(), email, is_new)?;
    }
    let event = match (is_new, &user.email) {
        (false, Some(email)) => {
            let named = identifier_hash(tx.core, &Identifier::Email(email.clone()))?;
            AuditEvent {
                identifier_hash: named,
                ..AuditEvent::failure(EventName::UserCreated, "email_taken", None)
            }
        }
        _ => AuditEvent::success(EventName::UserCreated, user.id),
    };
    tx.audit(&[event])
}

/// Makes the session that may confirm the pending authenticator of a new account or, without a password, register its
/// passkey.
fn open(tx: &mut Tx<'_>, user: &User, proof: Option<VerifiedProof>) -> Result<NewAccount, Fault> {
    let id = SessionId::new(tx.now, tx.core.random.as_ref());
    let expires_at = tx.now + tx.core.settings.lifetimes.pre_auth;
    let enrolment = if user.has_password {
        let factor = PreparedTotp::new(tx.core, user.id, tx.now)?;
        totp_factors::replace_pending(tx.connection, &factor.row(id, tx.now))?;
        Some(factor.enrolment(tx.core, user.account_name()))
    } else {
        unfinished_registrations::insert(tx.connection, user.id, expires_at)?;
        None
    };
    let session = NewSession {
        id,
        user_id: user.id,
        method: user.has_password.then_some(AuthenticationMethod::Password),
        password_changed_at: tx.now,
        origin: tx.origin,
        now: tx.now,
        expires_at,
        key: key_of(proof),
    };
    sessions::insert_pending(tx.connection, &session)?;
    let started = enrolment.as_ref().map(|_totp| EventName::MfaEnrolStarted);
    let events = std::iter::once(EventName::UserCreated).chain(started);
    let events: Vec<_> = events
        .map(|name| AuditEvent::success(name, user.id).in_session(id))
        .collect();
    tx.audit(&events)?;
    Ok(NewAccount {
        user: user.clone(),
        enrolment,
        pre_auth_token: tx.core.tokens.issue(TokenKind::PreAuth, user.id, id.uuid(), 0)?,
        expires_in: whole_seconds(tx.core.settings.lifetimes.pre_auth),
    })
}
