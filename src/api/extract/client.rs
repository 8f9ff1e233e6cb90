//! Service clients: HTTP Basic credentials (RFC 7617), as RFC 7662 and RFC 7009 ask for.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;

use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ServiceClientId;
use crate::flows::service_clients;

/// A service client whose credentials are good; without them the handler is never reached.
pub struct ServiceClient(pub ServiceClientId);

impl FromRequest for ServiceClient {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let credentials = credentials(request);
        let state = Data::<ApiState>::extract(request);
        async move {
            let (id, secret) = credentials.ok_or_else(|| Problem::of(Code::InvalidClient))?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let known = service_clients::authenticate(&state.core, &id, &secret).await?;
            known.map(Self).ok_or_else(|| Problem::of(Code::InvalidClient))
        }
        .boxed_local()
    }
}

fn credentials(request: &HttpRequest) -> Option<(String, SecretString)> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.into()))
}
