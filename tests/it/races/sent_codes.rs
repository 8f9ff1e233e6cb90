//! A sent code can be used once; and concurrent requests get no more messages or guesses than sequential ones.

use actix_web::http::Method;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{count, with_status};
use crate::support::actors::{PHONE, Person, SignedIn, challenge, verify, verify_by};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];
const OTHER_PHONE: &str = "+4915112345699";
/// Requests at once.
const CROWD: usize = 20;

/// Signs up a user with a phone, and waits until another code may be sent to it.
async fn with_phone(app: &TestApp, email: &str, number: &str) -> SignedIn {
    let signed_in = Person::sign_up(app, email).await;
    signed_in.set_up_phone(app, number).await;
    app.clock.advance(60);
    signed_in
}

#[actix_web::test]
async fn one_texted_code_signs_in_once() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let instances = [&app, &sibling];
    let signed_in = with_phone(&app, "jo@example.com", PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    let answers = join_all((0..CROWD).map(|number| verify_by(instances[number % 2], &token, &code, "sms"))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, CROWD - 1));
    assert_eq!(count(&app, "sessions WHERE state = 'active'"), 2);
}

#[actix_web::test]
async fn one_texted_code_steps_up_once() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let instances = [&app, &sibling];
    let signed_in = with_phone(&app, "jo@example.com", PHONE).await;
    let token = &signed_in.access_token;
    let body = json!({"method": "sms"});
    app.call_as(Method::POST, "/2fa/challenge", token, &body)
        .await
        .expect(202);
    let proof = json!({"code": app.sent_code(PHONE).await, "method": "sms"});
    let step_up = |number: usize| instances[number % 2].call_as(Method::POST, "/step-up", token, &proof);
    let answers = join_all((0..CROWD).map(step_up)).await;
    assert_eq!(with_status(&answers, 200), 1);
    assert_eq!(with_status(&answers, 401) + with_status(&answers, 429), CROWD - 1);
}

#[actix_web::test]
async fn many_requests_for_a_code_at_once_send_one() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let instances = [&app, &sibling];
    let signed_in = with_phone(&app, "jo@example.com", PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    let before = app.notifications(PHONE).await.len();
    let answers = join_all((0..CROWD).map(|number| challenge(instances[number % 2], &token, "sms"))).await;
    assert_eq!((with_status(&answers, 202), with_status(&answers, 429)), (1, CROWD - 1));
    assert_eq!(app.notifications(PHONE).await.len(), before + 1);
    let code = app.sent_code(PHONE).await;
    verify_by(&app, &token, &code, "sms").await.expect(200);
}

#[actix_web::test]
async fn a_crowd_of_logins_gets_no_more_codes_than_the_account_may() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let instances = [&app, &sibling];
    let signed_in = with_phone(&app, "jo@example.com", PHONE).await;
    let mut tokens = Vec::new();
    for _ in 0..CROWD {
        tokens.push(signed_in.person.log_in(&app).await);
    }
    let ask = |(number, token)| challenge(instances[number % 2], token, "sms");
    let answers = join_all(tokens.iter().map(String::as_str).enumerate().map(ask)).await;
    assert_eq!((with_status(&answers, 202), with_status(&answers, 429)), (5, CROWD - 5));
    assert_eq!(app.notifications(PHONE).await.len(), 6, "and the one to enrol");
}

#[actix_web::test]
async fn a_crowd_of_accounts_gets_no_more_codes_than_one_phone_may() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let instances = [&app, &sibling];
    let mut users = Vec::new();
    for number in 0..CROWD {
        users.push(Person::sign_up(&app, &format!("jo{number}@example.com")).await);
    }
    let body = json!({"phone_number": PHONE});
    let ask = |(number, person): (usize, &SignedIn)| {
        let (app, token) = (instances[number % 2], person.access_token.clone());
        let body = &body;
        async move { app.call_as(Method::PUT, "/2fa/phone", &token, body).await }
    };
    let answers = join_all(users.iter().enumerate().map(ask)).await;
    assert_eq!(
        (with_status(&answers, 202), with_status(&answers, 429)),
        (10, CROWD - 10)
    );
    assert_eq!(app.notifications(PHONE).await.len(), 10);
}

#[actix_web::test]
async fn a_phone_that_is_replaced_while_its_code_is_used_completes_the_login_before_or_never() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    for round in 0..8 {
        let (old, new) = (format!("+49151123456{round:02}"), format!("+49151123457{round:02}"));
        let signed_in = with_phone(&app, &format!("jo{round}@example.com"), &old).await;
        let token = signed_in.person.log_in(&app).await;
        challenge(&app, &token, "sms").await.expect(202);
        let code = app.sent_code(&old).await;
        let body = json!({"phone_number": new});
        app.call_as(Method::PUT, "/2fa/phone", &signed_in.access_token, &body)
            .await
            .expect(202);
        let body = json!({"code": app.confirmation_code(&new).await});
        let (verified, replaced) = join(
            verify_by(&sibling, &token, &code, "sms"),
            app.call_as(Method::POST, "/2fa/phone/confirm", &signed_in.access_token, &body),
        )
        .await;
        replaced.expect(204);
        assert!([200, 401].contains(&verified.status.as_u16()));
        let login = signed_in.person.log_in(&app).await;
        let sent = challenge(&app, &login, "sms").await.expect(202);
        assert_eq!(sent.text("/hint"), format!("•••{round:02}"));
        assert_eq!(app.notifications(&new).await.len(), 2);
    }
}

#[actix_web::test]
async fn guesses_of_all_kinds_at_once_are_looked_at_five_times_at_each_place() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    let signed_in = with_phone(&app, "jo@example.com", PHONE).await;
    let (person, access) = (&signed_in.person, &signed_in.access_token);
    let body = json!({"phone_number": OTHER_PHONE});
    app.call_as(Method::PUT, "/2fa/phone", access, &body).await.expect(202);
    app.post_as("/2fa/totp", access).await.expect(201);
    let totp = person.wrong_code(&app);
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(person.log_in(&app).await);
    }
    challenge(&app, &logins[0], "sms").await.expect(202);
    let sent = [app.sent_code(PHONE).await, app.confirmation_code(OTHER_PHONE).await];
    let wrong = ["000000", "000001", "000002"].map(str::to_owned);
    let text = wrong.into_iter().find(|code| !sent.contains(code)).unwrap();
    let recovery = "0000-0000-0000-0000-0000-0000";
    let proofs = [
        ("/step-up", json!({"password": "another password"})),
        ("/step-up", json!({"code": totp})),
        ("/2fa/totp/confirm", json!({"code": totp})),
        ("/2fa/phone/confirm", json!({"code": text})),
    ];
    let at_login = [&app, &sibling].into_iter().flat_map(|app| {
        let guess = async |token: &str, code: &str, method: &str| verify_by(app, token, code, method).await;
        [
            guess(&logins[0], &text, "sms").boxed_local(),
            guess(&logins[1], &totp, "totp").boxed_local(),
            guess(&logins[2], recovery, "recovery_code").boxed_local(),
            guess(&logins[3], "00000000", "email").boxed_local(),
        ]
    });
    let signed_in = [&app, &sibling].into_iter().flat_map(|app| {
        let send = |(path, body)| app.call_as(Method::POST, path, access, body).boxed_local();
        proofs.iter().map(move |(path, body)| send((*path, body)))
    });
    let answers = join_all(at_login.chain(signed_in)).await;
    let looked_at = |answers: &[TestResponse], code: &str| {
        let codes = answers.iter().map(|answer| answer.text("/code"));
        codes.filter(|found| found == code).count()
    };
    // At the login the network waits for all methods together. In the session the codes wait; two wrong passwords are
    // too few for a wait.
    let (login, session) = answers.split_at(8);
    assert_eq!(looked_at(login, "invalid_code"), 5);
    assert_eq!(looked_at(login, "rate_limited"), 3);
    assert_eq!(looked_at(session, "invalid_code"), 5);
    assert_eq!(looked_at(session, "rate_limited"), 1);
    assert_eq!(looked_at(session, "invalid_credentials"), 2);
    assert_eq!(
        count(&app, "audit_events WHERE event IN ('authn_mfa_fail', 'step_up_fail')"),
        12
    );
    // During the wait a right code is refused, too, in both places.
    let right = json!({"code": person.code(&app)});
    app.call_as(Method::POST, "/step-up", access, &right)
        .await
        .expect_problem(429, "rate_limited");
    verify(&app, &logins[0], &person.code(&app))
        .await
        .expect_problem(429, "rate_limited");
}
