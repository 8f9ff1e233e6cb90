//! Solves challenges for work, as a client does.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Returns the solution of the challenge in a problem.
pub(crate) fn solve(challenge: &Value) -> String {
    let tries = Tries::of(challenge);
    let counter = (0..u32::MAX).find(|counter| tries.succeed(*counter)).unwrap();
    written(challenge, counter)
}

/// Writes a solution, right or wrong.
pub(crate) fn written(challenge: &Value, counter: u32) -> String {
    STANDARD.encode(json!({"challenge": challenge, "solution": {"counter": counter, "derivedKey": "00"}}).to_string())
}

/// A challenge, read once: thousands of tries follow.
struct Tries {
    nonce: Vec<u8>,
    salt: Vec<u8>,
    iterations: NonZeroU32,
    length: usize,
    prefix: Vec<u32>,
}

impl Tries {
    fn of(challenge: &Value) -> Self {
        let parameters = &challenge["parameters"];
        assert_eq!(parameters["algorithm"], "PBKDF2/SHA-256");
        let number = |name: &str| u32::try_from(parameters[name].as_u64().unwrap()).unwrap();
        let prefix = parameters["keyPrefix"].as_str().unwrap().chars();
        Self {
            nonce: bytes(&parameters["nonce"]),
            salt: bytes(&parameters["salt"]),
            iterations: NonZeroU32::new(number("cost")).unwrap(),
            length: number("keyLength").try_into().unwrap(),
            prefix: prefix.map(|digit| digit.to_digit(16).unwrap()).collect(),
        }
    }

    fn succeed(&self, counter: u32) -> bool {
        let password = [self.nonce.as_slice(), &counter.to_be_bytes()].concat();
        let mut key = vec![0; self.length];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, self.iterations, &self.salt, &password, &mut key);
        let mut digits = key.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        self.prefix
            .iter()
            .all(|wanted| digits.next().map(u32::from) == Some(*wanted))
    }
}

fn bytes(hexadecimal: &Value) -> Vec<u8> {
    let text = hexadecimal.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap())
        .collect()
}
