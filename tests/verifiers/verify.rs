//! Verifies an access token with only the issuer's URL.
//!
//!     cargo run --example verify ISSUER TOKEN [AUDIENCE]
//!
//! Prints the claims and exits with 0, or prints the reason for the refusal and exits with 1. By default the audience
//! is the issuer. Needs jsonwebtoken, ureq and serde, but no code of vestibule: it stands for an independent back end.

#![expect(
    clippy::disallowed_methods,
    reason = "this stands for an independent program, which reads its arguments and tokens by itself"
)]

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The members of the issuer's metadata that are used here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    id_token_signing_alg_values_supported: Vec<Algorithm>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [issuer, token] => verify(issuer, token, issuer),
        [issuer, token, audience] => verify(issuer, token, audience),
        _ => Err("usage: verify ISSUER TOKEN [AUDIENCE]".into()),
    };
    match outcome {
        Ok(claims) => ExitCode::from(u8::from(writeln!(io::stdout(), "{claims:#}").is_err())),
        Err(error) => {
            let _ = writeln!(io::stderr(), "refused: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches the keys and checks the token with them. A service would cache them for 300 s.
fn verify(issuer: &str, token: &str, audience: &str) -> Result<Value, Box<dyn Error>> {
    let metadata: Metadata = fetch(&format!("{issuer}/.well-known/openid-configuration"))?;
    if metadata.issuer != issuer {
        return Err("the metadata is another issuer's".into());
    }
    let keys = fetch(&metadata.jwks_uri)?;
    let algorithms = metadata.id_token_signing_alg_values_supported;
    Ok(claims_of(token, &keys, &algorithms, issuer, audience)?)
}

fn fetch<T: DeserializeOwned>(url: &str) -> Result<T, Box<dyn Error>> {
    let request = ureq::get(url)
        .config()
        .timeout_global(Some(Duration::from_secs(10)))
        .build();
    Ok(serde_json::from_str(&request.call()?.body_mut().read_to_string()?)?)
}

/// Returns the claims of a good access token. `keys` is what `jwks_uri` returned, `algorithms` what is expected.
fn claims_of<Claims: DeserializeOwned>(
    token: &str,
    keys: &JwkSet,
    algorithms: &[Algorithm],
    issuer: &str,
    audience: &str,
) -> Result<Claims, jsonwebtoken::errors::Error> {
    let header = decode_header(token)?;
    // An ID token must not pass for an access token (RFC 9068 §4), nor may an extension be overlooked that the token
    // calls critical (RFC 7515 §4.1.11). The library looks at neither.
    if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt")) || header.crit.is_some() {
        return Err(ErrorKind::InvalidToken.into());
    }
    let key = header
        .kid
        .and_then(|kid| keys.find(&kid))
        .ok_or(ErrorKind::InvalidToken)?;
    // Never the token's own "alg": that is the attacker's choice. A key is for one algorithm (RFC 8725 §3.1).
    let is_for = |algorithm: &&Algorithm| key.common.key_algorithm == Some((**algorithm).into());
    let algorithm = algorithms.iter().find(is_for).ok_or(ErrorKind::InvalidAlgorithm)?;

    let mut validation = Validation::new(*algorithm);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    let claims: Value = decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
    // A token that is bound to a key (RFC 9449) must not pass for a bearer token.
    if claims.get("cnf").is_some() {
        return Err(ErrorKind::InvalidToken.into());
    }
    Ok(serde_json::from_value(claims)?)
}
