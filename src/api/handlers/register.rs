//! `POST /register`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::dto::account::AcceptedResponse;
use crate::api::dto::enrolment::TotpEnrolmentView;
use crate::api::dto::register::{RegisterRequest, RegisterResponse};
use crate::api::dto::reveal;
use crate::api::dto::user::UserView;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::factor::FactorSummary;
use crate::domain::message::Locale;
use crate::domain::user::AccountNames;
use crate::flows::account::register::{NewAccount, Registration, register as register_flow};

/// Creates an account
///
/// Creates the account together with a TOTP secret that waits for its first code. Show the QR code to the user, then
/// send the code of the authenticator app to `POST /2fa/verify` with the pre-auth token: that confirms the
/// authenticator and signs the user in.
///
/// With `passkey` in the place of a password, the account gets none, and the pre-auth token registers a passkey and
/// nothing else: `POST /2fa/passkeys/options` and `POST /2fa/passkeys`. The authenticator must verify its user. Then
/// sign in with it, by `POST /2fa/challenge` and `POST /2fa/verify`. If no passkey is registered while the token is
/// valid, the account is deleted, and its names can be registered again.
///
/// The operator may have a server that decides which accounts are made. If it denies one, the answer is
/// `registration_denied`; if it does not answer, it can be `registration_unavailable`.
#[utoipa::path(
    post, path = "/register", operation_id = "register", tag = "Sign in",
    request_body(content = RegisterRequest, description = "At least one of `email` and `username`."),
    responses(
        (status = 201, description = "The account was created.", body = RegisterResponse),
        (
            status = 202, description = "The result is sent by mail only: the deployment does not reveal which addresses \
                have an account. The password works once the address is verified; until then `POST /login` responds as to \
                a wrong password. If an account with this address exists but was never verified, the mail has a link that \
                sets a password instead. So has the mail about an account without a password: \
                `POST /magic-link/verify` takes its token, to register a passkey instead, unless an earlier registration \
                set a password.",
            body = AcceptedResponse,
        ),
    ),
)]
pub async fn register(
    state: Data<ApiState>,
    origin: Origin,
    request: HttpRequest,
    proof: ProofHeader,
    body: StrictJson<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let languages = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let request = body.0;
    let locale = Locale::requested(request.locale.as_deref(), languages);
    let names = AccountNames::parse(request.email.as_deref(), request.username.as_deref())?;
    let proof = proof.begin(&state)?;
    let outcome = register_flow(&state.core, names, (request.registrant()?, proof), locale, origin.0).await?;
    match outcome {
        Registration::Created(account) => Ok(HttpResponse::Created().json(created(&account)?)),
        Registration::Accepted => Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED)),
        Registration::EmailTaken => Err(Problem::of(Code::EmailTaken)),
        Registration::UsernameTaken => Err(Problem::of(Code::UsernameTaken)),
        Registration::PasswordRejected(rejection) => Err(rejection.into()),
        Registration::Invalid(invalid) => Err(invalid.into()),
        Registration::NoPasskeys => Err(Problem::no_passkeys()),
        Registration::NotAdmitted(refused) => Err(refused.into()),
        Registration::Closed => Err(Problem::new(Code::Forbidden, "Registration is closed.")),
    }
}

fn created(account: &NewAccount) -> Result<RegisterResponse, Problem> {
    Ok(RegisterResponse {
        user: UserView::new(&account.user, &FactorSummary::default()),
        totp: account.enrolment.as_ref().map(TotpEnrolmentView::new).transpose()?,
        pre_auth_token: reveal(&account.pre_auth_token),
        expires_in: account.expires_in,
    })
}
