//! Of many concurrent requests with the same code, exactly one signs in.

use diesel::connection::SimpleConnection;
use futures_util::future::join_all;

use super::count;
use crate::support::actors::{Person, verify};
use crate::support::app::TestApp;

/// Requests at once.
const CROWD: usize = 20;

fn reset_failures(app: &TestApp) {
    app.database.connect().batch_execute("TRUNCATE throttles").unwrap();
}

#[actix_web::test]
async fn one_code_and_one_token_sign_in_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let (token, code) = (person.log_in(&app).await, person.code(&app));
    let answers =
        join_all((0..CROWD).map(|number| verify(if number % 2 == 0 { &app } else { &sibling }, &token, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 401)));
    assert_eq!(
        count(&app, "sessions WHERE state = 'active'"),
        2,
        "the sign-up's session and one more"
    );
}

#[actix_web::test]
async fn one_code_and_many_tokens_sign_in_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let code = person.code(&app);
    let mut tokens = Vec::new();
    for _ in 0..CROWD {
        tokens.push(person.log_in(&app).await);
    }
    let instances = [&app, &sibling];
    let answers = join_all(
        tokens
            .iter()
            .enumerate()
            .map(|(number, token)| verify(instances[number % 2], token, &code)),
    )
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    // A used code counts as a wrong one, and too many of those make the account wait.
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        let code = answer.text("/code");
        assert!(["invalid_code", "rate_limited"].contains(&code.as_str()), "{code}");
    }
}

#[actix_web::test]
async fn one_recovery_code_and_many_tokens_sign_in_once() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut tokens = Vec::new();
    for _ in 0..CROWD {
        tokens.push(signed_in.person.log_in(&app).await);
    }
    let answers = join_all(
        tokens
            .iter()
            .map(|token| verify(&app, token, &signed_in.recovery_codes[3])),
    )
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(count(&app, "recovery_codes WHERE used_at IS NOT NULL"), 1);
}

#[actix_web::test]
async fn a_crowd_of_guesses_gets_no_more_than_five_attempts() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let (token, wrong) = (person.log_in(&app).await, person.wrong_code(&app));
    let answers = join_all((0..CROWD).map(|_| verify(&app, &token, &wrong))).await;
    let codes: Vec<String> = answers.iter().map(|answer| answer.text("/code")).collect();
    assert_eq!(codes.iter().filter(|code| *code == "invalid_code").count(), 5);
    assert_eq!(
        codes.iter().filter(|code| *code == "invalid_pre_auth_token").count(),
        CROWD - 5
    );
    assert_eq!(
        count(&app, "audit_events WHERE event = 'authn_mfa_fail'"),
        5,
        "refusals are committed"
    );
}

#[actix_web::test]
async fn a_confirmation_happens_once_and_makes_one_set_of_recovery_codes() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let mut tokens = vec![person.pre_auth_token.clone()];
    for _ in 1..CROWD {
        tokens.push(person.log_in(&app).await);
    }
    let code = person.code(&app);
    let answers = join_all(tokens.iter().map(|token| verify(&app, token, &code))).await;
    let shown = answers
        .iter()
        .filter(|answer| answer.status == 200 && answer.json()["recovery_codes"].is_array());
    assert_eq!(shown.count(), 1);
    assert_eq!(count(&app, "recovery_codes"), 10);
    assert_eq!(count(&app, "totp_factors WHERE state = 'active'"), 1);
}

#[actix_web::test]
async fn a_new_secret_and_a_confirmation_at_once_leave_one_factor_that_works() {
    let app = TestApp::new().await;
    for round in 0..10 {
        let person = Person::register(&app, &format!("jo{round}@example.com")).await;
        let code = person.code(&app);
        let (confirmed, replaced) = futures_util::future::join(
            verify(&app, &person.pre_auth_token, &code),
            app.post_as("/2fa/totp", &person.pre_auth_token),
        )
        .await;
        match (confirmed.status.as_u16(), replaced.status.as_u16()) {
            // The confirmation was first: the login is used up, or the factor is active.
            (200, 401 | 403) => {}
            // The new secret was first: the code of the old one is wrong.
            (401, 201) => {
                let fresh = Person {
                    secret: replaced.text("/secret"),
                    ..person
                };
                verify(&app, &fresh.pre_auth_token, &fresh.code(&app)).await.expect(200);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count(&app, "totp_factors WHERE state = 'active'"), 10);
}

#[actix_web::test]
async fn many_requests_for_a_new_secret_leave_one_that_works() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let answers = join_all((0..CROWD).map(|_| app.post_as("/2fa/totp", &person.pre_auth_token))).await;
    let secrets: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect(201).text("/secret"))
        .collect();
    assert_eq!(count(&app, "totp_factors"), 1);
    // Which of them was the last is not known; exactly one can be confirmed, in the login that requested it. The limits
    // on attempts are reset before each try, since the secrets would expire during the waits.
    let mut confirmed = 0;
    for secret in secrets {
        let fresh = Person {
            secret,
            id: String::new(),
            email: person.email.clone(),
            pre_auth_token: String::new(),
        };
        reset_failures(&app);
        let attempts = "UPDATE sessions SET attempts = 0";
        app.database.connect().batch_execute(attempts).unwrap();
        confirmed += u32::from(verify(&app, &person.pre_auth_token, &fresh.code(&app)).await.status == 200);
    }
    assert_eq!(confirmed, 1);
}
