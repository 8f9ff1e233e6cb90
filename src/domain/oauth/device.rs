//! Devices without a keyboard or a browser (RFC 8628): the user signs in elsewhere, and types a short code.

use std::fmt;

use uuid::{Builder, Uuid};
use zeroize::Zeroizing;

use crate::domain::names::names;
use crate::domain::random::{self, Random};
use crate::domain::typed_text;

/// Consonants without look-alikes, so that no word arises (RFC 8628 §6.1). There are twenty: eight of them have 34 bits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// No user has seen it.
    Waiting,
    /// A user has seen it, and has not decided.
    Claimed,
    /// The user allowed it; the device may pick its tokens up.
    Approved,
    /// The user refused.
    Denied,
}

names!(DeviceState {
    Waiting = "waiting",
    Claimed = "claimed",
    Approved = "approved",
    Denied = "denied",
});

/// The code that the device shows and the user types.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(Zeroizing<String>);

impl UserCode {
    /// Makes a new code.
    pub fn generate(random: &dyn Random) -> Self {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        while code.len() < LENGTH {
            let [byte]: [u8; 1] = random::bytes(random);
            // The multiples of twenty below 256, so that each letter is as likely as the others.
            let letter = (byte < 240).then(|| LETTERS.get(usize::from(byte % 20))).flatten();
            code.extend(letter.map(|letter| char::from(*letter)));
        }
        Self(code)
    }

    /// Parses a code as users type it: case, dashes and blanks do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let code = Zeroizing::new(typed_text::compact(text).to_ascii_uppercase());
        let is_good = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        is_good.then_some(Self(code))
    }

    /// Returns the letters, only to be hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the code as it is shown: two groups of four.
    pub fn to_display(&self) -> String {
        let (first, second) = self.0.split_at(LENGTH / 2);
        format!("{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserCode(…)")
    }
}

/// Makes the id of a request of the keyed hash of its user code (RFC 9562 §5.8).
pub fn request_id(hash: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(byte, given)| *byte = *given);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Sequence(std::sync::atomic::AtomicU8);

    impl Random for Sequence {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0.fetch_add(37, std::sync::atomic::Ordering::Relaxed));
        }
    }

    proptest! {
        #[test]
        fn a_code_is_read_back_however_it_is_typed(start: u8, lower: bool) {
            let code = UserCode::generate(&Sequence(start.into()));
            let shown = code.to_display();
            let typed = if lower { shown.to_lowercase().replace('-', " ") } else { shown.replace('-', "") };
            prop_assert_eq!(UserCode::parse(&typed), Some(code.clone()));
            prop_assert_eq!(UserCode::parse(&shown), Some(code));
        }

        #[test]
        fn other_texts_are_not_codes(text in "[A-Z0-9]{0,10}") {
            let is_code = text.len() == 8 && text.bytes().all(|byte| LETTERS.contains(&byte));
            prop_assert_eq!(UserCode::parse(&text).is_some(), is_code);
        }
    }
}
