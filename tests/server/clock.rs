//! `vestibule dev` moves time: every code, token and expiry follows.

use serde_json::json;

use super::http::Client;
use super::person::{PERIOD, Person, Tokens, advance, now, service_now, verify};
use super::program::{DataDir, Launch, Program};
use crate::support::peer::Peer;

/// Leaves room for a slow machine on either side of an expiry.
const ROOM: i64 = 60;

fn development(place: &DataDir) -> (Program, Client) {
    let program = Launch::dev().data_dir(place).start();
    let client = program.ready();
    (program, client)
}

#[test]
fn an_access_token_ends_after_ten_minutes() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    let (_, tokens) = Person::sign_up(&client);
    advance(&client, 600 - ROOM);
    client.get_as(&tokens.access, "/me").expect(200);

    advance(&client, ROOM);

    let refused = client.get_as(&tokens.access, "/me").problem(401, "invalid_token");
    assert_eq!(refused.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[test]
fn a_pre_auth_token_ends_after_five_minutes() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    let (person, _) = Person::sign_up(&client);
    let good = person.log_in(&client);
    advance(&client, 300 - ROOM);
    let answer = verify(&client, &good, &person.code(service_now(&client)));
    answer.expect(200);
    let late = person.log_in(&client);

    advance(&client, 300);

    let answer = verify(&client, &late, &person.code(service_now(&client)));
    answer.problem(401, "invalid_pre_auth_token");
    client
        .post_as(&late, "/2fa/totp")
        .problem(401, "invalid_pre_auth_token");
}

#[test]
fn a_secret_that_is_not_confirmed_within_ten_minutes_is_replaced_by_a_new_one() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    let mut person = Person::register(&client);

    advance(&client, 600);

    let login = client.post("/login", &json!({"email": person.email, "password": person.password}));
    let login = login.expect(200);
    assert_eq!(login.text_at("/status"), "enrolment_required");
    let pre_auth_token = login.text_at("/pre_auth_token");
    let old = verify(&client, &pre_auth_token, &person.code(service_now(&client)));
    old.problem(401, "invalid_code");
    let enrolment = client.post_as(&pre_auth_token, "/2fa/totp").expect(201);
    person.secret = enrolment.text_at("/secret");
    let answer = verify(&client, &pre_auth_token, &person.code(service_now(&client))).expect(200);
    assert_eq!(Tokens::of(&answer).recovery_codes.len(), 10);
}

#[test]
fn codes_follow_the_clock_and_none_is_good_twice() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    let (person, _) = Person::sign_up(&client);
    advance(&client, 3600);
    let at = service_now(&client);
    let attempt = |unix_seconds: i64| {
        let pre_auth_token = person.log_in(&client);
        verify(&client, &pre_auth_token, &person.code(unix_seconds))
    };

    attempt(now()).problem(401, "invalid_code");
    attempt(at + 4 * PERIOD).problem(401, "invalid_code");
    attempt(at).expect(200);
    attempt(at).problem(401, "invalid_code");
    attempt(at - PERIOD).problem(401, "invalid_code");
    advance(&client, PERIOD);
    attempt(at).problem(401, "invalid_code");
    attempt(service_now(&client)).expect(200);
}

#[test]
fn time_moves_forward_only() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    let before = service_now(&client);
    advance(&client, 1000);
    assert!(service_now(&client) >= before + 1000);
    assert_eq!(client.get("/dev/clock").json()["offset"], 1000);
    for wrong in [json!(-1), json!(315_360_001)] {
        client
            .post("/dev/clock", &json!({"advance": wrong}))
            .problem(422, "validation_failed");
    }
    for wrong in [json!("1"), json!(1.5), json!(null), json!(1e300)] {
        client
            .post("/dev/clock", &json!({"advance": wrong}))
            .problem(400, "malformed_request");
    }
    assert_eq!(client.get("/dev/clock").json()["offset"], 1000);
}

#[test]
fn after_a_thousand_years_it_still_answers() {
    let place = DataDir::new();
    let (_program, client) = development(&place);
    for _ in 0..110 {
        advance(&client, 315_360_000);
    }
    client.get("/health/ready").expect(200);
    let person = Person::register(&client);
    let answer = verify(&client, &person.pre_auth_token, &person.code(service_now(&client)));
    let tokens = Tokens::of(&answer.expect(200));
    client.get_as(&tokens.access, "/me").expect(200);
}

/// As the page for clients says.
#[test]
fn a_registration_hook_refuses_the_questions_of_a_clock_that_was_moved_far() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let hook = Peer::start("registration_hook.py", &[SECRET]);
    let place = DataDir::new();
    let program = Launch::dev()
        .data_dir(&place)
        .env(
            "VESTIBULE_REGISTRATION_HOOK_URL",
            format!("http://127.0.0.1:{}/", hook.port),
        )
        .env("VESTIBULE_REGISTRATION_HOOK_SECRET", SECRET)
        .env("VESTIBULE_REGISTRATION_HOOK_FAILURE", "closed")
        .start();
    let client = program.ready();
    advance(&client, 300 - ROOM);
    Person::register(&client);
    assert_eq!(hook.received()["good"], json!(true));
    advance(&client, 2 * ROOM);
    let body = json!({"email": "jo@example.com", "password": "korrekt pferd batterie"});
    client.post("/register", &body).problem(503, "registration_unavailable");
    assert_eq!(hook.received()["good"], json!(false));
}
