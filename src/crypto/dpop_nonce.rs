//! Nonces of proofs of possession (RFC 9449 §8). Each is an opaque token, without the prefix that names its kind: it
//! proves that this service made it, and when. Nothing is stored of a nonce that only a read needed.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::keyring::UnknownKey;
use super::mac::TokenMac;
use crate::domain::ids::UserId;
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::{CLOCK_TOLERANCE, DPOP_NONCE_LIFE};

const KIND: TokenKind = TokenKind::DpopNonce;

/// Makes a nonce. Those of a microsecond are the same; a change takes one that is newer than that of the change before.
///
/// # Errors
///
/// Never in practice: the current key is always known.
pub fn issue(mac: &TokenMac, now: DateTime<Utc>) -> Result<String, UnknownKey> {
    let micros = now.timestamp_micros().max(0).cast_unsigned();
    let token = mac.issue(KIND, UserId::from_uuid(Uuid::nil()), Uuid::nil(), micros)?;
    let token = token.expose_secret();
    Ok(token.strip_prefix(KIND.prefix()).unwrap_or(token).to_owned())
}

/// Returns when a nonce was made. `None` if this service did not make it, if it is older than [`DPOP_NONCE_LIFE`], or if
/// it is from the future by more than [`CLOCK_TOLERANCE`]: the clock of the instance that made it may be ahead.
pub(super) fn open(mac: &TokenMac, nonce: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let body = mac.open(KIND, &format!("{}{nonce}", KIND.prefix()))?;
    let issued_at = DateTime::from_timestamp_micros(i64::try_from(body.counter).ok()?)?;
    let age = now - issued_at;
    (-CLOCK_TOLERANCE <= age && age <= DPOP_NONCE_LIFE).then_some(issued_at)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::keyring::test_keyring;

    fn moment(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    proptest! {
        #[test]
        fn a_nonce_counts_during_its_life_only(micros in 0..4_102_444_800_000_000_i64, later in -12_000_000_i64..302_000_000) {
            let mac = TokenMac::new(&test_keyring());
            let nonce = issue(&mac, moment(micros)).unwrap();
            let opened = open(&mac, &nonce, moment(micros) + TimeDelta::microseconds(later));
            prop_assert_eq!(opened, (-10_000_000..=300_000_000).contains(&later).then(|| moment(micros)));
        }

        #[test]
        fn other_texts_are_not_nonces(position in 0..98_usize, character in "[A-Za-z0-9_-]", text in "\\PC{0,100}") {
            let mac = TokenMac::new(&test_keyring());
            let nonce = issue(&mac, moment(7)).unwrap();
            let mut changed = nonce.clone();
            changed.replace_range(position..=position, &character);
            prop_assert!(changed == nonce || open(&mac, &changed, moment(7)).is_none());
            prop_assert!(open(&mac, &text, moment(7)).is_none());
        }
    }

    #[test]
    fn a_challenge_is_not_a_nonce() {
        let mac = TokenMac::new(&test_keyring());
        let nil = (UserId::from_uuid(Uuid::nil()), Uuid::nil());
        for kind in TokenKind::ALL.into_iter().filter(|kind| *kind != KIND) {
            let token = mac.issue(kind, nil.0, nil.1, 7).unwrap();
            let bare = token.expose_secret().strip_prefix(kind.prefix()).unwrap();
            assert_eq!(open(&mac, bare, moment(7)), None);
        }
    }
}
