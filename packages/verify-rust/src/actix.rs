//! Extractors for actix-web: the application has a [`Verifier`] as data, which handlers get callers from.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError};

use crate::{AnyCaller, Refusal, RequestHead, User, Verifier};

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl FromRequest for User {
    type Error = Error;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(verifier(&request)?.user(&head(&request)).await?) })
    }
}

impl FromRequest for AnyCaller {
    type Error = Error;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(verifier(&request)?.any_caller(&head(&request)).await?) })
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for header in self.headers() {
            response.insert_header(header);
        }
        response.body(self.body())
    }
}

fn verifier(request: &HttpRequest) -> Result<&Data<Verifier>, Error> {
    let verifier = request.app_data::<Data<Verifier>>();
    verifier.ok_or_else(|| ErrorInternalServerError("add the Verifier with App::app_data(Data::new(…))"))
}

fn head(request: &HttpRequest) -> RequestHead<'_> {
    RequestHead {
        method: request.method().as_str(),
        path: request.uri().path(),
        authorization: only(request, "authorization"),
        proof: only(request, "dpop"),
    }
}

/// Returns the value of a header. Of several, none counts.
fn only<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    let first = values.next()?.to_str().unwrap_or_default();
    Some(if values.next().is_some() { "" } else { first })
}
