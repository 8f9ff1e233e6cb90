//! Relying parties on independent libraries accept every passkey that the service accepts. What the service refuses, it
//! refuses for a reason that the test names, also where one of the libraries does not.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use ureq::http::Method;
use uuid::Uuid;

use super::{beside_its_modules, prepared, source};
use crate::server::http::{Answer, Client};
use crate::server::person::Person;
use crate::server::program::{DataDir, Launch, Program};
use crate::support::authenticator::{
    Authenticator, BACKED_UP, BACKUP_ELIGIBLE, CREDENTIAL, EXTENSIONS, Scheme, USER_PRESENT, USER_VERIFIED,
};

const RP_ID: &str = "localhost";

/// The libraries that verify what was sent to the service.
pub(super) const RELYING_PARTIES: [&str; 3] = ["@simplewebauthn/server", "py_webauthn", "fido2"];

/// A service that offers passkeys. Browsers make none for an IP address, so its public URL has a name.
pub(super) struct Service {
    _program: Program,
    pub(super) client: Client,
    pub(super) origin: String,
    _place: DataDir,
}

impl Service {
    pub(super) fn start() -> Self {
        let place = DataDir::new();
        let launch = Launch::dev()
            .data_dir(&place)
            .env("VESTIBULE_LISTEN", "localhost:0")
            .env("VESTIBULE_SECOND_FACTORS", "totp,passkey")
            .env("VESTIBULE_IP_LIMITS", "off");
        let program = launch.start();
        let client = program.ready();
        let listening = program.wait_for_message("listening");
        Self {
            origin: listening["public_url"].as_str().unwrap().to_owned(),
            client,
            _program: program,
            _place: place,
        }
    }

    pub(super) fn sign_up(&self) -> User<'_> {
        let (person, tokens) = Person::sign_up(&self.client);
        let id = self.client.get_as(&tokens.access, "/me").expect(200).text_at("/id");
        User {
            service: self,
            person,
            id: Uuid::parse_str(&id).unwrap().into_bytes(),
            access: tokens.access,
        }
    }

    fn sign_in_challenge(&self) -> String {
        let answer = self.client.send(Method::POST, "/passkey/options", None, None);
        answer.expect(200).text_at("/options/challenge")
    }

    pub(super) fn sign_in(&self, assertion: &Value) -> Answer {
        self.client.post("/passkey/verify", &json!({"credential": assertion}))
    }

    /// Returns why passkeys of a user were refused, the newest first, with the ids of the events.
    pub(super) fn refusals(&self, access: &str) -> Vec<(String, String)> {
        let events = self.client.get_as(access, "/me/events?limit=100").expect(200).json();
        let events = events["items"].as_array().unwrap().iter();
        let refused = events.filter(|event| event["event"] == "passkey_refused");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        refused
            .map(|event| (text(&event["id"]), text(&event["reason"])))
            .collect()
    }
}

/// A user who is signed in and has just proved something they have.
pub(super) struct User<'a> {
    service: &'a Service,
    pub(super) person: Person,
    id: [u8; 16],
    pub(super) access: String,
}

impl User<'_> {
    fn authenticator(&self, scheme: Scheme) -> Authenticator {
        Authenticator::of_scheme(scheme, RP_ID, &self.service.origin, self.id)
    }

    fn es256(&self) -> Authenticator {
        Authenticator::new(RP_ID, &self.service.origin, self.id)
    }

    pub(super) fn call(&self, path: &str, body: Option<&Value>) -> Answer {
        self.service.client.send(Method::POST, path, Some(&self.access), body)
    }

    fn registration_challenge(&self) -> String {
        let answer = self.call("/2fa/passkeys/options", None).expect(200);
        answer.text_at("/options/challenge")
    }

    pub(super) fn register(&self, credential: &Value) -> Answer {
        self.call("/2fa/passkeys", Some(&json!({"credential": credential})))
    }

    fn step_up_challenge(&self) -> String {
        let answer = self.call("/2fa/challenge", Some(&json!({"method": "passkey"})));
        answer.expect(200).text_at("/options/challenge")
    }

    pub(super) fn step_up(&self, assertion: &Value) -> Answer {
        self.call("/step-up", Some(&json!({"passkey": assertion})))
    }
}

/// What was sent to the service, for the relying parties to verify.
pub(super) struct Ceremonies<'a> {
    service: &'a Service,
    sent: Vec<Value>,
}

impl<'a> Ceremonies<'a> {
    pub(super) const fn of(service: &'a Service) -> Self {
        Self {
            service,
            sent: Vec::new(),
        }
    }

    /// Notes a registration, and returns its place.
    pub(super) fn registration(&mut self, credential: &Value, challenge: &str) -> usize {
        self.push(json!({"credential": credential, "challenge": challenge, "must_be_verified": false}));
        self.sent.len() - 1
    }

    /// Notes an assertion of the passkey that was registered at a place.
    pub(super) fn assertion(&mut self, registration: usize, credential: &Value, challenge: &str, is_alone: bool) {
        self.push(json!({
            "credential": credential, "challenge": challenge, "registration": registration, "must_be_verified": is_alone,
        }));
    }

    fn push(&mut self, mut ceremony: Value) {
        ceremony["origin"] = json!(self.service.origin);
        ceremony["rp_id"] = json!(RP_ID);
        self.sent.push(ceremony);
    }

    /// Registers a passkey that the service accepts, and returns the place.
    fn register(&mut self, user: &User<'_>, key: &Authenticator) -> usize {
        let challenge = user.registration_challenge();
        let credential = key.register(&challenge);
        user.register(&credential).expect(201);
        self.registration(&credential, &challenge)
    }

    /// Returns for each relying party its reason to refuse each ceremony; none if it accepts it.
    pub(super) fn verified(&self) -> [Vec<Option<String>>; 3] {
        let file = tempfile::NamedTempFile::new().unwrap();
        serde_json::to_writer(&file, &self.sent).unwrap();
        prepared("node/node_modules/@simplewebauthn/server");
        let mut node = Command::new("node");
        node.arg(beside_its_modules("passkeys.mjs"));
        let mut python = Command::new(prepared("python/bin/python"));
        python.arg(source("passkeys.py"));
        let mut fido2 = Command::new(prepared("python-fido2/bin/python"));
        fido2.arg(source("fido2_server.py"));
        [node, python, fido2].map(|mut verifier| {
            let output = verifier.arg(file.path()).env_remove("NODE_OPTIONS").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let reasons: Vec<Option<String>> =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
            assert_eq!(reasons.len(), self.sent.len());
            reasons
        })
    }
}

type Change = fn(&mut Authenticator);

/// What authenticators and browsers may do.
const VARIANTS: &[(&str, Change)] = &[
    ("nothing particular", |_| {}),
    ("presence alone", |key| key.flags = USER_PRESENT),
    ("may leave its device", |key| key.flags |= BACKUP_ELIGIBLE),
    ("backed up", |key| key.flags |= BACKUP_ELIGIBLE | BACKED_UP),
    ("attested by itself", |key| key.self_attested = true),
    ("does not count", |key| key.step = 0),
    ("has counted before", |key| key.sign_count = 4_000_000_000),
    ("does not know its user", |key| key.user_handle = None),
    ("the longest id", |key| key.credential_id = vec![9; 1023]),
    ("the shortest id", |key| key.credential_id = vec![9]),
    ("an extension", |key| {
        key.flags |= EXTENSIONS;
        key.behind_data = b"\xa1\x6bcredProtect\x02".to_vec();
    }),
    ("an unknown member of the client data", |key| {
        key.client_data
            .insert("other_keys_can_be_added_here".to_owned(), json!([1]));
    }),
];

#[test]
fn every_accepted_passkey_is_accepted_by_independent_relying_parties() {
    let service = Service::start();
    let mut ceremonies = Ceremonies::of(&service);
    let mut names = Vec::new();
    for scheme in Scheme::ALL {
        let mut user = service.sign_up();
        for (name, change) in VARIANTS {
            let mut key = user.authenticator(scheme);
            change(&mut key);
            let place = ceremonies.register(&user, &key);
            for _ in 0..2 {
                let challenge = user.step_up_challenge();
                let assertion = key.assert(&challenge);
                user.step_up(&assertion).expect(200);
                ceremonies.assertion(place, &assertion, &challenge, false);
            }
            if key.flags & USER_VERIFIED != 0 && key.user_handle.is_some() {
                let challenge = service.sign_in_challenge();
                let assertion = key.assert(&challenge);
                // The new session goes on: an account has a limited number.
                user.access = service.sign_in(&assertion).expect(200).text_at("/access_token");
                ceremonies.assertion(place, &assertion, &challenge, true);
            }
            names.resize(ceremonies.sent.len(), format!("{scheme:?}, {name}"));
        }
    }
    assert_eq!(names.len(), 3 * (12 * 3 + 10));
    for (library, reasons) in RELYING_PARTIES.iter().zip(ceremonies.verified()) {
        for (name, reason) in names.iter().zip(reasons) {
            assert_eq!(reason, None, "{library} refuses {name}");
        }
    }
}

/// A response that must not count.
struct Misuse {
    what: &'static str,
    change: Change,
    /// Changes the response after it was signed.
    tamper: fn(&mut Value),
    /// The reason of the service.
    reason: &'static str,
    /// Which of the [`RELYING_PARTIES`] accept it.
    accepted: [bool; 3],
}

impl Misuse {
    const fn of(what: &'static str, change: Change, reason: &'static str) -> Self {
        Self {
            what,
            change,
            tamper: |_| {},
            reason,
            accepted: [false; 3],
        }
    }

    const fn tampered(what: &'static str, tamper: fn(&mut Value), reason: &'static str) -> Self {
        Self {
            what,
            change: |_| {},
            tamper,
            reason,
            accepted: [false; 3],
        }
    }

    /// One that libraries accept: what they leave to their callers, or do not check.
    const fn although(self, accepted: [bool; 3]) -> Self {
        Self { accepted, ..self }
    }

    fn compare(&self, found: [Option<&str>; 3]) {
        let accepted = found.map(|reason| reason.is_none());
        assert_eq!(accepted, self.accepted, "{}: {found:?}", self.what);
    }
}

fn say(key: &mut Authenticator, member: &str, value: Value) {
    key.client_data.insert(member.to_owned(), value);
}

/// What both ceremonies refuse for the same reasons.
static IN_BOTH: &[Misuse] = &[
    Misuse::of(
        "a page of another origin",
        |key| "https://evil-localhost".clone_into(&mut key.origin),
        "origin",
    ),
    Misuse::of(
        "another relying party",
        |key| "evil.example".clone_into(&mut key.rp_id),
        "relying_party",
    ),
    Misuse::of(
        "a challenge of its own",
        |key| say(key, "challenge", json!("Y2hhbGxlbmdl")),
        "challenge",
    ),
    Misuse::of(
        "a ceremony of payments",
        |key| say(key, "type", json!("payment.get")),
        "type",
    ),
    // All libraries leave it to their callers; a page that others show in a frame would be misled.
    Misuse::of(
        "a frame of another site",
        |key| say(key, "crossOrigin", json!(true)),
        "cross_origin",
    )
    .although([true, true, true]),
    Misuse::of("an absent user", |key| key.flags = USER_VERIFIED, "presence"),
    Misuse::of(
        "backed up, although it cannot be",
        |key| key.flags |= BACKED_UP,
        "backup_state",
    )
    .although([false, false, true]),
    Misuse::of(
        "bytes behind the data",
        |key| key.behind_data = vec![0],
        "authenticator_data",
    ),
    Misuse::of(
        "a flag of extensions without any",
        |key| key.changed_flags = EXTENSIONS,
        "encoding",
    ),
    Misuse::of(
        "a credential where there is none, and none where there is one",
        |key| key.changed_flags = CREDENTIAL,
        "authenticator_data",
    ),
    Misuse::tampered(
        "two ids",
        |credential| credential["id"] = json!("AAAA"),
        "id and rawId must be equal",
    ),
    Misuse::tampered(
        "another kind of credential",
        |credential| credential["type"] = json!("password"),
        "type must be public-key",
    )
    .although([false, false, true]),
];

/// What a registration refuses besides.
static IN_REGISTRATIONS: &[Misuse] = &[
    Misuse::of(
        "client data of a proof",
        |key| say(key, "type", json!("webauthn.get")),
        "type",
    ),
    Misuse::of(
        "a page in a page of another site",
        |key| say(key, "topOrigin", json!("https://evil.example")),
        "cross_origin",
    )
    .although([true, true, true]),
    // Two of the libraries do not look for the end of the object.
    Misuse::of("bytes behind the object", |key| key.behind_object = vec![0], "encoding").although([true, true, false]),
    // The page chooses the text beside the data, so a passkey could be stored under the id of another.
    Misuse::tampered(
        "another id than the one in the data",
        |credential| {
            credential["id"] = json!("AAAA");
            credential["rawId"] = json!("AAAA");
        },
        "credential_id",
    )
    .although([true, true, true]),
    // All take the key as it is, and would refuse each assertion.
    Misuse::of(
        "a point off the curve",
        |key| *key.cose.last_mut().unwrap() ^= 1,
        "public_key",
    )
    .although([true, true, true]),
    Misuse::of(
        "a map without a length",
        |key| key.cose = [&[0xbf], &key.cose[1..], &[0xff]].concat(),
        "encoding",
    ),
    Misuse::of(
        "a number in a longer form",
        |key| drop(key.cose.splice(2..3, [0x18, 2])),
        "encoding",
    )
    .although([false, false, true]),
    Misuse::of(
        "a doubled label",
        |key| drop(key.cose.splice(0..1, [0xa6, 1, 2])),
        "encoding",
    )
    .although([false, false, true]),
    // All pass over labels that a key for ES256 does not have.
    Misuse::of(
        "a label of another key",
        |key| drop(key.cose.splice(0..1, [0xa6, 2, 0x41, 0])),
        "public_key",
    )
    .although([true, true, true]),
    Misuse::of(
        "an algorithm that is not offered",
        |key| drop(key.cose.splice(4..5, [0x38, 0x22])),
        "algorithm",
    )
    .although([false, false, true]),
];

#[test]
fn every_refused_registration_is_refused_for_a_reason() {
    let service = Service::start();
    let user = service.sign_up();
    let mut ceremonies = Ceremonies::of(&service);
    let mut misuses: Vec<&Misuse> = IN_BOTH.iter().chain(IN_REGISTRATIONS).collect();
    let weak = weak_rsa();
    misuses.push(&weak);
    for misuse in &misuses {
        let challenge = user.registration_challenge();
        let mut key = user.es256();
        (misuse.change)(&mut key);
        let mut credential = key.register(&challenge);
        (misuse.tamper)(&mut credential);
        let answer = user.register(&credential).problem(422, "validation_failed");
        let detail = answer.text_at("/errors/0/detail");
        let reason = detail.strip_prefix("was refused: ").unwrap_or(&detail);
        assert_eq!(reason, misuse.reason, "{}", misuse.what);
        ceremonies.registration(&credential, &challenge);
    }
    let verified = ceremonies.verified();
    for (place, misuse) in misuses.iter().enumerate() {
        misuse.compare(verified.each_ref().map(|reasons| reasons[place].as_deref()));
    }
    let listed = service.client.get_as(&user.access, "/2fa/passkeys").expect(200).json();
    assert_eq!(listed["passkeys"], json!([]));
}

/// RSA with 1024 bits, which can be factored. All libraries accept it.
const fn weak_rsa() -> Misuse {
    let change: Change = |key| {
        let head = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x80".as_slice();
        key.cose = [head, &[0xc7; 128], b"\x21\x43\x01\x00\x01"].concat();
    };
    Misuse::of("RSA with 1024 bits", change, "public_key").although([true, true, true])
}

/// What an assertion refuses besides.
static IN_ASSERTIONS: &[Misuse] = &[
    Misuse::of(
        "client data of a registration",
        |key| say(key, "type", json!("webauthn.create")),
        "type",
    ),
    Misuse::of("presence alone", |key| key.flags = USER_PRESENT, "user_verification"),
    Misuse::of(
        "a page in a page of another site",
        |key| say(key, "topOrigin", json!("https://evil.example")),
        "cross_origin",
    )
    .although([false, true, true]),
    // The libraries return what the authenticator says, and leave the comparison to their callers.
    Misuse::of(
        "a key that may leave its device since",
        |key| key.flags |= BACKUP_ELIGIBLE,
        "backup_eligibility",
    )
    .although([true, true, true]),
    Misuse::tampered(
        "client data that were changed since",
        |credential| {
            let data = credential["response"]["clientDataJSON"].as_str().unwrap();
            let mut data = URL_SAFE_NO_PAD.decode(data).unwrap();
            data.push(b' ');
            credential["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(data));
        },
        "signature",
    ),
    Misuse::tampered(
        "a changed signature",
        |credential| {
            let signature = credential["response"]["signature"].as_str().unwrap();
            let (head, last) = signature.split_at(8);
            let changed = if last.starts_with('A') { "B" } else { "A" };
            credential["response"]["signature"] = json!(format!("{head}{changed}{}", &last[1..]));
        },
        "signature",
    ),
    // It is not signed, and names the account. The libraries leave it to their callers.
    Misuse::tampered(
        "no user",
        |credential| drop(credential["response"].as_object_mut().unwrap().remove("userHandle")),
        "",
    )
    .although([true, true, true]),
];

#[test]
fn every_refused_assertion_is_refused_for_a_reason() {
    let service = Service::start();
    let user = service.sign_up();
    let mut ceremonies = Ceremonies::of(&service);
    let misuses: Vec<&Misuse> = IN_BOTH.iter().chain(IN_ASSERTIONS).collect();
    let mut places = Vec::new();
    for misuse in &misuses {
        let mut key = user.es256();
        let registration = ceremonies.register(&user, &key);
        let challenge = service.sign_in_challenge();
        (misuse.change)(&mut key);
        let mut assertion = key.assert(&challenge);
        (misuse.tamper)(&mut assertion);
        let before = service.refusals(&user.access);
        let answer = service.sign_in(&assertion);
        let reason = match answer.status {
            422 => answer.text_at("/errors/0/detail"),
            // Without a user there is no passkey to check.
            _ if misuse.reason.is_empty() => String::new(),
            _ => {
                let newest = service.refusals(&user.access).remove(0);
                assert_ne!(Some(&newest), before.first(), "{}", misuse.what);
                newest.1
            }
        };
        assert_eq!(reason, misuse.reason, "{}", misuse.what);
        if answer.status != 422 {
            answer.problem(401, "invalid_credentials");
        }
        ceremonies.assertion(registration, &assertion, &challenge, true);
        places.push(ceremonies.sent.len() - 1);
    }
    let verified = ceremonies.verified();
    for (place, misuse) in places.into_iter().zip(misuses) {
        misuse.compare(verified.each_ref().map(|reasons| reasons[place].as_deref()));
    }
}

/// The counter is compared by the statement that stores it. So it is not among the reasons above, but in the trail.
#[test]
fn a_copied_passkey_is_refused() {
    let service = Service::start();
    let user = service.sign_up();
    let mut ceremonies = Ceremonies::of(&service);
    let mut key = user.authenticator(Scheme::EdDsa);
    let registration = ceremonies.register(&user, &key);
    for (count, status) in [(7, 200), (7, 401), (3, 401), (0, 401), (8, 200)] {
        let challenge = service.sign_in_challenge();
        (key.sign_count, key.step) = (count, 0);
        let assertion = key.assert(&challenge);
        service.sign_in(&assertion).expect(status);
        ceremonies.assertion(registration, &assertion, &challenge, true);
    }
    let refused = [false, false, true, true, true, false];
    let [node, python, fido2] = ceremonies.verified();
    for reasons in [node, python] {
        assert_eq!(
            reasons.iter().map(Option::is_some).collect::<Vec<_>>(),
            refused,
            "{reasons:?}"
        );
    }
    // It leaves the counter to its callers.
    assert!(fido2.iter().all(Option::is_none), "{fido2:?}");
    let events = service
        .client
        .get_as(&user.access, "/me/events?limit=100")
        .expect(200)
        .json();
    let copied = events["items"].as_array().unwrap().iter();
    assert_eq!(copied.filter(|event| event["reason"] == "copied_passkey").count(), 3);
}

/// An authenticator that another project wrote, in a program that knows the API only. It does not verify its user.
#[test]
fn the_passkey_of_a_foreign_authenticator_steps_up_and_does_not_sign_in_alone() {
    let service = Service::start();
    let user = service.sign_up();
    let mut python = Command::new(prepared("python/bin/python"));
    python
        .arg(source("soft_passkey.py"))
        .args([&service.origin, &user.access]);
    let output = python.output().unwrap();
    let answers: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let status = |name: &str| answers[name][0].as_u64().unwrap();
    assert_eq!(
        ["registration", "step_up", "sign_in"].map(status),
        [201, 200, 401],
        "{answers}"
    );
    assert_eq!(answers["registration"][1]["passkey"]["name"], "Soft key");
    assert!(
        answers["step_up"][1]["session"]["amr"]
            .as_array()
            .unwrap()
            .contains(&json!("pop")),
        "{answers}"
    );
    let refusals = service.refusals(&user.access).into_iter().map(|(_, reason)| reason);
    assert_eq!(refusals.collect::<Vec<_>>(), ["user_verification"]);
}
