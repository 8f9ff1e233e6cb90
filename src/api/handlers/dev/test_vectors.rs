//! `GET /dev/test-vectors`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::dev::{DpopTestVectorView, TestVectorView, TestVectors};
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::maintenance::test_vectors;

/// Returns tokens to test verifiers with
///
/// One that every back end must accept, several that it must refuse, and those of applications and services, which the
/// back ends of their own resource must accept and all others refuse. The member `dpop` has requests with tokens that are
/// bound to a key of the client (RFC 9449). They do not belong to an account. `vestibule dev`
/// only.
#[utoipa::path(
    get, path = "/dev/test-vectors", operation_id = "get_test_vectors", tag = "Development",
    responses((status = 200, description = "The tokens.", body = TestVectors)),
)]
pub async fn get(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let vectors = test_vectors::make(&state.core)?;
    let policy = &state.core.settings.access_tokens;
    Ok(HttpResponse::Ok().json(TestVectors {
        issuer: policy.issuer.clone(),
        audience: policy.audience.clone(),
        vectors: vectors
            .into_iter()
            .map(|vector| TestVectorView {
                name: vector.name,
                accept: vector.accept,
                audience: vector.audience,
                why: vector.why,
                token: vector.token,
            })
            .collect(),
        dpop: test_vectors::make_dpop(&state.core)?
            .into_iter()
            .map(|vector| DpopTestVectorView {
                name: vector.name,
                accept: vector.accept,
                why: vector.why,
                audience: vector.audience,
                method: vector.method,
                url: vector.url,
                scheme: vector.scheme,
                token: vector.token,
                proof: vector.proof,
            })
            .collect(),
    }))
}
