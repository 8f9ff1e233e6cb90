//! The two kinds of bodies for RFC 7662 and RFC 7009: a form, as the standards require, or JSON as in the rest of the
//! API.

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use serde::Deserialize;

use super::json::{StrictJson, read_body};
use crate::api::dto::tokens::TokenRequest;
use crate::api::problem::{Code, Problem};

const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters of the body. Unknown parameters are ignored (RFC 6749 §3.2); a repeated one is an error.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    /// The token that the request is about.
    token: Option<SecretString>,
    /// The id of the service client, if it is in the form.
    pub(super) client_id: Option<String>,
    /// The secret of the service client, if it is in the form.
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

/// Returns whether the media type of the body is that of a form.
pub(in crate::api) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    let essence = media_type.and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM))
}

/// Reads the body, be it a form or JSON.
pub(super) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> LocalBoxFuture<'static, Result<TokenForm, Problem>> {
    if is_form(request.headers()) {
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
