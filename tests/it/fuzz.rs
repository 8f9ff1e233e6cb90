//! Input that an attacker controls, changed at random for a bounded time: nothing panics, input is read as an
//! independent reader reads it, and what is written back is the same.
//!
//! Each target starts from samples, and changes, cuts and joins them. In the suite each runs for a second;
//! `FUZZ_SECONDS` sets more, and `FUZZ_SEED` repeats a run.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secrecy::ExposeSecret;
use serde_json::Value;
use vestibule::domain::email::Email;
use vestibule::domain::factor_proof::FactorProof;
use vestibule::domain::opaque_token::{TokenBody, TokenKind};

use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;

/// With a limit on the one client address, the service would answer before it reads the input: the clock of a test
/// stands still, so the limit would never recover.
const UNLIMITED: [(&str, &str); 1] = [("IP_LIMITS", "off")];

/// Random texts, made from samples.
struct Mutator {
    random: ChaCha20Rng,
    samples: Vec<Vec<u8>>,
    /// Pieces with a meaning to the parser.
    pieces: Vec<&'static [u8]>,
    until: Instant,
}

impl Mutator {
    fn new(samples: &[&str], pieces: &[&'static str]) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let seed = number("FUZZ_SEED").unwrap_or(since.as_secs());
        eprintln!("FUZZ_SEED={seed}");
        Self {
            random: ChaCha20Rng::seed_from_u64(seed),
            samples: samples.iter().map(|text| text.as_bytes().to_vec()).collect(),
            pieces: pieces.iter().map(|text| text.as_bytes()).collect(),
            until: Instant::now() + Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(1)),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u32()).unwrap() % bound.max(1)
    }

    fn sample(&mut self) -> Vec<u8> {
        let place = self.below(self.samples.len());
        self.samples[place].clone()
    }

    /// Returns the next text, or nothing once the time has run out. Many differ from a valid one only a little.
    fn next(&mut self) -> Option<Vec<u8>> {
        if Instant::now() > self.until {
            return None;
        }
        let mut text = self.sample();
        for _ in 0..self.below(4) {
            let (from, to) = (self.below(text.len() + 1), self.below(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            let piece = match self.below(6) {
                0 => Vec::new(),
                1 => vec![self.random.next_u32().to_le_bytes()[0]],
                2 => self.sample(),
                3 => text[from..to].repeat(2),
                _ => {
                    let place = self.below(self.pieces.len());
                    self.pieces[place].to_vec()
                }
            };
            let to = if self.below(2) == 0 { from } else { to.min(from + 2) };
            text.splice(from..to, piece);
        }
        Some(text)
    }

    /// Returns the next one that is valid UTF-8.
    fn next_text(&mut self) -> Option<String> {
        loop {
            if let Ok(text) = String::from_utf8(self.next()?) {
                return Some(text);
            }
        }
    }
}

#[test]
fn opaque_tokens() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let samples: Vec<String> = TokenKind::ALL
        .iter()
        .map(|kind| format!("{}{}", kind.prefix(), "Aa0_-9".repeat(17)))
        .collect();
    let whole = format!("vpa_{}", URL_SAFE_NO_PAD.encode([7; 73]));
    let mut samples: Vec<&str> = samples.iter().map(String::as_str).collect();
    samples.push(&whole);
    let mut mutator = Mutator::new(
        &samples,
        &["vpa_", "vrt_", "=", "A", "-", "_", "+", "/", " ", "\n", "ä"],
    );
    let mut read = 0;
    while let Some(text) = mutator.next_text() {
        for kind in TokenKind::ALL {
            let found = TokenBody::decode(kind, &text);
            // An accepted token is written back the same, so that each token has only one spelling.
            if let Some((body, mac)) = &found {
                assert_eq!(body.encode(kind, mac).expose_secret(), text);
                read += 1;
            }
            let reference = text
                .strip_prefix(kind.prefix())
                .and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok());
            assert_eq!(
                found.is_some(),
                reference.is_some_and(|bytes| bytes.len() == 73),
                "{text:?}"
            );
        }
    }
    assert!(read > 0);
}

#[test]
fn second_factor_codes() {
    let samples = [
        "123456",
        "123 456",
        " 12345678",
        "0123-4567-89AB-CDEF-GHJK-MNPQ",
        "oil0-oil1-oil2-oil3-oil4-oil5",
    ];
    let mut mutator = Mutator::new(&samples, &[" ", "-", "0", "9", "O", "l", "U", "\u{a0}", "٣", "\0", "+"]);
    while let Some(text) = mutator.next_text() {
        let parsed = FactorProof::parse(&text, None);
        // Cutting and joining makes other characters, whose properties this test does not know.
        let is_known = |character: char| character.is_ascii() || "\u{a0}٣".contains(character);
        if !text.chars().all(is_known) {
            continue;
        }
        let meant = text
            .chars()
            .filter(|character| !character.is_whitespace() && *character != '-');
        let meant: Vec<char> = meant
            .map(|character| if character == '٣' { '3' } else { character })
            .collect();
        let six = meant.len() == 6 && meant.iter().all(char::is_ascii_digit);
        let base_32 = |character: &char| character.is_ascii_alphanumeric() && !"uU".contains(*character);
        let recovery = meant.len() == 24 && meant.iter().all(base_32);
        assert_eq!(parsed.is_ok(), six || recovery, "{text:?}");
        assert_eq!(FactorProof::parse(&text, Some("totp")).is_ok(), six, "{text:?}");
        for method in ["recovery_code", "email", "sms", &text] {
            let _ = FactorProof::parse(&text, Some(method));
        }
    }
}

#[test]
fn addresses() {
    let samples = [
        "jo@example.com",
        "Jo.Doe+x@Sub.Example.co.uk",
        "ü@bücher.example",
        "jo@xn--bcher-kva.example",
        "a@b.c",
    ];
    let mut mutator = Mutator::new(
        &samples,
        &[
            "@", ".", "xn--", "\u{212a}", "ß", "\0", "\r\n", "\"", "(", " ", "-", "1",
        ],
    );
    while let Some(text) = mutator.next_text() {
        let Ok(email) = Email::parse(&text) else { continue };
        let written = email.as_str();
        assert!(written.is_ascii() && written.len() <= 254 && !written.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert_eq!(written.matches('@').count(), 1);
        assert!(!written.contains(|character: char| character.is_control() || " <>,;:\"()[]\\".contains(character)));
        // The canonical form of the canonical form is the same.
        assert_eq!(Email::parse(written).as_ref().map(Email::as_str), Ok(written));
        let _ = (email.hint(), email.words().count());
    }
}

#[actix_web::test]
async fn access_tokens_and_authorization_headers() {
    let app = TestApp::with(&UNLIMITED).await;
    let good = format!("Bearer {}", Person::sign_up(&app, "jo@example.com").await.access_token);
    let none = "Bearer eyJhbGciOiJub25lIn0.e30.";
    let mut mutator = Mutator::new(
        &[&good, &good, none, "Basic YTpi"],
        &["Bearer ", ".", "=", "A", "\t", ",", "bearer", "e30"],
    );
    while let Some(bytes) = mutator.next() {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else {
            continue;
        };
        let request = TestRequest::get().uri("/me").insert_header(("authorization", value));
        let answer = app.send(request).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The scheme's case and the spaces around a token do not matter; everything else does.
        let (scheme, rest) = text.split_once(' ').unwrap_or_default();
        let same =
            scheme.eq_ignore_ascii_case("bearer") && rest.trim_matches(' ') == good.trim_start_matches("Bearer ");
        assert_eq!(answer.status.as_u16(), if same { 200 } else { 401 }, "{text:?}");
    }
}

#[actix_web::test]
async fn bodies() {
    let app = TestApp::with(&UNLIMITED).await;
    let right = format!("{{\"email\":\"jo@example.com\",\"password\":\"{PASSWORD}\"}}");
    let samples = [
        &right,
        "{\"email\":\"a@b.example\",\"password\":\"\\u0000\"}",
        "{\"username\":\"jo\",\"password\":\"x\"}",
        "[[{}]]",
    ];
    let mut mutator = Mutator::new(
        &samples,
        &[
            "{",
            "}",
            "[",
            "]",
            "\"",
            ":",
            ",",
            "null",
            "1e999",
            "\\u",
            "\\ud800",
            "\"email\"",
            "\u{feff}",
        ],
    );
    while let Some(bytes) = mutator.next() {
        let request = TestRequest::default().method(Method::POST).uri("/login");
        let request = request
            .insert_header(("content-type", "application/json"))
            .set_payload(bytes.clone());
        let status = app.send(request).await.status.as_u16();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!([400, 401, 413, 422, 429].contains(&status), "{status}: {text:?}");
        // What another reader does not accept as an object is malformed. One byte order mark is ignored.
        let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let object = serde_json::from_slice::<Value>(body).is_ok_and(|value| value.is_object());
        assert!(object || status == 400 || status == 413, "{status}: {text:?}");
    }
}

#[actix_web::test]
async fn forwarded_addresses() {
    let app = TestApp::with(&[UNLIMITED[0], ("TRUSTED_PROXIES", "203.0.113.0/24")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let samples = [
        "198.51.100.1",
        "for=198.51.100.1;proto=https",
        "for=\"[2001:db8::1]:80\", for=_x",
        "unknown, 10.0.0.1:80",
    ];
    let mut mutator = Mutator::new(
        &samples,
        &[",", ";", "for=", "\"", "[", "]", ":", "::", "\\", "%", " ", "\t", "ä"],
    );
    while let Some(bytes) = mutator.next() {
        // Whatever a client writes, the proxy appends the address that it saw, and only that counts.
        let mut value = bytes.clone();
        let forwarded = mutator.below(2) == 0;
        value.extend_from_slice(if forwarded {
            b", for=192.0.2.77"
        } else {
            b", 192.0.2.77"
        });
        let Ok(value) = HeaderValue::from_bytes(&value) else {
            continue;
        };
        let name = HeaderName::from_static(if forwarded { "forwarded" } else { "x-forwarded-for" });
        let request = TestRequest::get().uri("/me").insert_header((name, value));
        let bearer = format!("Bearer {}", jo.access_token);
        app.send(request.insert_header(("authorization", bearer)))
            .await
            .expect(200);
    }
    // Seen from the outside: the address of the session that a login starts.
    for (name, value) in [
        ("forwarded", "for=\"198.51.100.1, for=192.0.2.77"),
        ("forwarded", "for=198.51.100.1\\\", for=192.0.2.77"),
        ("x-forwarded-for", "198.51.100.1\", 192.0.2.77"),
        ("x-forwarded-for", "[::1, 192.0.2.77"),
        ("x-forwarded-for", "ä, 192.0.2.77"),
    ] {
        // So that the newest session is the one of this login.
        app.clock.advance(1);
        let body = serde_json::json!({"email": "jo@example.com", "password": PASSWORD});
        let request = TestRequest::post().uri("/login").set_json(body);
        let request = request.insert_header((name, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        app.send(request).await.expect(200);
        let ip: IpAddr = last_address(&app).parse().unwrap();
        assert_eq!(ip.to_string(), "192.0.2.77", "{name}: {value}");
    }
}

/// Returns the address that the newest session was started from.
fn last_address(app: &TestApp) -> String {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Address {
        #[diesel(sql_type = diesel::sql_types::Text)]
        ip: String,
    }
    let newest = "SELECT host(ip) AS ip FROM sessions ORDER BY created_at DESC, id DESC LIMIT 1";
    let found = diesel::sql_query(newest).get_result::<Address>(&mut app.database.connect());
    found.unwrap().ip
}
