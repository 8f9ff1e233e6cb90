//! `/docs`: Swagger UI, embedded in the binary, and the texts at the `type` URLs of problems.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use crate::api::problem::{Code, Problem};

/// Swagger UI uses inline styles, and data URIs for its icons; its scripts are files of this origin.
const SWAGGER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHEABLE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

/// Redirects `/docs` to `/docs/`, so that the page finds its files.
pub async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "docs/"))
        .finish()
}

/// Serves Swagger UI.
///
/// # Errors
///
/// `not_found` for files it does not have.
pub async fn swagger_ui(file: Path<String>) -> Result<HttpResponse, Problem> {
    let config = Arc::new(utoipa_swagger_ui::Config::from("../openapi.json"));
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| {
        tracing::error!(%error, "Swagger UI cannot be served");
        Problem::of(Code::InternalError)
    })?;
    let found = found.ok_or_else(|| Problem::of(Code::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header(CACHEABLE)
        .insert_header((header::CONTENT_SECURITY_POLICY, SWAGGER_POLICY))
        .content_type(found.content_type)
        .body(found.bytes.into_owned()))
}

/// Explains a problem code, at the URL in `type`.
///
/// # Errors
///
/// `not_found` for codes that do not exist.
pub async fn problem(code: Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL
        .iter()
        .find(|known| known.as_str() == *code)
        .ok_or_else(|| Problem::of(Code::NotFound))?;
    let text = format!(
        "{}\n\nStatus {}: {}.\n\n{}\n",
        code.as_str(),
        code.status().as_u16(),
        code.title(),
        code.explanation()
    );
    Ok(HttpResponse::Ok()
        .insert_header(CACHEABLE)
        .content_type("text/plain; charset=utf-8")
        .body(text))
}
