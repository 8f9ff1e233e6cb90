//! Decides which web pages may call the API from a browser.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderName};
use chrono::{DateTime, TimeDelta, Utc};
use url::{Host, Url};

/// How long a refused origin is not logged again.
const QUIET: TimeDelta = TimeDelta::hours(1);
/// How many refused origins are logged in that time, so that an attacker cannot fill the memory or the log with
/// invented ones.
const MAX_LOGGED: usize = 64;
/// The longest origin that is logged: a host name has at most 253 characters (RFC 1035 §2.3.4).
const LONGEST: usize = 280;

/// The names that were logged recently: each once, and at most a few of them.
#[derive(Default)]
struct LoggedNames(Mutex<HashMap<String, DateTime<Utc>>>);

impl LoggedNames {
    /// Returns whether a name is to be logged now, and notes that it was.
    fn is_new(&self, name: &str, now: DateTime<Utc>) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|_, since| now - *since < QUIET);
        if logged.contains_key(name) || logged.len() >= MAX_LOGGED {
            return false;
        }
        logged.insert(name.to_owned(), now);
        true
    }
}

/// The allowed origins, and those that were refused recently.
pub struct Origins {
    own: String,
    scheme: &'static str,
    listed: Vec<String>,
    loopback: bool,
    refused: LoggedNames,
    refused_headers: LoggedNames,
}

impl Origins {
    /// Allows the service's own origin and those that the deployment lists; with `loopback` also every page of this
    /// machine.
    pub fn new(public_url: &str, listed: Vec<String>, loopback: bool) -> Self {
        let own = Url::parse(public_url).map(|url| url.origin().ascii_serialization());
        Self {
            own: own.unwrap_or_default(),
            scheme: if public_url.starts_with("https:") {
                "https"
            } else {
                "http"
            },
            listed,
            loopback,
            refused: LoggedNames::default(),
            refused_headers: LoggedNames::default(),
        }
    }

    /// Returns whether an origin is the one of the public URL.
    pub fn is_own(&self, origin: &str) -> bool {
        self.own == origin
    }

    /// Returns whether pages of an origin may call the API.
    pub fn allows(&self, origin: &str) -> bool {
        self.own == origin
            || self.listed.iter().any(|listed| listed == origin)
            || (self.loopback && is_loopback(origin))
    }

    /// Returns whether a request may be answered: it does not come from a page, it comes from a page of an allowed
    /// origin, or from a page of the host that it was sent to. A proxy may know that host by another name than the one
    /// in the public URL.
    pub fn admit(&self, request: &RequestHead) -> bool {
        let header = |name: HeaderName| request.headers().get(name);
        // Browsers send it with every request whose response another origin's page may read, and with every POST
        // (Fetch §3.2).
        let Some(origin) = header(header::ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        // A page cannot set either header (Fetch §2.2.2).
        let by_browser = request
            .headers()
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin");
        let host = header(header::HOST).and_then(|host| host.to_str().ok());
        let by_host = || host.is_some_and(|host| origin.eq_ignore_ascii_case(&format!("{}://{host}", self.scheme)));
        self.allows(origin) || by_browser || by_host()
    }

    /// Returns how to name a refused origin in the log; `None` if it, or too many others, were logged within the hour.
    pub fn to_log(&self, origin: &str, now: DateTime<Utc>) -> Option<String> {
        let readable = Url::parse(origin).map(|url| url.origin().ascii_serialization());
        let readable = readable
            .ok()
            .filter(|readable| readable == origin && readable.len() <= LONGEST);
        let name = match readable {
            Some(origin) => origin,
            None if origin == "null" => "null".to_owned(),
            None => "not an origin".to_owned(),
        };
        self.refused.is_new(&name, now).then_some(name)
    }

    /// Tells whether the log is to name a header that pages may not send, unless it, or too many others, were named
    /// within the hour.
    pub fn is_header_to_log(&self, name: &HeaderName, now: DateTime<Utc>) -> bool {
        name.as_str().len() <= LONGEST && self.refused_headers.is_new(name.as_str(), now)
    }
}

/// Returns whether an origin is on this machine, at any port.
fn is_loopback(origin: &str) -> bool {
    let url = Url::parse(origin)
        .ok()
        .filter(|url| url.origin().ascii_serialization() == origin);
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    const NOON: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

    fn origins(loopback: bool) -> Origins {
        let listed = vec!["https://app.example.com".to_owned()];
        Origins::new("https://auth.example.com/prefix", listed, loopback)
    }

    fn admits(headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::default();
        for pair in headers {
            request = request.append_header(*pair);
        }
        origins(false).admit(request.to_srv_request().head())
    }

    #[test]
    fn pages_of_this_machine_may_call_in_development_only() {
        for origin in [
            "http://localhost:5173",
            "http://localhost",
            "https://127.0.0.1:3000",
            "http://[::1]:8080",
        ] {
            assert!(origins(true).allows(origin), "{origin}");
            assert!(!origins(false).allows(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://evil.localhost:5173",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.2",
            "http://localhost:5173/",
            "http://x@localhost:5173",
            "localhost:5173",
            "null",
        ] {
            assert!(!origins(true).allows(origin), "{origin}");
        }
    }

    #[test]
    fn requests_of_no_page_and_of_the_same_origin_are_admitted() {
        for headers in [
            &[][..],
            &[("origin", "https://auth.example.com")],
            &[("origin", "https://app.example.com")],
            &[("origin", "https://other.example"), ("host", "other.example")],
            &[("origin", "https://other.example:8443"), ("host", "Other.example:8443")],
            &[
                ("origin", "https://other.example"),
                ("host", "10.0.0.1"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(admits(headers), "{headers:?}");
        }
    }

    #[test]
    fn requests_of_other_pages_are_refused() {
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "\u{fc}")],
            &[("origin", "https://app.example.com.evil.example")],
            &[("origin", "https://auth.example.com/prefix")],
            // An attacker on the network path can change a page without TLS at will.
            &[("origin", "http://auth.example.com"), ("host", "auth.example.com")],
            &[
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "same-site"),
                ("host", "auth.example.com"),
            ],
        ] {
            assert!(!admits(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_refused_origin_is_told_of_once_an_hour() {
        let origins = origins(false);
        let to_log = |origin: &str, minutes| origins.to_log(origin, NOON + TimeDelta::minutes(minutes));
        assert_eq!(
            to_log("https://evil.example", 0).as_deref(),
            Some("https://evil.example")
        );
        assert_eq!(to_log("https://evil.example", 59), None);
        assert_eq!(
            to_log("https://evil.example", 60).as_deref(),
            Some("https://evil.example")
        );
        assert_eq!(to_log("null", 60).as_deref(), Some("null"));
        assert_eq!(to_log("x\u{1b}[31m", 60).as_deref(), Some("not an origin"));
        assert_eq!(to_log("y", 60), None, "all malformed origins are logged as one");
    }

    #[test]
    fn made_up_origins_fill_neither_the_log_nor_the_memory() {
        let origins = origins(false);
        let logged = (0..10_000).filter_map(|number| origins.to_log(&format!("https://{number}.example"), NOON));
        assert_eq!(logged.count(), MAX_LOGGED);
        assert_eq!(origins.refused.0.lock().unwrap().len(), MAX_LOGGED);
        assert!(origins.to_log("https://x.example", NOON + QUIET).is_some());
    }

    #[test]
    fn a_header_is_named_once_an_hour() {
        let origins = origins(false);
        let name = |text: &str| HeaderName::try_from(text).unwrap();
        let to_log = |text: &str, minutes| origins.is_header_to_log(&name(text), NOON + TimeDelta::minutes(minutes));
        assert!(to_log("x-one", 0) && to_log("x-two", 0));
        assert!(!to_log("X-One", 59) && to_log("x-one", 60));
        assert!(!to_log(&"x".repeat(LONGEST + 1), 60));
        let logged = (0..10_000).filter(|number| to_log(&format!("x-{number}"), 200));
        assert_eq!(logged.count(), MAX_LOGGED);
        assert!(
            origins.to_log("https://evil.example", NOON).is_some(),
            "origins are counted apart"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_an_origin_gets_into_the_log(text in "\\PC{0,300}") {
            let logged = origins(false).to_log(&text, NOON).unwrap();
            prop_assert!(logged == text || logged == "not an origin");
            prop_assert!(logged.is_ascii() && logged.len() <= LONGEST);
        }
    }
}
