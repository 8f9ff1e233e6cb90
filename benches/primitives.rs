//! Micro-benchmarks of the computations in a request: `cargo bench --bench primitives`.
//!
//! They rule out causes for a slow request: none of these takes longer than a statement of the database.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use criterion::Criterion;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;
use vestibule::crypto::jwt;
use vestibule::crypto::keyring::{Keyring, MasterKey};
use vestibule::crypto::mac::TokenMac;
use vestibule::crypto::sealer::{SealedAt, Sealer};
use vestibule::crypto::signing_key::SigningKey;
use vestibule::domain::access_token::AccessTokenClaims;
use vestibule::domain::ids::{TotpFactorId, UserId};
use vestibule::domain::opaque_token::TokenKind;
use vestibule::domain::signing_key::SigningAlgorithm;
use vestibule::domain::totp::{TotpCode, TotpSecret};
use vestibule::system::SystemRandomness;
use zeroize::Zeroizing;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let bytes = Zeroizing::new([7; 32]);
    let keyring = Keyring::new(MasterKey { id: 1, bytes }, Vec::new());
    opaque_tokens(&mut criterion, &keyring)?;
    sealing(&mut criterion, &keyring)?;
    totp(&mut criterion)?;
    access_tokens(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn opaque_tokens(criterion: &mut Criterion, keyring: &Keyring) -> Result<(), Box<dyn Error>> {
    let tokens = TokenMac::new(keyring);
    let (user, row) = (UserId::from_uuid(Uuid::from_u128(41)), Uuid::from_u128(42));
    let token = tokens.issue(TokenKind::Refresh, user, row, 7)?;
    criterion.bench_function("opaque token: make", |bencher| {
        bencher.iter(|| tokens.issue(TokenKind::Refresh, user, black_box(row), 7));
    });
    criterion.bench_function("opaque token: check", |bencher| {
        bencher.iter(|| tokens.open(TokenKind::Refresh, black_box(token.expose_secret())));
    });
    Ok(())
}

fn sealing(criterion: &mut Criterion, keyring: &Keyring) -> Result<(), Box<dyn Error>> {
    let sealer = Sealer::new(keyring, Arc::new(SystemRandomness));
    let at = SealedAt::totp_secret(
        TotpFactorId::from_uuid(Uuid::from_u128(1)),
        UserId::from_uuid(Uuid::from_u128(2)),
    );
    let sealed = sealer.seal(&at, &[1; 20])?;
    criterion.bench_function("secret at rest: seal", |bencher| {
        bencher.iter(|| sealer.seal(&at, black_box(&[1; 20])));
    });
    criterion.bench_function("secret at rest: open", |bencher| {
        bencher.iter(|| sealer.open(&at, black_box(&sealed)));
    });
    Ok(())
}

fn totp(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let secret = TotpSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec()));
    let code = TotpCode::parse("287082")?;
    let now = DateTime::<Utc>::from_timestamp(1_700_000_000, 0).ok_or("no such time")?;
    criterion.bench_function("TOTP: verify a code", |bencher| {
        bencher.iter(|| secret.matched_step(black_box(&code), now, None));
    });
    Ok(())
}

fn access_tokens(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let claims: AccessTokenClaims = serde_json::from_value(json!({
        "iss": "https://auth.example.com", "sub": Uuid::nil(), "aud": "https://auth.example.com", "client_id": "vestibule",
        "exp": 2000, "iat": 1000, "nbf": 1000, "jti": Uuid::nil(), "sid": Uuid::nil(), "auth_time": 1000,
        "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "roles": [],
    }))?;
    for algorithm in SigningAlgorithm::ALL {
        let key = SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm)?)?;
        let keys = [key];
        let [key] = &keys;
        let token = jwt::sign(key, &claims)?;
        let name = algorithm.as_str();
        criterion.bench_function(&format!("access token: sign, {name}"), |bencher| {
            bencher.iter(|| jwt::sign(key, black_box(&claims)));
        });
        criterion.bench_function(&format!("access token: check, {name}"), |bencher| {
            bencher.iter(|| jwt::verify::<AccessTokenClaims, _>(black_box(&token), &keys));
        });
    }
    Ok(())
}
