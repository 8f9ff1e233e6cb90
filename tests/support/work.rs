//! Solves challenges for work, as a client does.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Returns the solution of the challenge in a problem.
pub(crate) fn solve(challenge: &Value) -> String {
    let counter = (0..u32::MAX).find(|counter| is_solution(challenge, *counter)).unwrap();
    written(challenge, counter)
}

/// Writes a solution, right or wrong.
pub(crate) fn written(challenge: &Value, counter: u32) -> String {
    STANDARD.encode(json!({"challenge": challenge, "solution": {"counter": counter, "derivedKey": "00"}}).to_string())
}

fn is_solution(challenge: &Value, counter: u32) -> bool {
    let parameters = &challenge["parameters"];
    assert_eq!(parameters["algorithm"], "PBKDF2/SHA-256");
    let iterations = u32::try_from(parameters["cost"].as_u64().unwrap()).unwrap();
    let password = [bytes(&parameters["nonce"]).as_slice(), &counter.to_be_bytes()].concat();
    let mut key = vec![0; usize::try_from(parameters["keyLength"].as_u64().unwrap()).unwrap()];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        NonZeroU32::new(iterations).unwrap(),
        &bytes(&parameters["salt"]),
        &password,
        &mut key,
    );
    let text = key
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    text.starts_with(parameters["keyPrefix"].as_str().unwrap())
}

fn bytes(hexadecimal: &Value) -> Vec<u8> {
    let text = hexadecimal.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap())
        .collect()
}
