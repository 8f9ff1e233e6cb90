//! An answer, with the checks that every answer of the service must pass.

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use serde_json::Value;
use vestibule::api::problem::Code;
use vestibule::api::routes::ROUTES;

/// Headers that an answer may have, so that none is leaked by mistake.
const ALLOWED_HEADERS: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "set-cookie",
    "x-auth-roles",
    "x-auth-session",
    "x-auth-user",
    "allow",
    "cache-control",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "dpop-nonce",
    "etag",
    "location",
    "pragma",
    "ratelimit",
    "ratelimit-policy",
    "referrer-policy",
    "retry-after",
    "strict-transport-security",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
    "vary",
];

/// The type of pages.
const HTML: &str = "text/html; charset=utf-8";

/// The routes whose callers read errors as OAuth writes them.
const OAUTH: &[&str] = &[
    "/oauth/token",
    "/oauth/par",
    "/oauth/revoke",
    "/oauth/device_authorization",
    "/userinfo",
];

/// An answer.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestResponse {
    /// Reads an answer and checks what holds for all of them.
    pub(crate) async fn read(method: &Method, response: ServiceResponse) -> Self {
        let pattern = response.request().match_pattern();
        let read = Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: to_bytes(response.into_body())
                .await
                .map(|bytes| bytes.to_vec())
                .unwrap_or_default(),
        };
        read.check_headers();
        if read.status.as_u16() >= 400 && *method != Method::HEAD && !read.is_missing_page() {
            read.check_problem(method, pattern.as_deref());
        }
        read
    }

    /// Returns the body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Returns a text member of the body.
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("no text at {pointer} in {json}"))
            .to_owned()
    }

    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns what two answers must share to be indistinguishable: everything but the count of requests.
    pub(crate) fn shown(self) -> (StatusCode, Vec<String>, Vec<u8>) {
        let counts = ["x-request-id", "date", "ratelimit"];
        let headers = self.headers.iter().filter(|(name, _)| !counts.contains(&name.as_str()));
        let mut headers: Vec<String> = headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        (self.status, headers, self.body)
    }

    /// Checks the status and returns the answer.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status.as_u16(), status, "{body}");
        self
    }

    /// Checks that the answer is a problem with this code and returns its body.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Value {
        let json = self.expect(status).json();
        assert_eq!(json["code"], code, "{json}");
        json
    }

    fn check_headers(&self) {
        for name in self.headers.keys() {
            assert!(ALLOWED_HEADERS.contains(&name.as_str()), "unexpected header {name}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(self.header(name), Some(value));
        }
        assert!(
            self.header("content-security-policy")
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        let cache = self.header("cache-control").unwrap();
        assert!(
            cache == "no-store"
                || (self.status.is_success() || self.status == StatusCode::NOT_MODIFIED)
                    && cache.starts_with("public, max-age="),
            "{cache}"
        );
        let id = self.header("x-request-id").expect("every answer has an id");
        assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
        match self.status.as_u16() {
            204 => assert!(self.body.is_empty() && self.header("content-type").is_none()),
            401 => assert!(
                ["Bearer", "Basic ", "DPoP "]
                    .iter()
                    .any(|scheme| self.header("www-authenticate").unwrap().starts_with(scheme))
            ),
            405 => assert!(self.header("allow").is_some()),
            429 | 503 => assert!(self.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1),
            _ => {}
        }
    }

    /// Checks that the answer is an error as OAuth clients read it (RFC 6749 §5.2).
    #[track_caller]
    pub(crate) fn expect_oauth(self, status: u16, error: &str) -> Value {
        let json = self.expect(status).json();
        assert_eq!(json["error"], error, "{json}");
        json
    }

    /// Returns the code of an error, which is the last segment of a link in each of the two formats.
    pub(crate) fn code(&self, pattern: Option<&str>) -> String {
        let json = self.json();
        let is_oauth = pattern.is_some_and(|pattern| OAUTH.contains(&pattern));
        let link = if is_oauth { &json["error_uri"] } else { &json["type"] };
        let code = link.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        if is_oauth {
            assert_eq!(self.header("content-type"), Some("application/json"));
            assert!(json["error"].is_string() && json["error_description"].is_string());
            assert_eq!(json.as_object().unwrap().len(), 3, "{json}");
            return code;
        }
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(json["code"], code.as_str());
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"));
        assert!(
            json["type"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/docs/problems/{code}"))
        );
        assert!(json["title"].is_string() && json["detail"].is_string());
        assert_eq!(json["errors"].is_array(), code == "validation_failed");
        code
    }

    /// Returns whether this is the page for users that there is no page. It is not cacheable, as a problem.
    fn is_missing_page(&self) -> bool {
        let is_page = self.status == StatusCode::NOT_FOUND && self.header("content-type") == Some(HTML);
        assert!(!is_page || self.header("cache-control") == Some("no-store"));
        is_page
    }

    fn check_problem(&self, method: &Method, pattern: Option<&str>) {
        assert_eq!(
            self.header("cache-control"),
            Some("no-store"),
            "errors are never cached"
        );
        let (problem, code) = (self.json(), self.code(pattern));
        for internal in ["diesel", "panicked", "src/", "SELECT", "postgres", ".rs"] {
            assert!(!problem.to_string().contains(internal), "{problem}");
        }
        let routes: Vec<_> = ROUTES
            .iter()
            .filter(|route| Some(route.path) == pattern && route.answers(method))
            .collect();
        if let Some(route) = routes.first() {
            // Forms and other bodies may have rows of their own.
            let codes = routes.iter().flat_map(|route| route.all_codes());
            let documented: Vec<&str> = codes.map(Code::as_str).collect();
            assert!(
                documented.contains(&code.as_str()),
                "{code} is not documented for {method} {}",
                route.path
            );
        } else {
            // The last two answer a preflight: of a page of another origin, or for a path that no page needs.
            let known = [
                "not_found",
                "method_not_allowed",
                "rate_limited",
                "origin_not_allowed",
                "malformed_request",
            ];
            assert!(known.contains(&code.as_str()), "{code}");
        }
    }
}
