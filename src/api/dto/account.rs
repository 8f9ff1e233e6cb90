//! Requests and responses of an owner's operations on their account.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::api_key::ApiKeyView;
use super::device::TrustedDeviceView;
use super::federation::IdentityRecordView;
use super::oauth::{ListedApplicationView, NamedApplicationView};
use super::passkey::{AssertionCredential, PasskeyRecordView};
use super::two_factor::FactorView;
use super::user::UserView;
use super::words;
use crate::domain::audit_event::RecordedEvent;
use crate::domain::ids::SessionId;
use crate::domain::input::InvalidInput;
use crate::domain::password::Password;
use crate::domain::session::SessionRecord;
use crate::domain::username::Username;
use crate::flows::account::email_verification::LooseProof;
use crate::flows::account::profile::{Export, OwnEvent};

/// The request was accepted; its result is sent by mail only.
#[derive(Serialize, ToSchema)]
pub struct AcceptedResponse {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    pub status: &'static str,
}

impl AcceptedResponse {
    /// The answer of a request that was accepted.
    pub const ACCEPTED: Self = Self { status: "accepted" };
}

/// Changes of the caller's account; omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "jo.doe"}))]
pub struct UpdateMeRequest {
    /// 3 to 32 characters: letters a-z, digits, dots, dashes and underscores, beginning with a letter or digit. Upper
    /// case is converted to lower case, and surrounding white space is removed.
    #[schema(min_length = 3)]
    pub username: Option<String>,
    /// The language of messages, as a language tag or a POSIX locale (`de_AT`). A language that the service does not
    /// support becomes English.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
}

/// A change of the caller's password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "korrekt pferd batterie", "new_password": "heftklammer im regen"}))]
pub struct ChangePasswordRequest {
    /// The current password.
    #[schema(value_type = String, format = Password)]
    pub current_password: SecretString,
    /// The new password.
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

/// An address to send a mail to; not needed with an access token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com"}))]
pub struct EmailVerificationRequest {
    /// The address; omitted when the caller is signed in.
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

/// A token from a mail, and a proof that the account is the caller's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vev_AQGTx…", "password": "korrekt pferd batterie"}))]
pub struct VerifyEmailRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// The password of the account; not needed with an access token or a pre-auth token of the account.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
    /// What a passkey signed, after `POST /passkey/options`, in the place of the password.
    #[schema(nullable = false)]
    pub passkey: Option<AssertionCredential>,
}

impl VerifyEmailRequest {
    /// Parses the proof beside the token.
    ///
    /// # Errors
    ///
    /// Names `/passkey` if it is malformed, or says that there are two proofs.
    pub fn proof(&self) -> Result<LooseProof, InvalidInput> {
        match (&self.password, &self.passkey) {
            (None, None) => Ok(LooseProof::Absent),
            (Some(password), None) => Ok(LooseProof::Password(Password::new(password))),
            (None, Some(passkey)) => passkey
                .parse("/passkey")
                .map(|given| LooseProof::Passkey(Box::new(given))),
            (Some(_), Some(_)) => Err(InvalidInput::of("", "give one of password and passkey")),
        }
    }
}

/// A new password for an account without one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"new_password": "heftklammer im regen"}))]
pub struct SetPasswordRequest {
    /// The new password.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: SecretString,
}

/// The removal of the caller's password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"passkey": {
    "id": "AQIDBA",
    "rawId": "AQIDBA",
    "type": "public-key",
    "response": {
        "clientDataJSON": "eyJ0eXBl…",
        "authenticatorData": "SZYN5YgO…",
        "signature": "MEUCIQD2…",
        "userHandle": "AZypRQoAdnO3HgEIuHfbxw",
    },
}}))]
pub struct RemovePasswordRequest {
    /// What a passkey of the account signed, after `POST /password/remove/options`.
    pub passkey: AssertionCredential,
}

/// A token from a mail, in place of the password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vml_AQGTx…"}))]
pub struct MagicLinkRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// Where refresh tokens go if no second factor is required: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
}

/// A token from a mail, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vpr_AQGTx…", "new_password": "heftklammer im regen"}))]
pub struct ResetPasswordRequest {
    /// The part of the link after `#token=`.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// The new password.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: SecretString,
}

/// Something that happened to an account.
#[derive(Serialize, ToSchema)]
#[schema(as = SecurityEvent)]
pub struct EventView {
    /// The id of the event.
    pub id: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What happened, in a term of OWASP's logging vocabulary where there is one.
    #[schema(example = "authn_login_success")]
    pub event: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, or how it succeeded.
    #[schema(example = "second_factor_required")]
    #[schema(required)]
    pub reason: Option<String>,
    /// The session concerned.
    #[schema(required)]
    pub session_id: Option<Uuid>,
    /// The id of the provider that it happened at; absent if there is none. The operator may have removed it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "google")]
    pub provider: Option<String>,
    /// The client address of the request.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// The `User-Agent` of the request.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl EventView {
    /// Shows what owners and operators see of an event.
    pub fn new(event: &RecordedEvent) -> Self {
        Self {
            id: event.id.uuid(),
            occurred_at: event.occurred_at,
            event: event.event.clone(),
            success: event.success,
            reason: event.reason.clone(),
            session_id: event.session_id.map(SessionId::uuid),
            provider: event.provider.clone(),
            ip: event.ip.map(|ip| ip.to_string()),
            user_agent: event.user_agent.clone(),
        }
    }
}

/// Something that happened to the caller's account.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnSecurityEvent)]
pub struct OwnEventView {
    /// What happened.
    #[serde(flatten)]
    event: EventView,
    /// The application that did it, or that it is about; absent if there is none, or if it was deleted. `ip` and
    /// `user_agent` are null if an application did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    application: Option<NamedApplicationView>,
}

impl OwnEventView {
    /// Shows an event to the owner of the account.
    pub fn new(own: &OwnEvent) -> Self {
        Self {
            event: EventView::new(&own.event),
            application: own.application.as_ref().map(NamedApplicationView::new),
        }
    }
}

/// A page of events, newest first.
#[derive(Serialize, ToSchema)]
pub struct EventsResponse {
    /// The events.
    pub items: Vec<OwnEventView>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "AZorPE1ef2CKGyw9Tl9gcQ")]
    pub next_cursor: Option<String>,
}

/// A session, as it is stored.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionRecord)]
pub struct SessionRecordView {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// The application that the user granted it to; null for a sign-in of the user.
    #[schema(required)]
    pub client_id: Option<Uuid>,
    /// The URL of an application that describes itself: its `client_id` elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://app.example.com/client.json")]
    pub client_url: Option<String>,
    /// `pending`, `active` or `ended`. A session that has merely expired is still `active` here.
    #[schema(example = "ended")]
    pub state: String,
    /// When the first factor was verified.
    pub created_at: DateTime<Utc>,
    /// When tokens were last issued for it.
    pub last_used_at: DateTime<Utc>,
    /// When it was ended before it expired.
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was ended before it expired.
    #[schema(example = "logout")]
    #[schema(required)]
    pub end_reason: Option<String>,
    /// The client address of the login.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// The `User-Agent` of the login.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl SessionRecordView {
    fn new(record: SessionRecord) -> Self {
        Self {
            id: record.id.uuid(),
            client_id: record.client.as_ref().map(|client| client.id.uuid()),
            client_url: record.client.and_then(|client| client.url).map(String::from),
            state: record.state.as_str().to_owned(),
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            ended_at: record.ended_at,
            end_reason: record.end_reason.map(|reason| reason.as_str().to_owned()),
            ip: record.origin.ip.map(|ip| ip.to_string()),
            user_agent: record.origin.user_agent,
        }
    }
}

/// Everything that is stored about a user.
#[derive(Serialize, ToSchema)]
pub struct ExportResponse {
    /// When the data was read.
    pub exported_at: DateTime<Utc>,
    /// The account.
    pub user: UserView,
    /// Its second factors, without their secrets.
    pub factors: Vec<FactorView>,
    /// What is stored of its passkeys, the oldest first.
    pub passkeys: Vec<PasskeyRecordView>,
    /// The phone number that codes are sent to.
    #[schema(example = "+4915112345678")]
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The user names that it gave up in the last 30 days.
    #[schema(example = json!(["jo.doe"]))]
    pub released_usernames: Vec<String>,
    /// Its sessions, including ended and pending ones, newest first.
    pub sessions: Vec<SessionRecordView>,
    /// Its trusted devices, including those that count no longer, newest first.
    pub trusted_devices: Vec<TrustedDeviceView>,
    /// The applications that it allowed something, or that are signed in.
    pub applications: Vec<ListedApplicationView>,
    /// Who it is at upstream providers, the oldest first.
    pub identities: Vec<IdentityRecordView>,
    /// Its API keys, including expired ones, newest first.
    pub api_keys: Vec<ApiKeyView>,
    /// What happened to it, newest first.
    pub events: Vec<OwnEventView>,
}

fn names(usernames: &[Username]) -> Vec<String> {
    usernames.iter().map(|username| username.as_str().to_owned()).collect()
}

impl ExportResponse {
    /// Shows everything that is stored about a user to that user.
    pub fn new(export: Export) -> Self {
        Self {
            exported_at: export.at,
            user: UserView::new(&export.user, &export.factors.summary()),
            sessions: export.sessions.into_iter().map(SessionRecordView::new).collect(),
            trusted_devices: export.trusted_devices.into_iter().map(TrustedDeviceView::new).collect(),
            applications: export
                .applications
                .into_iter()
                .map(ListedApplicationView::new)
                .collect(),
            identities: export.identities.into_iter().map(IdentityRecordView::new).collect(),
            api_keys: export.api_keys.into_iter().map(ApiKeyView::new).collect(),
            events: export.events.iter().map(OwnEventView::new).collect(),
            factors: export.factors.list.into_iter().map(FactorView::new).collect(),
            passkeys: export.passkeys.iter().map(PasskeyRecordView::new).collect(),
            phone_number: export.phone_number,
            released_usernames: names(&export.released_usernames),
        }
    }
}
