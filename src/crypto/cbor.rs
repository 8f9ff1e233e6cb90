//! Strict CBOR (RFC 8949): what authenticators send, and nothing that merely means the same.
//!
//! The library accepts indefinite lengths, numbers in longer forms than necessary, and doubled keys. Two programs may
//! read such an item in different ways, so it is refused. Authenticators never send one (CTAP 2.2 §8).

use ciborium::Value;

use crate::domain::passkey::Refusal;

/// How deep items may be in each other. Attestation statements need three levels.
const MOST_LEVELS: usize = 8;
/// Most entries of a map: several times those of any map of WebAuthn. Keys are compared in pairs.
const MOST_ENTRIES: usize = 64;

/// A map in the order in which it was written, without doubled keys.
#[derive(Debug)]
pub(super) struct Map(Vec<(Value, Value)>);

impl Map {
    /// Reads a map at the beginning of some bytes, and returns the bytes behind it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Encoding`] for another item and for one that is not strict.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        match read_item(bytes)? {
            (Value::Map(entries), rest) => Ok((Self(entries), rest)),
            _ => Err(Refusal::Encoding),
        }
    }

    /// Returns how many entries it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: impl Into<Value>) -> Option<&Value> {
        let key = key.into();
        self.0.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
    }
}

fn read_item(bytes: &[u8]) -> Result<(Value, &[u8]), Refusal> {
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MOST_LEVELS)
        .map_err(|_malformed| Refusal::Encoding)?;
    // The shortest form of the same value: other bytes were another form.
    let mut written = Vec::with_capacity(bytes.len().saturating_sub(rest.len()));
    ciborium::into_writer(&value, &mut written).map_err(|_unwritable| Refusal::Encoding)?;
    if bytes.strip_suffix(rest) != Some(written.as_slice()) || has_doubled_key(&value) {
        return Err(Refusal::Encoding);
    }
    Ok((value, rest))
}

/// Tells whether a map in the value has a key twice, or too many keys to compare.
fn has_doubled_key(value: &Value) -> bool {
    match value {
        Value::Map(entries) => {
            let is_among_later = |(place, (key, _)): (usize, &(Value, Value))| {
                entries.iter().skip(place + 1).any(|(other, _)| other == key)
            };
            entries.len() > MOST_ENTRIES
                || entries.iter().enumerate().any(is_among_later)
                || entries
                    .iter()
                    .any(|(key, value)| has_doubled_key(key) || has_doubled_key(value))
        }
        Value::Array(items) => items.iter().any(has_doubled_key),
        Value::Tag(_, value) => has_doubled_key(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_behind_a_map_are_returned() {
        let (map, rest) = Map::read(b"\xa2\x01\x02\x20\x41\x07rest").unwrap();
        assert_eq!((map.len(), rest), (2, b"rest".as_slice()));
        assert_eq!(map.get(1), Some(&Value::from(2)));
        assert_eq!(map.get(-1), Some(&Value::Bytes(vec![7])));
        assert_eq!(map.get("fmt"), None);
    }

    #[test]
    fn other_forms_of_an_item_are_refused() {
        for (bytes, what) in [
            (b"".as_slice(), "nothing"),
            (b"\x01", "not a map"),
            (b"\xbf\x01\x02\xff", "a map without a length"),
            (b"\xa1\x01\x5f\x41\x01\xff", "a text without a length"),
            (b"\xa1\x01\x18\x02", "a number in two bytes for one"),
            (b"\xb8\x01\x01\x02", "a length in two bytes for one"),
            (b"\xa2\x01\x02\x01\x02", "a doubled key"),
            (b"\xa1\x01\xa2\x01\x02\x01\x03", "a doubled key further in"),
            (b"\xa1\x01\x81\xa2\x01\x02\x01\x03", "a doubled key in an array"),
            (b"\xa1\xa2\x01\x02\x01\x03\x01", "a doubled key in a key"),
            (
                b"\xa1\x01\xd8\x40\xa2\x01\x02\x01\x03",
                "a doubled key in a tagged item",
            ),
            (b"\xa1\x01", "a missing value"),
            (b"\xa1\x01\xfb\x3f\xf0\0\0\0\0\0\0", "a fraction in a longer form"),
            (b"\xa1\x01\x61\xff", "a text that is not UTF-8"),
            (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "a length of 2^64 - 1"),
            (
                b"\xa1\x01\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
                "a string of 2^63 - 1 bytes",
            ),
        ] {
            assert_eq!(Map::read(bytes).unwrap_err(), Refusal::Encoding, "{what}");
        }
    }

    #[test]
    fn a_map_is_bounded_in_depth_and_size() {
        let deep = |levels: usize| [b"\xa1\x01".as_slice(), &[0x81].repeat(levels), b"\x01"].concat();
        assert!(Map::read(&deep(5)).is_ok());
        assert_eq!(Map::read(&deep(20)).unwrap_err(), Refusal::Encoding);
        assert_eq!(Map::read(&deep(10_000)).unwrap_err(), Refusal::Encoding);
        let wide = |entries: u8| {
            let entries = (0..entries).map(|key| (Value::from(key), Value::Null)).collect();
            let mut bytes = Vec::new();
            ciborium::into_writer(&Value::Map(entries), &mut bytes).unwrap();
            Map::read(&bytes).is_ok()
        };
        assert!(wide(64) && !wide(65));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_with_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((value, rest)) = read_item(&bytes) {
                let mut written = Vec::new();
                ciborium::into_writer(&value, &mut written).unwrap();
                written.extend_from_slice(rest);
                prop_assert_eq!(written, bytes);
            }
        }
    }
}
