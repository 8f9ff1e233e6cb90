//! Extractors for axum: the state of the router has a [`Verifier`], which handlers get callers from.

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::{AnyCaller, Refusal, RequestHead, User, Verifier};

impl<S: Send + Sync> FromRequestParts<S> for User
where
    Verifier: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = path_of(parts);
        Verifier::from_ref(state).user(&head(parts, &path)).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyCaller
where
    Verifier: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = path_of(parts);
        Verifier::from_ref(state).any_caller(&head(parts, &path)).await
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.body()).into_response();
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

fn head<'a>(parts: &'a Parts, path: &'a str) -> RequestHead<'a> {
    RequestHead {
        method: parts.method.as_str(),
        path,
        authorization: only(&parts.headers, "authorization"),
        proof: only(&parts.headers, "dpop"),
    }
}

/// Returns the value of a header. Of several, none counts.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().unwrap_or_default();
    Some(if values.next().is_some() { "" } else { first })
}

/// Returns the path that the client asked for: a nested router sees a part of it.
fn path_of(parts: &Parts) -> String {
    let original = parts.extensions.get::<OriginalUri>().map(|OriginalUri(uri)| uri);
    original.unwrap_or(&parts.uri).path().to_owned()
}
