//! Makes the challenges of proof of work, and checks their solutions. Nothing is stored of a challenge: its signature
//! shows that this service made it, for which count of wrong proofs, how much it asks for and until when it counts.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use chrono::{DateTime, Utc};

use super::keyring::{DerivedKeys, Keyring, UnknownKey};
use crate::domain::random::{self, Random};
use crate::domain::work::{
    Difficulty, KEY_LENGTH, SignedWorkChallenge, Work, WorkChallenge, WorkSolution, hexadecimal, is_success,
};

/// Makes challenges and checks solutions.
pub struct WorkMac {
    keys: DerivedKeys<hmac::Key>,
}

impl WorkMac {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.hmac_sha256("proof of work"),
        }
    }

    /// Makes a challenge for a count of wrong proofs. It costs two HMACs, so a flood of requests that must wait costs
    /// little more with challenges than without.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn issue(
        &self,
        count: &[u8],
        difficulty: Difficulty,
        now: DateTime<Utc>,
        random: &dyn Random,
    ) -> Result<SignedWorkChallenge, UnknownKey> {
        let (_, key) = self.keys.current()?;
        let drawn = (random::bytes(random), random::bytes(random));
        let challenge = WorkChallenge::new(difficulty, drawn, now);
        let tag = hmac::sign(&key_of(key, count), challenge.signed_text().as_bytes());
        let mut signature = [0; 32];
        signature
            .iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        Ok(SignedWorkChallenge { challenge, signature })
    }

    /// Checks a solution. `None` if it is not one, was made for another count, or has expired. The key of the one try
    /// is derived last: without a challenge of this service, a text costs two HMACs.
    pub fn check(&self, count: &[u8], text: &str, now: DateTime<Utc>) -> Option<Work> {
        let solution = WorkSolution::parse(text)?;
        let SignedWorkChallenge { challenge, signature } = solution.signed;
        let signed = challenge.signed_text();
        let is_ours = |key| hmac::verify(&key_of(key, count), signed.as_bytes(), &signature).is_ok();
        if !self.keys.iter().any(|(_, key)| is_ours(key)) || !challenge.is_alive(now) {
            return None;
        }
        is_success(&derived_key(&solution)?).then_some(Work {
            id: signature,
            difficulty: challenge.difficulty,
            expires_at: challenge.expires_at,
        })
    }
}

/// Returns the key for the challenges of one count. A challenge does not say what it is for, so it reveals nothing of a
/// name; under the key of another count it is a forgery. In hexadecimal, as ALTCHA's libraries take secrets as text.
fn key_of(key: &hmac::Key, count: &[u8]) -> hmac::Key {
    let secret = hexadecimal(hmac::sign(key, count).as_ref());
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn derived_key(solution: &WorkSolution) -> Option<[u8; KEY_LENGTH]> {
    let challenge = &solution.signed.challenge;
    let iterations = NonZeroU32::new(challenge.difficulty.iterations())?;
    let mut key = [0; KEY_LENGTH];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &challenge.salt,
        &solution.password(),
        &mut key,
    );
    Some(key)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::keyring::{MASTER_KEY_LENGTH, MasterKey, test_keyring};
    use crate::domain::policy::numbers::WORK_LIFE;

    /// What altcha-lib 2.8.0 signed and solved, with the secret that follows from the test's master key 2.
    const SIGNATURE: &str = "5b984de9b7bf1c73006b77c51b75656612fae67c27d1ae248c04bd6d75fdd642";
    const COUNTER: u32 = 3860;
    const COUNT: &[u8] = b"a count";

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn vector() -> Value {
        json!({
            "challenge": {
                "parameters": {
                    "algorithm": "PBKDF2/SHA-256", "cost": 128, "expiresAt": 4_102_444_800_i64, "keyLength": 32,
                    "keyPrefix": "000", "nonce": "0102030405060708090a0b0c0d0e0f10",
                    "salt": "f1f2f3f4f5f6f7f8f9fafbfcfdfeff00",
                },
                "signature": SIGNATURE,
            },
            "solution": {
                "counter": COUNTER, "time": 180.1,
                "derivedKey": "000984ae9b4d920f00bc8ada347a6f009ab38be75fe3196b8152b18cb92339f9",
            },
        })
    }

    fn check(count: &[u8], payload: &Value, now: DateTime<Utc>) -> Option<Work> {
        let text = STANDARD.encode(payload.to_string());
        WorkMac::new(&test_keyring()).check(count, &text, now)
    }

    #[test]
    fn what_altcha_signed_and_solved_is_accepted_and_nothing_else_is() {
        let good = vector();
        let work = check(COUNT, &good, at(4_102_444_800)).unwrap();
        assert_eq!(hexadecimal(&work.id), SIGNATURE);
        assert_eq!(work.difficulty, Difficulty::after(0));
        assert_eq!(check(COUNT, &good, at(4_102_444_801)), None);
        assert_eq!(check(b"another count", &good, at(0)), None);
        for (pointer, value) in [
            ("/solution/counter", json!(COUNTER + 1)),
            ("/challenge/parameters/cost", json!(1)),
            ("/challenge/parameters/expiresAt", json!(4_102_444_801_i64)),
            ("/challenge/parameters/nonce", json!("00".repeat(16))),
            ("/challenge/parameters/salt", json!("00".repeat(16))),
            ("/challenge/signature", json!("00".repeat(32))),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert_eq!(check(COUNT, &bad, at(0)), None, "{pointer}");
        }
    }

    /// Finds the solution of a challenge.
    fn solve(signed: SignedWorkChallenge) -> String {
        let counter = (0..u32::MAX).find(|counter| {
            let try_it = WorkSolution {
                signed,
                counter: *counter,
            };
            is_success(&derived_key(&try_it).unwrap())
        });
        let parameters: Value = serde_json::from_str(&signed.challenge.signed_text()).unwrap();
        let payload = json!({
            "challenge": {"parameters": parameters, "signature": hexadecimal(&signed.signature)},
            "solution": {"counter": counter},
        });
        STANDARD.encode(payload.to_string())
    }

    #[test]
    fn a_solution_counts_for_its_count_and_its_life_and_after_the_master_key_has_changed() {
        let now = at(1_772_366_400);
        let old = Keyring::new(master(1), Vec::new());
        let challenge = WorkMac::new(&old)
            .issue(COUNT, Difficulty::after(0), now, &Fixed(9))
            .unwrap();
        let solution = solve(challenge);
        // The test's keyring has this key as its older one.
        let mac = WorkMac::new(&test_keyring());
        let work = mac.check(COUNT, &solution, now).unwrap();
        assert!(mac.check(COUNT, &solution, now + WORK_LIFE).is_some());
        assert!(
            mac.check(COUNT, &solution, now + WORK_LIFE + TimeDelta::seconds(1))
                .is_none()
        );
        assert!(mac.check(b"another count", &solution, now).is_none());
        let other = WorkMac::new(&Keyring::new(master(3), Vec::new()));
        assert!(other.check(COUNT, &solution, now).is_none());
        let (from, until) = work.window();
        assert!(from <= now && now + WORK_LIFE < until);
    }

    fn master(id: u8) -> MasterKey {
        let bytes = zeroize::Zeroizing::new([id; MASTER_KEY_LENGTH]);
        MasterKey { id, bytes }
    }

    proptest! {
        /// A challenge looks the same for every count, and its signature names none.
        #[test]
        fn challenges_of_two_counts_differ_in_their_signature_only(one: [u8; 32], other: [u8; 32], byte: u8) {
            let mac = WorkMac::new(&test_keyring());
            let issue = |count: &[u8]| mac.issue(count, Difficulty::after(0), at(0), &Fixed(byte)).unwrap();
            prop_assert_eq!(issue(&one).challenge, issue(&other).challenge);
            prop_assert_eq!(issue(&one).signature == issue(&other).signature, one == other);
        }

        #[test]
        fn a_text_without_a_challenge_of_this_service_is_not_work(text in "\\PC{0,400}", signature: [u8; 32]) {
            prop_assert_eq!(WorkMac::new(&test_keyring()).check(COUNT, &text, at(0)), None);
            let mut forged = vector();
            *forged.pointer_mut("/challenge/signature").unwrap() = json!(hexadecimal(&signature));
            prop_assert_eq!(check(COUNT, &forged, at(0)), None);
        }
    }
}
