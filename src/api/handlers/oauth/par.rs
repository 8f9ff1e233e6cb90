//! `POST /oauth/par`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::oauth::{AuthorizationForm, PushedRequest};
use crate::api::extract::oauth::ClientForm;
use crate::api::extract::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::dpop::ProofRefusal;
use crate::flows::oauth::authorize::{self, Push};

/// Pushes an authorization request
///
/// RFC 9126: the application sends the parameters of `GET /oauth/authorize` itself, so that the user's browser neither
/// sees nor changes them. It then sends the browser there with `client_id` and `request_uri`.
#[utoipa::path(
    post, path = "/oauth/par", operation_id = "push_authorization_request", tag = "Applications",
    request_body(
        content = AuthorizationForm, content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 201, description = "The request waits for the browser.", body = PushedRequest)),
)]
pub async fn push(state: Data<ApiState>, proof: ProofHeader, form: ClientForm) -> Result<HttpResponse, Problem> {
    let client = form.client.find(&state).await?;
    let mut parameters = form.parameters.into_authorization();
    // RFC 9449 §10.1: a proof says the same as the parameter, and both must name the same key.
    if let Some(proof) = proof.announce(&state)? {
        let key = proof.key().to_text();
        if parameters.dpop_jkt.get_or_insert_with(|| key.clone()) != &key {
            return Err(Problem::dpop(ProofRefusal::Invalid(
                "The dpop_jkt is not the key of the proof.",
            )));
        }
    }
    match authorize::push(&state.core, &parameters, &client)? {
        Push::Accepted(request_uri, expires_in) => Ok(HttpResponse::Created().json(PushedRequest {
            request_uri,
            expires_in,
        })),
        Push::Refused(error, description) => {
            Err(Problem::new(Code::MalformedRequest, description).with("error", error.as_str()))
        }
    }
}
