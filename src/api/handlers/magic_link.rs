//! `POST /magic-link` and `POST /magic-link/verify`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::account::{AcceptedResponse, EmailRequest, MagicLinkRequest};
use crate::api::dto::login::LoginResponse;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::login_response;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::email::Email;
use crate::domain::input::InvalidInput;
use crate::domain::link_token::LinkPurpose;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::notify::links;
use crate::flows::sign_in::magic_link;

/// Sends a mail with a link to sign in
///
/// The response is the same whether or not the address belongs to an account. The link replaces the password, not the
/// second factor. It is valid for ten minutes, and only the newest link works.
#[utoipa::path(
    post, path = "/magic-link", operation_id = "request_magic_link", tag = "Sign in",
    request_body(content = EmailRequest),
    responses((status = 202, description = "If the address belongs to an account, a mail is on its way.", body = AcceptedResponse)),
)]
pub async fn request(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<EmailRequest>,
) -> Result<HttpResponse, Problem> {
    let email = Email::parse(&body.0.email).map_err(|wanted| InvalidInput::of("/email", wanted))?;
    links::request(&state.core, LinkPurpose::MagicLink, email, origin.0).await?;
    Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED))
}

/// Logs in with a link from a mail
///
/// The response is that of `POST /login`: a second factor is required as usual. The token works once.
///
/// If the account has no password, the token of a password reset or of an invitation is accepted, too: its owner need not
/// set one, and may register a passkey. If the account has a password, such a token is refused here and stays valid for
/// `POST /password/reset`.
#[utoipa::path(
    post, path = "/magic-link/verify", operation_id = "verify_magic_link", tag = "Sign in",
    request_body(content = MagicLinkRequest),
    responses((
        status = 200, description = "The token was right.", body = LoginResponse,
        example = json!({
            "status": "second_factor_required", "pre_auth_token": "vpa_AQGTx…", "expires_in": 300,
            "methods": [{"type": "totp"}, {"type": "recovery_code", "remaining": 10}], "default_method": "totp",
        }),
    )),
)]
pub async fn verify(
    state: Data<ApiState>,
    origin: Origin,
    proof: ProofHeader,
    body: StrictJson<MagicLinkRequest>,
) -> Result<HttpResponse, Problem> {
    let delivery = RefreshTokenTransport::requested(body.0.delivery.as_deref())?;
    let token = body.0.token.expose_secret();
    let proof = proof.begin(&state)?;
    match magic_link::verify(&state.core, token, delivery, proof, origin.0).await? {
        Some(outcome) => login_response::answer(&state, &outcome),
        None => Err(Problem::of(Code::InvalidLinkToken)),
    }
}
