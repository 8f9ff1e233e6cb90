//! Refresh tokens in a cookie, for browsers.
//!
//! Scripts cannot read it (`HttpOnly`), other sites cannot send it (`SameSite=Strict`), and the prefix `__Host-` makes
//! the browser refuse one that another host or an unencrypted page set (RFC 6265bis §4.1.3.2). What comes with the cookie
//! must also come from a page of ours or of an origin that the deployment names.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::session::Delivery;
use crate::flows::sign_in::TokenGrant;

/// Begins the answer that carries a grant; its refresh token goes into the cookie where the session asks for that.
pub fn deliver(state: &ApiState, grant: &TokenGrant) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if grant.session.delivery == Delivery::Cookie {
        let life = i64::try_from(grant.refresh_expires_in).unwrap_or(i64::MAX);
        let mut cookie = cookie(state, grant.refresh_token.expose_secret().to_owned());
        cookie.set_max_age(Duration::seconds(life));
        response.cookie(cookie);
    }
    response
}

/// Begins the answer that takes the cookie away.
pub fn clear(state: &ApiState, response: &mut HttpResponseBuilder) {
    let mut cookie = cookie(state, String::new());
    cookie.make_removal();
    response.cookie(cookie);
}

/// Returns the refresh token in the request's cookie, if there is one.
///
/// # Errors
///
/// `forbidden` when the request comes from a page of another origin than ours and those that are named.
pub fn read(state: &ApiState, request: &HttpRequest) -> Result<Option<SecretString>, Problem> {
    let Some(cookie) = request.cookie(name(state)) else {
        return Ok(None);
    };
    if !comes_from_us(state, request) {
        return Err(Problem::new(
            Code::Forbidden,
            "The request comes from a page of another origin.",
        ));
    }
    Ok(Some(cookie.value().into()))
}

/// A request without `Origin` comes from no page: browsers send it with every POST (Fetch §3.2).
fn comes_from_us(state: &ApiState, request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return true;
    };
    let ours = Url::parse(&state.public_url).map(|url| url.origin().ascii_serialization());
    let named = state.cors_origins.iter().any(|named| origin == named.as_str());
    named || ours.is_ok_and(|ours| origin == ours.as_str())
}

fn cookie(state: &ApiState, value: String) -> Cookie<'static> {
    Cookie::build(name(state), value)
        .path("/")
        .http_only(true)
        .secure(is_secure(state))
        .same_site(SameSite::Strict)
        .finish()
}

/// Browsers refuse the prefix on pages without TLS, which only loopback has.
fn name(state: &ApiState) -> &'static str {
    if is_secure(state) {
        "__Host-vestibule_refresh"
    } else {
        "vestibule_refresh"
    }
}

fn is_secure(state: &ApiState) -> bool {
    state.public_url.starts_with("https:")
}
