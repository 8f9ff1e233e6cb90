//! Second factors: set up, use, removal.

pub mod challenge;
pub mod passkeys;
pub mod recovery_codes;
pub mod sent_code;
pub mod state;
pub mod totp;
pub mod verify;

use actix_web::HttpResponse;

use crate::api::dto::two_factor::ChallengeResponse;
use crate::api::problem::Problem;
use crate::flows::factors::Sending;

/// Answers a request for a code, whatever the code is for.
fn answer(sending: Sending) -> Result<HttpResponse, Problem> {
    match sending {
        Sending::Sent(sent) => Ok(HttpResponse::Accepted().json(ChallengeResponse::new(sent))),
        Sending::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}
