//! What a request is answered that may not pass: a status, a challenge (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3), and
//! a small body.

use std::fmt;

use serde_json::{Map, Value};

use crate::dpop::ALGORITHMS;

/// Why a request may not pass: the problem codes of the service, so that clients need no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The access token is missing or not valid, or its session has ended.
    InvalidToken,
    /// The proof of possession is missing or not good for this request.
    InvalidDpopProof,
    /// The user has to prove who they are (RFC 9470).
    InsufficientUserAuthentication,
    /// The caller was not allowed the scope.
    InsufficientScope,
    /// The caller may not do this.
    Forbidden,
    /// The keys or the list of ended sessions cannot be had, so nothing can be decided.
    ServiceUnavailable,
}

impl Code {
    /// Returns the code as clients get it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::Forbidden => "forbidden",
            Self::ServiceUnavailable => "service_unavailable",
        }
    }
}

/// Under which scheme a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

/// What a challenge depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schemes {
    /// The scheme of the request, if it is one that is accepted.
    pub(crate) used: Option<Scheme>,
    /// Whether proofs are checked, so that the scheme `DPoP` is accepted.
    pub(crate) takes_proofs: bool,
}

/// The request may not pass. Shown as a text, it says why, for your log: do not send that to the client.
#[derive(Clone, Debug)]
pub struct Refusal {
    code: Code,
    reason: String,
    parameters: Vec<(&'static str, Value)>,
    schemes: Schemes,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.reason)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(code: Code, reason: impl Into<String>, schemes: Schemes) -> Self {
        Self {
            code,
            reason: reason.into(),
            parameters: Vec::new(),
            schemes,
        }
    }

    /// Adds what the client needs to do better.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// Returns why the request may not pass.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Returns the status of the answer: 401, 403 or 503.
    pub const fn status(&self) -> u16 {
        match self.code {
            Code::InvalidToken | Code::InvalidDpopProof | Code::InsufficientUserAuthentication => 401,
            Code::InsufficientScope | Code::Forbidden => 403,
            Code::ServiceUnavailable => 503,
        }
    }

    /// Returns the headers of the answer.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        if self.status() == 503 {
            headers.push(("retry-after", "5".to_owned()));
        }
        headers.extend(self.challenge().map(|challenge| ("www-authenticate", challenge)));
        headers
    }

    /// Returns the body of the answer, as JSON.
    pub fn body(&self) -> String {
        let code = ("code", Value::from(self.code.as_str()));
        let members = std::iter::once(code).chain(self.parameters.iter().cloned());
        let members: Map<String, Value> = members.map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(members).to_string()
    }

    fn challenge(&self) -> Option<String> {
        if self.status() != 401 && self.code != Code::InsufficientScope {
            return None;
        }
        let written = |scheme: &str, parameters: Vec<String>| {
            let challenge = format!("{scheme} {}", parameters.join(", "));
            challenge.trim_end().to_owned()
        };
        let (used, own) = (self.schemes.used, self.challenge_parameters());
        let is_of = |scheme| used == Some(scheme);
        let bearer = written("Bearer", if is_of(Scheme::Bearer) { own.clone() } else { Vec::new() });
        let algs = format!("algs=\"{}\"", ALGORITHMS.join(" "));
        let mut of_dpop = if is_of(Scheme::Dpop) { own } else { Vec::new() };
        of_dpop.push(algs);
        let dpop = written("DPoP", of_dpop);
        // The scheme of the request comes first: some clients read no further.
        Some(match (self.schemes.takes_proofs, used) {
            (false, _) => bearer,
            (true, Some(Scheme::Dpop)) => format!("{dpop}, {bearer}"),
            (true, _) => format!("{bearer}, {dpop}"),
        })
    }

    fn challenge_parameters(&self) -> Vec<String> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let error = format!("error=\"{}\"", self.code.as_str());
        let more = self.parameters.iter().filter(|(_, value)| !value.is_array());
        let more = more.map(|(name, value)| format!("{name}=\"{}\"", plain(value)));
        std::iter::once(error).chain(more).collect()
    }
}
