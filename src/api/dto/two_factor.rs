//! The second door, and what opens it.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;
use crate::domain::recovery_code::RecoveryCode;
use crate::flows::factors::inventory::ListedFactor;
use crate::flows::factors::sent_code::CodeDispatch;

/// A code for the second door.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pre_auth_token": "vpa_AQGTx…", "code": "123456"}))]
pub struct VerifyRequest {
    /// From `POST /login` or `POST /register`.
    #[schema(value_type = String)]
    pub pre_auth_token: SecretString,
    /// Six digits, or a recovery code: 24 characters of Crockford's base 32, in any case; or the digits that were sent. White
    /// space and dashes do not matter, nor does the script of the digits.
    #[schema(value_type = String)]
    pub code: SecretString,
    /// `totp`, `recovery_code`, `email` or `sms`; when left out, the code's shape tells the first two.
    #[schema(value_type = Option<words::CodeMethod>, nullable = false, example = "totp")]
    pub method: Option<String>,
    /// Where the session's refresh tokens go: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
}

/// A wish for a code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pre_auth_token": "vpa_AQGTx…", "method": "sms"}))]
pub struct ChallengeRequest {
    /// From `POST /login`; left out by somebody who is signed in, whose access token is the bearer.
    #[schema(value_type = Option<String>)]
    pub pre_auth_token: Option<SecretString>,
    /// `email` or `sms`.
    #[schema(value_type = words::CodeChannel, example = "sms")]
    pub method: String,
}

/// A code that is on its way.
#[derive(Serialize, ToSchema)]
pub struct ChallengeResponse {
    /// `email` or `sms`; the `method` to send the code with.
    #[schema(example = "sms")]
    pub method: &'static str,
    /// Where it goes: enough for its owner to know it.
    #[schema(example = "•••78")]
    pub hint: String,
    /// Seconds that it lasts.
    #[schema(example = 300)]
    pub expires_in: i64,
    /// Seconds before it may be sent anew.
    #[schema(example = 60)]
    pub resend_after: i64,
}

impl ChallengeResponse {
    /// Shows a code that is on its way.
    pub fn new(sent: CodeDispatch) -> Self {
        Self {
            method: sent.channel.as_str(),
            hint: sent.hint,
            expires_in: sent.expires_in,
            resend_after: sent.resend_after,
        }
    }
}

/// The first code of a new factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub struct ConfirmRequest {
    /// The digits; white space and dashes do not matter.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// What removing an authenticator takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "korrekt pferd batterie", "code": "123456"}))]
pub struct RemoveTotpRequest {
    /// The account's password.
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// A code of the authenticator, or a recovery code.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// A phone to send codes to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number": "+4915112345678"}))]
pub struct PhoneRequest {
    /// A mobile number with its country code (E.164), of a country that the deployment sends text messages to. White space,
    /// dashes, dots and brackets do not matter, nor does the script of the digits.
    #[schema(value_type = String)]
    pub phone_number: SecretString,
}

/// Something that proves who is calling: exactly one of `code` and `password`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub struct StepUpRequest {
    /// A code of a second factor, as for `POST /2fa/verify`.
    #[schema(value_type = Option<String>)]
    pub code: Option<SecretString>,
    /// `totp`, `recovery_code`, `email` or `sms`; when left out, the code's shape tells the first two.
    #[schema(value_type = Option<words::CodeMethod>, nullable = false, example = "totp")]
    pub method: Option<String>,
    /// The account's password.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

/// A new set of recovery codes.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesResponse {
    /// Shown this once; only there when a set was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = json!(["0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ"]))]
    pub recovery_codes: Option<Vec<String>>,
}

impl RecoveryCodesResponse {
    /// Shows a set.
    pub fn new(codes: Option<&[RecoveryCode]>) -> Self {
        Self {
            recovery_codes: codes.map(|codes| codes.iter().map(RecoveryCode::to_display).collect()),
        }
    }
}

/// The caller's second factors.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactors)]
pub struct SecondFactorsView {
    /// `required`: everybody needs a second factor. `optional`: only those who have one are asked for it.
    #[schema(example = "required")]
    pub policy: &'static str,
    /// What the deployment lets people set up, strongest first: `totp`, `sms`, `email`.
    #[schema(example = json!(["totp", "email"]))]
    pub available: Vec<&'static str>,
    /// What is set up, and what waits for its first code.
    pub factors: Vec<FactorView>,
    /// Recovery codes not yet spent.
    #[schema(example = 10)]
    pub recovery_codes_remaining: i64,
}

/// One second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactor)]
pub struct FactorView {
    /// `totp`, `sms` or `email`.
    #[serde(rename = "type")]
    #[schema(example = "totp")]
    pub kind: &'static str,
    /// `active`: it opens the second door. `pending`: it waits for its first code.
    #[schema(example = "active")]
    pub state: &'static str,
    /// Of its phone or address: enough for its owner to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "j***@e***.com")]
    pub hint: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its first code was right.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it last opened the second door; of an authenticator, to the half minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl FactorView {
    /// Shows a factor to its owner.
    pub fn new(factor: ListedFactor) -> Self {
        Self {
            kind: factor.kind.as_str(),
            state: if factor.active { "active" } else { "pending" },
            hint: factor.hint,
            created_at: factor.created_at,
            confirmed_at: factor.confirmed_at,
            last_used_at: factor.last_used_at,
        }
    }
}
