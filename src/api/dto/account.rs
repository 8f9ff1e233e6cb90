//! What owners do with their account.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::two_factor::FactorView;
use super::user::UserView;
use super::words;
use crate::domain::audit_event::RecordedEvent;
use crate::domain::ids::SessionId;
use crate::domain::session::SessionRecord;
use crate::domain::username::Username;
use crate::flows::account::profile::Export;

/// A request that was heard; only mail tells what became of it.
#[derive(Serialize, ToSchema)]
pub struct AcceptedResponse {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    pub status: &'static str,
}

impl AcceptedResponse {
    /// Says that a request was heard.
    pub const ACCEPTED: Self = Self { status: "accepted" };
}

/// Changes of one's own account; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "jo.doe"}))]
pub struct UpdateMeRequest {
    /// 3 to 32 letters a-z, digits, dots, dashes and underscores, beginning with a letter or digit; upper case is folded,
    /// white space around it dropped.
    #[schema(min_length = 3)]
    pub username: Option<String>,
    /// The language of messages, as a language tag or a system's locale (`de_AT`); one that the service does not have
    /// becomes English.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
}

/// A change of one's own password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "korrekt pferd batterie", "new_password": "heftklammer im regen"}))]
pub struct ChangePasswordRequest {
    /// The password as it is.
    #[schema(value_type = String, format = Password)]
    pub current_password: SecretString,
    /// The password to be.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: SecretString,
}

/// An address to send a mail to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com"}))]
pub struct EmailRequest {
    /// The address.
    #[schema(format = Email)]
    pub email: String,
}

/// An address to send a mail to, unless the bearer tells.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com"}))]
pub struct EmailVerificationRequest {
    /// The address; left out by somebody who is signed in.
    #[schema(format = Email)]
    pub email: Option<String>,
}

/// A token from a mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vev_AQGTx…"}))]
pub struct LinkTokenRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
}

/// A token from a mail, and what shows that the account is the sender's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vev_AQGTx…", "password": "korrekt pferd batterie"}))]
pub struct VerifyEmailRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// The password of the account; not needed with a bearer token of the account.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

/// A token from a mail that opens the first door.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vml_AQGTx…"}))]
pub struct MagicLinkRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// Where refresh tokens go should the mail be enough: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
}

/// A token from a mail, and the password to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vpr_AQGTx…", "new_password": "heftklammer im regen"}))]
pub struct ResetPasswordRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// The password to be.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: SecretString,
}

/// Something that happened to an account.
#[derive(Serialize, ToSchema)]
#[schema(as = SecurityEvent)]
pub struct EventView {
    /// Names the event.
    pub id: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What, in OWASP's logging vocabulary where it has a word.
    #[schema(example = "authn_login_success")]
    pub event: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Why not, or how.
    #[schema(example = "second_factor_required")]
    #[schema(required)]
    pub reason: Option<String>,
    /// The session concerned.
    #[schema(required)]
    pub session_id: Option<Uuid>,
    /// Where the request came from.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// What it came from.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl EventView {
    /// Shows an event to the user whom it concerns.
    pub fn new(event: &RecordedEvent) -> Self {
        Self {
            id: event.id.uuid(),
            occurred_at: event.occurred_at,
            event: event.event.clone(),
            success: event.success,
            reason: event.reason.clone(),
            session_id: event.session_id.map(SessionId::uuid),
            ip: event.ip.map(|ip| ip.to_string()),
            user_agent: event.user_agent.clone(),
        }
    }
}

/// A page of events, newest first.
#[derive(Serialize, ToSchema)]
pub struct EventsResponse {
    /// The events.
    pub items: Vec<EventView>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "AZorPE1ef2CKGyw9Tl9gcQ")]
    pub next_cursor: Option<String>,
}

/// A session, as it is held.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionRecord)]
pub struct SessionRecordView {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// `pending`, `active` or `ended`; one that ended by time alone is still `active` here.
    #[schema(example = "ended")]
    pub state: String,
    /// When the first factor was proven.
    pub created_at: DateTime<Utc>,
    /// When a token of it was last made.
    pub last_used_at: DateTime<Utc>,
    /// When it ended before its time.
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended before its time.
    #[schema(example = "logout")]
    #[schema(required)]
    pub end_reason: Option<String>,
    /// Where the login came from.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// What the login came from.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl SessionRecordView {
    fn new(record: SessionRecord) -> Self {
        Self {
            id: record.id.uuid(),
            state: record.state,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            ended_at: record.ended_at,
            end_reason: record.end_reason,
            ip: record.origin.ip.map(|ip| ip.to_string()),
            user_agent: record.origin.user_agent,
        }
    }
}

/// Everything held about a person.
#[derive(Serialize, ToSchema)]
pub struct ExportResponse {
    /// When it was read.
    pub exported_at: DateTime<Utc>,
    /// The account.
    pub user: UserView,
    /// Its second factors; their secrets are shown to nobody.
    pub factors: Vec<FactorView>,
    /// The phone number that codes go to.
    #[schema(example = "+4915112345678")]
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The names that it gave up in the last 30 days.
    #[schema(example = json!(["jo.doe"]))]
    pub released_usernames: Vec<String>,
    /// Its sessions, ended and pending ones included, newest first.
    pub sessions: Vec<SessionRecordView>,
    /// What happened to it, newest first.
    pub events: Vec<EventView>,
}

fn names(usernames: &[Username]) -> Vec<String> {
    usernames.iter().map(|username| username.as_str().to_owned()).collect()
}

impl ExportResponse {
    /// Shows everything held about a person to them.
    pub fn new(export: Export) -> Self {
        Self {
            exported_at: export.at,
            user: UserView::new(&export.user, &export.second_factors),
            sessions: export.sessions.into_iter().map(SessionRecordView::new).collect(),
            events: export.events.iter().map(EventView::new).collect(),
            factors: export.factors.into_iter().map(FactorView::new).collect(),
            phone_number: export.phone_number,
            released_usernames: names(&export.released_usernames),
        }
    }
}
