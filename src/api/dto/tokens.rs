//! The tokens of an active session.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::oauth::NamedApplicationView;
use super::reveal;
use crate::domain::access_token::AccessTokenClaims;
use crate::domain::app_claims::AppClaims;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::dpop::token_type;
use crate::domain::ids::SessionId;
use crate::domain::oauth::api_key::KeyTokenClaims;
use crate::domain::oauth::service_token::ServiceTokenClaims;
use crate::domain::policy::numbers::RECOVERY_CODES_LOW;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::{ActiveSession, RefreshTokenTransport};
use crate::flows::session::DeviceGrant;
use crate::flows::session::TokenGrant;
use crate::flows::session::introspect::Introspected;
use crate::flows::session::sessions::OwnSession;
use crate::flows::sign_in::second_factor::SecondFactorGrant;

/// Tokens (RFC 6749 §5.1), with the session for the client to show.
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JWT in the profile of RFC 9068, for back ends.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…")]
    pub access_token: String,
    /// `DPoP` if the session is bound to a key of the client (RFC 9449), otherwise `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// The lifetime of the access token in seconds.
    #[schema(example = 600)]
    pub expires_in: u64,
    /// Gets the next tokens of the session; opaque. Absent if the session's refresh tokens go into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "vrt_AQGTx…")]
    pub refresh_token: Option<String>,
    /// The lifetime of the refresh token in seconds, if it is not used.
    #[schema(example = 604_800)]
    pub refresh_expires_in: u64,
    /// The session.
    pub session: SessionView,
    /// Sent with the next login on this device, it spares the second factor; opaque, and replaced with each use. Only
    /// after a login that trusts its device or came from a trusted one. Absent if it goes into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "vtd_AQGTx…")]
    pub device_token: Option<String>,
    /// The lifetime of the device token in seconds, which use does not prolong; present whenever there is a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = 2_592_000)]
    pub device_expires_in: Option<u64>,
    /// The new set of recovery codes; only when a first authenticator was just confirmed. They are never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = json!(["0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ"]))]
    pub recovery_codes: Option<Vec<String>>,
    /// The number of unused recovery codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = 10)]
    pub recovery_codes_remaining: Option<i64>,
    /// What to suggest to the user: `replace_authenticator` after a recovery code was used (`POST /2fa/totp`),
    /// `renew_recovery_codes` when three or fewer are left (`POST /2fa/recovery-codes`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["replace_authenticator"]))]
    pub advice: Vec<&'static str>,
}

/// An active session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// When the first factor was verified.
    pub created_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// `aal1`: one factor. `aal2`: two.
    #[schema(example = "aal2")]
    pub acr: &'static str,
    /// The authentication methods that were verified (RFC 8176). `fed` is an account at a provider. `mfa` is added if
    /// there were two factors, if a passkey verified its user, or if a provider that the operator trusts for this asked
    /// for two.
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    pub amr: Vec<&'static str>,
}

impl TokenResponse {
    /// Shows a grant.
    pub fn new(grant: &TokenGrant) -> Self {
        let device = grant.device.as_ref();
        Self {
            access_token: reveal(&grant.access_token),
            token_type: token_type(grant.session.key.is_some()),
            expires_in: grant.expires_in,
            refresh_token: (grant.session.delivery == RefreshTokenTransport::Body)
                .then(|| reveal(&grant.refresh_token)),
            refresh_expires_in: grant.refresh_expires_in,
            session: SessionView::new(&grant.session),
            device_token: device.and_then(device_token),
            device_expires_in: device.map(|device| device.expires_in),
            recovery_codes: None,
            recovery_codes_remaining: None,
            advice: Vec::new(),
        }
    }

    /// Shows the tokens that a right second-factor code was exchanged for.
    pub fn signed_in(signed_in: &SecondFactorGrant) -> Self {
        let codes = signed_in.recovery_codes.as_ref();
        Self {
            recovery_codes: codes.map(|codes| codes.iter().map(RecoveryCode::to_display).collect()),
            recovery_codes_remaining: Some(signed_in.recovery_codes_remaining),
            advice: advice(signed_in),
            ..Self::new(&signed_in.grant)
        }
    }
}

/// Returns the device token, if it goes into the body.
fn device_token(device: &DeviceGrant) -> Option<String> {
    (device.transport == RefreshTokenTransport::Body).then(|| reveal(&device.token))
}

/// Returns what the user should do soon.
fn advice(signed_in: &SecondFactorGrant) -> Vec<&'static str> {
    let lost = signed_in.method == AuthenticationMethod::RecoveryCode;
    let low = signed_in.recovery_codes_remaining <= RECOVERY_CODES_LOW;
    let lost = lost.then_some("replace_authenticator");
    lost.into_iter().chain(low.then_some("renew_recovery_codes")).collect()
}

impl SessionView {
    fn new(session: &ActiveSession) -> Self {
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
            expires_at: session.ends.absolute,
            idle_expires_at: session.ends.idle,
            acr: session.proofs.level().acr(),
            amr: session.proofs.amr(),
        }
    }
}

/// The refresh token of a session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "vrt_AQGTx…"}))]
pub struct RefreshRequest {
    /// The refresh token; omitted if a cookie contains it.
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<SecretString>,
}

/// A token to introspect or to revoke.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…"}))]
pub struct TokenRequest {
    /// The token.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// Ignored: the service recognises the kind of a token.
    #[schema(example = "access_token")]
    pub token_type_hint: Option<String>,
}

/// The claims of an access token (RFC 9068 §2.2). Later versions may add claims.
#[derive(ToSchema)]
#[schema(as = AccessTokenClaims)]
#[expect(
    dead_code,
    reason = "describes what domain::access_token writes; a test compares the two"
)]
pub struct AccessTokenClaimsSchema {
    /// The issuer: the public URL of the service.
    #[schema(example = "https://auth.example.com")]
    iss: String,
    /// The id of the user; never reused.
    sub: Uuid,
    /// The audience: the back ends that the token is meant for.
    #[schema(example = "https://auth.example.com")]
    aud: String,
    /// The client that it was issued to; a setting of the deployment.
    #[schema(example = "vestibule")]
    client_id: String,
    /// When it expires, in seconds since 1970.
    #[schema(example = 1_772_367_000)]
    exp: i64,
    /// When it was issued, in seconds since 1970.
    #[schema(example = 1_772_366_400)]
    iat: i64,
    /// When it becomes valid, in seconds since 1970.
    #[schema(example = 1_772_366_400)]
    nbf: i64,
    /// The id of this token.
    jti: Uuid,
    /// The session it belongs to.
    sid: Uuid,
    /// When the strongest method in `amr` was last verified, in seconds since 1970.
    #[schema(example = 1_772_366_400)]
    auth_time: i64,
    /// `aal1`: one factor. `aal2`: two.
    #[schema(example = "aal2")]
    acr: String,
    /// The authentication methods that were verified (RFC 8176). `fed` is an account at a provider. `mfa` is added if
    /// there were two factors, if a passkey verified its user, or if a provider that the operator trusts for this asked
    /// for two.
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    amr: Vec<String>,
    /// The roles that operators granted; absent if the user has none.
    #[schema(nullable = false, example = json!(["editor"]))]
    roles: Option<Vec<String>>,
    /// What these roles mean, as the deployment lists it; absent if that is nothing.
    #[schema(nullable = false, example = json!(["posts:write"]))]
    permissions: Option<Vec<String>>,
    /// The claims of the user that back ends and operators have set; absent if there are none.
    #[schema(nullable = false, value_type = Option<Object>, example = json!({"plan": "gold"}))]
    app: Option<AppClaims>,
    /// The user's e-mail address; only if the deployment's `ACCESS_TOKEN_CLAIMS` names it.
    #[schema(nullable = false, example = "jo@example.com")]
    email: Option<String>,
    /// The user name; only if the deployment's `ACCESS_TOKEN_CLAIMS` names it.
    #[schema(nullable = false, example = "jo.doe")]
    username: Option<String>,
    /// Names the key that the token is bound to; absent in a bearer token.
    #[schema(nullable = false)]
    cnf: Option<ConfirmationSchema>,
}

/// The key that a token is bound to (RFC 7800 §3.1).
#[derive(ToSchema)]
#[schema(as = Confirmation)]
#[expect(dead_code, reason = "describes what domain::dpop writes")]
struct ConfirmationSchema {
    /// Its JWK thumbprint by SHA-256 (RFC 9449 §6.1, RFC 7638).
    #[schema(example = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")]
    jkt: String,
}

/// The same as a form, with the credentials of the service client if there is no `Authorization` header (RFC 6749
/// §2.3.1).
#[derive(ToSchema)]
#[schema(example = json!({
    "token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…", "client_id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6074",
    "client_secret": "vcs_AQGTx…"
}))]
pub struct TokenForm {
    /// The token.
    pub token: String,
    /// Ignored: the service recognises the kind of a token.
    #[schema(nullable = false, example = "access_token")]
    pub token_type_hint: Option<String>,
    /// The id of the service client, in upper or lower case.
    #[schema(nullable = false, example = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6074")]
    pub client_id: Option<String>,
    /// The secret of the service client.
    #[schema(nullable = false)]
    pub client_secret: Option<String>,
}

/// The state of a token (RFC 7662 §2.2). If it is not valid now, the response contains `active` alone.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "active": true, "token_type": "Bearer", "iss": "https://auth.example.com", "aud": "https://auth.example.com",
    "sub": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "client_id": "vestibule", "exp": 1_772_367_000,
    "iat": 1_772_366_400, "nbf": 1_772_366_400, "jti": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6072",
    "sid": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6073", "auth_time": 1_772_366_400, "acr": "aal2",
    "amr": ["pwd", "otp", "mfa"], "roles": ["editor"]
}))]
pub struct IntrospectionResponse<'a> {
    /// Whether the token is valid at this moment.
    pub active: bool,
    /// `DPoP` if the token is bound to a key of the client, otherwise `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_type: Option<&'static str>,
    /// The claims of the token.
    #[serde(flatten)]
    #[schema(value_type = Option<AccessTokenClaimsSchema>)]
    pub claims: Option<IntrospectedClaims<'a>>,
}

/// The claims of a user's token, of a service's, or of an API key's.
#[derive(Serialize)]
#[serde(untagged)]
pub enum IntrospectedClaims<'a> {
    /// A user's.
    User(&'a AccessTokenClaims),
    /// A service's.
    Service(&'a ServiceTokenClaims),
    /// An API key's.
    Key(&'a KeyTokenClaims),
}

impl IntrospectedClaims<'_> {
    const fn is_bound(&self) -> bool {
        match self {
            Self::User(claims) => claims.cnf.is_some(),
            Self::Service(claims) => claims.cnf.is_some(),
            Self::Key(claims) => claims.cnf.is_some(),
        }
    }
}

impl<'a> IntrospectionResponse<'a> {
    /// Shows the state of a token.
    pub fn new(introspected: Option<&'a Introspected>) -> Self {
        let claims = introspected.map(|introspected| match introspected {
            Introspected::User(claims) => IntrospectedClaims::User(claims),
            Introspected::Service(claims) => IntrospectedClaims::Service(claims),
            Introspected::Key(claims) => IntrospectedClaims::Key(claims),
        });
        Self {
            active: claims.is_some(),
            token_type: claims.as_ref().map(|claims| token_type(claims.is_bound())),
            claims,
        }
    }
}

/// A session of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = UserSession)]
pub struct UserSessionView {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// When the first factor was verified.
    pub created_at: DateTime<Utc>,
    /// When tokens were last issued for it.
    pub last_used_at: DateTime<Utc>,
    /// The client address of the login.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// The `User-Agent` of the login.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
    /// `aal1`: one factor. `aal2`: two.
    #[schema(example = "aal2")]
    pub acr: &'static str,
    /// The authentication methods that were verified (RFC 8176). `fed` is an account at a provider. `mfa` is added if
    /// there were two factors, if a passkey verified its user, or if a provider that the operator trusts for this asked
    /// for two.
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    pub amr: Vec<&'static str>,
    /// The applications that the user allowed something in it. They are signed out when it ends.
    pub applications: Vec<NamedApplicationView>,
}

impl UserSessionView {
    /// Shows a session to its owner or to an administrator.
    pub fn new(own: &OwnSession) -> Self {
        let listed = &own.session;
        let session = &listed.session;
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
            last_used_at: listed.last_used_at,
            ip: listed.ip.map(|ip| ip.to_string()),
            user_agent: listed.user_agent.clone(),
            acr: session.proofs.level().acr(),
            amr: session.proofs.amr(),
            applications: own.applications.iter().map(NamedApplicationView::new).collect(),
        }
    }
}

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedSession)]
pub struct ListedSessionView {
    /// The session.
    #[serde(flatten)]
    pub session: UserSessionView,
    /// Whether it is the session of this request.
    pub current: bool,
}

impl ListedSessionView {
    /// Shows a session to its owner.
    pub fn new(own: &OwnSession, current: SessionId) -> Self {
        Self {
            session: UserSessionView::new(own),
            current: own.session.session.id == current,
        }
    }
}

/// The sessions of an account.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"sessions": [{
    "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "created_at": "2026-03-01T12:00:00Z",
    "last_used_at": "2026-03-01T12:10:00Z", "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "applications": [],
}]}))]
pub struct UserSessionsResponse {
    /// The active sessions, the most recently used first.
    pub sessions: Vec<UserSessionView>,
}
