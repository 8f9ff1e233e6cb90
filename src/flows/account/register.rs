//! `POST /register`: makes an account, its pending authenticator and the session that may confirm it, all or nothing.

use std::sync::Arc;

use secrecy::SecretString;

use crate::crypto::fair_queue::Requester;
use crate::crypto::stored_password::StoredPassword;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::input::InvalidInput;
use crate::domain::message::Locale;
use crate::domain::opaque_token::TokenKind;
use crate::domain::password::{Password, PasswordRejection};
use crate::domain::policy::RegistrationMode;
use crate::domain::user::{AccountNames, Identifier, User};
use crate::flows::account::email::{self, send_email_verification};
use crate::flows::account::new_password;
use crate::flows::factors::{PreparedTotp, TotpEnrolment};
use crate::flows::limits::identifier_hash;
use crate::flows::notify::require_mail;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, whole_seconds};
use crate::store::account_names::Insertion;
use crate::store::sessions::NewSession;
use crate::store::{sessions, totp_factors, users};

/// The result of a registration.
#[must_use]
pub enum Registration {
    /// The account was made; its authenticator waits for its first code.
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
        }
    }
}

/// A new account and what it takes to confirm its authenticator.
pub struct NewAccount {
    /// The account.
    pub user: User,
    /// What its authenticator app needs.
    pub enrolment: TotpEnrolment,
    /// Authorizes `/2fa/verify`.
    pub pre_auth_token: SecretString,
    /// The lifetime of the pre-auth token in seconds.
    pub expires_in: u64,
}

/// Makes an account.
pub async fn register(
    core: &Arc<Core>,
    names: AccountNames,
    password: Password,
    locale: Locale,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    counted("register", apply(core, names, password, locale, origin).await)
}

async fn apply(
    core: &Arc<Core>,
    names: AccountNames,
    password: Password,
    locale: Locale,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    if core.settings.registration == RegistrationMode::Closed {
        return Ok(Registration::Closed);
    }
    let settings = &core.settings;
    if let Err(invalid) = settings
        .registration
        .check(&names, settings.email_verification_required)
    {
        return Ok(Registration::Invalid(invalid));
    }
    // Hashed before the names are checked, so that the answer for a taken name takes as long as for a free one.
    let password = match new_password::hash(core, Requester::stranger(origin.ip), password, names.words()).await? {
        Ok(password) => password,
        Err(rejection) => return Ok(Registration::PasswordRejected(rejection)),
    };
    let applicant = Applicant {
        names,
        password,
        locale,
    };
    create(core, applicant, origin).await
}

struct Applicant {
    names: AccountNames,
    password: StoredPassword,
    locale: Locale,
}

async fn create(core: &Arc<Core>, applicant: Applicant, origin: RequestOrigin) -> Result<Registration, Fault> {
    let private = core.settings.registration == RegistrationMode::Private;
    if private {
        require_mail(core)?;
    }
    let now = core.clock.now();
    let user = User {
        id: UserId::new(now, core.random.as_ref()),
        email: applicant.names.email.clone(),
        email_verified_at: None,
        username: applicant.names.username.clone(),
        roles: Vec::new(),
        created_at: now,
        locale: applicant.locale,
    };
    core.transaction_at(now, "register", origin, move |tx| {
        let Applicant {
            names,
            password,
            locale,
        } = &applicant;
        let is_new = match users::insert(tx.connection, user.id, names, password, *locale, tx.now)? {
            Insertion::Inserted => true,
            Insertion::EmailTaken => false,
            Insertion::UsernameTaken => return Ok(Registration::UsernameTaken),
        };
        if private {
            answer_by_mail(tx, &user, is_new)?;
            return Ok(Registration::Accepted);
        }
        if !is_new {
            return Ok(Registration::EmailTaken);
        }
        send_email_verification(tx, &user)?;
        open(tx, &user).map(|account| Registration::Created(Box::new(account)))
    })
    .await
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

/// Makes the pending authenticator of a new account and the session that may confirm it.
fn open(tx: &mut Tx<'_>, user: &User) -> Result<NewAccount, Fault> {
    let factor = PreparedTotp::new(tx.core, user.id, tx.now)?;
    let id = SessionId::new(tx.now, tx.core.random.as_ref());
    totp_factors::replace_pending(tx.connection, &factor.row(id, tx.now))?;
    let session = NewSession {
        id,
        user_id: user.id,
        method: AuthenticationMethod::Password,
        password_changed_at: tx.now,
        origin: tx.origin,
        now: tx.now,
        expires_at: tx.now + tx.core.settings.lifetimes.pre_auth,
    };
    sessions::insert_pending(tx.connection, &session)?;
    let events = [EventName::UserCreated, EventName::MfaEnrolStarted]
        .map(|name| AuditEvent::success(name, user.id).in_session(id));
    tx.audit(&events)?;
    Ok(NewAccount {
        user: user.clone(),
        enrolment: factor.enrolment(tx.core, user.account_name()),
        pre_auth_token: tx.core.tokens.issue(TokenKind::PreAuth, user.id, id.uuid(), 0)?,
        expires_in: whole_seconds(tx.core.settings.lifetimes.pre_auth),
    })
}
