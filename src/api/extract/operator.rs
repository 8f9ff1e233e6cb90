//! Whether a request may see what is for operators only: measures, and the details of health.
//!
//! Whoever asks on the listener that the deployment named for it may. On the public listener only those may who come from
//! this machine or a private network, and not through a proxy: a proxy is somebody in a private network, too, and asks for
//! the whole world. It gives itself away by what it adds, or because the settings name it.

use std::convert::Infallible;
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Ready, ready};

use super::origin;
use crate::api::state::ApiState;

/// What proxies add (RFC 7239 §4, RFC 9110 §7.6.3, and what was in use before them).
const TRACES_OF_PROXIES: [HeaderName; 5] = [
    header::FORWARDED,
    header::X_FORWARDED_FOR,
    header::X_FORWARDED_HOST,
    header::VIA,
    HeaderName::from_static("x-real-ip"),
];

/// Marks the application that is served on the listener for operators.
#[derive(Clone, Copy)]
pub struct ForOperators;

/// Who asks, as far as that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Whether details are shown.
    pub is_operator: bool,
    /// Whether measures are served here.
    pub sees_metrics: bool,
}

impl FromRequest for Asker {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let named = request.app_data::<ForOperators>().is_some();
        let state = request.app_data::<Data<ApiState>>();
        let elsewhere = state.is_none_or(|state| state.metrics_elsewhere);
        let near = is_near(request);
        ready(Ok(Self {
            is_operator: named || near,
            sees_metrics: named || near && !elsewhere,
        }))
    }
}

/// Tells whether a request comes from this machine or a private network, and through no proxy.
pub fn is_near(request: &HttpRequest) -> bool {
    let forwarded = TRACES_OF_PROXIES
        .iter()
        .any(|name| request.headers().contains_key(name));
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    !forwarded && !origin::is_by_proxy(request) && peer.is_some_and(is_private)
}

/// RFC 1918, RFC 4193, and what leads nowhere else.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_lead_nowhere_else_are_private() {
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(is_private(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "192.0.2.1", "::"] {
            assert!(!is_private(far.parse().unwrap()), "{far}");
        }
    }
}
