//! One hash of each kind, made by the library whose kind it is; `tests/verifiers/foreign_hashes.py` makes fresh ones.

use super::*;

const PASSWORD: &str = "Grüne Fenster im Regen";
/// 72 bytes, which is what bcrypt alone looks at.
const SEEN: &str = "korrekt pferd batterie heftklammer korrekt pferd batterie heftklammer ab";

const HASHES: [(&str, &str); 21] = [
    ("bcrypt", "$2b$04$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG"),
    ("bcrypt", "$2a$04$v/6zNzkr/fPMMyKjoBVHzOzNajSUneibQXPXo4Lxg9YoyCmakiVey"),
    ("bcrypt", "$2y$04$kXnuGisF/5GQddcDgPkG7uO7Z4skn2BKE5XV7VAcpjXAI/kVnl7kW"),
    (
        "passlib_bcrypt_sha256",
        "$bcrypt-sha256$v=2,t=2b,r=4$bRflqwTg04Cg3CVwddvGeu$PF6ig8OSpkUAiLu5p19PhDqunWSQuoy",
    ),
    (
        "passlib_bcrypt_sha256",
        "$bcrypt-sha256$2b,4$yZ13OsMbOjJ1iXAQV7Nvyu$sSJcpryZMTzv24.Dnmx0C/tXbjTHeom",
    ),
    (
        "passlib_bcrypt_sha256",
        "$bcrypt-sha256$2a,4$7F.EWZFxffYysG9fEhGDMu$IxURS3EWLHe.D9co0O9j/SroBxFI7oi",
    ),
    (
        "django_bcrypt_sha256",
        "bcrypt_sha256$$2b$04$yVE8mQHOtg/38zmXzcL47u6uuT.qMIQXb.S.rHDa0QGnBQaERaXiO",
    ),
    (
        "django_bcrypt",
        "bcrypt$$2b$04$CkPHgVCm3mI9VRaTXWS/gOyapI3RsbLDSnI7WRaxwEIs0Vm7k34ye",
    ),
    (
        "django_pbkdf2_sha256",
        "pbkdf2_sha256$1000$saltsaltsalt$p9zWclXrKnqe0pA+VpdXy5vtP1qZKUuaEga5yGObCyA=",
    ),
    (
        "django_pbkdf2_sha1",
        "pbkdf2_sha1$1000$saltsaltsalt$4h0sXOMjdp2gPx08JNcTDx/AhJU=",
    ),
    (
        "django_argon2",
        "argon2$argon2id$v=19$m=128,t=1,p=8$c2FsdHNhbHRzYWx0$8zSzGDmqXIc4s6oHoks5q/AHnhq/iUqLDqoZHHIwl1c",
    ),
    (
        "django_scrypt",
        "scrypt$1024$saltsaltsalt$4$2$IsZPHwTd94NtJKBbZedqNkyzl3CVNvIw5NmxxsM0yHwHAKVfHHigbLiMBeyjPbC5m2aIUlAOBOB5WVUe8r1\
         Q4Q==",
    ),
    (
        "argon2",
        "$argon2id$v=19$m=256,t=1,p=4$sZaSMkYoJUQIQYgxxtibsw$CFW/JwDd0xI+iyvOcrxwadEG5GRYcFBSQIFtChqj5qY",
    ),
    (
        "argon2",
        "$argon2i$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$4Sn2K6oYfMBbxfs1lUzZBxkQ+wypcJ4CeEinP4FcS9Q",
    ),
    (
        "argon2",
        "$argon2i$v=16$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$GW5S6Thk9tTlCjCJ5VfL5MSmjQCKOeS/oIqRA8RUiZM",
    ),
    (
        "argon2",
        "$argon2id$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$Ue3CSh2YSUeWapLK6qfCuVYbscnnhJsRSanMJ4ZpvRM",
    ),
    (
        "werkzeug_scrypt",
        "scrypt:1024:8:3$Ia9sEr4U$33d3cf5ca94a7a042c52252ac1491b824b7fca0d7afd3567c129ef0f5b2fa14eaf90a9f783c0eea1ce3de0\
         be6f168c2d4598949cee74054aba87f3587bbf6b27",
    ),
    (
        "werkzeug_pbkdf2",
        "pbkdf2:sha1:1000$cRISlUmZbibNfkKL$1b10197a2400f952c70c6a501aad374f3490ddb5",
    ),
    (
        "werkzeug_pbkdf2",
        "pbkdf2:sha256:1000$c8V0nhqnx0cPseKG$79dbd41d3356011c06b0d7405e6eec0888a0b130b4a7f022b0e03773221f000b",
    ),
    (
        "werkzeug_pbkdf2",
        "pbkdf2:sha384:1000$sRDmITuH8j2OenSq$7f1e776b8e32cbceb2ce195080e4afc56a226b23639d22ce5b48e87f202c927b8902fd554c2b\
         f5d90fd9b6fb2773de83",
    ),
    (
        "werkzeug_pbkdf2",
        "pbkdf2:sha512:1000$QyvcIcXwYZaDRAeN$dcaf486dcbade8248049b121217caeb5a04671c972864e86cf5c6a352baef6c75a5ba33d7dcd\
         f4501de488d97b5ed38f0a336061c74a52d0556cfeb56917768f",
    ),
];

fn matches(text: &str, password: &str) -> bool {
    check(&StoredPassword::foreign(text).unwrap(), password).unwrap()
}

#[test]
fn every_kind_is_known_by_its_text_and_opens_with_its_password_only() {
    for (scheme, text) in HASHES {
        let stored = StoredPassword::foreign(text).unwrap();
        assert_eq!((stored.scheme.as_str(), stored.key_id), (scheme, NO_PEPPER), "{text}");
        assert_eq!(stored.hash, text);
        assert!(matches(text, PASSWORD), "{text}");
        for wrong in [
            "",
            "grüne Fenster im Regen",
            "Grüne Fenster im Regen ",
            "Gru\u{308}ne Fenster im Regen",
        ] {
            assert!(!matches(text, wrong), "{text} took {wrong:?}");
        }
    }
}

#[test]
fn bcrypt_alone_looks_at_72_bytes_and_behind_a_digest_every_byte_counts() {
    let (longer, another) = (format!("{SEEN}the rest"), format!("{SEEN}another rest"));
    let alone = "$2b$04$4HpEZ.wWw/tLE9XlghCQfuI7ELpOuDrP7gZG6o0ZaVE3cmfOi5cee";
    for right in [&longer, &another, SEEN] {
        assert!(matches(alone, right));
    }
    assert!(!matches(alone, SEEN.strip_suffix('b').unwrap()));
    for text in [
        "$bcrypt-sha256$v=2,t=2b,r=4$E6Zt6t8hCOy7UMY0EQu0ve$UifTTAFIGPDlIuJwEDpFgZCWG2iKSM.",
        "bcrypt_sha256$$2b$04$4k5GLuHu6iMy8y9yufK4/eNrBL13V/3ixAS14BznqSDteOHpjjeV.",
    ] {
        assert!(matches(text, &longer));
        assert!(!matches(text, &another) && !matches(text, SEEN));
    }
}

#[test]
fn what_would_make_too_much_work_is_refused() {
    let letters = "ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";
    let argon2 = "c2FsdHNhbHRzYWx0$8zSzGDmqXIc4s6oHoks5q/AHnhq/iUqLDqoZHHIwl1c";
    let (hex32, hex64) = ("ab".repeat(32), "ab".repeat(64));
    for text in [
        format!("$2b$16${letters}"),
        format!("$2b$31${letters}"),
        format!("$2b$03${letters}"),
        format!("bcrypt_sha256$$2b$16${letters}"),
        "$bcrypt-sha256$v=2,t=2b,r=16$bRflqwTg04Cg3CVwddvGeu$PF6ig8OSpkUAiLu5p19PhDqunWSQuoy".to_owned(),
        "pbkdf2_sha256$3000001$salt$p9zWclXrKnqe0pA+VpdXy5vtP1qZKUuaEga5yGObCyA=".to_owned(),
        format!("pbkdf2:sha256:4294967295$salt${hex32}"),
        format!("scrypt:1048576:8:1$salt${hex64}"),
        format!("scrypt:32768:8:9$salt${hex64}"),
        format!("scrypt:2:33:1$salt${hex64}"),
        format!("scrypt:2:1:33$salt${hex64}"),
        format!("scrypt:2147483648:4294967295:4294967295$salt${hex64}"),
        format!("$argon2id$v=19$m=262145,t=1,p=1${argon2}"),
        format!("$argon2id$v=19$m=262144,t=9,p=1${argon2}"),
        format!("$argon2id$v=19$m=8,t=4294967295,p=1${argon2}"),
        format!("argon2$argon2i$v=19$m=4096,t=1,p=65${argon2}"),
    ] {
        let refused = ForeignHash::parse(&text).unwrap_err();
        assert!(matches!(refused, ForeignHashError::TooMuchWork(_)), "{text}: {refused}");
    }
    // What is just allowed is what frameworks ask for, and more.
    for text in [
        format!("$2b$15${letters}"),
        format!("scrypt:32768:8:8$salt${hex64}"),
        format!("scrypt:131072:8:1$salt${hex64}"),
        format!("pbkdf2:sha256:3000000$salt${hex32}"),
        format!("$argon2id$v=19$m=102400,t=2,p=8${argon2}"),
        format!("$argon2id$v=19$m=262144,t=8,p=4${argon2}"),
    ] {
        ForeignHash::parse(&text).unwrap();
    }
}

#[test]
fn what_is_unsafe_or_of_no_known_kind_is_refused_for_a_reason_that_repeats_nothing() {
    let letters = "ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";
    for (text, expected) in [
        (format!("$2x$04${letters}"), "broken bcrypt"),
        (
            "$argon2d$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$4Sn2".to_owned(),
            "argon2d",
        ),
        ("!fXz4nRtgjZ6WXm3lPZR1JCR4vLR8zZqv".to_owned(), "usable password"),
        ("pbkdf2:md5:1000$salt$00".to_owned(), "another hash"),
        ("pbkdf2:sha256$salt$00".to_owned(), "how many iterations"),
        ("sha256$salt$5e88".to_owned(), "no kind"),
        ("md5$salt$5e88".to_owned(), "no kind"),
        ("{SSHA}5e88".to_owned(), "no kind"),
        ("$6$salt$hash".to_owned(), "no kind"),
        (String::new(), "no kind"),
        ("$2b$".repeat(1000), "no kind"),
    ] {
        let refused = ForeignHash::parse(&text).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
        assert!(!refused.contains("5e88") && !refused.contains(letters));
    }
}

#[test]
fn a_hash_that_lacks_a_letter_or_has_one_too_many_is_malformed() {
    for (_, text) in HASHES {
        for broken in [
            text.strip_suffix(|_: char| true).unwrap().to_owned(),
            format!("{text}$"),
            format!("{text}ö"),
        ] {
            // One letter less may be padding.
            if !text.ends_with('=') {
                let refused = ForeignHash::parse(&broken);
                let malformed = matches!(refused, Err(ForeignHashError::Malformed(_)));
                // Base 64 without padding may lose its last letter and still be some bytes, of another hash.
                assert!(malformed || text.contains("argon2"), "{broken}: {refused:?}");
            }
        }
    }
}

#[test]
fn a_row_whose_scheme_does_not_fit_its_text_is_a_fault() {
    let [(_, bcrypt), ..] = HASHES;
    for (scheme, hash) in [
        ("", bcrypt),
        ("argon2", bcrypt),
        ("md5", bcrypt),
        ("bcrypt", "$2x$04$"),
        ("", "!"),
    ] {
        let stored = StoredPassword {
            scheme: scheme.to_owned(),
            key_id: NO_PEPPER,
            hash: hash.to_owned(),
        };
        check(&stored, PASSWORD).unwrap_err();
    }
}

#[test]
fn a_hash_is_not_printed() {
    for (scheme, text) in HASHES {
        let printed = format!("{:?}", ForeignHash::parse(text).unwrap());
        assert_eq!(printed, format!("ForeignHash({scheme}, …)"));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_looked_at(
        index in 0_usize..KINDS.len(), rest in "[$:=,.a-z0-9/+]{0,80}", any in "\\PC{0,40}",
    ) {
        let _ = ForeignHash::parse(&format!("{}{rest}", KINDS[index].prefix));
        let _ = ForeignHash::parse(&format!("{}{any}", KINDS[index].prefix));
    }
}

#[test]
fn the_cost_of_bcrypt_is_found_in_every_hash_that_has_one() {
    for (hash, cost) in [
        ("$2b$04$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG", Some(4)),
        ("$2y$12$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG", Some(12)),
        (
            "bcrypt_sha256$$2b$11$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG",
            Some(11),
        ),
        ("$bcrypt-sha256$v=2,t=2b,r=13$ehpU$9RgRBX6", Some(13)),
        ("$2b$99$ehpU", None),
        ("pbkdf2_sha256$600000$salt$hash", None),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", None),
        ("", None),
    ] {
        assert_eq!(bcrypt_cost(hash), cost, "{hash}");
    }
}
