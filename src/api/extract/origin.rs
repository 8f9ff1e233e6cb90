//! The origin of a request: the address of the connection, or the one that trusted proxies report.
//!
//! Any client can send `X-Forwarded-For`; only the part that trusted proxies appended is believed. The first address
//! from the right that is not a trusted proxy is the client (ASVS 4.1.3).

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::{Ready, ready};
use ipnetwork::IpNetwork;

use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::audit_event::{RequestOrigin, USER_AGENT_MAX};
use crate::domain::ids::RequestId;

/// The origin of the current request.
pub struct Origin(pub RequestOrigin);

impl FromRequest for Origin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(
            origin(request)
                .map(Self)
                .ok_or_else(|| Problem::of(Code::InternalError)),
        )
    }
}

fn origin(request: &HttpRequest) -> Option<RequestOrigin> {
    let request_id = request.extensions().get::<RequestId>().copied()?;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let user_agent = header(header::USER_AGENT).map(|text| text.chars().take(USER_AGENT_MAX).collect());
    let route = request
        .match_pattern()
        .map(|pattern| format!("{} {pattern}", request.method()));
    Some(RequestOrigin {
        request_id,
        ip: client(request),
        user_agent,
        route,
    })
}

/// Returns the client address; `None` over a Unix socket from a proxy that does not report it.
pub fn client(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    if !is_by_proxy(request) {
        return peer;
    }
    let trusted = &request.app_data::<Data<ApiState>>()?.trusted_proxies;
    client_address(peer, &forwarded_hops(request), trusted)
}

/// Returns whether the peer of the connection is a trusted proxy. The peer of a Unix socket has no address; the mode
/// of the socket file decides which programs may connect, and each of them is a trusted proxy.
pub fn is_by_proxy(request: &HttpRequest) -> bool {
    let Some(peer) = request.peer_addr() else {
        return true;
    };
    let state = request.app_data::<Data<ApiState>>();
    state.is_some_and(|state| is_trusted(peer.ip(), &state.trusted_proxies))
}

fn is_trusted(address: IpAddr, trusted: &[IpNetwork]) -> bool {
    trusted.iter().any(|network| network.contains(address.to_canonical()))
}

/// Returns the hops in `X-Forwarded-For`, or else in `Forwarded` (RFC 7239), nearest to the client first. A hop that
/// is not an address (`unknown`, an obfuscated name) is `None`.
///
/// A proxy that sets one of the headers passes the other one on as the client sent it. Nearly all proxies set
/// `X-Forwarded-For`, so it has precedence.
fn forwarded_hops(request: &HttpRequest) -> Vec<Option<IpAddr>> {
    let joined = |name: header::HeaderName| -> Option<String> {
        // A proxy appends to the line that the client began: invalid UTF-8 from the client must not hide what follows
        // it.
        let texts = request.headers().get_all(name);
        let texts: Vec<_> = texts.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!texts.is_empty()).then(|| texts.join(","))
    };
    if let Some(listed) = joined(header::X_FORWARDED_FOR) {
        let hops = listed.split(',').map(str::trim).filter(|hop| !hop.is_empty());
        return hops.map(parse_hop).collect();
    }
    let forwarded = joined(header::FORWARDED).unwrap_or_default();
    forwarded
        .split(',')
        .map(|element| parse_hop(forwarded_for(element)))
        .collect()
}

/// Returns the `for` parameter of one element of `Forwarded`.
fn forwarded_for(element: &str) -> &str {
    let mut parameters = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case("for"));
    found.map_or("", |(_, value)| value.trim_matches('"'))
}

/// Parses an address with or without port and brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.trim().trim_start_matches('[');
    let bare = bare.split_once(']').map_or(bare, |(address, _port)| address);
    let without_port = || bare.rsplit_once(':').and_then(|(address, _port)| address.parse().ok());
    bare.parse().ok().or_else(without_port)
}

fn client_address(peer: Option<IpAddr>, hops: &[Option<IpAddr>], trusted: &[IpNetwork]) -> Option<IpAddr> {
    let mut client = peer;
    for hop in hops.iter().rev() {
        match hop {
            Some(hop) if client.is_none_or(|client| is_trusted(client, trusted)) => client = Some(hop.to_canonical()),
            _ => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    const TRUSTED: &str = "10.0.0.0/8";

    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let mut request = TestRequest::default();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let hops = forwarded_hops(&request.to_http_request());
        let found = client_address(peer.parse().ok(), &hops, &[TRUSTED.parse().unwrap()]);
        found.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }

    #[test]
    fn strangers_cannot_say_who_they_are() {
        assert_eq!(
            client("203.0.113.9", &[("x-forwarded-for", "198.51.100.1")]),
            "203.0.113.9"
        );
        assert_eq!(
            client("203.0.113.9", &[("forwarded", "for=198.51.100.1")]),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        for (headers, expected) in [
            (
                &[("x-forwarded-for", "1.1.1.1, 198.51.100.1, 10.0.0.2")][..],
                "198.51.100.1",
            ),
            (
                &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.1")],
                "198.51.100.1",
            ),
            (
                &[("forwarded", "for=1.1.1.1;proto=https, For=\"[2001:db8::1]:4711\"")],
                "2001:db8::1",
            ),
            (
                // A client of the usual proxy can set the other header.
                &[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "198.51.100.1")],
                "198.51.100.1",
            ),
            (&[("forwarded", "for=198.51.100.1:99")], "198.51.100.1"),
            (&[("x-forwarded-for", "198.51.100.1, unknown")], "10.0.0.1"),
            (&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        assert_eq!(
            client("::ffff:10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]),
            "198.51.100.1"
        );
    }

    #[test]
    fn over_a_unix_socket_the_proxy_is_believed() {
        for (headers, expected) in [
            (&[("x-forwarded-for", "198.51.100.1")][..], "198.51.100.1"),
            (&[("x-forwarded-for", "1.1.1.1, 198.51.100.1")], "198.51.100.1"),
            (&[("x-forwarded-for", "198.51.100.1, 10.0.0.2")], "198.51.100.1"),
            (&[("forwarded", "for=198.51.100.1")], "198.51.100.1"),
            (&[("x-forwarded-for", "unknown")], "unknown"),
            (&[], "unknown"),
        ] {
            assert_eq!(client("a socket", headers), expected, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(text in "[ -~]{0,80}") {
            client("10.0.0.1", &[("forwarded", &text)]);
            client("10.0.0.1", &[("x-forwarded-for", &text)]);
        }
    }
}
