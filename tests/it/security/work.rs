//! Where many networks guess at a name, a client that computes need not wait. The owner gets in on a network that is new
//! to them; an attacker pays for each guess, and gets no more of them than before.

use std::sync::Arc;

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::guessing::{hold_until_waiting, let_go_when_waiting};
use crate::races::{count, execute};
use crate::support::actors::{PASSWORD, Person, log_in_from, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;
use crate::support::statements;
use crate::support::work::{solve, written};

const EMAIL: &str = "jo@example.com";
const UNKNOWN: &str = "nobody@example.com";
const WRONG: &str = "another password";
const PROXIED: &[(&str, &str)] = &[("TRUSTED_PROXIES", "203.0.113.0/24")];
/// A network that the owner has not signed in from.
const CAFE: &str = "192.0.2.1";

async fn send_from(app: &TestApp, ip: &str, path: &str, body: &Value) -> TestResponse {
    let request = TestRequest::post().uri(path).set_json(body);
    app.send(request.insert_header(("x-forwarded-for", ip))).await
}

async fn log_in_with_work(app: &TestApp, ip: &str, email: &str, password: &str, altcha: &str) -> TestResponse {
    let body = json!({"email": email, "password": password, "altcha": altcha});
    send_from(app, ip, "/login", &body).await
}

/// Guesses from twenty networks, which makes all strangers wait.
async fn attack(app: &TestApp, email: &str) {
    for number in 0..20 {
        let ip = format!("198.51.{number}.1");
        log_in_from(app, &ip, email, WRONG).await.expect(401);
    }
}

/// Returns the challenge that a login from a network gets.
async fn challenge(app: &TestApp, ip: &str, email: &str) -> Value {
    let answer = log_in_from(app, ip, email, PASSWORD).await;
    answer.expect_problem(429, "rate_limited")["challenge"].clone()
}

async fn owner_under_attack() -> (TestApp, Person) {
    let app = TestApp::with(PROXIED).await;
    let person = Person::register(&app, EMAIL).await;
    attack(&app, EMAIL).await;
    (app, person)
}

#[actix_web::test]
async fn the_owner_computes_once_and_is_let_in_from_a_new_network() {
    let (app, _) = owner_under_attack().await;
    attack(&app, UNKNOWN).await;
    for (email, status) in [(EMAIL, 200), (UNKNOWN, 401)] {
        let asked = challenge(&app, CAFE, email).await;
        assert_eq!(asked["parameters"]["cost"], 128);
        let solution = solve(&asked);
        log_in_with_work(&app, CAFE, email, PASSWORD, &solution)
            .await
            .expect(status);
        let again = log_in_with_work(&app, CAFE, email, PASSWORD, &solution).await;
        assert_ne!(again.expect_problem(429, "rate_limited")["challenge"], asked);
    }
    // The wait is as before for clients that do not compute, and it ends as before.
    let answer = log_in_from(&app, CAFE, EMAIL, PASSWORD).await;
    assert_eq!(answer.header("retry-after"), Some("60"));
    app.clock.advance(60);
    log_in_from(&app, CAFE, EMAIL, PASSWORD).await.expect(200);
}

/// Returns a solution whose counter is wrong.
fn wrong_of(challenge: &Value) -> String {
    let right = solve(challenge);
    let wrong = (0..2).map(|counter| written(challenge, counter));
    wrong.into_iter().find(|text| *text != right).unwrap()
}

#[actix_web::test]
async fn what_is_not_work_for_this_login_is_as_if_absent_and_counts_as_nothing() {
    let (app, _) = owner_under_attack().await;
    attack(&app, UNKNOWN).await;
    let asked = challenge(&app, CAFE, EMAIL).await;
    let with = |pointer: &str, value: Value| {
        let mut changed = asked.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        solve(&changed)
    };
    let of_another_name = solve(&challenge(&app, CAFE, UNKNOWN).await);
    let bad = [
        String::new(),
        "nonsense".to_owned(),
        "A".repeat(10_000),
        // One of 4,096 counters is right.
        wrong_of(&asked),
        of_another_name,
        with("/parameters/cost", json!(1)),
        with("/parameters/keyPrefix", json!("0")),
        with("/parameters/expiresAt", json!(4_102_444_800_i64)),
        with("/signature", json!("00".repeat(32))),
        written(&json!({"parameters": {}, "signature": ""}), 0),
    ];
    for solution in &bad {
        let answer = log_in_with_work(&app, CAFE, EMAIL, PASSWORD, solution).await;
        assert!(
            answer.expect_problem(429, "rate_limited")["challenge"].is_object(),
            "{solution}"
        );
    }
    let expired = solve(&asked);
    app.clock.advance(121);
    execute(
        &app,
        "UPDATE throttles SET locked_until = locked_until + interval '1 hour' WHERE locked_until IS NOT NULL",
    );
    log_in_with_work(&app, CAFE, EMAIL, PASSWORD, &expired)
        .await
        .expect_problem(429, "rate_limited");
    assert_eq!(count(&app, "users WHERE failed_passwords = 20"), 1);
    assert_eq!(
        count(&app, "throttles WHERE locked_until IS NULL"),
        40,
        "none was counted for work"
    );
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_login_fail'"), 40);
    // Where there is no wait, it does not matter what is sent.
    for solution in &bad {
        log_in_with_work(&app, "203.0.113.7", "mo@example.com", PASSWORD, solution)
            .await
            .expect(401);
        execute(&app, "DELETE FROM throttles");
    }
}

#[actix_web::test]
async fn each_wrong_password_is_paid_for_and_eight_of_them_double_the_price() {
    let (app, _) = owner_under_attack().await;
    let hoarded = solve(&challenge(&app, CAFE, EMAIL).await);
    for number in 0..24 {
        let ip = format!("203.0.{number}.1");
        let asked = challenge(&app, &ip, EMAIL).await;
        assert_eq!(asked["parameters"]["cost"], 128 << (number / 8), "guess {number}");
        log_in_with_work(&app, &ip, EMAIL, WRONG, &solve(&asked))
            .await
            .expect_problem(401, "invalid_credentials");
    }
    assert_eq!(challenge(&app, CAFE, EMAIL).await["parameters"]["cost"], 512);
    log_in_with_work(&app, CAFE, EMAIL, PASSWORD, &hoarded)
        .await
        .expect_problem(429, "rate_limited");
    // Paid guesses do not prolong the wait of those who do not pay.
    let answer = log_in_from(&app, CAFE, EMAIL, PASSWORD).await;
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(
        count(
            &app,
            "users WHERE failed_passwords = 44 AND failed_passwords_of_strangers = 44"
        ),
        1
    );
}

#[actix_web::test]
async fn work_buys_no_guess_beyond_fifty_and_the_owners_network_does_not_notice() {
    let app = TestApp::with(PROXIED).await;
    Person::sign_up_verified(&app, EMAIL).await;
    attack(&app, EMAIL).await;
    execute(
        &app,
        "UPDATE users SET failed_passwords = 49, failed_passwords_of_strangers = 49",
    );
    for (ip, password) in [(CAFE, WRONG), ("192.0.3.1", WRONG), ("192.0.4.1", PASSWORD)] {
        let solution = solve(&challenge(&app, ip, EMAIL).await);
        log_in_with_work(&app, ip, EMAIL, password, &solution)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    assert_eq!(count(&app, "users WHERE failed_passwords_of_strangers = 50"), 1);
    log_in_from(&app, "203.0.113.99", EMAIL, PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn the_wait_of_a_network_is_its_own_and_is_not_worked_off() {
    let (app, _) = owner_under_attack().await;
    for _ in 0..4 {
        let solution = solve(&challenge(&app, CAFE, EMAIL).await);
        log_in_with_work(&app, CAFE, EMAIL, WRONG, &solution).await.expect(401);
    }
    let solution = solve(&challenge(&app, CAFE, EMAIL).await);
    log_in_with_work(&app, CAFE, EMAIL, WRONG, &solution).await.expect(401);
    let elsewhere = solve(&challenge(&app, "192.0.3.1", EMAIL).await);
    let answer = log_in_with_work(&app, CAFE, EMAIL, PASSWORD, &elsewhere).await;
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(answer.expect_problem(429, "rate_limited").get("challenge").is_none());
    // It was not spent.
    log_in_with_work(&app, "192.0.3.1", EMAIL, PASSWORD, &elsewhere)
        .await
        .expect(200);
}

#[actix_web::test]
async fn of_many_logins_with_one_solution_one_is_checked() {
    let (app, _) = owner_under_attack().await;
    attack(&app, UNKNOWN).await;
    let sibling = app.sibling(PROXIED).await;
    for (email, password, status) in [(EMAIL, WRONG, 401), (UNKNOWN, WRONG, 401), (EMAIL, PASSWORD, 200)] {
        let solution = solve(&challenge(&app, CAFE, email).await);
        let log_in = |number: usize| {
            let (app, solution) = ([&app, &sibling][number % 2], &solution);
            async move {
                let ip = format!("192.0.{number}.1");
                log_in_with_work(app, &ip, email, password, solution).await
            }
        };
        let answers = join_all((0..20).map(log_in)).await;
        let checked: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(
            checked.iter().filter(|found| **found == status).count(),
            1,
            "{checked:?}"
        );
        assert_eq!(checked.iter().filter(|found| **found == 429).count(), 19, "{checked:?}");
    }
    assert_eq!(count(&app, "users WHERE failed_passwords = 0"), 1);
}

#[actix_web::test]
async fn codes_are_checked_for_work_as_passwords_are() {
    let app = TestApp::with(PROXIED).await;
    let person = Person::sign_up(&app, EMAIL).await.person;
    let wrong = person.wrong_code(&app);
    for number in 0..11 {
        let body = json!({"pre_auth_token": person.log_in(&app).await, "code": wrong});
        let ip = format!("198.51.{number}.1");
        send_from(&app, &ip, "/2fa/verify", &body).await.expect(401);
    }
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    let body = |code: &str, altcha: &str| json!({"pre_auth_token": token, "code": code, "altcha": altcha});
    let answer = send_from(&app, CAFE, "/2fa/verify", &body(&person.code(&app), "")).await;
    let asked = answer.expect_problem(429, "rate_limited")["challenge"].clone();
    // Work on the password of the account is another thing.
    attack(&app, EMAIL).await;
    let for_password = solve(&challenge(&app, CAFE, EMAIL).await);
    let answer = send_from(&app, CAFE, "/2fa/verify", &body(&person.code(&app), &for_password)).await;
    answer.expect_problem(429, "rate_limited");
    let solution = solve(&asked);
    let answer = send_from(&app, CAFE, "/2fa/verify", &body(&wrong, &solution)).await;
    assert_eq!(answer.expect_problem(401, "invalid_code")["attempts_remaining"], 4);
    let answer = send_from(&app, CAFE, "/2fa/verify", &body(&person.code(&app), &solution)).await;
    let solution = solve(&answer.expect_problem(429, "rate_limited")["challenge"]);
    send_from(&app, CAFE, "/2fa/verify", &body(&person.code(&app), &solution))
        .await
        .expect(200);
}

#[actix_web::test]
async fn of_many_codes_with_one_solution_one_is_checked() {
    let app = TestApp::with(PROXIED).await;
    let person = Person::sign_up(&app, EMAIL).await.person;
    let wrong = person.wrong_code(&app);
    for number in 0..11 {
        let body = json!({"pre_auth_token": person.log_in(&app).await, "code": wrong});
        send_from(&app, &format!("198.51.{number}.1"), "/2fa/verify", &body)
            .await
            .expect(401);
    }
    let token = person.log_in(&app).await;
    let body = |altcha: &str| json!({"pre_auth_token": token, "code": wrong, "altcha": altcha});
    let answer = send_from(&app, CAFE, "/2fa/verify", &body("")).await;
    let solution = solve(&answer.expect_problem(429, "rate_limited")["challenge"]);
    let answers = join_all((0..20).map(|number| {
        let (app, body) = (&app, body(&solution));
        async move { send_from(app, &format!("192.0.{number}.1"), "/2fa/verify", &body).await }
    }))
    .await;
    let checked = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(checked, 1);
    assert_eq!(count(&app, "users WHERE failed_codes = 12"), 1);
}

#[actix_web::test]
async fn work_that_was_not_needed_lets_no_crowd_through_the_next_wait() {
    let app = TestApp::with(PROXIED).await;
    Person::register(&app, EMAIL).await;
    for email in [EMAIL, UNKNOWN] {
        attack(&app, email).await;
        let solution = solve(&challenge(&app, CAFE, email).await);
        // The wait is over, and the solution still counts. The first wrong password begins the next wait.
        app.clock.advance(61);
        let released = let_go_when_waiting(&app, 5);
        let crowd = (0..5).map(|number| {
            let (app, solution) = (&app, &solution);
            async move { log_in_with_work(app, &format!("192.0.{number}.1"), email, WRONG, solution).await }
        });
        let answers = join_all(crowd).await;
        released.join().unwrap();
        let told = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(told, 1, "{email}");
    }
}

#[actix_web::test]
async fn work_for_a_wait_that_ends_meanwhile_lets_no_crowd_through_the_next_one() {
    let app = TestApp::with(PROXIED).await;
    Person::register(&app, EMAIL).await;
    for email in [EMAIL, UNKNOWN] {
        attack(&app, email).await;
        let solution = solve(&challenge(&app, CAFE, email).await);
        // All five are let in for the work. When they would spend it, there is no wait.
        let clock = Arc::clone(&app.clock);
        let lock = "LOCK TABLE throttles IN ACCESS EXCLUSIVE MODE";
        let released = hold_until_waiting(&app, 5, lock, move || clock.advance(61));
        let crowd = (0..5).map(|number| {
            let (app, solution) = (&app, &solution);
            async move { log_in_with_work(app, &format!("192.0.{number}.1"), email, WRONG, solution).await }
        });
        let answers = join_all(crowd).await;
        released.join().unwrap();
        let told = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(told, 1, "{email}");
    }
}

/// Sends a login, and returns its status and its statements.
async fn observed(app: &TestApp, ip: &str, email: &str, work: bool) -> (u16, Vec<String>) {
    let altcha = if work {
        solve(&challenge(app, ip, email).await)
    } else {
        String::new()
    };
    let url = app.database.url.expose_secret();
    statements::take(url);
    let answer = log_in_with_work(app, ip, email, WRONG, &altcha).await;
    (answer.status.as_u16(), statements::take(url))
}

#[actix_web::test]
async fn names_with_and_without_an_account_cost_the_same_statements() {
    statements::record();
    let (app, _) = owner_under_attack().await;
    attack(&app, UNKNOWN).await;
    execute(&app, "TRUNCATE throttles");
    // Before the attack, when strangers are refused already, and during the attack, without work and with it.
    for change in ["0", "50"] {
        execute(
            &app,
            &format!("UPDATE users SET failed_passwords = {change}, failed_passwords_of_strangers = {change}"),
        );
        let [with, without] = [
            observed(&app, "192.0.3.1", EMAIL, false).await,
            observed(&app, "192.0.3.1", UNKNOWN, false).await,
        ];
        assert_eq!((with.0, &with), (401, &without), "strangers gave {change} wrong ones");
    }
    execute(
        &app,
        "TRUNCATE throttles; UPDATE users SET failed_passwords = 0, failed_passwords_of_strangers = 0",
    );
    for email in [EMAIL, UNKNOWN] {
        attack(&app, email).await;
    }
    for (work, status) in [(false, 429), (true, 401)] {
        let [with, without] = [
            observed(&app, CAFE, EMAIL, work).await,
            observed(&app, CAFE, UNKNOWN, work).await,
        ];
        assert_eq!((with.0, &with), (status, &without));
    }
}

/// Whether the request waits, which codes are checked and what a wrong one counts for all depend on it.
#[actix_web::test]
async fn a_code_asks_once_whether_its_network_is_known() {
    statements::record();
    let app = TestApp::with(PROXIED).await;
    let jo = Person::sign_up(&app, EMAIL).await;
    app.clock.advance(30);
    let token = jo.person.log_in(&app).await;
    execute(
        &app,
        "UPDATE users SET failed_codes = 50, failed_codes_of_strangers = 50",
    );
    let url = app.database.url.expose_secret();
    statements::take(url);
    verify(&app, &token, "000000").await.expect_problem(401, "invalid_code");
    let sent = statements::take(url);
    let of_networks =
        |statement: &&String| statement.contains("SELECT DISTINCT") && statement.contains("\"user_agent\"");
    assert_eq!(sent.iter().filter(of_networks).count(), 1, "{sent:#?}");
    // One more of a known network, and none of strangers.
    assert_eq!(
        count(&app, "users WHERE failed_codes = 51 AND failed_codes_of_strangers = 50"),
        1
    );
}

#[actix_web::test]
async fn a_request_that_takes_no_work_gets_no_challenge() {
    let (app, _) = owner_under_attack().await;
    let token = app.mailed_token(EMAIL, "email_verification").await;
    let answer = send_from(
        &app,
        CAFE,
        "/email/verify",
        &json!({"token": token, "password": PASSWORD}),
    )
    .await;
    assert!(answer.expect_problem(429, "rate_limited").get("challenge").is_none());
}
