//! `GET /token/validate`, and every other method: see `any_method` in the table of routes. No body is ever read.

use actix_web::HttpResponse;

use crate::api::dto::tokens::AccessTokenClaimsSchema;
use crate::api::extract::bearer::Validated;

/// Validates the bearer token for a gateway
///
/// For nginx's `auth_request`, Traefik's `ForwardAuth` and Envoy's `ext_authz`: 200 with the claims, and with the
/// user, the session and the roles in headers to pass on; 401 otherwise. Takes a logout into account at once. Every
/// other method is answered like GET, since some gateways send the method of the request that they check; bodies are
/// ignored. A token that is bound to a key is answered 401, unless a proof for this request comes with it: the proofs that
/// clients make are for the back end behind the gateway, which checks them itself.
#[utoipa::path(
    get, path = "/token/validate", operation_id = "validate_token", tag = "Verification",
    responses((
        status = 200, description = "The token is valid.", body = AccessTokenClaimsSchema,
        headers(
            ("X-Auth-User" = String, description = "The `sub`."),
            ("X-Auth-Session" = String, description = "The `sid`."),
            ("X-Auth-Roles" = String, description = "The roles, separated by commas."),
        ),
    )),
)]
pub async fn validate_token(caller: Validated) -> HttpResponse {
    let claims = caller.0.claims;
    HttpResponse::Ok()
        .insert_header(("x-auth-user", claims.sub.to_string()))
        .insert_header(("x-auth-session", claims.sid.to_string()))
        .insert_header(("x-auth-roles", claims.roles.join(",")))
        .json(&*claims)
}
