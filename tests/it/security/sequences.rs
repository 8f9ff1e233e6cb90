//! No sequence of calls reveals whether an address has an account.
//!
//! One call that answers alike proves little: what the first call leaves behind can show in the second. So a sequence
//! is run against two deployments, one without an account for the address and one with one, and compared call by call:
//! the status, the body, all headers except ids and dates (`Retry-After` and the `RateLimit` fields included) and the
//! number of SQL statements. Dangerous sequences have names; others are generated at random.

use std::cell::Cell;

use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use diesel::connection::SimpleConnection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::enumeration::without_ids;
use crate::support::actors::{PASSWORD, Person, SignedIn, log_in, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;
use crate::support::statements;

/// The address that the attacker asks about.
const TARGET: &str = "target@mail.example";
/// The attacker's own account.
const MALLORY: &str = "mallory@other.example";
/// Another address of the attacker.
const MALLORY_TOO: &str = "mallory@third.example";
/// The password that the attacker registers with and tries.
const GUESS: &str = "heftklammer im regen";
/// Longer than a network stays known after a sign-in: the attacker asks from an unknown network.
const LONG_AGO: i64 = 40 * 86_400;

/// The state of the account with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    NoAccount,
    Confirmed,
    Unconfirmed,
    Disabled,
    Invited,
}

const HOLDERS: [Holder; 4] = [
    Holder::Confirmed,
    Holder::Unconfirmed,
    Holder::Disabled,
    Holder::Invited,
];

/// The calls of an attacker who cannot read the target's mail.
#[derive(Clone, Copy, Debug)]
enum Call {
    Register,
    RegisterWithName,
    Login,
    LoginWithAnotherPassword,
    ForgetPassword,
    AskForMagicLink,
    AskForConfirmation,
    ChangeAddress,
    /// Requests a change to another address of the attacker.
    ChangeToOwnAddress,
    /// Uses the link to that address.
    UseOwnLink,
    /// Reads what the service shows the attacker about their own account.
    ReadOwnEvents,
    ConfirmWithForgedToken,
    ConfirmWithForgedTokenAndPassword,
    ResetWithForgedToken,
    VerifyForgedMagicLink,
    Wait(i64),
}

/// Calls that every deployment answers.
const EVERYWHERE: &[Call] = &[
    Call::Login,
    Call::Login,
    Call::LoginWithAnotherPassword,
    Call::ForgetPassword,
    Call::AskForMagicLink,
    Call::AskForConfirmation,
    Call::ConfirmWithForgedToken,
    Call::ConfirmWithForgedTokenAndPassword,
    Call::ResetWithForgedToken,
    Call::VerifyForgedMagicLink,
    Call::Wait(30),
    Call::Wait(3600),
];
/// Calls to which a deployment with `REGISTRATION=explicit` answers that an address is taken.
const PRIVATE_ONLY: &[Call] = &[
    Call::Register,
    Call::Register,
    Call::RegisterWithName,
    Call::ChangeAddress,
    Call::ChangeAddress,
    Call::ChangeToOwnAddress,
    Call::UseOwnLink,
    Call::ReadOwnEvents,
];

/// A deployment with the attacker's account and, unless no account has it, the target's.
struct Deployment {
    /// Registers the existing accounts, and signs the attacker in.
    open: TestApp,
    /// Receives the attacker's calls.
    asked: TestApp,
    mallory: SignedIn,
    /// The address with which the attacker signs in at present.
    address: Cell<&'static str>,
}

/// What the attacker sees of a call.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    answer: String,
    statements: usize,
}

impl Deployment {
    async fn with(holder: Holder, registration: &str) -> Self {
        statements::record();
        let open = TestApp::with(&[("IP_LIMITS", "off")]).await;
        let mallory = Person::sign_up(&open, MALLORY).await;
        open.verify_email(MALLORY).await;
        if holder != Holder::NoAccount {
            Person::sign_up(&open, TARGET).await;
        }
        if holder == Holder::Confirmed {
            open.verify_email(TARGET).await;
        }
        let change = match holder {
            Holder::Disabled => "UPDATE users SET status = 'disabled' WHERE email = 'target@mail.example'",
            Holder::Invited => {
                "UPDATE users SET password_scheme = 'none', password_key_id = 0, password_hash = ''
                     WHERE email = 'target@mail.example'"
            }
            Holder::NoAccount | Holder::Confirmed | Holder::Unconfirmed => "SELECT 1",
        };
        open.database.connect().batch_execute(change).unwrap();
        open.clock.advance(LONG_AGO);
        let asked = open.sibling(&[("REGISTRATION", registration)]).await;
        Self {
            open,
            asked,
            mallory,
            address: Cell::new(MALLORY),
        }
    }

    async fn run(&self, calls: &[Call]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for call in calls {
            if let Call::Wait(seconds) = call {
                self.open.clock.advance(*seconds);
                continue;
            }
            let session = match call {
                Call::ChangeAddress | Call::ChangeToOwnAddress | Call::UseOwnLink | Call::ReadOwnEvents => {
                    Some(self.sign_in().await)
                }
                _ => None,
            };
            let session = session.as_deref();
            let own_link = self.own_link().await;
            let url = self.asked.database.url.expose_secret();
            statements::take(url);
            let answer = match call {
                Call::UseOwnLink => {
                    let body = json!({"token": own_link});
                    let session = session.expect("the attacker is signed in");
                    self.asked.call_as(Method::POST, "/email/verify", session, &body).await
                }
                _ => self.send(*call, session).await,
            };
            if matches!(call, Call::UseOwnLink) && answer.status == StatusCode::NO_CONTENT {
                self.address.set(MALLORY_TOO);
            }
            seen.push(Seen {
                answer: match call {
                    Call::ReadOwnEvents => events(&answer),
                    _ => without_ids(&answer),
                },
                statements: statements::take(url).len(),
            });
        }
        seen
    }

    /// Signs the attacker in.
    async fn sign_in(&self) -> String {
        self.open.clock.advance(30);
        let login = log_in(&self.open, self.address.get(), PASSWORD).await.expect(200);
        let code = self.mallory.person.code(&self.open);
        let answer = verify(&self.open, &login.text("/pre_auth_token"), &code).await;
        answer.expect(200).text("/access_token")
    }

    /// The last token mailed to the attacker's other address, or a forged one.
    async fn own_link(&self) -> String {
        let mailed = self.open.notifications(MALLORY_TOO).await;
        // Other mails of the same moment have links, too, in any order.
        let token = mailed.iter().find_map(|notification| {
            let (_, token) = notification["link"].as_str()?.split_once("#token=")?;
            token.starts_with("vev_").then(|| token.to_owned())
        });
        token.unwrap_or_else(|| forged("vev_"))
    }

    async fn send(&self, call: Call, session: Option<&str>) -> TestResponse {
        let post = async |path: &str, body: Value| self.asked.post(path, &body).await;
        match call {
            Call::Register => post("/register", json!({"email": TARGET, "password": GUESS})).await,
            Call::RegisterWithName => {
                let body = json!({"email": TARGET, "username": "target", "password": GUESS});
                post("/register", body).await
            }
            Call::Login => post("/login", json!({"email": TARGET, "password": GUESS})).await,
            Call::LoginWithAnotherPassword => post("/login", json!({"email": TARGET, "password": "another"})).await,
            Call::ForgetPassword => post("/password/forgot", json!({"email": TARGET})).await,
            Call::AskForMagicLink => post("/magic-link", json!({"email": TARGET})).await,
            Call::AskForConfirmation => post("/email/verify/request", json!({"email": TARGET})).await,
            Call::ChangeAddress => {
                let body = json!({"email": TARGET});
                let session = session.expect("the attacker is signed in");
                self.asked.call_as(Method::POST, "/email/change", session, &body).await
            }
            Call::ChangeToOwnAddress => {
                let body = json!({"email": MALLORY_TOO});
                let session = session.expect("the attacker is signed in");
                self.asked.call_as(Method::POST, "/email/change", session, &body).await
            }
            Call::ReadOwnEvents => {
                let session = session.expect("the attacker is signed in");
                self.asked.get_as("/me/events", session).await
            }
            Call::UseOwnLink => unreachable!("needs what was mailed"),
            Call::ConfirmWithForgedToken => post("/email/verify", json!({"token": forged("vev_")})).await,
            Call::ConfirmWithForgedTokenAndPassword => {
                post("/email/verify", json!({"token": forged("vev_"), "password": GUESS})).await
            }
            Call::ResetWithForgedToken => {
                post(
                    "/password/reset",
                    json!({"token": forged("vpr_"), "new_password": GUESS}),
                )
                .await
            }
            Call::VerifyForgedMagicLink => post("/magic-link/verify", json!({"token": forged("vml_")})).await,
            Call::Wait(_) => unreachable!("a wait sends nothing"),
        }
    }
}

/// The events of the attacker's own account, without ids.
fn events(answer: &TestResponse) -> String {
    let body = answer.json();
    let items = body["items"].as_array().expect("a list of events");
    let said = items
        .iter()
        .map(|event| format!("{} {} {}", event["event"], event["success"], event["reason"]));
    // The clock stands still during a call, so events of one call have no order.
    let mut said: Vec<String> = said.collect();
    said.sort_unstable();
    said.join("\n")
}

/// A token of the right format that was never mailed.
fn forged(prefix: &str) -> String {
    format!("{prefix}{}", "A".repeat(98))
}

/// Runs a sequence against both deployments and returns the first difference.
async fn compare(holder: Holder, registration: &str, calls: &[Call]) -> Result<(), String> {
    let free = Deployment::with(Holder::NoAccount, registration).await.run(calls).await;
    let taken = Deployment::with(holder, registration).await.run(calls).await;
    let sent = calls.iter().filter(|call| !matches!(call, Call::Wait(_)));
    for (place, (call, (free, taken))) in sent.zip(free.iter().zip(&taken)).enumerate() {
        if free != taken {
            return Err(format!(
                "{registration}, {holder:?}, call {place}, {call:?} of {calls:?}:\nfree:  {free:?}\ntaken: {taken:?}"
            ));
        }
    }
    Ok(())
}

async fn assert_alike(registration: &str, calls: &[Call]) {
    for holder in HOLDERS {
        if let Err(difference) = compare(holder, registration, calls).await {
            panic!("{difference}");
        }
    }
}

#[actix_web::test]
async fn in_private_a_registration_and_its_password_reveal_nothing() {
    use Call::{Login, Register, Wait};
    assert_alike(
        "private",
        &[Register, Login, Login, Register, Login, Wait(86_400), Login],
    )
    .await;
}

#[actix_web::test]
async fn in_private_a_password_that_is_tried_into_the_waits_reveals_nothing() {
    use Call::{Login, LoginWithAnotherPassword, Register, Wait};
    let mut calls = vec![Register];
    for _ in 0..4 {
        calls.extend([Login, Login, LoginWithAnotherPassword, Login, Wait(600)]);
    }
    calls.extend([Wait(3600), Login, Register, Login]);
    // The wait for all networks, which known networks are exempt from, starts at the twentieth failure.
    for _ in 0..24 {
        calls.extend([Wait(3600), Login]);
    }
    calls.extend([Login, Wait(61), Login, Login]);
    assert_alike("private", &calls).await;
}

#[actix_web::test]
async fn in_private_bounds_on_mail_reveal_nothing() {
    use Call::{AskForConfirmation, AskForMagicLink, ChangeAddress, ForgetPassword, Login, Register, Wait};
    let asked = [AskForConfirmation, ForgetPassword, AskForMagicLink];
    let mut calls = asked.repeat(4);
    calls.extend([Register, Login, Register, ChangeAddress]);
    calls.extend(asked.repeat(2));
    calls.extend([
        Wait(3600),
        Register,
        Register,
        Register,
        Register,
        ChangeAddress,
        Register,
    ]);
    calls.extend([ChangeAddress; 5]);
    assert_alike("private", &calls).await;
}

#[actix_web::test]
async fn in_private_an_attacker_learns_nothing_from_their_own_links_and_events() {
    use Call::{ChangeAddress, ChangeToOwnAddress, ReadOwnEvents, Register, UseOwnLink};
    // Below the quota of mail to the address, and beyond it.
    for registrations in [1, 3] {
        let mut calls = vec![ChangeToOwnAddress];
        calls.extend(vec![Register; registrations]);
        calls.extend([ChangeAddress, ReadOwnEvents, UseOwnLink, ReadOwnEvents]);
        assert_alike("private", &calls).await;
    }
}

#[actix_web::test]
async fn in_private_the_end_of_guessing_reveals_nothing() {
    use Call::{AskForMagicLink, ForgetPassword, Login, Register, Wait};
    let mut calls = vec![Register];
    for _ in 0..102 {
        calls.extend([Wait(3601), Login]);
    }
    calls.extend([Register, ForgetPassword, AskForMagicLink, Wait(3601), Login]);
    for holder in HOLDERS {
        let free = Deployment::with(Holder::NoAccount, "private").await.run(&calls).await;
        let taken = Deployment::with(holder, "private").await.run(&calls).await;
        for (place, (free, taken)) in free.iter().zip(&taken).enumerate() {
            assert_eq!(free.answer, taken.answer, "{holder:?}, call {place}");
            // Except for the fiftieth, which disables the password for strangers and notifies its owner, if there is one.
            if place != 50 {
                assert_eq!(free.statements, taken.statements, "{holder:?}, call {place}");
            }
        }
    }
}

#[actix_web::test]
async fn where_registration_is_closed_a_registration_and_another_address_reveal_nothing() {
    use Call::{ChangeAddress, ForgetPassword, Login, Register, RegisterWithName};
    let calls = [
        Register,
        RegisterWithName,
        Login,
        ChangeAddress,
        ForgetPassword,
        ChangeAddress,
        Login,
    ];
    assert_alike("closed", &calls).await;
}

/// Runs random sequences of these calls.
fn try_many(registration: &'static str, calls: Vec<Call>) {
    let sequences = proptest::collection::vec(proptest::sample::select(calls), 1..24);
    let holders = proptest::sample::select(HOLDERS.to_vec());
    // Each sequence needs two databases; shrinking needs as many again. `scripts/test --all` sets more.
    let cases = std::env::var("SEQUENCES").map_or(5, |number| number.parse().expect("a number of sequences"));
    let config = Config {
        cases,
        max_shrink_iters: 24,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&(holders, sequences), |(holder, calls)| {
            let compared = System::new().block_on(compare(holder, registration, &calls));
            compared.map_err(TestCaseError::fail)
        })
        .unwrap();
}

#[test]
fn in_private_no_sequence_of_calls_reveals_an_account() {
    try_many("private", [EVERYWHERE, PRIVATE_ONLY].concat());
}

#[test]
fn where_registration_is_closed_no_sequence_of_calls_reveals_an_account() {
    try_many("closed", [EVERYWHERE, PRIVATE_ONLY].concat());
}

#[test]
fn where_registration_reveals_accounts_by_design_nothing_else_does() {
    try_many("explicit", EVERYWHERE.to_vec());
}

#[actix_web::test]
async fn a_password_comes_alive_with_the_mailed_link() {
    let app = TestApp::with(&[("REGISTRATION", "private")]).await;
    let body = json!({"email": TARGET, "password": PASSWORD});
    app.post("/register", &body).await.expect(202);
    app.post("/login", &body)
        .await
        .expect_problem(401, "invalid_credentials");
    app.verify_email(TARGET).await;
    app.post("/login", &body).await.expect(200);
    // An account without an address has no address to verify.
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/register", &body).await.expect(202);
    app.post("/login", &body).await.expect(200);
}

#[actix_web::test]
async fn a_password_that_awaits_proof_does_not_sign_in_by_the_user_name_either() {
    let app = TestApp::new().await;
    let body = json!({"email": TARGET, "username": "jo.doe", "password": PASSWORD});
    app.post("/register", &body).await.expect(201);
    let login = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/login", &login).await.expect(200);
    let private = app.sibling(&[("REGISTRATION", "private")]).await;
    private
        .post("/login", &login)
        .await
        .expect_problem(401, "invalid_credentials");
    private.verify_email(TARGET).await;
    private.post("/login", &login).await.expect(200);
}
