//! One hash of each kind, made by the library whose kind it is. The scripts `foreign_hashes` of `tests/verifiers` make
//! new ones.

use std::sync::mpsc;

use base64::Engine;

use super::*;
use crate::crypto::hash_lanes::{Answer, HashLanes, Work};

const PASSWORD: &str = "Grüne Fenster im Regen";
/// 72 bytes, all that bcrypt alone uses.
const SEEN: &str = "korrekt pferd batterie heftklammer korrekt pferd batterie heftklammer ab";

const HASHES: [(&str, &str); 31] = [
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
    (
        "passlib_pbkdf2",
        "$pbkdf2$1000$H6P03lvLeQ/hvJcypjTmfA$vcpMpJzNRjLsD2t9mu.dhcP1.vI",
    ),
    (
        "passlib_pbkdf2",
        "$pbkdf2-sha256$1000$mJPSOqdUKuUcIyRkzBljrA$gZ7nQl4W5z86gvp5.toiex7mH8qn9ECVdUwOPLbjg.s",
    ),
    (
        "passlib_pbkdf2",
        "$pbkdf2-sha512$1000$p9T637t3jrGWsta69977Xw$yj7tKaFyYv0wEHWsMMr2jlcTjGFvXYvssz9F3JI3VUGh5Jg9xsy6qWH9Y\
         zIM4/7HtJuR5K.fB2oI67QPSk/Obw",
    ),
    (
        "wordpress_bcrypt",
        "$wp$2y$04$YHc56RO4VlLkxNGPJfIaLe7TezL7pwMwlPL/xHEotF387IINZaMye",
    ),
    ("wordpress_phpass", "$P$6AHB5l4pn0uFIz5hLbhRW9ltnFV8ci1"),
    (
        "firebase_scrypt",
        "$fbscrypt$v=1,n=10,r=8,p=1,ss=Bw==,sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS\
         4vMDEyMzQ1Njc4OTo7PD0+Pw==$uegQbfaJ0Aq7pw==$OMAl2pucj3uGnIEAQiLUBQKwQvZXIXweOx47BJHXCkBPVpjdbAGT37LL\
         AjzbWtNa78zOQWO0m5MLtfIPhjV6Lg==",
    ),
    (
        "firebase_scrypt",
        "$fbscrypt$v=1,n=10,r=8,p=1,ss=Bw==,sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS\
         4vMDEyMzQ1Njc4OTo7PD0+Pw==$wyks4N6t3hHVRg==$3yoHerh3i9zQmws7iabdPSnQcEdzzySBw35S6ab3QxN_OeoCJ4wp9Xif\
         eZBuKTncG8ucAx7102vLk5pr8DGKUA==",
    ),
    (
        "aspnet_identity_v2",
        "AN6MTTvXJlz91vz9UwtoqfEekehhWcWBIm9Og4SE6NGyUWYQaeaac2l+Q9KBwXRRAQ==",
    ),
    (
        "aspnet_identity_v3",
        "AQAAAAEAACcQAAAAELKBhn7duyGaTuWlPA9Smk5MJfth/PCbDHZVTo2MVeJzMqjITLxwP2lfB+P54BsbmA==",
    ),
    (
        "better_auth_scrypt",
        "c28df982ba70444c32fdfa703c2ca505:3dcb464310fb8ac32d3eba83a2cdccc72a478829b8390a0a7970c64d391d86936d5\
         ab7e10f996d7eaac145c6812bf52cafbbe4f27a4e63c373545bdab8e63e89",
    ),
];

/// The Argon2 parameters in Keycloak's credentials.
const KEYCLOAK_ARGON2: &str =
    r#"{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}"#;
/// Algorithm, iterations, hash and salt in Keycloak's credentials.
const KEYCLOAK: [(&str, u32, &str, &str); 5] = [
    (
        "pbkdf2",
        1000,
        "sQTY4a6biPUnfPmlb9nMOtoDISWOzVHHhEI0gpu4tq2a01eF99hQydqnpEzwcpHqjT/Afgdu+/9BdQZ0rSzXuw==",
        "ydxyqt3fLe0lxF0u2Zk10w==",
    ),
    (
        "pbkdf2-sha256",
        1000,
        "l32bgTGHWo2Ni8UEn86JjToOLNC/cYAwBUBj6ICZp1w=",
        "/1pgGnQYzr8it2TBNJoYNw==",
    ),
    (
        "pbkdf2-sha256",
        1000,
        "WHb/A36jcyA3hEnC1f7GckqJz91ku/jHsKm1mN8Cri5GwEpkMFvwp2se4fmQmzE1xGyE6PtNu8SpA/icFFUtHA==",
        "/cjSa/BWZebO4953caKNJQ==",
    ),
    (
        "pbkdf2-sha512",
        1000,
        "J2D2u9iDyRSkQrWMvDkojPmNA46ucj6AakAfiE0vC5Ghcyzx18/ST5KLRYZWTIA9Q8OmedOfpfdO3WBxgBwr/Q==",
        "l/t0mrAtdbl+PsrPGafvvA==",
    ),
    (
        "argon2",
        5,
        "1UgPQY55yfiKqqQqtPT3LknZTBKHMDbuqslV1oa+EAI=",
        "N1E4QJNzioEInrbR22sqZA==",
    ),
];

/// Writes a credential like a realm export.
fn keycloak((algorithm, iterations, value, salt): (&str, u32, &str, &str)) -> String {
    let more = if algorithm == "argon2" { KEYCLOAK_ARGON2 } else { "{}" };
    let how = format!(r#"{{"hashIterations":{iterations},"algorithm":"{algorithm}","additionalParameters":{more}}}"#);
    let what = format!(r#"{{"value":"{value}","salt":"{salt}","additionalParameters":{{}}}}"#);
    serde_json::json!({"type": "password", "secretData": what, "credentialData": how}).to_string()
}

/// Returns all hashes, with the names that they are stored under.
fn hashes() -> Vec<(&'static str, String)> {
    let alone = HASHES.map(|(scheme, text)| (scheme, text.to_owned()));
    let keycloak = KEYCLOAK.map(|parts| ("keycloak", keycloak(parts)));
    alone.into_iter().chain(keycloak).collect()
}

/// Checks a password in the lanes of this thread.
fn check(stored: &StoredPassword, password: &str) -> Result<bool, HashError> {
    let (sender, result) = mpsc::channel();
    let (stored, password) = (stored.clone(), password.to_owned());
    let work = Work::new(|lane| async move {
        let checked = super::check(&lane, &stored, &password).await;
        let answer: Answer = Box::new(move || sender.send(checked).unwrap());
        answer
    });
    let mut lanes = HashLanes::default();
    let mut answers = Vec::from_iter(lanes.begin(work));
    while !lanes.is_empty() {
        answers.extend(lanes.advance());
    }
    for answer in answers {
        answer();
    }
    result.recv().unwrap()
}

fn matches(text: &str, password: &str) -> bool {
    check(&StoredPassword::foreign(text).unwrap(), password).unwrap()
}

#[test]
fn every_kind_is_known_by_its_text_and_opens_with_its_password_only() {
    for (scheme, text) in hashes() {
        let text = text.as_str();
        let stored = StoredPassword::foreign(text).unwrap();
        assert_eq!((stored.scheme.as_str(), stored.key_id), (scheme, NO_PEPPER), "{text}");
        assert_eq!(stored.hash, text);
        assert!(matches(text, PASSWORD), "{text}");
        // Two programs transform what was typed before they hash it; tests below check that.
        let changed = [
            (" Grüne Fenster im Regen", scheme.starts_with("wordpress")),
            ("Gru\u{308}ne Fenster im Regen", scheme.starts_with("better_auth")),
        ];
        let wrong = ["", "grüne Fenster im Regen", "Grüne Fenster im Regen."].map(|wrong| (wrong, false));
        for (typed, expected) in wrong.into_iter().chain(changed) {
            assert_eq!(matches(text, typed), expected, "{text} took {typed:?}");
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
        format!("$pbkdf2-sha256$3000001$c2FsdA${}", passlib(32)),
        keycloak(("pbkdf2-sha256", 1_500_001, &base64_of(64), "c2FsdA==")),
        keycloak(("pbkdf2", 750_001, &base64_of(64), "c2FsdA==")),
        keycloak(("pbkdf2-sha512", 3_000_001, &base64_of(64), "c2FsdA==")),
        keycloak(("argon2", 293, &base64_of(32), "c2FsdHNhbHQ=")),
        aspnet(2, 3_000_001, 64),
        aspnet(0, 1_500_001, 32),
        format!("$wp$2y$16${letters}"),
        "$P$HIQRqJSQgUFnLDPYmwZTi9gmgIAPxH.".to_owned(),
        firebase("n=19,r=8,p=1"),
        firebase("n=14,r=33,p=1"),
        firebase("n=31,r=1,p=1"),
    ] {
        let refused = ForeignHash::parse(&text).unwrap_err();
        assert!(matches!(refused, ForeignHashError::TooMuchWork(_)), "{text}: {refused}");
    }
    // What is just allowed is at least what frameworks use.
    for text in [
        format!("$2b$15${letters}"),
        format!("scrypt:32768:8:8$salt${hex64}"),
        format!("scrypt:131072:8:1$salt${hex64}"),
        format!("pbkdf2:sha256:3000000$salt${hex32}"),
        format!("$argon2id$v=19$m=102400,t=2,p=8${argon2}"),
        format!("$argon2id$v=19$m=262144,t=8,p=4${argon2}"),
        format!("$pbkdf2-sha256$3000000$c2FsdA${}", passlib(32)),
        keycloak(("pbkdf2-sha256", 1_500_000, &base64_of(64), "c2FsdA==")),
        keycloak(("argon2", 292, &base64_of(32), "c2FsdHNhbHQ=")),
        aspnet(2, 3_000_000, 64),
        aspnet(0, 1_500_000, 32),
        format!("$wp$2y$15${letters}"),
        "$P$GIQRqJSQgUFnLDPYmwZTi9gmgIAPxH.".to_owned(),
        firebase("n=14,r=8,p=1"),
        firebase("n=18,r=8,p=1"),
    ] {
        ForeignHash::parse(&text).unwrap();
    }
}

fn base64_of(length: usize) -> String {
    BASE64.encode(vec![7; length])
}

fn passlib(length: usize) -> String {
    base64_of(length).replace('+', ".").replace('=', "")
}

fn aspnet(function: u32, iterations: u32, length: usize) -> String {
    let header = [function, iterations, 16].map(u32::to_be_bytes).concat();
    BASE64.encode([&[1], header.as_slice(), &[7; 16], &vec![7; length]].concat())
}

fn firebase(costs: &str) -> String {
    let hash = base64_of(64);
    format!("$fbscrypt$v=1,{costs},ss=Bw==,sk={hash}$c2FsdA==${hash}")
}

#[test]
fn hashes_that_others_published_open_with_their_passwords() {
    let keycloak_argon2 = keycloak((
        "argon2",
        5,
        "BuViHNDGmCq80fvpty/QoggTI8NSt0CuNDGgeoa5f5A=",
        "RJ0aLMQ2qKbZuROs7qQhcA==",
    ));
    let keycloak_pbkdf2 = keycloak((
        "pbkdf2-sha256",
        27_500,
        "JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=",
        "P5rtFkGtPfoaryJ6PizUJw==",
    ));
    for (text, password) in [
        // From the tests of ASP.NET Core.
        (
            "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
            "my password",
        ),
        (
            "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
            "my password",
        ),
        (
            "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
            "my password",
        ),
        (
            "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
            "my password",
        ),
        (
            "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+\
             ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
            "my password",
        ),
        // Firebase's example, and Supabase's test.
        (
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUS\
             DzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRu\
             id5lQ==",
            "user1password",
        ),
        (
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1\
             b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84\
             +hfTw==",
            "mytestpassword",
        ),
        // From the test of phpass.
        ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
        (&keycloak_argon2, "iceberg"),
        (&keycloak_pbkdf2, "password"),
    ] {
        assert!(matches(text, password), "{text}");
        assert!(!matches(text, "another password"), "{text}");
    }
}

#[test]
fn a_credential_of_keycloak_may_have_its_parts_as_json_or_as_text() {
    let text = keycloak(KEYCLOAK[1]);
    let mut unpacked: serde_json::Value = serde_json::from_str(&text).unwrap();
    for part in ["secretData", "credentialData"] {
        unpacked[part] = serde_json::from_str(unpacked[part].as_str().unwrap()).unwrap();
    }
    assert!(matches(&unpacked.to_string(), PASSWORD));
    unpacked["type"] = "otp".into();
    let refused = ForeignHash::parse(&unpacked.to_string()).unwrap_err().to_string();
    assert!(refused.contains("not a password"), "{refused}");
    let bcrypt = text.replace("pbkdf2-sha256", "bcrypt");
    let refused = ForeignHash::parse(&bcrypt).unwrap_err().to_string();
    assert!(refused.contains("algorithm other"), "{refused}");
}

#[test]
fn no_signer_key_is_so_short_that_any_password_would_be_right() {
    let text = firebase("n=14,r=8,p=1");
    let none = text.replace(&base64_of(64), "");
    let short = text.replace(&base64_of(64), &base64_of(31));
    let unequal = text.replace(&format!("sk={}", base64_of(64)), &format!("sk={}", base64_of(63)));
    for refused in [none, short, unequal] {
        assert!(
            matches!(ForeignHash::parse(&refused), Err(ForeignHashError::Malformed(_))),
            "{refused}"
        );
    }
}

/// WordPress's forms hash what was typed with backslashes before quotes; its command line does not.
#[test]
fn wordpress_takes_a_password_with_quotes_however_it_was_set() {
    for typed in ["Jo's \"best\" \\ window", " Jo's \"best\" \\ window\t"] {
        for text in [
            "$wp$2y$04$vtvkchMoivzMxlLL3n3XxeHJLe4TYyPrPcCvOHpMeIdPj9/8bezv.",
            "$wp$2y$04$1ldzJ.lsxkKKAY8Y3JSteOK/GsagAf/gRAKES.WQJjB9r2n8j3jiq",
            "$P$6I6zntnebwGsW8fHrZGm4oKnpvh3G50",
            "$P$6hyxfTheuNqAC1Er/d83U/vsSWuKV01",
        ] {
            assert!(matches(text, typed), "{text}");
            assert!(!matches(text, "Jos best  window"), "{text}");
        }
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
        ("pbkdf2:md5:1000$salt$00".to_owned(), "hash function other"),
        ("pbkdf2:sha256$salt$00".to_owned(), "how many iterations"),
        ("sha256$salt$5e88".to_owned(), "no work factor"),
        ("md5$salt$5e88".to_owned(), "no work factor"),
        ("unsalted_sha1$$5e88".to_owned(), "no work factor"),
        ("5e88".repeat(8), "no work factor"),
        ("5E88".repeat(32), "no work factor"),
        ("5e88".repeat(9), "supported kind"),
        ("sha3$salt$5e88".to_owned(), "--help"),
        ("sha3$salt$5e88".to_owned(), "Django"),
        ("{SSHA}5e88".to_owned(), "supported kind"),
        ("$6$salt$hash".to_owned(), "supported kind"),
        (String::new(), "supported kind"),
        ("$2b$".repeat(1000), "supported kind"),
    ] {
        let refused = ForeignHash::parse(&text).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
        assert!(!refused.contains("5e88") && !refused.contains(letters));
    }
}

#[test]
fn a_hash_that_lacks_a_letter_or_has_one_too_many_is_malformed() {
    for (scheme, text) in hashes() {
        for broken in [
            text.strip_suffix(|_: char| true).unwrap().to_owned(),
            format!("{text}$"),
            format!("{text}ö"),
        ] {
            // The last character may be padding.
            if !text.ends_with('=') {
                let refused = ForeignHash::parse(&broken);
                // Kinds without a marker are recognized by their shape.
                let unmarked = scheme == "keycloak" || scheme.starts_with("better_auth");
                let refused = match refused {
                    Err(ForeignHashError::UnknownKind) => unmarked,
                    Err(ForeignHashError::Malformed(_)) => true,
                    // Base64 without padding may lose its last character and still decode to bytes, of another hash.
                    _ => text.contains("argon2"),
                };
                assert!(refused, "{broken}");
            }
        }
    }
}

#[test]
fn the_list_of_supported_kinds_has_every_kind_that_is_accepted() {
    let listed: Vec<String> = supported().into_iter().flat_map(|(_, looks)| looks).collect();
    for (_, text) in hashes() {
        let parsed = ForeignHash::parse(&text).unwrap();
        assert!(listed.contains(&parsed.kind.mark.shown()), "{text}");
    }
    for refused in ["$2x$…", "$argon2d$…", "!…", ""] {
        assert!(!listed.contains(&refused.to_owned()), "{refused}");
    }
    for (maker, looks) in supported() {
        assert!(
            !maker.is_empty() && looks.iter().all(|look| look.len() > 3),
            "{maker}: {looks:?}"
        );
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
    for (scheme, text) in hashes() {
        let printed = format!("{:?}", ForeignHash::parse(&text).unwrap());
        assert_eq!(printed, format!("ForeignHash({scheme}, …)"));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_looked_at(
        index in 0_usize..KINDS.len(), rest in "[$:=,.a-z0-9/+]{0,80}", any in "\\PC{0,40}",
    ) {
        let beginning = match KINDS[index].mark {
            Mark::Prefix(prefix) => prefix,
            Mark::Shape(..) => "",
        };
        let _ = ForeignHash::parse(&format!("{beginning}{rest}"));
        let _ = ForeignHash::parse(&format!("{beginning}{any}"));
    }

    #[test]
    fn no_bytes_are_too_strange_for_what_is_told_by_its_shape(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 48),
        how in "\\{[a-z:,{}\"\\\\0-9]{0,40}\\}", what in "[a-z\"{}\\\\0-9]{0,40}",
    ) {
        let version_2 = [&[0], bytes.as_slice()].concat();
        let version_3 = [&[1, 0, 0, 0, 2], bytes.as_slice()].concat();
        for bytes in [version_2, version_3] {
            let parsed = ForeignHash::parse(&BASE64.encode(bytes));
            proptest::prop_assert!(!matches!(parsed, Err(ForeignHashError::UnknownKind)));
        }
        let _ = ForeignHash::parse(&how);
        let credential = serde_json::json!({"credentialData": how, "secretData": what}).to_string();
        let refused = ForeignHash::parse(&credential).err();
        proptest::prop_assert_eq!(refused, Some(ForeignHashError::Malformed("Keycloak")));
    }

    #[test]
    fn whatever_iterations_a_binary_header_says_the_work_is_bounded(
        function in 0_u32..4, iterations: u32, salt_length in 0_u32..70,
    ) {
        let header = [function, iterations, salt_length].map(u32::to_be_bytes).concat();
        let text = BASE64.encode([&[1], header.as_slice(), &[7; 48]].concat());
        match ForeignHash::parse(&text) {
            Ok(_) => proptest::prop_assert!(
                function < 3 && (1..=3_000_000).contains(&iterations) && (16..=32).contains(&salt_length)
            ),
            Err(error) => proptest::prop_assert!(!matches!(error, ForeignHashError::UnknownKind)),
        }
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
        (
            "$bcrypt-sha256$v=2,t=2b,r=13$ehpU/g3cEXTiEPzSpL4N/O$.9RgRBX6ct93UZOde3xrZg7rJ09oESG",
            Some(13),
        ),
        (
            "$bcrypt-sha256$v=2,t=2a,r=5$ehpU/g3cEXTiEPzSpL4N/O$.9RgRBX6ct93UZOde3xrZg7rJ09oESG",
            Some(5),
        ),
        (
            "$bcrypt-sha256$2a,12$ehpU/g3cEXTiEPzSpL4N/O$.9RgRBX6ct93UZOde3xrZg7rJ09oESG",
            Some(12),
        ),
        (
            "$bcrypt-sha256$2b,5$ehpU/g3cEXTiEPzSpL4N/O$.9RgRBX6ct93UZOde3xrZg7rJ09oESG",
            Some(5),
        ),
        ("$2b$99$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG", None),
        ("pbkdf2_sha256$600000$salt$hash", None),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", None),
        ("", None),
    ] {
        assert_eq!(bcrypt_cost(hash), cost, "{hash}");
    }
}
