//! An account as its owner sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::app_claims::AppClaims;
use crate::domain::email::Email;
use crate::domain::factor::{FactorKind, FactorSummary};
use crate::domain::roles::WithheldRole;
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
    /// The roles that operators granted. In `GET /me`, only those that the session carries: `withheld_roles` has the
    /// others.
    pub roles: Vec<String>,
    /// What back ends and operators keep about the user for access tokens, whose claim `app` has it.
    #[schema(value_type = Object, example = json!({"plan": "gold"}))]
    pub claims: AppClaims,
    /// The language of messages to the user: `en`, `de`, `fr` or `es`. A later version may have more.
    #[schema(example = "en")]
    pub locale: &'static str,
    /// Whether a password is set. Without one, the account signs in with a passkey or by mail; an invited account has
    /// none yet.
    #[schema(example = true)]
    pub has_password: bool,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// Its second factors.
    pub two_factor: TwoFactorView,
}

/// Which second factors are confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = TwoFactor)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the JSON object")]
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
            claims: user.claims.clone(),
            locale: user.locale.as_str(),
            has_password: user.has_password,
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

/// The account of a caller, with what the caller's session may do.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub struct MeView {
    /// The account. Its roles are those that the session carries.
    #[serde(flatten)]
    pub user: UserView,
    /// The roles that operators granted and that the session does not carry, because each requires a second factor that
    /// was not verified in it. They are missing in `roles` and in access tokens until then.
    pub withheld_roles: Vec<WithheldRoleView>,
}

/// A role that a session does not carry.
#[derive(Serialize, ToSchema)]
#[schema(as = WithheldRole)]
pub struct WithheldRoleView {
    /// The role.
    #[schema(example = "admin")]
    pub role: String,
    /// The second factors of which the role requires one: set one up, then prove it with `POST /step-up` or at the next
    /// login.
    #[schema(example = json!(["passkey"]))]
    pub second_factors: Vec<&'static str>,
}

impl MeView {
    /// Shows the account of a caller whose session carries some of its roles, and does not carry others.
    pub fn new(user: &User, factors: &FactorSummary, carried: Vec<String>, withheld: Vec<WithheldRole>) -> Self {
        let show = |withheld: WithheldRole| WithheldRoleView {
            role: withheld.role,
            second_factors: withheld.kinds.into_iter().map(FactorKind::as_str).collect(),
        };
        Self {
            user: UserView {
                roles: carried,
                ..UserView::new(user, factors)
            },
            withheld_roles: withheld.into_iter().map(show).collect(),
        }
    }
}
