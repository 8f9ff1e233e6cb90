//! Refresh tokens and device tokens in cookies, for browsers.
//!
//! Scripts cannot read them (`HttpOnly`), and other sites cannot send them (`SameSite=Strict`). `api::origins` refuses
//! what a page of another origin sends before a handler runs.
//!
//! Browsers keep cookies apart by host, not by port. The names therefore end in a fingerprint of the issuer, so that
//! two deployments on one host do not overwrite each other's cookies, and the path is that of the public URL, so that
//! other applications below the same host are not sent them.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::issuer;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::session::TokenGrant;

/// The cookies of one deployment.
pub struct TokenCookies {
    /// Has the refresh token.
    pub refresh: TokenCookie,
    /// Has the device token of a trusted device.
    pub device: TokenCookie,
}

impl TokenCookies {
    /// Derives them from the public URL.
    pub fn of(public_url: &str) -> Self {
        Self {
            refresh: TokenCookie::of(public_url, "refresh"),
            device: TokenCookie::of(public_url, "device"),
        }
    }

    /// Begins the response to a grant. Its tokens that do not go into the body go into the cookies.
    pub fn deliver(&self, grant: &TokenGrant) -> HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        if grant.session.delivery == RefreshTokenTransport::Cookie {
            self.refresh
                .set(&mut response, &grant.refresh_token, grant.refresh_expires_in);
        }
        if let Some(device) = &grant.device
            && device.transport == RefreshTokenTransport::Cookie
        {
            self.device.set(&mut response, &device.token, device.expires_in);
        }
        response
    }
}

/// The name, path and flags of a cookie.
pub struct TokenCookie {
    name: String,
    path: String,
    secure: bool,
}

impl TokenCookie {
    fn of(public_url: &str, kind: &str) -> Self {
        let secure = public_url.starts_with("https:");
        let url = Url::parse(public_url);
        // Without a slash at its end it is sent to the pages at `/prefix` as well (RFC 6265bis §5.1.4).
        let path = url.map_or_else(|_unreadable| "/".to_owned(), |url| url.path().to_owned());
        // `__Host-` makes the browser refuse a cookie that another host or a page without TLS set (RFC 6265bis
        // §4.1.3.2). It requires `Path=/`; below a prefix `__Secure-` is what is left. Browsers refuse both without
        // TLS, which only loopback may do without.
        let prefix = match (secure, path.as_str()) {
            (false, _) => "",
            (true, "/") => "__Host-",
            (true, _) => "__Secure-",
        };
        let name = format!("{prefix}vestibule_{kind}_{}", issuer::fingerprint(public_url));
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

    fn set(&self, response: &mut HttpResponseBuilder, token: &SecretString, seconds: u64) {
        let mut cookie = self.with(token.expose_secret().to_owned());
        cookie.set_max_age(Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)));
        response.cookie(cookie);
    }

    /// Removes the cookie with a response.
    pub fn clear(&self, response: &mut HttpResponseBuilder) {
        let mut cookie = self.with(String::new());
        cookie.make_removal();
        response.cookie(cookie);
    }

    /// Returns the token in the request's cookie, if there is one.
    pub fn read(&self, request: &HttpRequest) -> Option<SecretString> {
        let cookie = request.cookie(&self.name)?;
        Some(cookie.value().into())
    }
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
            let cookies = TokenCookies::of(url);
            for (cookie, kind) in [(cookies.refresh, "refresh"), (cookies.device, "device")] {
                let cookie = cookie.with("x".to_owned());
                let bare = cookie.name().strip_prefix(prefix).unwrap();
                let begin = format!("vestibule_{kind}_");
                assert!(bare.starts_with(&begin) && !bare.contains("__"), "{bare}");
                assert_eq!(cookie.path(), Some(path), "{url}");
                assert_eq!(cookie.secure(), Some(url.starts_with("https")), "{url}");
                assert_eq!(cookie.domain(), None);
            }
        }
    }
}
