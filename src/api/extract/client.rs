//! Service clients: HTTP Basic credentials (RFC 7617), as RFC 7662 and RFC 7009 ask for.

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;

use crate::api::extract::origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ServiceClientId;
use crate::flows::service_clients;
use crate::rate_limits::{RateLimits, Scope};

/// A service client whose credentials are good; without them the handler is never reached.
pub struct ServiceClient(pub ServiceClientId);

impl FromRequest for ServiceClient {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let credentials = credentials(request);
        let address = origin::client(request);
        let state = Data::<ApiState>::extract(request);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let known = match &credentials {
                Some((id, secret)) => service_clients::authenticate(&state.core, id, secret).await?,
                None => None,
            };
            let limits = &state.core.rate_limits;
            match known {
                Some(id) => limits.service_client(id.uuid()).map_or(Ok(Self(id)), too_often),
                None => Err(refuse(limits, address)),
            }
        }
        .boxed_local()
    }
}

fn too_often<T>(wait: TimeDelta) -> Result<T, Problem> {
    Err(Problem::rate_limited(wait))
}

/// Wrong ones are counted by address: back ends know their secrets.
fn refuse(limits: &RateLimits, address: Option<IpAddr>) -> Problem {
    let wait = address.and_then(|address| limits.address(Scope::WrongClient, address).wait);
    wait.map_or_else(|| Problem::of(Code::InvalidClient), Problem::rate_limited)
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
