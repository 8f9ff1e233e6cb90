//! Refresh tokens in a cookie, for browsers.
//!
//! Scripts cannot read it (`HttpOnly`), and pages of other sites cannot make the browser send it (`SameSite=Strict`).
//! `api::origins` refuses requests from pages of other origins before a handler runs.
//!
//! Browsers separate cookies by host, not by port. The name therefore ends in a fingerprint of the issuer, so that two
//! deployments on one host do not overwrite each other's cookie. The path is that of the public URL, so that browsers
//! do not send the cookie to other applications on the same host.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::state::ApiState;
use crate::domain::issuer;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::sign_in::TokenGrant;

/// The name, path and flags of the cookie of one deployment.
pub struct RefreshCookie {
    name: String,
    path: String,
    secure: bool,
}

impl RefreshCookie {
    /// Derives it from the public URL.
    pub fn of(public_url: &str) -> Self {
        let secure = public_url.starts_with("https:");
        let url = Url::parse(public_url);
        // Without a slash at its end the cookie is sent to `/prefix` itself as well (RFC 6265bis §5.1.4).
        let path = url.map_or_else(|_unreadable| "/".to_owned(), |url| url.path().to_owned());
        // `__Host-` makes the browser refuse a cookie that another host or a page without TLS sets (RFC 6265bis
        // §4.1.3.2). It requires `Path=/`; below a path only `__Secure-` is possible. Browsers refuse both without
        // TLS, which is optional on loopback only.
        let prefix = match (secure, path.as_str()) {
            (false, _) => "",
            (true, "/") => "__Host-",
            (true, _) => "__Secure-",
        };
        let name = format!("{prefix}vestibule_refresh_{}", issuer::fingerprint(public_url));
        Self { name, path, secure }
    }

    fn with(&self, value: String) -> Cookie<'static> {
        Cookie::build(self.name.clone(), value)
            .path(self.path.clone())
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .finish()
    }
}

/// Begins the response to a grant; its refresh token goes into the cookie if the session uses one.
pub fn deliver(state: &ApiState, grant: &TokenGrant) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if grant.session.delivery == RefreshTokenTransport::Cookie {
        let life = i64::try_from(grant.refresh_expires_in).unwrap_or(i64::MAX);
        let mut cookie = state
            .refresh_cookie
            .with(grant.refresh_token.expose_secret().to_owned());
        cookie.set_max_age(Duration::seconds(life));
        response.cookie(cookie);
    }
    response
}

/// Removes the cookie with a response.
pub fn clear(state: &ApiState, response: &mut HttpResponseBuilder) {
    let mut cookie = state.refresh_cookie.with(String::new());
    cookie.make_removal();
    response.cookie(cookie);
}

/// Returns the refresh token in the request's cookie, if there is one.
pub fn read(state: &ApiState, request: &HttpRequest) -> Option<SecretString> {
    let cookie = request.cookie(&state.refresh_cookie.name)?;
    Some(cookie.value().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_keep_the_rules_of_browsers() {
        for (url, prefix, path) in [
            ("https://auth.example.com", "__Host-", "/"),
            ("https://example.com:8443", "__Host-", "/"),
            ("https://example.com/auth", "__Secure-", "/auth"),
            ("https://example.com/a/b", "__Secure-", "/a/b"),
            ("http://127.0.0.1:8080", "", "/"),
            ("http://localhost:8080/auth", "", "/auth"),
        ] {
            let cookie = RefreshCookie::of(url).with("x".to_owned());
            let bare = cookie.name().strip_prefix(prefix).unwrap();
            assert!(bare.starts_with("vestibule_refresh_") && !bare.contains("__"), "{bare}");
            assert_eq!(cookie.path(), Some(path), "{url}");
            assert_eq!(cookie.secure(), Some(url.starts_with("https")), "{url}");
            assert_eq!(cookie.domain(), None);
        }
    }
}
