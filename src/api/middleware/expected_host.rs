//! Makes `vestibule dev` answer only requests whose `Host` is this machine.
//!
//! An attacker's page that a developer visits may send requests to its own host name, after the attacker has changed
//! the address of that name to 127.0.0.1 (DNS rebinding). To the browser that is the page's own origin, so the page
//! could read every response, including the codes of `/dev/outbox`. The browser still sends the name of the page in
//! `Host` (RFC 9110 §7.2), and this middleware refuses it.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header;
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use url::{Host, Url};

use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;

/// The middleware.
pub async fn require<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<ApiState>>();
    let refused = state.is_some_and(|state| state.development.is_some() && !is_expected(&request, &state.public_url));
    if refused {
        let problem = Problem::of(Code::MisdirectedRequest);
        let response = problem.error_response();
        return Ok(request.into_response(response));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Returns whether the request names its server at least once, and whether each of these names is expected.
fn is_expected(request: &ServiceRequest, public_url: &str) -> bool {
    let public = Url::parse(public_url).ok();
    let public = public.as_ref().and_then(Url::host).map(|host| host.to_owned());
    let in_target = request.uri().authority().map(Authority::as_str);
    let mut named = in_target
        .into_iter()
        .map(Some)
        .chain(request.headers().get_all(header::HOST).map(|value| value.to_str().ok()));
    let is_ours = |name: Option<&str>| {
        let host = name.and_then(host_of);
        host.is_some_and(|host| is_loopback(&host) || Some(&host) == public.as_ref())
    };
    let first = named.next();
    first.is_some_and(is_ours) && named.all(is_ours)
}

/// Parses `host` or `host:port` (RFC 9110 §7.2). A user name before them is not allowed.
fn host_of(text: &str) -> Option<Host> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    Host::parse(authority.host().trim_end_matches('.')).ok()
}

/// `localhost` and all names below it are this machine for every browser (RFC 6761 §6.3).
fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_expected(hosts: &[&str]) -> bool {
        let mut request = TestRequest::default();
        for host in hosts {
            request = request.append_header((header::HOST, *host));
        }
        super::is_expected(&request.to_srv_request(), "https://auth.example.com:8443/path")
    }

    #[test]
    fn names_of_this_machine_and_of_the_public_url_are_expected_at_any_port() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "shop.localhost:3000",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.8.9.1:1",
            "[::1]",
            "[::1]:8080",
            "auth.example.com",
            "AUTH.example.com:443",
        ] {
            assert!(is_expected(&[host]), "{host}");
        }
    }

    #[test]
    fn all_other_names_are_refused() {
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil-localhost",
            "auth.example.com.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "128.0.0.1",
            "0.0.0.0",
            "[::]:8080",
            "[2001:db8::1]",
            "localhost, evil.example",
            "localhost evil.example",
        ] {
            assert!(!is_expected(&[host]), "{host}");
        }
        assert!(!is_expected(&[]), "a request without a name");
        assert!(!is_expected(&["localhost", "evil.example"]), "two names");
    }
}
