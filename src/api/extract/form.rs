//! The two bodies of RFC 7662 and RFC 7009: a form, as the standards have it, or JSON like everything else here.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use serde::Deserialize;

use super::json::{StrictJson, read_body};
use crate::api::dto::tokens::TokenRequest;
use crate::api::problem::{Code, Problem};

const FORM: &str = "application/x-www-form-urlencoded";

/// The token that a request is about.
pub struct PresentedToken(pub SecretString);

/// Parameters that are not known are left alone (RFC 6749 §3.2); one that stands twice is an error.
#[derive(Deserialize)]
struct TokenForm {
    token: SecretString,
}

impl FromRequest for PresentedToken {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(FORM) {
            let json = StrictJson::<TokenRequest>::from_request(request, payload);
            return json.map(|body| body.map(|body| Self(body.0.token))).boxed_local();
        }
        let body = read_body(request, payload);
        async move {
            let body = body.await?;
            let wanted = |_| {
                Problem::new(
                    Code::MalformedRequest,
                    "The form must have the parameter \"token\" once.",
                )
            };
            serde_urlencoded::from_bytes::<TokenForm>(&body)
                .map(|form| Self(form.token))
                .map_err(wanted)
        }
        .boxed_local()
    }
}
