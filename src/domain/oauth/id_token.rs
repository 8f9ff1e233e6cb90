//! ID tokens (OpenID Connect Core 1.0 §2): they tell an application who signed in, and how.
//!
//! They are for the application alone. Back ends are shown access tokens; the two differ in `typ` and in `aud`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::email::Email;
use crate::domain::oauth::scope::{EMAIL, PROFILE, ROLES, Scopes};
use crate::domain::policy::numbers::ID_TOKEN_LIFE;
use crate::domain::signed_claims::SignedClaims;
use crate::domain::user::User;
use crate::domain::username::Username;

/// What is told about the user, by scope (OpenID Connect Core 1.0 §5.4). `GET /userinfo` tells the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// `profile`: the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// `profile`: the language of messages (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// `email`: the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `email`: whether the address was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// `roles`: those that the session carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

impl UserClaims {
    /// Tells what the scopes allow about a user whose session carries some roles.
    pub fn of(user: &User, carried: Vec<String>, scopes: &Scopes) -> Self {
        let with = |scope: &str| scopes.has(scope);
        let email = user.email.as_ref().filter(|_| with(EMAIL));
        Self {
            preferred_username: user
                .username
                .as_ref()
                .filter(|_| with(PROFILE))
                .map(Username::as_str)
                .map(str::to_owned),
            locale: with(PROFILE).then(|| user.locale.as_str().to_owned()),
            email: email.map(Email::as_str).map(str::to_owned),
            email_verified: email.map(|_| user.email_verified_at.is_some()),
            roles: with(ROLES).then_some(carried),
        }
    }
}

/// The claims of an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The application.
    pub aud: String,
    /// The application, again: the party that the token was issued to.
    pub azp: String,
    /// From this time on it is not accepted.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// When a proof of the strongest ground was last given.
    pub auth_time: i64,
    /// What the application bound it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The assurance level: `aal1` or `aal2`.
    pub acr: String,
    /// The authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// Binds it to the access token beside it.
    pub at_hash: String,
    /// The grant, as in the access token.
    pub sid: Uuid,
    /// What the scopes allow.
    #[serde(flatten)]
    pub user: UserClaims,
}

impl SignedClaims for IdTokenClaims {
    const TYPE: &'static str = "JWT";
}

/// Returns until when an ID token is accepted, which is never longer than its session.
pub fn expiry(now: DateTime<Utc>, session_end: DateTime<Utc>) -> i64 {
    (now + ID_TOKEN_LIFE).min(session_end).timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::app_claims::AppClaims;
    use crate::domain::ids::UserId;
    use crate::domain::message::Locale;
    use crate::domain::oauth::scope::STANDARD;

    fn told(scopes: &str) -> serde_json::Value {
        let user = User {
            id: UserId::from_uuid(Uuid::nil()),
            email: Some(Email::parse("jo@example.com").unwrap()),
            email_verified_at: None,
            username: Some(Username::parse("jo.doe").unwrap()),
            roles: vec!["editor".into(), "admin".into()],
            claims: AppClaims::default(),
            created_at: DateTime::UNIX_EPOCH,
            locale: Locale::En,
            has_password: true,
        };
        let claims = UserClaims::of(&user, vec!["editor".into()], &Scopes::parse(scopes).unwrap());
        serde_json::to_value(claims).unwrap()
    }

    #[test]
    fn each_scope_tells_its_own_claims_and_no_others() {
        assert_eq!(told("openid offline_access orders:read"), serde_json::json!({}));
        assert_eq!(
            told("profile"),
            serde_json::json!({"preferred_username": "jo.doe", "locale": "en"})
        );
        assert_eq!(
            told("email"),
            serde_json::json!({"email": "jo@example.com", "email_verified": false})
        );
        assert_eq!(told("roles"), serde_json::json!({"roles": ["editor"]}));
        assert_eq!(told(&STANDARD.join(" ")).as_object().unwrap().len(), 5);
    }
}
