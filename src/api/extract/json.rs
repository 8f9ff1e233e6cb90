//! Strict JSON bodies.
//!
//! Only an object of the documented shape is accepted. Unknown and duplicate members, arrays in place of objects and
//! wrong types are reported by the name of the member; the response never repeats values. Size and time are limited.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::api::problem::{Code, Problem};
use crate::domain::typed_text;

/// The greatest size of a body in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many characters of an unknown member's name are repeated in the response.
const NAME_LENGTH: usize = 64;

/// A request body of type `T`.
pub struct StrictJson<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for StrictJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_headers(request);
        let body = read_body(request, payload);
        async move {
            acceptable?;
            parse(&body.await?).map(Self)
        }
        .boxed_local()
    }
}

/// An optional request body of type `T`: `None` if there is no body.
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_headers(request);
        let body = read_body(request, payload);
        async move {
            let body = body.await?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            acceptable?;
            parse(&body).map(|value| Self(Some(value)))
        }
        .boxed_local()
    }
}

/// Reads a body within its limits of size and time.
pub(super) fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, Problem>> + use<> {
    let length = announced_length(request);
    let refused = holds_back_too_much(request);
    let payload = web::Payload::from_request(request, payload);
    async move {
        if refused {
            return Err(Problem::of(Code::PayloadTooLarge));
        }
        let payload = payload.await.map_err(|_io| Problem::of(Code::MalformedRequest))?;
        tokio::time::timeout(BODY_TIMEOUT, read(payload, length))
            .await
            .map_err(|_elapsed| Problem::of(Code::RequestTimeout))?
    }
}

/// Browsers send forms and plain text without a preflight, so only `application/json` is accepted (ASVS 3.5.2).
fn check_headers(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let is_plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding == "identity");
    if is_json && is_utf8 && is_plain {
        Ok(())
    } else {
        Err(Problem::of(Code::UnsupportedMediaType))
    }
}

/// Returns whether a client waits for 100 (Continue) before it sends a body that is too long (RFC 9110 §10.1.1). Such
/// a request is refused by its head. If the client sends the body without waiting, the body is read up to the limit:
/// closing a connection while bytes arrive can destroy the response before the client has read it.
fn holds_back_too_much(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let waits = headers
        .get(header::EXPECT)
        .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    waits && length.is_some_and(|length| length > MAX_BYTES)
}

/// Returns the announced length of the body; the limit if none is announced (chunks).
fn announced_length(request: &HttpRequest) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.unwrap_or(MAX_BYTES).min(MAX_BYTES)
}

async fn read(mut payload: web::Payload, length: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // The buffer is reserved in full, since growing it would leave copies of a password in memory. It is not larger
    // than necessary, since all of it is wiped byte by byte at the end.
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_broken| Problem::new(Code::MalformedRequest, "The body did not arrive completely."))?;
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(Problem::of(Code::PayloadTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = typed_text::without_byte_order_mark(body);
    let malformed = |detail: String| Problem::new(Code::MalformedRequest, detail);
    // serde would also deserialize a struct from an array, by position.
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(malformed("The body must be a JSON object.".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| malformed(describe(&error.path().to_string(), error.inner())))?;
    reader
        .end()
        .map_err(|_trailing| malformed("There is more after the JSON object.".to_owned()))?;
    Ok(value)
}

/// Says what is wrong, by the name of the member. serde's messages repeat values, so only their safe parts are used.
fn describe(path: &str, error: &serde_json::Error) -> String {
    if !error.is_data() {
        return "The body is not valid JSON.".to_owned();
    }
    let text = error.to_string();
    let mut quoted = text.split('`');
    let (kind, name) = (
        quoted.next().unwrap_or_default().trim(),
        quoted.next().unwrap_or_default(),
    );
    let name: String = name
        .chars()
        .filter(|character| !character.is_control())
        .take(NAME_LENGTH)
        .collect();
    match kind {
        "unknown field" => format!("The member \"{name}\" is not known."),
        "duplicate field" => format!("The member \"{name}\" stands twice."),
        "missing field" => format!("The member \"{name}\" is missing."),
        _ => format!("The member \"{path}\" has the wrong type."),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Body {
        code: String,
        method: Option<String>,
    }

    fn detail(body: &str) -> String {
        let problem = parse::<Body>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.code, Code::MalformedRequest);
        problem.body("", None)["detail"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_detail_names_the_member_and_never_the_value() {
        assert_eq!(
            detail(r#"{"code":"1","extra":"hunter2"}"#),
            "The member \"extra\" is not known."
        );
        assert_eq!(
            detail(r#"{"code":"hunter2","code":"2"}"#),
            "The member \"code\" stands twice."
        );
        assert_eq!(detail(r#"{"method":"x"}"#), "The member \"code\" is missing.");
        assert_eq!(detail(r#"{"code":123456}"#), "The member \"code\" has the wrong type.");
        assert_eq!(
            detail(r#"{"code":["hunter2"]}"#),
            "The member \"code\" has the wrong type."
        );
        assert_eq!(detail(r#"{"code":null}"#), "The member \"code\" has the wrong type.");
        assert_eq!(detail(r#"{"code":"1"} x"#), "There is more after the JSON object.");
        for text in ["", " ", "[]", "[\"1\",\"2\"]", "\"x\"", "null", "1"] {
            assert_eq!(detail(text), "The body must be a JSON object.");
        }
        for text in [
            "{",
            "{\"code\"}",
            "{code:1}",
            "{\"code\":\"\u{1}\"}",
            "{\"code\":\"\\ud800\"}",
        ] {
            assert_eq!(detail(text), "The body is not valid JSON.");
        }
    }

    #[test]
    fn one_byte_order_mark_before_the_object_is_ignored() {
        assert!(parse::<Body>("\u{feff}{\"code\":\"1\"}".as_bytes()).is_ok());
        assert!(parse::<Body>("\u{feff} \r\n{\"code\":\"1\"}\r\n".as_bytes()).is_ok());
        for text in ["\u{feff}", "\u{feff}\u{feff}{\"code\":\"1\"}", "\u{feff}[]"] {
            assert_eq!(detail(text), "The body must be a JSON object.");
        }
        assert_eq!(
            detail("{\"code\":\"1\"}\u{feff}"),
            "There is more after the JSON object."
        );
    }

    proptest! {
        #[test]
        fn nothing_sent_as_a_value_comes_back(value in "[a-z]{12}") {
            for body in [format!("{{\"code\":[\"{value}\"]}}"), format!("{{\"code\":{{\"{value}\":1}}}}"), format!("{{\"code\":{value}}}")] {
                prop_assert!(!detail(&body).contains(&value));
            }
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(body: Vec<u8>) {
            prop_assert!(parse::<Body>(&body).is_err());
        }
    }
}
