//! `POST /register`: an account, its pending authenticator and the way to confirm it, all or nothing.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::enrolment::{PreparedFactor, TotpEnrolment};
use super::{Core, Fault, RegistrationMode, whole_seconds};
use crate::crypto::hasher::StoredPassword;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::message::Locale;
use crate::domain::opaque_token::TokenKind;
use crate::domain::password::{Password, PasswordRejection};
use crate::domain::user::{AccountNames, User};
use crate::store::sessions::NewSession;
use crate::store::users::Insertion;
use crate::store::{PgConnection, sessions, totp_factors, users};

/// What became of a registration.
#[must_use]
pub enum Registration {
    /// The account is there and waits for its first code.
    Created(Box<NewAccount>),
    /// Another account has the address.
    EmailTaken,
    /// Another account has the name.
    UsernameTaken,
    /// The password is refused.
    PasswordRejected(PasswordRejection),
    /// Accounts are made by operators only.
    Closed,
}

/// A new account between its two doors.
pub struct NewAccount {
    /// The account.
    pub user: User,
    /// What its authenticator app needs.
    pub enrolment: TotpEnrolment,
    /// Opens `/2fa/verify`.
    pub pre_auth_token: SecretString,
    /// Life of the pre-auth token in seconds.
    pub expires_in: u64,
}

/// Makes an account.
///
/// # Errors
///
/// Returns faults only.
pub async fn register(
    core: &Arc<Core>,
    names: AccountNames,
    password: Password,
    locale: Locale,
    origin: RequestOrigin,
) -> Result<Registration, Fault> {
    if core.settings.registration == RegistrationMode::Closed {
        return Ok(Registration::Closed);
    }
    let rules = core.settings.password_rules;
    if let Err(rejection) = rules.check_length(&password) {
        return Ok(Registration::PasswordRejected(rejection));
    }
    let words = [core.settings.password_words.clone(), names.words()].concat();
    // Hashed before anybody looks whether the names are taken: a taken name is told no sooner than a free one.
    let password = match core.hasher.hash_new(password, rules, words).await? {
        Ok(password) => password,
        Err(rejection) => return Ok(Registration::PasswordRejected(rejection)),
    };
    let applicant = Applicant {
        names,
        password,
        locale,
        origin,
    };
    create(core, applicant).await
}

struct Applicant {
    names: AccountNames,
    password: StoredPassword,
    locale: Locale,
    origin: RequestOrigin,
}

async fn create(core: &Arc<Core>, applicant: Applicant) -> Result<Registration, Fault> {
    let now = core.clock.now();
    let user_id = UserId::new(now, core.random.as_ref());
    let session_id = SessionId::new(now, core.random.as_ref());
    let factor = PreparedFactor::new(core, user_id, now)?;
    let pre_auth_token = core.tokens.issue(TokenKind::PreAuth, session_id.uuid(), 0)?;
    let shared = Arc::clone(core);
    core.db
        .transaction("register", move |connection| {
            let Applicant {
                names,
                password,
                locale,
                origin,
            } = &applicant;
            match users::insert(connection, user_id, names, password, *locale, now)? {
                Insertion::EmailTaken => return Ok(Registration::EmailTaken),
                Insertion::UsernameTaken => return Ok(Registration::UsernameTaken),
                Insertion::Inserted => {}
            }
            totp_factors::replace_pending(connection, &factor.row(now))?;
            open_session(&shared, connection, session_id, user_id, origin, now)?;
            let user = User {
                id: user_id,
                email: names.email.clone(),
                email_verified_at: None,
                username: names.username.clone(),
                roles: Vec::new(),
                created_at: now,
                locale: *locale,
            };
            let enrolment = factor.enrolment(&shared, user.account_name());
            Ok(Registration::Created(Box::new(NewAccount {
                user,
                enrolment,
                pre_auth_token: pre_auth_token.clone(),
                expires_in: whole_seconds(shared.settings.lifetimes.pre_auth),
            })))
        })
        .await
}

fn open_session(
    core: &Core,
    connection: &mut PgConnection,
    id: SessionId,
    user_id: UserId,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let session = NewSession {
        id,
        user_id,
        method: AuthenticationMethod::Password,
        password_changed_at: now,
        origin,
        now,
        expires_at: now + core.settings.lifetimes.pre_auth,
    };
    sessions::insert_pending(connection, &session)?;
    let events = [EventName::UserCreated, EventName::MfaEnrolStarted]
        .map(|name| AuditEvent::success(name, user_id).in_session(id));
    core.audit(connection, &events, origin, now)?;
    Ok(())
}
