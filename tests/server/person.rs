//! A user with a password and an independent authenticator app.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use chrono::DateTime;
use serde_json::json;

use super::http::{Answer, Client};

/// The lifetime of a code in seconds.
pub(crate) const PERIOD: i64 = 30;

/// An account.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) secret: String,
    /// From the registration.
    pub(crate) pre_auth_token: String,
}

/// The result of a completed login.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) recovery_codes: Vec<String>,
}

impl Person {
    /// Registers a new user.
    #[track_caller]
    pub(crate) fn register(client: &Client) -> Self {
        let (email, password) = Self::new_credentials();
        let answer = client.post("/register", &json!({"email": email, "password": password}));
        Self::of(email, password, &answer.expect(201))
    }

    /// Returns an address and a password that were never used before.
    fn new_credentials() -> (String, String) {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let email = format!("jo{number}.{}@mail.example", std::process::id());
        (email, format!("Grüne Fenster im Regen, {number}"))
    }

    fn of(email: String, password: String, registered: &Answer) -> Self {
        Self {
            email,
            password,
            secret: registered.text_at("/totp/secret"),
            pre_auth_token: registered.text_at("/pre_auth_token"),
        }
    }

    /// Registers a new user with a name, without the address.
    #[track_caller]
    pub(crate) fn register_by_name(client: &Client) -> Self {
        let (email, password) = Self::new_credentials();
        let name = email.split('@').next().unwrap();
        let answer = client.post("/register", &json!({"username": name, "password": password}));
        Self::of(email, password, &answer.expect(201))
    }

    /// Returns the name that belongs to the address.
    pub(crate) fn name(&self) -> &str {
        self.email.split('@').next().unwrap()
    }

    /// Registers a user and signs in with the first code.
    #[track_caller]
    pub(crate) fn sign_up(client: &Client) -> (Self, Tokens) {
        let person = Self::register(client);
        let tokens = verify(client, &person.pre_auth_token, &person.code(now())).expect(200);
        (person, Tokens::of(&tokens))
    }

    /// Logs in with the password, and returns the pre-auth token.
    #[track_caller]
    pub(crate) fn log_in(&self, client: &Client) -> String {
        let answer = client.post("/login", &json!({"email": self.email, "password": self.password}));
        answer.expect(200).text_at("/pre_auth_token")
    }

    /// Signs in again, with the code that follows the current one.
    #[track_caller]
    pub(crate) fn sign_in_again(&self, client: &Client) -> Tokens {
        let pre_auth_token = self.log_in(client);
        Tokens::of(&verify(client, &pre_auth_token, &self.code(now() + PERIOD)).expect(200))
    }

    /// Returns the code at a time, as oathtool computes it.
    pub(crate) fn code(&self, unix_seconds: i64) -> String {
        let output = Command::new("oathtool")
            .args(["--totp", "-b", "-N", &format!("@{unix_seconds}"), &self.secret])
            .output()
            .expect("oathtool is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// Sends a second factor.
#[track_caller]
pub(crate) fn verify(client: &Client, pre_auth_token: &str, code: &str) -> Answer {
    client.post("/2fa/verify", &json!({"pre_auth_token": pre_auth_token, "code": code}))
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        let codes = answer.json()["recovery_codes"].as_array().cloned().unwrap_or_default();
        Self {
            access: answer.text_at("/access_token"),
            refresh: answer.text_at("/refresh_token"),
            recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
        }
    }
}

/// Returns the time of the machine.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

/// Returns the time of the service's clock.
#[track_caller]
pub(crate) fn service_now(client: &Client) -> i64 {
    let text = client.get("/dev/clock").expect(200).text_at("/now");
    DateTime::parse_from_rfc3339(&text).unwrap().timestamp()
}

/// Moves the service's clock.
#[track_caller]
pub(crate) fn advance(client: &Client, seconds: i64) {
    client.post("/dev/clock", &json!({"advance": seconds})).expect(200);
}
