//! The two bodies of RFC 7662 and RFC 7009: a form, as the standards have it, or JSON like everything else here.

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use serde::Deserialize;

use super::json::{StrictJson, read_body};
use crate::api::dto::tokens::TokenRequest;
use crate::api::problem::{Code, Problem};

const FORM: &str = "application/x-www-form-urlencoded";

/// What the body holds. Parameters that are not known are left alone (RFC 6749 §3.2); one that stands twice is an error.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    /// What the request is about.
    token: Option<SecretString>,
    /// Who is calling, where the form tells.
    pub(super) client_id: Option<String>,
    /// The proof of it.
    pub(super) client_secret: Option<SecretString>,
}

impl TokenForm {
    /// Returns the token.
    pub(super) fn token(self) -> Result<SecretString, Problem> {
        self.token.ok_or_else(malformed)
    }
}

fn malformed() -> Problem {
    Problem::new(
        Code::MalformedRequest,
        "The form must have the parameter \"token\" once.",
    )
}

/// Tells whether the body says that it is a form.
pub(super) fn is_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let essence = media_type.and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM))
}

/// Reads the body, whichever of the two it is.
pub(super) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> LocalBoxFuture<'static, Result<TokenForm, Problem>> {
    if is_form(request) {
        let body = read_body(request, payload);
        return async move { serde_urlencoded::from_bytes(&body.await?).map_err(|_unreadable| malformed()) }
            .boxed_local();
    }
    let json = StrictJson::<TokenRequest>::from_request(request, payload);
    let form = |body: StrictJson<TokenRequest>| TokenForm {
        token: Some(body.0.token),
        client_id: None,
        client_secret: None,
    };
    json.map(move |body| body.map(form)).boxed_local()
}
