//! An account as its owner sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::email::Email;
use crate::domain::factor::{FactorKind, FactorSummary};
use crate::domain::user::User;
use crate::domain::username::Username;

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The id of the account, which is the `sub` of its tokens; never reused.
    pub id: Uuid,
    /// The address in canonical form.
    #[schema(example = "jo@example.com")]
    #[schema(required)]
    pub email: Option<String>,
    /// Whether the address is verified: its reader has shown that it is theirs.
    pub email_verified: bool,
    /// The user name in canonical form.
    #[schema(example = "jo.doe")]
    #[schema(required)]
    pub username: Option<String>,
    /// The roles that operators granted.
    pub roles: Vec<String>,
    /// The language of messages to the user: `en` or `de`.
    #[schema(example = "en")]
    pub locale: &'static str,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// Its second factors.
    pub two_factor: TwoFactorView,
}

/// Which second factors are confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = TwoFactor)]
pub struct TwoFactorView {
    /// A passkey, or several.
    pub passkey: bool,
    /// An authenticator app.
    pub totp: bool,
    /// Codes by e-mail.
    pub email: bool,
    /// Codes by text message.
    pub phone: bool,
    /// The number of unused recovery codes.
    #[schema(example = 10)]
    pub recovery_codes_remaining: i64,
}

impl UserView {
    /// Shows an account and which second factors it has confirmed.
    pub fn new(user: &User, factors: &FactorSummary) -> Self {
        Self {
            id: user.id.uuid(),
            email: user.email.as_ref().map(Email::as_str).map(str::to_owned),
            email_verified: user.email_verified_at.is_some(),
            username: user.username.as_ref().map(Username::as_str).map(str::to_owned),
            roles: user.roles.clone(),
            locale: user.locale.as_str(),
            created_at: user.created_at,
            two_factor: TwoFactorView {
                passkey: factors.has(FactorKind::Passkey),
                totp: factors.has(FactorKind::Totp),
                email: factors.has(FactorKind::Email),
                phone: factors.has(FactorKind::Sms),
                recovery_codes_remaining: factors.recovery_codes_remaining,
            },
        }
    }
}
