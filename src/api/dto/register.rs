//! `POST /register`.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::enrolment::TotpEnrolmentView;
use super::user::UserView;

/// A wish for an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com", "password": "korrekt pferd batterie"}))]
pub struct RegisterRequest {
    /// An ASCII mailbox at a domain name; upper case is folded.
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Letters a-z, digits, dots, dashes and underscores; upper case is folded.
    #[schema(min_length = 3, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub username: Option<String>,
    /// Any characters; nothing is trimmed. Too short or guessable ones are refused.
    #[schema(value_type = String, format = Password, write_only, min_length = 8, max_length = 128)]
    pub password: SecretString,
    /// The language of messages to the user, as a language tag; when left out, what `Accept-Language` likes best.
    #[schema(max_length = 35, example = "de-AT")]
    pub locale: Option<String>,
}

/// An account between its two doors.
#[derive(Serialize, ToSchema)]
pub struct RegisterResponse {
    /// The account.
    pub user: UserView,
    /// What its authenticator app needs.
    pub totp: TotpEnrolmentView,
    /// Opens `POST /2fa/verify`, once.
    #[schema(example = "vpa_AQGTx…")]
    pub pre_auth_token: String,
    /// Life of the pre-auth token in seconds.
    #[schema(example = 300)]
    pub expires_in: u64,
}
