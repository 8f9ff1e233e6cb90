//! Verifies the access tokens of requests: their signature, whom they are for, and when they are valid.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

use crate::caller::{AnyCaller, Caller, User};
use crate::claims::Claims;
use crate::clock::Clock;
use crate::dpop::{NoProof, Proofs, ProvedRequest};
use crate::ended::EndedSessions;
use crate::fetch;
use crate::keys::{Keys, NoKey};
use crate::options::{InvalidOption, Options};
use crate::refusal::{Code, Refusal, Scheme, Schemes};

/// No token of the service is longer.
const LONGEST_TOKEN: usize = 16_000;

/// A request, as far as it counts here.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, with the query.
    pub path: &'a str,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The header `DPoP`. Several are none that counts: give an empty text.
    pub proof: Option<&'a str>,
}

/// Verifies access tokens. Make one when the program starts, since it caches the keys; clones share them.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Verifier").field(&self.0.signatures.issuer).finish()
    }
}

struct Inner {
    audience: String,
    signatures: Signatures,
    ended: Option<EndedSessions>,
    proofs: Option<Proofs>,
    on_refusal: fn(&Refusal),
    clock: Clock,
}

impl Verifier {
    /// Makes a verifier. It asks the service for nothing yet.
    ///
    /// # Errors
    ///
    /// An option cannot be what was meant.
    pub fn new(options: Options) -> Result<Self, InvalidOption> {
        Self::with_clock(options, Clock::default())
    }

    pub(crate) fn with_clock(options: Options, clock: Clock) -> Result<Self, InvalidOption> {
        options.check()?;
        let client = fetch::client().map_err(InvalidOption)?;
        let keys = Keys::new(options.issuer.clone(), options.on_fault, client.clone(), clock.clone());
        let times = options.stale_after.map(|stale_after| (stale_after, options.leeway));
        let ended = times.map(|times| EndedSessions::new(times, options.on_fault, client, clock.clone()));
        let replays = options.replays;
        let proofs = options
            .base_url
            .map(|base_url| Proofs::new(base_url, replays, clock.clone()));
        let signatures = Signatures {
            issuer: options.issuer,
            algorithms: options.algorithms.iter().map(|algorithm| algorithm.library()).collect(),
            leeway: options.leeway.as_secs(),
            clock: clock.clone(),
            keys,
        };
        Ok(Self(Arc::new(Inner {
            audience: options.audience,
            signatures,
            ended,
            proofs,
            on_refusal: options.on_refusal,
            clock,
        })))
    }

    /// Reads the keys, to see a wrong setting at the start.
    ///
    /// # Errors
    ///
    /// Says what prevents it.
    pub async fn ready(&self) -> Result<(), String> {
        self.0.signatures.keys.load().await
    }

    /// Returns the user in person who sends a request.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    pub async fn user(&self, head: &RequestHead<'_>) -> Result<User, Refusal> {
        let user = self.0.caller(head).await.and_then(User::of);
        user.inspect_err(self.0.on_refusal)
    }

    /// Returns the caller of any kind who sends a request.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    pub async fn any_caller(&self, head: &RequestHead<'_>) -> Result<AnyCaller, Refusal> {
        let caller = self.0.caller(head).await.map(AnyCaller);
        caller.inspect_err(self.0.on_refusal)
    }
}

impl Inner {
    async fn caller(&self, head: &RequestHead<'_>) -> Result<Caller, Refusal> {
        let (scheme, token) = head
            .authorization
            .unwrap_or_default()
            .split_once(' ')
            .unwrap_or_default();
        let token = token.trim();
        let takes_proofs = self.proofs.is_some();
        let used = if scheme.eq_ignore_ascii_case("bearer") {
            Some(Scheme::Bearer)
        } else {
            (takes_proofs && scheme.eq_ignore_ascii_case("dpop")).then_some(Scheme::Dpop)
        };
        let schemes = Schemes { used, takes_proofs };
        let refuse = |code, reason: String| Refusal::new(code, reason, schemes);
        let Some(used) = used else {
            return Err(refuse(Code::InvalidToken, "the request has no access token".to_owned()));
        };
        let verified = self
            .signatures
            .verify::<Claims>(token, "at+jwt", Some(&self.audience))
            .await;
        let claims = verified.map_err(|refused| refuse(refused.code(), refused.to_string()))?;
        let bound = self.check_binding(head, (used, token), &claims).await;
        bound.map_err(|(code, reason)| refuse(code, reason))?;
        if let (Some(ended), Some(sid)) = (&self.ended, &claims.sid) {
            match ended.has(sid, &self.signatures).await {
                Some(false) => {}
                Some(true) => return Err(refuse(Code::InvalidToken, "the session has ended".to_owned())),
                None => {
                    let reason = "the list of ended sessions could not be read".to_owned();
                    return Err(refuse(Code::ServiceUnavailable, reason));
                }
            }
        }
        Ok(Caller::new(claims, schemes, self.clock.seconds()))
    }

    /// A bound token counts with a proof by its key only, and any other one without a proof (RFC 9449 §7.1).
    async fn check_binding(
        &self,
        head: &RequestHead<'_>,
        (used, token): (Scheme, &str),
        claims: &Claims,
    ) -> Result<(), (Code, String)> {
        let invalid = |reason: &str| Err((Code::InvalidToken, reason.to_owned()));
        let jkt = claims
            .cnf
            .as_ref()
            .map(|cnf| cnf.get("jkt").and_then(|jkt| jkt.as_str()));
        match (used, jkt, &self.proofs) {
            (Scheme::Bearer, None, _) => Ok(()),
            (Scheme::Bearer, Some(_), _) => invalid("the token is bound to a key (DPoP)"),
            (Scheme::Dpop, Some(Some(jkt)), Some(proofs)) => {
                let (method, path, proof) = (head.method, head.path, head.proof);
                let request = ProvedRequest {
                    method,
                    path,
                    token,
                    proof,
                    jkt,
                };
                proofs.check(&request).await.map_err(|refused| match refused {
                    NoProof::Invalid(reason) => (Code::InvalidDpopProof, reason.to_owned()),
                    NoProof::NotRemembered(reason) => {
                        (Code::ServiceUnavailable, format!("the memory of proofs: {reason}"))
                    }
                })
            }
            (Scheme::Dpop, ..) => invalid("the token is not bound to a key"),
        }
    }
}

/// Why a signed text does not count.
#[derive(Debug)]
pub(crate) enum NotVerified {
    Invalid(String),
    /// The keys cannot be had.
    NoKeys,
}

impl NotVerified {
    const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidToken,
            Self::NoKeys => Code::ServiceUnavailable,
        }
    }
}

impl fmt::Display for NotVerified {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) => out.write_str(reason),
            Self::NoKeys => out.write_str("the keys could not be read"),
        }
    }
}

/// Verifies what the service signs.
pub(crate) struct Signatures {
    issuer: String,
    algorithms: Vec<jsonwebtoken::Algorithm>,
    leeway: u64,
    clock: Clock,
    pub(crate) keys: Keys,
}

/// The times of a signed text. The library has a clock of its own, so they are compared here.
#[derive(serde::Deserialize)]
struct Times {
    exp: u64,
    nbf: Option<u64>,
    iat: u64,
}

impl Signatures {
    /// Returns the claims of a text of a type. `audience`: of an access token.
    pub(crate) async fn verify<T: DeserializeOwned>(
        &self,
        text: &str,
        typ: &str,
        audience: Option<&str>,
    ) -> Result<T, NotVerified> {
        let invalid = |reason: &str| NotVerified::Invalid(reason.to_owned());
        if audience.is_some() && text.len() > LONGEST_TOKEN {
            return Err(invalid("the token is too long"));
        }
        let header = decode_header(text).map_err(|error| NotVerified::Invalid(error.to_string()))?;
        // An ID token must not pass for an access token (RFC 9068 §4), nor may an extension be overlooked that the
        // token calls critical (RFC 7515 §4.1.11). The library looks at neither.
        let is_of_type = header.typ.is_some_and(|own| own.eq_ignore_ascii_case(typ));
        if !is_of_type || header.crit.is_some() {
            return Err(invalid("the token is of another type"));
        }
        // Never only the token's own "alg": that is the attacker's choice. Without an id it would fit several keys.
        let is_expected = self.algorithms.contains(&header.alg);
        let kid = header
            .kid
            .filter(|_| is_expected)
            .ok_or_else(|| invalid("another algorithm, or no key id"))?;
        let key = self.keys.find(&kid).await.map_err(|no_key| match no_key {
            NoKey::Unknown => invalid("the key is unknown"),
            NoKey::Unavailable => NotVerified::NoKeys,
        })?;
        // A key is for one algorithm (RFC 8725 §3.1).
        if key.common.key_algorithm != Some(header.alg.into()) {
            return Err(invalid("the key is for another algorithm"));
        }
        let decoded = self.decode(text, &key, header.alg, audience);
        let value = decoded.map_err(|error| NotVerified::Invalid(error.to_string()))?;
        let times: Times = serde_json::from_value(value.clone()).map_err(|error| invalid(&error.to_string()))?;
        self.check_times(&times, audience.is_some()).map_err(invalid)?;
        serde_json::from_value(value).map_err(|error| invalid(&error.to_string()))
    }

    fn decode(
        &self,
        text: &str,
        key: &jsonwebtoken::jwk::Jwk,
        algorithm: jsonwebtoken::Algorithm,
        audience: Option<&str>,
    ) -> Result<serde_json::Value, jsonwebtoken::errors::Error> {
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["iss"]);
        validation.validate_aud = audience.is_some();
        if let Some(audience) = audience {
            validation.set_audience(&[audience]);
            validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        }
        Ok(decode(text, &DecodingKey::from_jwk(key)?, &validation)?.claims)
    }

    fn check_times(&self, times: &Times, needs_nbf: bool) -> Result<(), &'static str> {
        let (now, leeway) = (self.clock.seconds(), self.leeway);
        if times.exp.saturating_add(leeway) <= now {
            return Err("it has expired");
        }
        match times.nbf {
            Some(nbf) if nbf > now.saturating_add(leeway) => Err("it is not valid yet"),
            None if needs_nbf => Err("it has no nbf"),
            _ if times.iat > now.saturating_add(leeway) => Err("it is from the future"),
            _ => Ok(()),
        }
    }
}
