//! `POST /register`.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::enrolment::TotpEnrolmentView;
use super::user::UserView;
use crate::domain::input::InvalidInput;
use crate::domain::password::Password;
use crate::flows::account::register::Registrant;

/// A request for an account: with exactly one of `password` and `passkey`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com", "password": "korrekt pferd batterie"}))]
pub struct RegisterRequest {
    /// An ASCII mailbox at a domain name, of at most 254 characters. Upper case is converted to lower case, and
    /// surrounding white space is removed.
    #[schema(format = Email)]
    pub email: Option<String>,
    /// 3 to 32 characters: letters a-z, digits, dots, dashes and underscores, beginning with a letter or digit. Upper
    /// case is converted to lower case, and surrounding white space is removed.
    #[schema(min_length = 3)]
    pub username: Option<String>,
    /// Any characters; nothing is trimmed. A password that is too short or easy to guess is refused.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128)]
    pub password: Option<SecretString>,
    /// `true`: the account gets no password, and signs in with a passkey, which is registered next.
    #[schema(example = true)]
    pub passkey: Option<bool>,
    /// The language of messages to the user, as a language tag or a POSIX locale (`de_AT`). A language that the
    /// service does not support is not refused: in that case, and if this is omitted, `Accept-Language` decides, or
    /// else it is English.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
}

impl RegisterRequest {
    /// Returns how the owner of the account will sign in.
    ///
    /// # Errors
    ///
    /// Says that exactly one of the two ways must be given.
    pub fn registrant(&self) -> Result<Registrant, InvalidInput> {
        match (&self.password, self.passkey.unwrap_or_default()) {
            (Some(password), false) => Ok(Registrant::Password(Password::new(password))),
            (None, true) => Ok(Registrant::Passkey),
            _ => Err(InvalidInput::of("", "give exactly one of password and passkey")),
        }
    }
}

/// A new account, and what is needed to confirm its authenticator or to register its passkey.
#[derive(Serialize, ToSchema)]
pub struct RegisterResponse {
    /// The account.
    pub user: UserView,
    /// The secret for its authenticator app; absent without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub totp: Option<TotpEnrolmentView>,
    /// Authorizes `POST /2fa/verify`, once. Without a password, it also authorizes the registration of a passkey, and
    /// of nothing else.
    #[schema(example = "vpa_AQGTx…")]
    pub pre_auth_token: String,
    /// The lifetime of the pre-auth token in seconds.
    #[schema(example = 300)]
    pub expires_in: u64,
}
