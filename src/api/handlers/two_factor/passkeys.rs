//! `/2fa/passkeys`: passkeys of an account.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use secrecy::ExposeSecret;

use crate::api::dto::passkey::{
    PasskeyCreationResponse, PasskeyResponse, PasskeyView, PasskeysResponse, RegisterPasskeyRequest,
    RenamePasskeyRequest,
};
use crate::api::extract::bearer::{Enrolling, RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::PasskeyId;
use crate::domain::input::InvalidInput;
use crate::domain::passkey::PasskeyName;
use crate::flows::factors::{self, EnrollingSession, NoRegistration, PasskeyRegistration, Removal};

/// Starts to register a passkey
///
/// Returns the options that the browser needs. With an access token, or with a pre-auth token for an account that has no
/// second factor yet. Without a password, the options ask for a passkey that can sign in alone.
#[utoipa::path(
    post, path = "/2fa/passkeys/options", operation_id = "start_passkey_registration", tag = "Second factors",
    responses((status = 200, description = "The options.", body = PasskeyCreationResponse)),
)]
pub async fn options(state: Data<ApiState>, origin: Origin, who: Enrolling) -> Result<HttpResponse, Problem> {
    let session = enrolling(&state, &who)?;
    let made = factors::registration_options(&state.core, session, origin.0).await?;
    let made = made.map_err(not_allowed)?;
    let settings = &state.core.settings;
    let party = settings.relying_party.as_ref().ok_or_else(Problem::no_passkeys)?;
    let shown = PasskeyCreationResponse::new(made, (party, &settings.totp_issuer));
    Ok(HttpResponse::Ok().json(shown))
}

/// Registers a passkey
///
/// With what the browser made of the options, in the session that requested them. If the account has no recovery codes
/// left, new ones are generated. A pending login goes on with `POST /2fa/challenge`.
#[utoipa::path(
    post, path = "/2fa/passkeys", operation_id = "register_passkey", tag = "Second factors",
    request_body(content = RegisterPasskeyRequest),
    responses((status = 201, description = "The passkey is a second factor.", body = PasskeyResponse)),
)]
pub async fn register(
    state: Data<ApiState>,
    origin: Origin,
    Then(who, body): Then<Enrolling, StrictJson<RegisterPasskeyRequest>>,
) -> Result<HttpResponse, Problem> {
    let session = enrolling(&state, &who)?;
    let name = parse_name(body.0.name.as_deref().unwrap_or(PasskeyName::UNNAMED))?;
    let given = body.0.credential.parse()?;
    match factors::register_passkey(&state.core, session, (given, name), origin.0).await? {
        PasskeyRegistration::Added(added) => Ok(HttpResponse::Created().json(PasskeyResponse::new(*added))),
        PasskeyRegistration::NotAllowed(reason) => Err(not_allowed(reason)),
        PasskeyRegistration::AlreadyThere => Err(Problem::new(Code::Conflict, "The account has this passkey already.")),
        PasskeyRegistration::Refused(refusal) => {
            let says = format!("was refused: {}", refusal.as_str());
            Err(InvalidInput::of("/credential", says).into())
        }
    }
}

/// Returns the caller's passkeys
///
/// With their names and last uses, so that the owner finds the one to rename or to remove.
#[utoipa::path(
    get, path = "/2fa/passkeys", operation_id = "get_passkeys", tag = "Second factors",
    responses((status = 200, description = "The passkeys, the oldest first.", body = PasskeysResponse)),
)]
pub async fn list(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let passkeys = factors::list_passkeys(&state.core, &caller.0).await?;
    let passkeys = passkeys.iter().map(PasskeyView::new).collect();
    Ok(HttpResponse::Ok().json(PasskeysResponse { passkeys }))
}

/// Renames a passkey
///
/// The name is for the owner only: it is in their lists and notices.
#[utoipa::path(
    patch, path = "/2fa/passkeys/{id}", operation_id = "rename_passkey", tag = "Second factors",
    params(("id" = uuid::Uuid, Path, description = "The passkey.")),
    request_body(content = RenamePasskeyRequest),
    responses((status = 204, description = "It has the name.")),
)]
pub async fn rename(
    state: Data<ApiState>,
    origin: Origin,
    id: Path<String>,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<RenamePasskeyRequest>>,
) -> Result<HttpResponse, Problem> {
    let id = PasskeyId::parse(&id).ok_or_else(unknown)?;
    let name = parse_name(&body.0.name)?;
    if factors::rename_passkey(&state.core, &caller.0, (id, name), origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}

/// Removes a passkey
///
/// Not allowed if it is the last second factor and the deployment requires one, nor if the account has no password and
/// no other passkey that has shown that it can sign in alone. All other sessions lose their proofs by passkeys, and
/// those without another proof end.
#[utoipa::path(
    delete, path = "/2fa/passkeys/{id}", operation_id = "remove_passkey", tag = "Second factors",
    params(("id" = uuid::Uuid, Path, description = "The passkey.")),
    responses((status = 204, description = "It can no longer be used.")),
)]
pub async fn remove(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PasskeyId::parse(&id).ok_or_else(unknown)?;
    match factors::remove_passkey(&state.core, &caller.0, id, origin.0).await? {
        Removal::Removed => Ok(HttpResponse::NoContent().finish()),
        Removal::NotSetUp => Err(unknown()),
        Removal::Refused(refusal) => Err(refusal.into()),
    }
}

fn enrolling(state: &ApiState, who: &Enrolling) -> Result<EnrollingSession, Problem> {
    match who {
        Enrolling::Pending(presented) => {
            EnrollingSession::of_login(&state.core, presented.token.expose_secret(), presented.proof)
                .ok_or_else(|| not_allowed(NoRegistration::InvalidPreAuthToken))
        }
        Enrolling::SignedIn(caller) => Ok(EnrollingSession::of_caller(caller)),
    }
}

fn parse_name(text: &str) -> Result<PasskeyName, InvalidInput> {
    PasskeyName::parse(text).map_err(|wanted| InvalidInput::of("/name", wanted))
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "You have no such passkey.")
}

fn not_allowed(reason: NoRegistration) -> Problem {
    match reason {
        NoRegistration::NotOffered => Problem::no_passkeys(),
        NoRegistration::TooMany => Problem::new(Code::Conflict, "The account has the most passkeys that it may have."),
        NoRegistration::InvalidPreAuthToken => Problem::of(Code::InvalidPreAuthToken).bearer_error(),
        NoRegistration::AlreadyConfirmed => Problem::new(
            Code::Forbidden,
            "A second factor is confirmed; a pre-auth token cannot add another.",
        ),
    }
}
