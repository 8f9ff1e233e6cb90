//! Callers who are administrators, the accounts that they name, and the problems of refused operations.

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::bearer::SignedIn;
use super::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::factor::FactorKind;
use crate::domain::ids::UserId;
use crate::domain::input::InvalidInput;
use crate::domain::managed_user::UserSelector;
use crate::flows::admin::users::{self, ListedAccount};
use crate::flows::admin::{self, AdminRefusal, Operator, RecentOperator, Standing};

/// An administrator with two verified factors; the handler does not run for any other caller.
///
/// A caller without the role, or without the second factor that the role requires, gets 403, since no proof would help.
/// A caller with both but without the proof gets 401, which says what to prove (RFC 9470 §3).
pub struct Administrator {
    caller: SignedIn,
    origin: RequestOrigin,
}

impl Administrator {
    /// Returns the author of changes that take access away, or that change nothing for long.
    pub fn operator(&self) -> Operator {
        Operator::administrator(&self.caller.0, self.origin.clone())
    }

    /// Returns the account.
    pub fn user_id(&self) -> UserId {
        self.caller.0.user.id
    }

    /// Requires that the token contains a recent proof, for handlers that do not always need one.
    ///
    /// # Errors
    ///
    /// `insufficient_user_authentication` if it does not.
    pub async fn require_recent_proof(self, state: &ApiState) -> Result<RecentOperator, Problem> {
        let caller = self.caller.require_recent_proof(state).await?;
        Ok(RecentOperator::administrator(&caller, self.origin))
    }
}

impl FromRequest for Administrator {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::of(request);
        let origin = Origin::from_request(request, payload);
        let state = Data::<ApiState>::extract(request);
        async move {
            let caller = signed_in.await?;
            let Origin(origin) = origin.await?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            match admin::authorize(&state.core, &caller.0, &origin).await? {
                Standing::Administrator => Ok(Self { caller, origin }),
                Standing::NotAdministrator => Err(Problem::new(
                    Code::Forbidden,
                    "This is for administrators: accounts with the role admin.",
                )),
                Standing::FactorMissing(kinds) => Err(factor_missing(&kinds)),
                Standing::StepUpRequired(demand) => Err(Problem::insufficient_user_authentication(&demand)),
            }
        }
        .boxed_local()
    }
}

/// An administrator whose token also contains a recent proof, for work that outlasts the token; the handler does not run
/// for any other caller.
pub struct RecentAdministrator(pub RecentOperator);

impl FromRequest for RecentAdministrator {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let administrator = Administrator::from_request(request, payload);
        let state = Data::<ApiState>::extract(request);
        async move {
            let administrator = administrator.await?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            administrator.require_recent_proof(&state).await.map(Self)
        }
        .boxed_local()
    }
}

/// The account has none of the second factors that the role of administrators requires.
fn factor_missing(kinds: &[FactorKind]) -> Problem {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let detail = format!(
        "The role admin requires a second factor that your account does not have: {}. Set it up, then prove it with \
         POST /step-up; the new access token has the role.",
        names.join(" or ")
    );
    Problem::new(Code::Forbidden, detail)
}

/// Parses the id in a path. A text that is not an id is answered like an unknown account.
///
/// # Errors
///
/// `not_found`.
pub fn parse_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).ok_or_else(unknown_user)
}

/// Returns the account that the path of a request names.
///
/// # Errors
///
/// `not_found` if there is none.
pub async fn find_user(state: &ApiState, id: &str) -> Result<ListedAccount, Problem> {
    let selector = UserSelector::Id(parse_id(id)?);
    users::find(&state.core, selector).await?.ok_or_else(unknown_user)
}

/// The account does not exist.
pub fn unknown_user() -> Problem {
    Problem::new(Code::NotFound, "There is no such account.")
}

/// Returns the problem for a refused change.
pub fn refused(refusal: AdminRefusal) -> Problem {
    match refusal {
        AdminRefusal::NotAdministrator => Problem::of(Code::Forbidden),
        AdminRefusal::UnknownUser => unknown_user(),
        AdminRefusal::OwnAccount => Problem::new(
            Code::Conflict,
            "Administrators cannot do this to their own account; another administrator can.",
        ),
        AdminRefusal::UnverifiedAddress => Problem::new(
            Code::Conflict,
            "The account's e-mail address is not verified yet; roles can be granted after that.",
        ),
        AdminRefusal::NoWayBack => Problem::new(
            Code::Conflict,
            "The account has neither a password nor an address, so its owner could not come back.",
        ),
        AdminRefusal::TooManyChanges(wait) => Problem::rate_limited(wait),
        AdminRefusal::Roles(wanted) => InvalidInput::of("/roles", wanted).into(),
    }
}
