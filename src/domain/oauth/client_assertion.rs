//! Assertions of clients (RFC 7523 §3, OpenID Connect Core 1.0 §9 `private_key_jwt`): a client signs who it is, and this
//! service knows nothing that an attacker could present.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::ids::ClientId;
use crate::domain::policy::numbers::{ASSERTION_LONGEST, ASSERTION_SKEW};

/// The `client_assertion_type`.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The algorithms that clients may sign with. A client chooses by its key, and a token never chooses another.
pub const ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "PS256", "RS256"];

/// The audience: one, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Several(all) => all.iter().any(|one| one == wanted),
        }
    }
}

/// The claims. Others are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AssertionClaims {
    /// The client.
    pub iss: String,
    /// The client, again.
    pub sub: String,
    /// This service.
    pub aud: Audience,
    /// From this time on it is not accepted.
    pub exp: i64,
    /// Before this time it is not accepted.
    pub nbf: Option<i64>,
    /// When it was made.
    pub iat: Option<i64>,
    /// Names this one assertion, which is accepted once.
    pub jti: String,
}

impl AssertionClaims {
    /// Returns the `client_id`, if it is there twice.
    pub fn client_id(&self) -> Option<&str> {
        (self.iss == self.sub).then_some(self.sub.as_str())
    }

    /// Returns the registered client, if it is named twice.
    pub fn client(&self) -> Option<ClientId> {
        self.client_id().and_then(ClientId::parse)
    }

    /// Decides whether an assertion with a valid signature is accepted `now`, and until when its `jti` is remembered.
    /// The audience is the issuer, or the endpoint of tokens or of pushed requests: all are in use (RFC 9126 §2), and
    /// no other service has any of them.
    pub fn accepted_until(&self, issuer: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_for_us = ["", "/oauth/token", "/oauth/par"]
            .iter()
            .any(|path| self.aud.has(&format!("{issuer}{path}")));
        let expires_at = DateTime::from_timestamp(self.exp, 0)?;
        let latest_begin = now + ASSERTION_SKEW;
        let has_begun = [self.nbf, self.iat]
            .iter()
            .flatten()
            .all(|&time| time <= latest_begin.timestamp());
        let is_timely = now < expires_at && expires_at <= latest_begin + ASSERTION_LONGEST && has_begun;
        let is_named = (1..=200).contains(&self.jti.len());
        (is_for_us && is_timely && is_named).then_some(expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://auth.example.com";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn claims(changes: &[(&str, serde_json::Value)]) -> Option<AssertionClaims> {
        let mut claims = serde_json::json!({
            "iss": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "sub": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071",
            "aud": ISSUER, "exp": 1060, "jti": "a", "iat": 1000,
        });
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        serde_json::from_value(claims).ok()
    }

    #[test]
    fn an_assertion_is_for_this_service_short_and_named() {
        let accepted = |changes: &[(&str, serde_json::Value)]| {
            claims(changes).is_some_and(|claims| claims.accepted_until(ISSUER, at(1000)).is_some())
        };
        assert!(accepted(&[]));
        assert!(accepted(&[(
            "aud",
            serde_json::json!(["x", format!("{ISSUER}/oauth/token")])
        )]));
        assert!(accepted(&[("aud", serde_json::json!(format!("{ISSUER}/oauth/par")))]));
        assert!(accepted(&[("nbf", 1005.into()), ("exp", 4605.into())]));
        for bad in [
            ("aud", serde_json::json!("https://other.example.com")),
            ("aud", serde_json::json!([])),
            ("aud", serde_json::json!(format!("{ISSUER}/"))),
            ("exp", 1000.into()),
            ("exp", 4611.into()),
            ("exp", i64::MAX.into()),
            ("exp", serde_json::json!("1060")),
            ("nbf", 1011.into()),
            ("iat", 1011.into()),
            ("jti", serde_json::json!("")),
            ("jti", serde_json::json!("j".repeat(201))),
        ] {
            assert!(!accepted(std::slice::from_ref(&bad)), "{bad:?}");
        }
    }

    #[test]
    fn the_client_is_named_twice() {
        assert!(claims(&[]).unwrap().client().is_some());
        assert_eq!(claims(&[("iss", "x".into())]).unwrap().client(), None);
        assert_eq!(
            claims(&[("iss", "x".into()), ("sub", "x".into())]).unwrap().client(),
            None
        );
    }
}
