//! A browser and an authenticator of another project, passkey-rs: they read the options of the service, and what they make
//! of them registers, proves a second factor, steps up and signs in.
//!
//! The program is built here, by itself: its libraries would change how serde_json writes objects in all other tests, and
//! bring a second set of signatures.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use ureq::http::Method;

use super::passkeys::{Ceremonies, RELYING_PARTIES, Service, User};
use super::source;
use crate::server::http::Answer;

/// Numbers of signature schemes in COSE.
const ED25519: i64 = -8;
const ES256: i64 = -7;
/// What the device says if it has a passkey of the account already, and if it cannot do what the options demand (CTAP 2.2
/// §8.2).
const CREDENTIAL_EXCLUDED: &str = "AuthenticatorError(25)";
const UNSUPPORTED_OPTION: &str = "AuthenticatorError(43)";

fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers-passkey-rs");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--target-dir"])
            .arg(&target)
            .current_dir(source("passkey-rs"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("debug/passkeys")
    })
}

/// What a device can do.
#[derive(Clone, Copy, Debug)]
struct Habits {
    algorithm: i64,
    /// It verifies its user.
    verifies: bool,
    /// It stores the user's id with the passkey.
    stores: bool,
    counts: bool,
}

impl Habits {
    const BEST: Self = Self {
        algorithm: ED25519,
        verifies: true,
        stores: true,
        counts: false,
    };

    fn all() -> Vec<Self> {
        let both = [true, false];
        let mut all = Vec::new();
        for algorithm in [ED25519, ES256] {
            for verifies in both {
                for stores in both {
                    all.extend(both.map(|counts| Self {
                        algorithm,
                        verifies,
                        stores,
                        counts,
                    }));
                }
            }
        }
        all
    }

    const fn signs_in_alone(self) -> bool {
        self.verifies && self.stores
    }
}

/// A browser that runs, with its authenticator.
struct Device {
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Device {
    fn start(service: &Service, habits: Habits) -> Self {
        let Habits {
            algorithm,
            verifies,
            stores,
            counts,
        } = habits;
        let described = json!({
            "origin": service.origin, "algorithm": algorithm, "verifies": verifies, "stores": stores, "counts": counts,
        });
        let mut program = Command::new(built())
            .arg(described.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: program.stdin.take().unwrap(),
            output: BufReader::new(program.stdout.take().unwrap()),
            program,
        }
    }

    fn create(&mut self, options: &Value) -> Value {
        self.ask(&json!({"create": options}))
    }

    fn get(&mut self, options: &Value) -> Value {
        self.ask(&json!({"get": options}))
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[track_caller]
fn refused(response: &Value, reason: &str) {
    let error = response["error"].as_str();
    assert_eq!(error, Some(reason), "{response}");
}

#[track_caller]
fn options(answer: Answer) -> Value {
    answer.expect(200).json()["options"].clone()
}

fn challenge_of(options: &Value) -> &str {
    options["challenge"].as_str().unwrap()
}

fn sign_in_options(service: &Service) -> Value {
    options(service.client.send(Method::POST, "/passkey/options", None, None))
}

#[track_caller]
fn at_two_factors(answer: Answer) {
    let session = answer.expect(200).json()["session"].clone();
    assert_eq!(session["acr"], "aal2", "{session}");
    let amr = session["amr"].as_array().unwrap();
    assert!(amr.contains(&json!("pop")) && amr.contains(&json!("mfa")), "{session}");
}

/// One account and one device.
struct Trial<'a> {
    service: &'a Service,
    user: User<'a>,
    device: Device,
    ceremonies: Ceremonies<'a>,
    registration: usize,
}

impl<'a> Trial<'a> {
    fn begin(service: &'a Service, habits: Habits) -> Self {
        let user = service.sign_up();
        let mut device = Device::start(service, habits);
        let mut ceremonies = Ceremonies::of(service);
        let offered = options(user.call("/2fa/passkeys/options", None));
        let credential = device.create(&offered);
        user.register(&credential).expect(201);
        let registration = ceremonies.registration(&credential, challenge_of(&offered));
        Self {
            service,
            user,
            device,
            ceremonies,
            registration,
        }
    }

    fn sign(&mut self, offered: &Value, is_alone: bool) -> Value {
        let assertion = self.device.get(offered);
        let challenge = challenge_of(offered);
        self.ceremonies
            .assertion(self.registration, &assertion, challenge, is_alone);
        assertion
    }

    fn is_excluded(&mut self) {
        let offered = options(self.user.call("/2fa/passkeys/options", None));
        refused(&self.device.create(&offered), CREDENTIAL_EXCLUDED);
    }

    fn is_second_factor(&mut self) {
        let client = &self.service.client;
        let pending = self.user.person.log_in(client);
        let asked = json!({"pre_auth_token": pending, "method": "passkey"});
        let offered = options(client.post("/2fa/challenge", &asked));
        let assertion = self.sign(&offered, false);
        let body = json!({"pre_auth_token": pending, "passkey": assertion});
        at_two_factors(self.service.client.post("/2fa/verify", &body));
    }

    fn steps_up(&mut self) {
        let offered = options(self.user.call("/2fa/challenge", Some(&json!({"method": "passkey"}))));
        let assertion = self.sign(&offered, false);
        at_two_factors(self.user.step_up(&assertion));
    }

    fn signs_in_alone(&mut self) {
        let offered = sign_in_options(self.service);
        let assertion = self.sign(&offered, true);
        at_two_factors(self.service.sign_in(&assertion));
    }

    /// The device refuses to sign, since the options demand what it cannot do.
    fn cannot_sign_in_alone(&mut self) {
        let offered = sign_in_options(self.service);
        assert!(self.device.get(&offered)["error"].is_string());
    }
}

#[test]
#[ignore = "builds a program with libraries of its own; scripts/test --all runs it"]
fn its_passkeys_are_second_factors_and_sign_in_alone() {
    let service = Service::start();
    for habits in Habits::all() {
        let mut trial = Trial::begin(&service, habits);
        trial.is_excluded();
        for _ in 0..2 {
            trial.is_second_factor();
            trial.steps_up();
            if habits.signs_in_alone() {
                trial.signs_in_alone();
            } else {
                trial.cannot_sign_in_alone();
            }
        }
        for (library, reasons) in RELYING_PARTIES.iter().zip(trial.ceremonies.verified()) {
            assert!(
                reasons.iter().all(Option::is_none),
                "{library}, {habits:?}: {reasons:?}"
            );
        }
    }
}

/// The browser's page, or an attacker's program, may ask the authenticator for less than the service does.
#[test]
#[ignore = "builds a program with libraries of its own; scripts/test --all runs it"]
fn its_passkey_does_not_sign_in_alone_where_the_page_lowers_the_options() {
    let service = Service::start();
    let mut trial = Trial::begin(&service, Habits::BEST);
    let mut offered = sign_in_options(&service);
    offered["userVerification"] = json!("discouraged");
    let assertion = trial.device.get(&offered);
    service.sign_in(&assertion).problem(401, "invalid_credentials");
    let reasons = service
        .refusals(&trial.user.access)
        .into_iter()
        .map(|(_, reason)| reason);
    assert_eq!(reasons.collect::<Vec<_>>(), ["user_verification"]);
    trial.signs_in_alone();
}

#[test]
#[ignore = "builds a program with libraries of its own; scripts/test --all runs it"]
fn its_passkey_makes_an_account_without_a_password() {
    let service = Service::start();
    let client = &service.client;
    for (verifies, stores) in [(false, true), (true, false), (true, true)] {
        let habits = Habits {
            verifies,
            stores,
            ..Habits::BEST
        };
        let name = format!("kim{verifies}{stores}");
        let registered = client.post("/register", &json!({"username": name, "passkey": true}));
        let pending = registered.expect(201).text_at("/pre_auth_token");
        let mut device = Device::start(&service, habits);
        let call = |path: &str, body: Option<&Value>| client.send(Method::POST, path, Some(&pending), body);
        let credential = device.create(&options(call("/2fa/passkeys/options", None)));
        if !habits.signs_in_alone() {
            refused(&credential, UNSUPPORTED_OPTION);
            continue;
        }
        call("/2fa/passkeys", Some(&json!({"credential": credential}))).expect(201);
        let asked = json!({"pre_auth_token": pending, "method": "passkey"});
        let assertion = device.get(&options(client.post("/2fa/challenge", &asked)));
        let body = json!({"pre_auth_token": pending, "passkey": assertion});
        at_two_factors(client.post("/2fa/verify", &body));
        at_two_factors(service.sign_in(&device.get(&sign_in_options(&service))));
    }
}
