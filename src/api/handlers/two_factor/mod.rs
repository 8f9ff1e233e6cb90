//! Second factors: set up, use, removal.

pub mod challenge;
pub mod passkeys;
pub mod recovery_codes;
pub mod sent_code;
pub mod state;
pub mod totp;
pub mod verify;

use actix_web::HttpResponse;
use secrecy::{ExposeSecret, SecretString};

use crate::api::dto::passkey::AssertionCredential;
use crate::api::dto::two_factor::ChallengeResponse;
use crate::api::problem::Problem;
use crate::domain::factor_proof::FactorProof;
use crate::domain::input::InvalidInput;
use crate::flows::factors::Sending;

/// Answers a request for a code, whatever the code is for.
fn answer(sending: Sending) -> Result<HttpResponse, Problem> {
    match sending {
        Sending::Sent(sent) => Ok(HttpResponse::Accepted().json(ChallengeResponse::new(sent))),
        Sending::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Parses the proof of a request that has exactly one of a code and the response of a passkey.
///
/// # Errors
///
/// Names the member that is malformed, or says that there are none or two.
pub fn proof(
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
