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
    /// An ASCII mailbox at a domain name, of at most 254 characters; upper case is folded, white space around it dropped.
    #[schema(format = Email)]
    pub email: Option<String>,
    /// 3 to 32 letters a-z, digits, dots, dashes and underscores, beginning with a letter or digit; upper case is folded,
    /// white space around it dropped.
    #[schema(min_length = 3)]
    pub username: Option<String>,
    /// Any characters; nothing is trimmed. Too short or guessable ones are refused.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: SecretString,
    /// The language of messages to the user, as a language tag or a system's locale (`de_AT`). One that the service does not
    /// have is not refused: then, and when it is left out, what `Accept-Language` likes best counts, or English.
    #[schema(example = "de-AT")]
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
