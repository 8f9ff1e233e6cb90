//! `POST /login`.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reveal;
use super::tokens::TokenResponse;
use super::words;
use crate::domain::factor::{FactorKind, first_choice};
use crate::flows::session::TokenGrant;
use crate::flows::sign_in::login::PendingLogin;

/// An identifier and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com", "password": "korrekt pferd batterie"}))]
pub struct LoginRequest {
    /// The address of the account.
    #[schema(format = Email)]
    pub email: Option<String>,
    /// The user name of the account.
    pub username: Option<String>,
    /// The password, exactly as it was set: nothing is trimmed.
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// Where refresh tokens go if no second factor is required: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
    /// The device token of a trusted device, which spares the second factor; omitted if a cookie contains it. One that
    /// is not valid leads to an ordinary login.
    #[schema(value_type = Option<String>, nullable = false, example = "vtd_AQGTx…")]
    pub device_token: Option<SecretString>,
    /// The solution of the `challenge` in an earlier `rate_limited`: base64 of JSON, as ALTCHA's clients write it. It
    /// counts once, for the same name, for two minutes; one that does not count leads to the wait.
    #[schema(nullable = false, example = "eyJjaGFsbGVuZ2Ui…")]
    pub altcha: Option<String>,
}

/// How to continue after a right password; `status` says which variant it is.
///
/// Each variant is a separate schema with its own `status`, and serde adds no tag. Client generators can then name each
/// variant. For an internally tagged enum the document would have an `allOf` without a name instead.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(
    description = "How to continue after a right password; `status` says which variant it is.",
    discriminator(property_name = "status", mapping(
        ("second_factor_required" = "#/components/schemas/SecondFactorRequired"),
        ("enrolment_required" = "#/components/schemas/EnrolmentRequired"),
        ("authenticated" = "#/components/schemas/Authenticated"),
    ))
)]
#[expect(
    missing_docs,
    reason = "each struct is documented; a comment here would appear in the document beside its name"
)]
pub enum LoginResponse {
    SecondFactorRequired(SecondFactorRequired),
    EnrolmentRequired(EnrolmentRequired),
    Authenticated(Box<Authenticated>),
}

/// A second factor is required to complete the login: ask the user for a code and send it to `POST /2fa/verify`.
#[derive(Serialize, ToSchema)]
pub struct SecondFactorRequired {
    /// Distinguishes this variant from the others.
    #[schema(schema_with = words::SecondFactorRequiredStatus::schema)]
    pub status: words::SecondFactorRequiredStatus,
    /// Authorizes `POST /2fa/verify`, once.
    #[schema(example = "vpa_AQGTx…")]
    pub pre_auth_token: String,
    /// The lifetime of the pre-auth token in seconds.
    #[schema(example = 300)]
    pub expires_in: u64,
    /// The second factors that can complete the login, strongest first. Empty if none of the account's can: after a
    /// magic link a password might, else the user has to ask the operator for help.
    pub methods: Vec<MethodView>,
    /// The method to offer first; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "totp")]
    pub default_method: Option<&'static str>,
    /// How long a device is trusted in seconds, if `trust_device` is sent to `POST /2fa/verify`; absent if the
    /// deployment trusts no devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2_592_000)]
    pub trusted_device_ttl: Option<u64>,
}

/// No second factor is confirmed yet: create a secret with `POST /2fa/totp`, and confirm it with `POST /2fa/verify`.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentRequired {
    /// Distinguishes this variant from the others.
    #[schema(schema_with = words::EnrolmentRequiredStatus::schema)]
    pub status: words::EnrolmentRequiredStatus,
    /// Authorizes `POST /2fa/verify`, once, and `POST /2fa/totp`.
    #[schema(example = "vpa_AQGTx…")]
    pub pre_auth_token: String,
    /// The lifetime of the pre-auth token in seconds.
    #[schema(example = 300)]
    pub expires_in: u64,
    /// Always empty: a secret can only be confirmed in the login that created it. Create one with `POST /2fa/totp`.
    pub methods: Vec<MethodView>,
}

/// The user is signed in: the deployment's policy is `optional` and the user has no second factor, or the device is
/// trusted.
#[derive(Serialize, ToSchema)]
pub struct Authenticated {
    /// Distinguishes this variant from the others.
    #[schema(schema_with = words::AuthenticatedStatus::schema)]
    pub status: words::AuthenticatedStatus,
    /// The tokens of the session.
    #[serde(flatten)]
    pub tokens: TokenResponse,
}

/// A second factor that can complete the login.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorMethod)]
pub struct MethodView {
    /// `totp`, `sms`, `email` or `recovery_code`; the `method` of `POST /2fa/verify`.
    #[serde(rename = "type")]
    #[schema(example = "totp")]
    pub kind: &'static str,
    /// The number of unused recovery codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remaining: Option<i64>,
    /// The address or phone number that `POST /2fa/challenge` sends a code to, shortened so that only its owner
    /// recognises it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "j***@e***.com")]
    pub hint: Option<String>,
}

impl LoginResponse {
    /// Shows a login that waits for a second factor, or for its enrolment.
    pub fn pending(login: &PendingLogin) -> Self {
        let pre_auth_token = reveal(&login.pre_auth_token);
        let expires_in = login.expires_in;
        let methods = methods(login);
        if login.factors.any_confirmed() {
            let default_method = first_choice(&login.offered).map(FactorKind::as_str);
            Self::SecondFactorRequired(SecondFactorRequired {
                status: words::SecondFactorRequiredStatus,
                pre_auth_token,
                expires_in,
                methods,
                default_method,
                trusted_device_ttl: login.trusted_device_ttl,
            })
        } else {
            Self::EnrolmentRequired(EnrolmentRequired {
                status: words::EnrolmentRequiredStatus,
                pre_auth_token,
                expires_in,
                methods,
            })
        }
    }

    /// Shows a completed login.
    pub fn authenticated(grant: &TokenGrant) -> Self {
        Self::Authenticated(Box::new(Authenticated {
            status: words::AuthenticatedStatus,
            tokens: TokenResponse::new(grant),
        }))
    }
}

fn methods(login: &PendingLogin) -> Vec<MethodView> {
    let factors = &login.factors;
    let view = |kind: &FactorKind| MethodView {
        kind: kind.as_str(),
        remaining: (*kind == FactorKind::RecoveryCodes).then_some(factors.recovery_codes_remaining),
        hint: factors.hint(*kind).map(str::to_owned),
    };
    login.offered.iter().map(view).collect()
}
