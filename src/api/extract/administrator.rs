//! Callers who may do operators' work, and what they are told when something of it cannot be done.

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::bearer::SignedIn;
use super::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::UserId;
use crate::domain::input::InvalidInput;
use crate::flows::admin::{self, AdminRefusal, Operator, Standing};

/// An administrator with two factors proven; nobody else reaches the handler.
///
/// Whoever lacks the role is told 403, since nothing they could prove would help; whoever has it and lacks the proof is told
/// by 401 what to prove (RFC 9470 §3).
pub struct Administrator(pub Operator);

impl FromRequest for Administrator {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::of(request);
        let origin = Origin::from_request(request, payload);
        let state = Data::<ApiState>::extract(request);
        async move {
            let SignedIn(caller) = signed_in.await?;
            let Origin(origin) = origin.await?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            match admin::authorize(&state.core, &caller, &origin).await? {
                Standing::Administrator => Ok(Self(Operator::administrator(&caller, origin))),
                Standing::NotAdministrator => Err(Problem::new(
                    Code::Forbidden,
                    "This is for administrators: accounts with the role admin.",
                )),
                Standing::StepUpRequired(demand) => Err(Problem::insufficient_user_authentication(&demand)),
            }
        }
        .boxed_local()
    }
}

/// Reads the id in a path; what is none names no account.
///
/// # Errors
///
/// `not_found`.
pub fn parse_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).ok_or_else(unknown_user)
}

/// Says that nobody is there.
pub fn unknown_user() -> Problem {
    Problem::new(Code::NotFound, "There is no such account.")
}

/// Says why an operator's change was not made.
pub fn refused(refusal: AdminRefusal) -> Problem {
    match refusal {
        AdminRefusal::NotAdministrator => Problem::of(Code::Forbidden),
        AdminRefusal::UnknownUser => unknown_user(),
        AdminRefusal::OwnAccount => Problem::new(
            Code::Conflict,
            "Administrators cannot do this to their own account; another one can.",
        ),
        AdminRefusal::UnverifiedAddress => Problem::new(
            Code::Conflict,
            "Nobody has confirmed the account's e-mail address yet; roles can be granted after that.",
        ),
        AdminRefusal::Roles(wanted) => InvalidInput::of("/roles", wanted).into(),
    }
}
