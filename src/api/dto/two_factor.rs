//! Requests and responses of the second factors.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::passkey::AssertionCredential;
use super::words;
use crate::domain::factor::Factor;
use crate::domain::factor_proof::FactorProof;
use crate::domain::input::InvalidInput;
use crate::domain::password::Password;
use crate::domain::recovery_code::RecoveryCode;
use crate::flows::factors::{CodeDispatch, StepUpProof};

/// A proof that completes a login: exactly one of `code` and `passkey`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pre_auth_token": "vpa_AQGTx…", "code": "123456"}))]
pub struct VerifyRequest {
    /// The token from `POST /login` or `POST /register`.
    #[schema(value_type = String)]
    pub pre_auth_token: SecretString,
    /// The six digits of an authenticator app, the digits of a sent code, or a recovery code: 24 characters of
    /// Crockford's base 32 in upper or lower case. White space and dashes are ignored, and digits of any script are
    /// accepted.
    #[schema(value_type = Option<String>, nullable = false)]
    pub code: Option<SecretString>,
    /// What a passkey signed, after `POST /2fa/challenge` with the method `passkey`.
    #[schema(nullable = false)]
    pub passkey: Option<AssertionCredential>,
    /// `totp`, `recovery_code`, `email` or `sms`. If omitted, it is `totp` or `recovery_code`, by the format of the
    /// code.
    #[schema(value_type = Option<words::CodeMethod>, nullable = false, example = "totp")]
    pub method: Option<String>,
    /// Where the session's refresh tokens go: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
    /// Whether the user trusts this device, so that the next logins on it need the password alone. The answer contains
    /// a device token if the deployment and the method allow it: `totp`, `sms` and passkeys do. Administrators get
    /// none.
    #[serde(default)]
    #[schema(example = true)]
    pub trust_device: bool,
    /// The solution of the `challenge` in an earlier `rate_limited`, as in `POST /login`. It counts for the account.
    #[schema(nullable = false, example = "eyJjaGFsbGVuZ2Ui…")]
    pub altcha: Option<String>,
}

impl VerifyRequest {
    /// Parses the proof.
    ///
    /// # Errors
    ///
    /// Names the member that is malformed, or says that there are none or two.
    pub fn proof(&self) -> Result<FactorProof, InvalidInput> {
        proof(self.code.as_ref(), self.method.as_deref(), self.passkey.as_ref())
    }
}

/// A request for a code, or for a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pre_auth_token": "vpa_AQGTx…", "method": "sms"}))]
pub struct ChallengeRequest {
    /// The token from `POST /login`. A caller who is signed in omits it and sends an access token as bearer.
    #[schema(value_type = Option<String>)]
    pub pre_auth_token: Option<SecretString>,
    /// `email`, `sms` or `passkey`.
    #[schema(value_type = words::ChallengeMethod, example = "sms")]
    pub method: String,
}

/// A code that was sent.
#[derive(Serialize, ToSchema)]
pub struct ChallengeResponse {
    /// `email` or `sms`; the `method` of the request that submits the code.
    #[schema(example = "sms")]
    pub method: &'static str,
    /// The address or phone number that it was sent to, shortened so that only its owner recognises it.
    #[schema(example = "•••78")]
    pub hint: String,
    /// The seconds until it expires.
    #[schema(example = 300)]
    pub expires_in: i64,
    /// The seconds until another code may be requested.
    #[schema(example = 60)]
    pub resend_after: i64,
}

impl ChallengeResponse {
    /// Shows a code that was sent.
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
    /// The digits; white space and dashes are ignored.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// The proofs that the removal of an authenticator requires.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "korrekt pferd batterie", "code": "123456"}))]
pub struct RemoveTotpRequest {
    /// The account's password; omitted if the account has none.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
    /// A code of the authenticator, or a recovery code.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// A phone to send codes to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number": "+4915112345678"}))]
pub struct PhoneRequest {
    /// A mobile number with its country code (E.164), in a country that the deployment sends text messages to. White
    /// space, dashes, dots and brackets are ignored, and digits of any script are accepted.
    #[schema(value_type = String)]
    pub phone_number: SecretString,
}

/// A proof of the caller's identity: exactly one of `code`, `passkey` and `password`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub struct StepUpRequest {
    /// A code of a second factor, as for `POST /2fa/verify`.
    #[schema(value_type = Option<String>)]
    pub code: Option<SecretString>,
    /// What a passkey signed, after `POST /2fa/challenge` with the method `passkey`.
    #[schema(nullable = false)]
    pub passkey: Option<AssertionCredential>,
    /// `totp`, `recovery_code`, `email` or `sms`. If omitted, it is `totp` or `recovery_code`, by the format of the
    /// code.
    #[schema(value_type = Option<words::CodeMethod>, nullable = false, example = "totp")]
    pub method: Option<String>,
    /// The account's password.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

impl StepUpRequest {
    /// Parses the proof.
    ///
    /// # Errors
    ///
    /// Names the member that is malformed, or says that there are none or several.
    pub fn proof(&self) -> Result<StepUpProof, InvalidInput> {
        let has_factor = self.code.is_some() || self.passkey.is_some();
        match (&self.password, has_factor, &self.method) {
            (None, true, method) => {
                proof(self.code.as_ref(), method.as_deref(), self.passkey.as_ref()).map(StepUpProof::Code)
            }
            (Some(password), false, None) => Ok(StepUpProof::Password(Password::new(password))),
            (Some(_), false, Some(_)) => Err(InvalidInput::of("/method", "is allowed with a code only")),
            _ => Err(InvalidInput::of("", "give exactly one of code, passkey and password")),
        }
    }
}

/// A new set of recovery codes.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesResponse {
    /// The codes, which are never shown again; present only if a set was generated.
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
    /// `required`: every user needs a second factor. `optional`: only users who have one are asked for it.
    #[schema(example = "required")]
    pub policy: &'static str,
    /// The second factors that users can set up in this deployment, strongest first: `passkey`, `totp`, `sms`,
    /// `email`.
    #[schema(example = json!(["totp", "email"]))]
    pub available: Vec<&'static str>,
    /// The factors that are set up, and those that wait for their first code.
    pub factors: Vec<FactorView>,
    /// The number of unused recovery codes.
    #[schema(example = 10)]
    pub recovery_codes_remaining: i64,
}

/// One second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactor)]
pub struct FactorView {
    /// `passkey`, `totp`, `sms` or `email`.
    #[serde(rename = "type")]
    #[schema(example = "totp")]
    pub kind: &'static str,
    /// The id of a passkey. Of the other kinds an account has one each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<uuid::Uuid>,
    /// The name of a passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Blue key")]
    pub name: Option<String>,
    /// `active`: it can complete a login. `pending`: it waits for its first code.
    #[schema(example = "active")]
    pub state: &'static str,
    /// Its phone number or address, shortened so that only its owner recognises it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "j***@e***.com")]
    pub hint: Option<String>,
    /// When its enrolment was started.
    pub created_at: DateTime<Utc>,
    /// When it was confirmed by its first right code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was last used; for an authenticator app, accurate to 30 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl FactorView {
    /// Shows a factor to its owner.
    pub fn new(factor: Factor) -> Self {
        Self {
            kind: factor.kind.as_str(),
            id: factor.id,
            name: factor.name,
            state: factor.state.as_str(),
            hint: factor.hint,
            created_at: factor.created_at,
            confirmed_at: factor.confirmed_at,
            last_used_at: factor.last_used_at,
        }
    }
}

/// Parses the proof of a request that has exactly one of a code and the response of a passkey.
///
/// # Errors
///
/// Names the member that is malformed, or says that there are none or two.
fn proof(
    code: Option<&SecretString>,
    method: Option<&str>,
    passkey: Option<&AssertionCredential>,
) -> Result<FactorProof, InvalidInput> {
    match (code, passkey, method) {
        (Some(code), None, method) => FactorProof::parse(code.expose_secret(), method),
        (None, Some(passkey), None) => {
            let given = passkey.parse("/passkey")?;
            Ok(FactorProof::Passkey(Box::new(given)))
        }
        (None, Some(_), Some(_)) => Err(InvalidInput::of("/method", "is allowed with a code only")),
        _ => Err(InvalidInput::of("", "give either code or passkey")),
    }
}
