//! Public keys in COSE (RFC 9052 §7), and their signatures.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use ciborium::Value;

use super::cbor::Map;
use crate::domain::passkey::{KeyAlgorithm, PublicKey, Refusal};

/// Labels of a key (RFC 9052 §7.1). The meaning of the negative ones depends on the type (RFC 9053 §7, RFC 8230 §4).
const TYPE: i32 = 1;
const ALGORITHM: i32 = 3;
const CURVE: i32 = -1;
const X: i32 = -2;
const Y: i32 = -3;
const MODULUS: i32 = -1;
const EXPONENT: i32 = -2;
/// Types of keys.
const OCTET_KEY_PAIR: i32 = 1;
const ELLIPTIC: i32 = 2;
const RSA: i32 = 3;
/// Curves.
const P256: i32 = 1;
const CURVE_ED25519: i32 = 6;
/// Bytes of a coordinate of either curve.
const COORDINATE: usize = 32;
/// Bytes of a modulus: 2048 to 4096 bits. Larger ones only make the check of a signature slow.
const MODULUS_LENGTHS: std::ops::RangeInclusive<usize> = 256..=512;
/// 65537, which all authenticators use.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

/// Reads a key of an algorithm that the service offers (WebAuthn §5.8.5). Labels that such a key does not have are
/// refused.
///
/// # Errors
///
/// [`Refusal::Algorithm`] or [`Refusal::PublicKey`], also for a point that is not on the curve.
pub(super) fn public_key(key: &Map) -> Result<PublicKey, Refusal> {
    let number = key.get(ALGORITHM).and_then(number).ok_or(Refusal::PublicKey)?;
    let algorithm = KeyAlgorithm::from_number(number).ok_or(Refusal::Algorithm)?;
    let bytes = match algorithm {
        KeyAlgorithm::EdDsa => {
            expect(key, 4, &[(TYPE, OCTET_KEY_PAIR), (CURVE, CURVE_ED25519)])?;
            coordinate(key, X)?.to_vec()
        }
        KeyAlgorithm::Es256 => {
            expect(key, 5, &[(TYPE, ELLIPTIC), (CURVE, P256)])?;
            [&[4], coordinate(key, X)?, coordinate(key, Y)?].concat()
        }
        KeyAlgorithm::Rs256 => {
            expect(key, 4, &[(TYPE, RSA)])?;
            modulus(key)?.to_vec()
        }
    };
    let key = PublicKey { algorithm, bytes };
    parse(&key)?;
    Ok(key)
}

/// Checks a signature.
///
/// # Errors
///
/// [`Refusal::Signature`] if it is wrong, or [`Refusal::PublicKey`] for a key that this module did not read.
pub(super) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
    parse(key)?
        .verify_sig(message, signature)
        .map_err(|_wrong| Refusal::Signature)
}

fn parse(key: &PublicKey) -> Result<ParsedPublicKey, Refusal> {
    let parsed = match key.algorithm {
        KeyAlgorithm::EdDsa => ParsedPublicKey::new(&ED25519, &key.bytes),
        KeyAlgorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key.bytes),
        KeyAlgorithm::Rs256 => RsaPublicKeyComponents {
            n: key.bytes.as_slice(),
            e: PUBLIC_EXPONENT.as_slice(),
        }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
    };
    parsed.map_err(|_rejected| Refusal::PublicKey)
}

/// Checks how many members a key has, and the numbers among them.
fn expect(key: &Map, members: usize, numbers: &[(i32, i32)]) -> Result<(), Refusal> {
    let is_right = |(label, expected): &(i32, i32)| key.get(*label).and_then(number) == Some(*expected);
    let is_expected = key.len() == members && numbers.iter().all(is_right);
    is_expected.then_some(()).ok_or(Refusal::PublicKey)
}

fn number(value: &Value) -> Option<i32> {
    value.as_integer().and_then(|number| i32::try_from(number).ok())
}

fn bytes(key: &Map, label: i32) -> Result<&[u8], Refusal> {
    let bytes = key.get(label).and_then(Value::as_bytes);
    bytes.map(Vec::as_slice).ok_or(Refusal::PublicKey)
}

fn coordinate(key: &Map, label: i32) -> Result<&[u8], Refusal> {
    let coordinate = bytes(key, label)?;
    (coordinate.len() == COORDINATE)
        .then_some(coordinate)
        .ok_or(Refusal::PublicKey)
}

fn modulus(key: &Map) -> Result<&[u8], Refusal> {
    let modulus = bytes(key, MODULUS)?;
    let first = modulus.first().copied().unwrap_or_default();
    // The shortest length must be used in full, or the modulus has fewer than 2048 bits.
    let least = if modulus.len() == *MODULUS_LENGTHS.start() {
        0x80
    } else {
        1
    };
    let is_odd = modulus.last().is_some_and(|last| last % 2 == 1);
    let is_right = MODULUS_LENGTHS.contains(&modulus.len())
        && first >= least
        && is_odd
        && bytes(key, EXPONENT)? == PUBLIC_EXPONENT;
    is_right.then_some(modulus).ok_or(Refusal::PublicKey)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    type Entries = Vec<(i32, Value)>;

    fn read(entries: Entries) -> Result<PublicKey, Refusal> {
        let entries = entries.into_iter().map(|(label, value)| (label.into(), value));
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(entries.collect()), &mut bytes).unwrap();
        public_key(&Map::read(&bytes).unwrap().0)
    }

    fn ed25519() -> Entries {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let x = pair.public_key().as_ref().to_vec();
        vec![(1, 1.into()), (3, (-8).into()), (-1, 6.into()), (-2, Value::Bytes(x))]
    }

    /// The base point of P-256 (SEC 2 §2.4.2).
    fn es256() -> Entries {
        let coordinate = |high: u128, low: u128| Value::Bytes([high.to_be_bytes(), low.to_be_bytes()].concat());
        let x = coordinate(
            0x6b17_d1f2_e12c_4247_f8bc_e6e5_63a4_40f2,
            0x7703_7d81_2deb_33a0_f4a1_3945_d898_c296,
        );
        let y = coordinate(
            0x4fe3_42e2_fe1a_7f9b_8ee7_eb4a_7c0f_9e16,
            0x2bce_3357_6b31_5ece_cbb6_4068_37bf_51f5,
        );
        vec![(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, x), (-3, y)]
    }

    fn rs256(first: u8, length: usize) -> Entries {
        let mut modulus = vec![0xff; length];
        modulus[0] = first;
        let exponent = Value::Bytes(vec![1, 0, 1]);
        vec![
            (1, 3.into()),
            (3, (-257).into()),
            (-1, Value::Bytes(modulus)),
            (-2, exponent),
        ]
    }

    fn with(mut entries: Entries, label: i32, value: impl Into<Value>) -> Entries {
        entries.retain(|(other, _)| *other != label);
        entries.push((label, value.into()));
        entries
    }

    #[test]
    fn keys_of_each_algorithm_are_read() {
        for (key, length) in [
            (ed25519(), 32),
            (es256(), 65),
            (rs256(0x80, 256), 256),
            (rs256(1, 512), 512),
        ] {
            assert_eq!(read(key).unwrap().bytes.len(), length);
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        // ES384, ES512, Ed448, PS256, RS1, and the number of Ed25519 alone (RFC 9864).
        for algorithm in [-35, -36, -53, -37, -65535, -19, 0, 7] {
            assert_eq!(
                read(with(es256(), 3, algorithm)).unwrap_err(),
                Refusal::Algorithm,
                "{algorithm}"
            );
        }
    }

    #[test]
    fn malformed_and_weak_keys_are_refused() {
        let bytes = |length| Value::Bytes(vec![9; length]);
        for (key, what) in [
            (vec![], "no members"),
            (with(es256(), 3, "ES256"), "an algorithm as text"),
            (with(es256(), 3, i64::MIN), "an algorithm that is too large"),
            (with(es256(), 1, 1), "the type of another algorithm"),
            (with(es256(), -1, 2), "P-384"),
            (with(ed25519(), -1, 4), "X25519"),
            (with(ed25519(), 3, -7), "the algorithm of another type"),
            (with(es256(), -2, bytes(31)), "a short coordinate"),
            (with(es256(), -2, bytes(33)), "a long coordinate"),
            (with(es256(), -3, true), "a compressed point"),
            (with(es256(), -3, bytes(32)), "a point off the curve"),
            (with(es256(), -2, "x".repeat(32)), "a coordinate as text"),
            (with(es256(), 2, bytes(1)), "a key id"),
            (with(ed25519(), -4, bytes(32)), "a private key"),
            (es256()[..4].to_vec(), "a missing coordinate"),
            (with(ed25519(), -2, bytes(31)), "a short key"),
            (rs256(0x80, 128), "1024 bits"),
            (rs256(0x7f, 256), "2047 bits"),
            (rs256(0, 257), "a zero in front"),
            (rs256(1, 513), "more than 4096 bits"),
            (
                with(rs256(0x80, 256), -1, Value::Bytes(vec![0x80; 256])),
                "an even modulus",
            ),
            (with(rs256(0x80, 256), -2, Value::Bytes(vec![3])), "the exponent 3"),
            (with(rs256(0x80, 256), -2, Value::Bytes(vec![1])), "the exponent 1"),
            (
                with(rs256(0x80, 256), -2, Value::Bytes(vec![0, 1, 0, 1])),
                "a zero before the exponent",
            ),
        ] {
            assert_eq!(read(key).unwrap_err(), Refusal::PublicKey, "{what}");
        }
    }

    #[test]
    fn a_stored_key_of_another_form_verifies_nothing() {
        for algorithm in KeyAlgorithm::ALL {
            for bytes in [vec![], vec![4; 31], vec![4; 65]] {
                let key = PublicKey { algorithm, bytes };
                assert!(verify(&key, b"", b"").is_err(), "{key:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_map_is_classified(entries in prop::collection::vec((-4..5_i32, -10..10_i32, prop::collection::vec(any::<u8>(), 0..33)), 0..6)) {
            let mut key = Entries::new();
            for (label, number, bytes) in entries {
                let value = if bytes.is_empty() { number.into() } else { Value::Bytes(bytes) };
                key = with(key, label, value);
            }
            prop_assert!(matches!(read(key), Err(Refusal::Algorithm | Refusal::PublicKey)));
        }
    }
}
