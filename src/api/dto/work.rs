//! The challenge for work in a problem: ALTCHA's format, version 2.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::work::{ALGORITHM, KEY_LENGTH, KEY_PREFIX, SignedWorkChallenge, hexadecimal};

/// What a client may compute in the place of a wait: a challenge of ALTCHA, version 2. Its widget and libraries solve it
/// as it is. Send the solution as `altcha` in the same request.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkChallenge)]
pub struct WorkChallengeView {
    /// What is to be computed.
    pub parameters: WorkParameters,
    /// Shows that the service made it.
    #[schema(example = "9f3c5d…")]
    pub signature: String,
}

/// Find the least `counter` for which the derived key begins with `keyPrefix` in hexadecimal. The password is the nonce
/// and the counter as 32 bits, the most significant byte first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkParameters {
    /// How a key is derived.
    #[schema(example = "PBKDF2/SHA-256")]
    pub algorithm: &'static str,
    /// Iterations of each try. They grow with the attack.
    #[schema(example = 128)]
    pub cost: u32,
    /// The Unix time until which a solution counts.
    #[schema(example = 1_772_366_520)]
    pub expires_at: i64,
    /// Bytes of the derived key.
    #[schema(example = 32)]
    pub key_length: usize,
    /// How the derived key has to begin.
    #[schema(example = "000")]
    pub key_prefix: &'static str,
    /// 16 bytes in hexadecimal.
    #[schema(example = "2f1d0c…")]
    pub nonce: String,
    /// 16 bytes in hexadecimal.
    #[schema(example = "77aa01…")]
    pub salt: String,
}

impl WorkChallengeView {
    /// Shows a challenge.
    pub fn new(signed: &SignedWorkChallenge) -> Self {
        let challenge = &signed.challenge;
        Self {
            parameters: WorkParameters {
                algorithm: ALGORITHM,
                cost: challenge.difficulty.iterations(),
                expires_at: challenge.expires_at,
                key_length: KEY_LENGTH,
                key_prefix: KEY_PREFIX,
                nonce: hexadecimal(&challenge.nonce),
                salt: hexadecimal(&challenge.salt),
            },
            signature: hexadecimal(&signed.signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::Value;

    use super::*;
    use crate::domain::work::{Difficulty, WorkChallenge};

    /// Clients send back what they get, and libraries of ALTCHA sign its members sorted.
    #[test]
    fn the_members_are_those_that_are_signed() {
        let challenge = WorkChallenge::new(Difficulty::after(9), ([1; 16], [0xfe; 16]), DateTime::UNIX_EPOCH);
        let signed = SignedWorkChallenge {
            challenge,
            signature: [7; 32],
        };
        let shown = serde_json::to_value(WorkChallengeView::new(&signed)).unwrap();
        let text: Value = serde_json::from_str(&challenge.signed_text()).unwrap();
        assert_eq!(shown["parameters"], text);
        assert_eq!(shown["parameters"].to_string(), challenge.signed_text());
    }
}
