//! Proof of work: what a client computes so that its guess at a name under attack is checked without a wait.
//!
//! The wait for all networks together would lock out an owner on a new network for as long as an attack goes on. Work
//! replaces that wait (NIST SP 800-63B-4 §3.2.2 names such challenges): an owner computes once, for about a second, and
//! an attacker for each guess. It slows only attackers without better machines than a phone. What ends guessing is the
//! number of wrong proofs, which work does not change.
//!
//! The format is that of ALTCHA, version 2: a client looks for a counter for which PBKDF2 gives a key that begins with
//! [`KEY_PREFIX`]. `crypto::work` makes and checks challenges; this module knows their layout and their difficulty.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::policy::numbers::{CLOCK_TOLERANCE, WORK_DOUBLES_AFTER, WORK_DOUBLINGS, WORK_ITERATIONS, WORK_LIFE};

/// How a try derives its key, in ALTCHA's words.
pub const ALGORITHM: &str = "PBKDF2/SHA-256";
/// Bytes of a derived key.
pub const KEY_LENGTH: usize = 32;
/// How the derived key begins, in hexadecimal: one of 4,096 does.
pub const KEY_PREFIX: &str = "000";
/// Most characters of a solution; ours have about 600.
const LONGEST_SOLUTION: usize = 2048;

/// How much a client has to compute: the iterations of each try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difficulty(u32);

impl Difficulty {
    /// Returns the difficulty after so many wrong proofs that were checked for work.
    pub fn after(paid_failures: i32) -> Self {
        let doublings = u32::try_from(paid_failures / WORK_DOUBLES_AFTER).unwrap_or_default();
        Self(WORK_ITERATIONS << doublings.min(WORK_DOUBLINGS))
    }

    /// Returns the iterations of each try.
    pub const fn iterations(self) -> u32 {
        self.0
    }
}

/// A challenge, without its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkChallenge {
    /// Makes the tries of each challenge different, together with the salt.
    pub nonce: [u8; 16],
    /// Random as well.
    pub salt: [u8; 16],
    /// How much it asks for.
    pub difficulty: Difficulty,
    /// The Unix time until which a solution counts.
    pub expires_at: i64,
}

impl WorkChallenge {
    /// Makes a challenge from random bytes.
    pub fn new(difficulty: Difficulty, (nonce, salt): ([u8; 16], [u8; 16]), now: DateTime<Utc>) -> Self {
        Self {
            nonce,
            salt,
            difficulty,
            expires_at: (now + WORK_LIFE).timestamp(),
        }
    }

    /// Returns whether a solution still counts.
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() <= self.expires_at
    }

    /// Writes the text that is signed: JSON with sorted members and without spaces, as ALTCHA's libraries write it.
    pub fn signed_text(&self) -> String {
        format!(
            r#"{{"algorithm":"{ALGORITHM}","cost":{},"expiresAt":{},"keyLength":{KEY_LENGTH},"keyPrefix":"{KEY_PREFIX}","nonce":"{}","salt":"{}"}}"#,
            self.difficulty.0,
            self.expires_at,
            hexadecimal(&self.nonce),
            hexadecimal(&self.salt),
        )
    }
}

/// A challenge with its signature, as clients get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedWorkChallenge {
    /// What is asked for.
    pub challenge: WorkChallenge,
    /// Shows that this service made it, and for which count.
    pub signature: [u8; 32],
}

/// What a client sends back, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkSolution {
    /// The challenge that it answers.
    pub signed: SignedWorkChallenge,
    /// The try that succeeded.
    pub counter: u32,
}

impl WorkSolution {
    /// Reads a solution: base64 of JSON, as ALTCHA's clients write it. `None` if it is not one. Members that repeat what
    /// every challenge has are not read: the signature is over the values of this service.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_SOLUTION {
            return None;
        }
        let Payload { challenge, solution } = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
        let Parameters {
            nonce,
            salt,
            cost,
            expires_at,
        } = challenge.parameters;
        Some(Self {
            signed: SignedWorkChallenge {
                challenge: WorkChallenge {
                    nonce: bytes_of(&nonce)?,
                    salt: bytes_of(&salt)?,
                    difficulty: Difficulty(cost),
                    expires_at,
                },
                signature: bytes_of(&challenge.signature)?,
            },
            counter: solution.counter,
        })
    }

    /// Returns the password of the try, as ALTCHA composes it.
    pub fn password(&self) -> Vec<u8> {
        [self.signed.challenge.nonce.as_slice(), &self.counter.to_be_bytes()].concat()
    }
}

/// Returns whether a derived key is a success.
pub fn is_success(key: &[u8; KEY_LENGTH]) -> bool {
    hexadecimal(key).starts_with(KEY_PREFIX)
}

/// Work that was done, for the count that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Names it, so that it counts once.
    pub id: [u8; 32],
    /// How much was done.
    pub difficulty: Difficulty,
    /// The Unix time until which it counts.
    pub expires_at: i64,
}

impl Work {
    /// Returns the window of time in which its use is remembered. It ends when no instance accepts it any longer, also
    /// one whose clock is behind.
    pub fn window(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let end = DateTime::from_timestamp(self.expires_at, 0).unwrap_or_default();
        (end - WORK_LIFE, end + CLOCK_TOLERANCE)
    }
}

#[derive(Deserialize)]
struct Payload {
    challenge: PayloadChallenge,
    solution: PayloadSolution,
}

#[derive(Deserialize)]
struct PayloadChallenge {
    parameters: Parameters,
    signature: String,
}

#[derive(Deserialize)]
struct Parameters {
    nonce: String,
    salt: String,
    cost: u32,
    #[serde(rename = "expiresAt")]
    expires_at: i64,
}

#[derive(Deserialize)]
struct PayloadSolution {
    counter: u32,
}

/// Writes bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Reads bytes in lower-case hexadecimal, the only form that this service writes.
fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload(signed: &SignedWorkChallenge, counter: u32) -> serde_json::Value {
        let parameters: serde_json::Value = serde_json::from_str(&signed.challenge.signed_text()).unwrap();
        json!({
            "challenge": {"parameters": parameters, "signature": hexadecimal(&signed.signature)},
            "solution": {"counter": counter, "derivedKey": "000f", "time": 12.5},
        })
    }

    fn written(payload: &serde_json::Value) -> String {
        STANDARD.encode(payload.to_string())
    }

    proptest! {
        #[test]
        fn more_failures_never_ask_for_less_and_the_most_is_bounded(few in 0..1_000_000_i32, more in 0..1_000_000_i32) {
            let (easy, hard) = (Difficulty::after(few.min(more)), Difficulty::after(few.max(more)));
            prop_assert!(Difficulty::after(0) <= easy && easy <= hard);
            prop_assert!(hard.iterations() <= WORK_ITERATIONS << WORK_DOUBLINGS);
        }

        #[test]
        fn a_solution_is_read_as_it_was_written(
            nonce: [u8; 16], salt: [u8; 16], signature: [u8; 32], failures in 0..100, expires_at in 0..4_102_444_800_i64,
            counter: u32,
        ) {
            let challenge = WorkChallenge { nonce, salt, difficulty: Difficulty::after(failures), expires_at };
            let signed = SignedWorkChallenge { challenge, signature };
            let solution = WorkSolution::parse(&written(&payload(&signed, counter)));
            prop_assert_eq!(solution, Some(WorkSolution { signed, counter }));
        }

        #[test]
        fn other_texts_are_not_solutions(text in "\\PC{0,300}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(WorkSolution::parse(&text), None);
            prop_assert_eq!(WorkSolution::parse(&STANDARD.encode(bytes)), None);
        }

        #[test]
        fn a_challenge_is_alive_for_its_life(now in 0..4_102_444_800_i64, later in -1_000..1_000_i64) {
            let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
            let challenge = WorkChallenge::new(Difficulty::after(0), ([1; 16], [2; 16]), at(now));
            prop_assert_eq!(challenge.is_alive(at((now + later).max(0))), later <= WORK_LIFE.num_seconds() || now + later <= 0);
        }
    }

    #[test]
    fn what_is_missing_too_long_or_of_another_type_is_not_a_solution() {
        let challenge = WorkChallenge::new(Difficulty::after(0), ([1; 16], [2; 16]), DateTime::UNIX_EPOCH);
        let signed = SignedWorkChallenge {
            challenge,
            signature: [3; 32],
        };
        let good = payload(&signed, 7);
        assert!(WorkSolution::parse(&written(&good)).is_some());
        for (pointer, value) in [
            ("/solution/counter", json!(-1)),
            ("/solution/counter", json!(4_294_967_296_u64)),
            ("/solution/counter", json!(1.5)),
            ("/solution/counter", json!("7")),
            ("/challenge/signature", json!("03")),
            ("/challenge/signature", json!("0".repeat(63))),
            ("/challenge/parameters/nonce", json!("0".repeat(31) + "G")),
            ("/challenge/parameters/salt", json!("A".repeat(32))),
            ("/challenge/parameters/cost", json!(null)),
            ("/challenge", json!([])),
            ("/solution/derivedKey", json!("0".repeat(LONGEST_SOLUTION))),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert_eq!(WorkSolution::parse(&written(&bad)), None, "{pointer}");
        }
    }

    #[test]
    fn a_phone_computes_for_a_second_at_first_and_for_ten_at_most() {
        // A phone of some years ago does a million iterations a second in one thread. Of all solutions, 99 % are found
        // within 4.6 times the average of 4,096 tries.
        let seconds = |failures, factor| f64::from(Difficulty::after(failures).iterations()) * 4096.0 * factor / 1e6;
        assert!(seconds(0, 1.0) < 1.0);
        assert!(seconds(1000, 4.6) < 10.0);
        assert_eq!(KEY_PREFIX.len(), 3);
    }

    #[test]
    fn three_zero_digits_are_a_success() {
        let key = |first: [u8; 2]| {
            let mut key = [0xff; KEY_LENGTH];
            key.iter_mut().zip(first).for_each(|(to, from)| *to = from);
            key
        };
        assert!(is_success(&key([0, 0x0f])));
        assert!(!is_success(&key([0, 0x10])));
        assert!(!is_success(&key([1, 0])));
    }
}
