//! The hashes of any number of lanes are those of the `bcrypt` crate, and those that other programs published.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected result should stop a test at once"
)]

use bcrypt_lanes::{Cost, Hash, Lanes};
use proptest::prelude::*;

/// What to hash.
#[derive(Clone, Debug)]
struct Case {
    cost: u32,
    salt: [u8; 16],
    password: Vec<u8>,
}

impl Case {
    /// Returns the hash that the `bcrypt` crate computes.
    fn expected(&self) -> Hash {
        let key: Vec<u8> = self.password.iter().copied().chain([0]).take(72).collect();
        *bcrypt::bcrypt(self.cost, self.salt, &key).first_chunk().unwrap()
    }
}

/// Hashes with a number of lanes, which are filled as they become free.
fn hashes<const L: usize>(cases: &[Case], rounds: u32) -> Vec<Hash> {
    let mut lanes: Lanes<L, usize> = Lanes::new();
    let mut waiting = cases.iter().enumerate();
    let mut hashes = vec![None; cases.len()];
    while hashes.contains(&None) {
        while lanes.has_room()
            && let Some((number, case)) = waiting.next()
        {
            let cost = Cost::new(case.cost).unwrap();
            lanes.add(cost, case.salt, &case.password, number).unwrap();
        }
        lanes.advance(rounds);
        while let Some((hash, number)) = lanes.take_finished() {
            assert_eq!(hashes[number].replace(hash), None, "each hash is returned once");
        }
    }
    assert_eq!(lanes.used(), 0);
    hashes.into_iter().flatten().collect()
}

/// Checks hashes with every number of lanes.
fn check(cases: &[Case], rounds: u32) {
    let expected: Vec<Hash> = cases.iter().map(Case::expected).collect();
    assert_eq!(hashes::<1>(cases, rounds), expected);
    assert_eq!(hashes::<2>(cases, rounds), expected);
    assert_eq!(hashes::<3>(cases, rounds), expected);
    assert_eq!(hashes::<4>(cases, rounds), expected);
    assert_eq!(hashes::<5>(cases, rounds), expected);
    assert_eq!(hashes::<6>(cases, rounds), expected);
}

fn case() -> impl Strategy<Value = Case> {
    // Bytes of all values, and NUL and those above 127 more often, up to beyond what bcrypt uses.
    let byte = prop_oneof![4 => any::<u8>(), 1 => Just(0), 1 => 128..=255_u8];
    let password = prop::collection::vec(byte, 0..=80);
    (4..=8_u32, any::<[u8; 16]>(), password).prop_map(|(cost, salt, password)| Case { cost, salt, password })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_passwords_of_any_costs_in_any_number_of_lanes(
        cases in prop::collection::vec(case(), 1..=10),
        rounds in 1..=300_u32,
    ) {
        check(&cases, rounds);
    }
}

#[test]
fn passwords_of_every_length() {
    let of_length = |length: u8| Case {
        cost: 4,
        salt: [length; 16],
        password: (0..length).map(|number| number.wrapping_mul(97)).collect(),
    };
    let cases: Vec<Case> = (0..=80).map(of_length).collect();
    check(&cases, 16);
}

#[test]
fn of_a_long_password_the_first_72_bytes_count() {
    let of = |password: Vec<u8>| Case {
        cost: 4,
        salt: [7; 16],
        password,
    };
    let [long, longer, other] = [vec![b'a'; 72], vec![b'a'; 73], [vec![b'a'; 71], vec![b'b']].concat()].map(of);
    let hashes = hashes::<3>(&[long, longer, other], 5);
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}

/// From crypt_blowfish, jBCrypt and pyca/bcrypt. `$2x$` is not among them: it was made by an error in crypt_blowfish.
const PUBLISHED: [(&[u8], &str); 21] = [
    (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (b"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (b"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    (b"", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (b"\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
    (b"\xa3", "$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
    (
        b"\xff\xff\xa3",
        "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
    ),
    (
        &[0xaa; 72],
        "$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6",
    ),
    (
        b"\xff\xa3345",
        "$2a$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e",
    ),
    (
        b"\xff\xa334\xff\xff\xff\xa3345",
        "$2y$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi",
    ),
    (b"", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
    (b"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    (b"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    (
        b"abcdefghijklmnopqrstuvwxyz",
        "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC",
    ),
    (
        b"~!@#$%^&*()      ~!@#$%^&*()PNBFRD",
        "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO",
    ),
    (b"", "$2a$08$HqWuK6/Ng6sg9gQzbLrgb.Tl.ZHfXLhvt/SgVyWhQqgqcZ7ZuUtye"),
    (
        b"Kk4DQuMMfZL9o",
        "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm",
    ),
    (
        b"9IeRXmnGxMYbs",
        "$2b$04$pQ7gRO7e6wx/936oXhNjrOUNOHL1D0h1N2IDbJZYs.1ppzSof6SPy",
    ),
    (
        b"xVQVbwa1S0M8r",
        "$2b$04$SQe9knOzepOVKoYXo9xTteNYr6MBwVz4tpriJVe3PNgYufGIsgKcW",
    ),
    (
        b"Zfgr26LWd22Za",
        "$2b$04$eH8zX.q5Q.j2hO1NkVYJQOM6KxntS/ow3.YzVmFrE4t//CoF4fvne",
    ),
];

#[test]
fn published_hashes() {
    let cases: Vec<Case> = PUBLISHED
        .iter()
        .map(|(password, hash)| {
            let parts: bcrypt::HashParts = hash.parse().unwrap();
            Case {
                cost: parts.get_cost(),
                salt: parts.get_salt_raw(),
                password: password.to_vec(),
            }
        })
        .collect();
    let computed = hashes::<4>(&cases, 16);
    for (hash, (password, published)) in computed.iter().zip(PUBLISHED) {
        assert_eq!(published.get(29..), Some(base64(hash).as_str()), "{password:?}");
    }
}

/// bcrypt's base64.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let bits: Vec<bool> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
        .collect();
    let letter = |bits: &[bool]| (0..6).fold(0, |number, bit| number << 1 | usize::from(bits.get(bit) == Some(&true)));
    bits.chunks(6).map(|bits| char::from(LETTERS[letter(bits)])).collect()
}

#[test]
fn full_lanes_return_what_is_added() {
    let cost = Cost::new(4).unwrap();
    let mut lanes: Lanes<1, &str> = Lanes::new();
    assert!(lanes.has_room());
    lanes.add(cost, [0; 16], b"password", "first").unwrap();
    assert!(!lanes.has_room());
    assert_eq!(lanes.add(cost, [0; 16], b"password", "second"), Err("second"));
    assert_eq!(lanes.take_finished(), None, "it has only begun");
    lanes.advance(u32::MAX);
    assert_eq!(lanes.take_finished().unwrap().1, "first");
    assert!(lanes.has_room());
}

#[test]
fn the_highest_cost_is_31() {
    assert!(Cost::new(31).is_some());
    assert!(Cost::new(32).is_none());
}
