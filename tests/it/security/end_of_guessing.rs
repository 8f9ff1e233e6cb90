//! A hundred consecutive failed attempts disable a password, or codes that can be guessed. The owner is notified once and
//! can restore them; a stranger learns nothing.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::races::{count, execute};
use crate::support::actors::{PASSWORD, Person, SignedIn, log_in, log_in_from, refresh, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const EMAIL: &str = "jo@example.com";
const UNKNOWN: &str = "nobody@example.com";
const NEW: &str = "heftklammer im regen";
const PROXIED: &[(&str, &str)] = &[("TRUSTED_PROXIES", "203.0.113.0/24")];

/// Gives a right password from a network of its own together with three wrong ones. Returns whether it was right in time.
async fn is_let_in_among_wrong_ones(app: &TestApp) -> bool {
    let guess = async |number: usize| {
        let password = if number == 2 { PASSWORD } else { "another password" };
        log_in_from(app, &format!("198.51.{number}.1"), EMAIL, password).await
    };
    let answers = join_all((0..4).map(guess)).await;
    answers.iter().any(|answer| answer.status == 200)
}

async fn told(app: &TestApp, kind: &str) -> usize {
    app.notification_kinds(EMAIL)
        .await
        .iter()
        .filter(|found| *found == kind)
        .count()
}

/// What an answer reveals, without what differs each time.
fn observed(answer: &TestResponse) -> (u16, Option<String>, Value) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("request_id");
    // Its random members differ each time.
    if let Some(challenge) = body.as_object_mut().unwrap().remove("challenge") {
        body["cost"] = challenge["parameters"]["cost"].clone();
    }
    (
        answer.status.as_u16(),
        answer.header("retry-after").map(str::to_owned),
        body,
    )
}

/// Guesses once, from a network of its own, at a name with an account and at one without. Waits if it has to.
async fn guess_everywhere(app: &TestApp, number: u8) {
    loop {
        let ip = format!("198.51.{number}.1");
        let known = log_in_from(app, &ip, EMAIL, "another password").await;
        let unknown = log_in_from(app, &ip, UNKNOWN, "another password").await;
        assert_eq!(observed(&known), observed(&unknown), "guess {number}");
        let Some(wait) = known.header("retry-after") else {
            known.expect_problem(401, "invalid_credentials");
            return;
        };
        app.clock.advance(wait.parse().unwrap());
    }
}

async fn reset_password(app: &TestApp) {
    app.post("/password/forgot", &json!({"email": EMAIL})).await.expect(202);
    let token = app.mailed_token(EMAIL, "password_reset").await;
    let body = json!({"token": token, "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
}

/// Guesses once from the owner's network, and waits if it has to.
async fn guess_at_home(app: &TestApp) {
    loop {
        let answer = log_in(app, EMAIL, "another password").await;
        let Some(wait) = answer.header("retry-after") else {
            answer.expect_problem(401, "invalid_credentials");
            return;
        };
        app.clock.advance(wait.parse().unwrap());
    }
}

#[actix_web::test]
async fn the_hundredth_wrong_password_ends_it_for_every_network_until_a_new_one_is_set() {
    let app = TestApp::with(PROXIED).await;
    let signed_in = Person::sign_up(&app, EMAIL).await;
    app.verify_email(EMAIL).await;
    // Strangers use up half of the hundred, and no more.
    for number in 0..53 {
        guess_everywhere(&app, number).await;
    }
    assert_eq!(count(&app, "users WHERE failed_passwords = 50"), 1);
    for _ in 0..49 {
        guess_at_home(&app).await;
    }
    assert_eq!(told(&app, "password_disabled").await, 0);
    for _ in 0..4 {
        guess_at_home(&app).await;
    }
    assert_eq!(told(&app, "password_disabled").await, 1);
    assert_eq!(count(&app, "audit_events WHERE reason = 'password_disabled'"), 1);
    app.clock.advance(3600);
    // The right password is refused even from the owner's network, with the same answer as a wrong one and as for an
    // unknown name.
    let right = log_in(&app, EMAIL, PASSWORD).await;
    assert_eq!(observed(&right), observed(&log_in(&app, UNKNOWN, PASSWORD).await));
    right.expect_problem(401, "invalid_credentials");
    // Existing sessions continue, but the password is not accepted as a proof there either.
    let refreshed = refresh(&app, &signed_in.refresh_token).await.expect(200);
    let proof = json!({"code": signed_in.person.code(&app)});
    let token = app
        .call_as(Method::POST, "/step-up", &refreshed.text("/access_token"), &proof)
        .await
        .expect(200)
        .text("/access_token");
    for (path, body) in [
        ("/step-up", json!({"password": PASSWORD})),
        (
            "/password/change",
            json!({"current_password": PASSWORD, "new_password": NEW}),
        ),
    ] {
        app.call_as(Method::POST, path, &token, &body)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    reset_password(&app).await;
    // After so many wrong ones the owner's network has to wait after each, as any other.
    app.clock.advance(3600);
    log_in(&app, EMAIL, PASSWORD).await.expect(401);
    app.clock.advance(3600);
    log_in(&app, EMAIL, NEW).await.expect(200);
    assert_eq!(told(&app, "password_disabled").await, 1);
}

#[actix_web::test]
async fn fifty_wrong_passwords_of_strangers_end_it_for_strangers_and_not_for_the_owner() {
    let app = TestApp::with(PROXIED).await;
    Person::sign_up(&app, EMAIL).await;
    app.verify_email(EMAIL).await;
    for number in 0..49 {
        guess_everywhere(&app, number).await;
    }
    assert_eq!(told(&app, "password_refused_to_strangers").await, 0);
    for number in 49..52 {
        guess_everywhere(&app, number).await;
    }
    let told_strangers = "audit_events WHERE event = 'authn_login_fail_max' AND reason = 'refused_to_strangers'";
    assert_eq!(
        (
            told(&app, "password_refused_to_strangers").await,
            count(&app, told_strangers)
        ),
        (1, 1)
    );
    app.clock.advance(3600);
    // The right password gets the answer of a wrong one, and of an unknown name, elsewhere; where the owner signed in
    // from, it is right. That makes it right elsewhere as well.
    let right = log_in_from(&app, "192.0.2.1", EMAIL, PASSWORD).await;
    let unknown = log_in_from(&app, "192.0.2.1", UNKNOWN, PASSWORD).await;
    assert_eq!(observed(&right), observed(&unknown));
    right.expect_problem(401, "invalid_credentials");
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(count(&app, "users WHERE failed_passwords_of_strangers = 0"), 1);
    app.clock.advance(3600);
    log_in_from(&app, "192.0.2.1", EMAIL, PASSWORD).await.expect(200);
    // A new password does the same.
    execute(
        &app,
        "UPDATE users SET failed_passwords = 50, failed_passwords_of_strangers = 50; TRUNCATE throttles",
    );
    log_in_from(&app, "192.0.2.1", EMAIL, PASSWORD).await.expect(401);
    reset_password(&app).await;
    log_in_from(&app, "192.0.2.1", EMAIL, NEW).await.expect(200);
}

#[actix_web::test]
async fn of_many_strangers_that_are_the_fiftieth_at_once_one_is_and_the_owner_is_notified_once() {
    let app = TestApp::with(PROXIED).await;
    let sibling = app.sibling(PROXIED).await;
    Person::sign_up_verified(&app, EMAIL).await;
    execute(
        &app,
        "UPDATE users SET failed_passwords = 70, failed_passwords_of_strangers = 45",
    );
    let guess = async |number: usize| {
        let ip = format!("198.51.{number}.1");
        log_in_from([&app, &sibling][number % 2], &ip, EMAIL, "another password").await
    };
    for answer in join_all((0..15).map(guess)).await {
        answer.expect_problem(401, "invalid_credentials");
    }
    let full =
        "users WHERE failed_passwords = 75 AND failed_passwords_of_strangers = 50 AND password_disabled_at IS NULL";
    assert_eq!(count(&app, full), 1);
    assert_eq!(told(&app, "password_refused_to_strangers").await, 1);
}

#[actix_web::test]
async fn a_right_password_of_a_stranger_that_was_compared_before_the_fiftieth_wrong_one_comes_too_late() {
    let app = TestApp::with(PROXIED).await;
    Person::sign_up(&app, EMAIL).await;
    for _ in 0..10 {
        execute(
            &app,
            "UPDATE users SET failed_passwords = 49, failed_passwords_of_strangers = 49; TRUNCATE throttles",
        );
        let in_time = is_let_in_among_wrong_ones(&app).await;
        assert_ne!(
            in_time,
            count(&app, "users WHERE failed_passwords_of_strangers = 50") == 1
        );
    }
}

#[actix_web::test]
async fn a_right_password_resets_the_count_and_a_guess_in_a_session_counts() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, EMAIL).await;
    let near_the_end = "UPDATE users SET failed_passwords = 99";
    execute(&app, near_the_end);
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(count(&app, "users WHERE failed_passwords = 0"), 1);
    assert_eq!(
        count(&app, "audit_events WHERE event = 'authn_login_successafterfail'"),
        1
    );
    log_in(&app, EMAIL, "another password").await.expect(401);
    log_in(&app, EMAIL, PASSWORD).await.expect(200);

    execute(&app, near_the_end);
    let right = json!({"password": PASSWORD});
    app.call_as(Method::POST, "/step-up", &signed_in.access_token, &right)
        .await
        .expect(200);
    assert_eq!(count(&app, "users WHERE failed_passwords = 0"), 1);

    for (path, body) in [
        ("/step-up", json!({"password": "another password"})),
        (
            "/password/change",
            json!({"current_password": "another password", "new_password": NEW}),
        ),
    ] {
        execute(
            &app,
            "UPDATE users SET failed_passwords = 99, password_disabled_at = NULL",
        );
        app.call_as(Method::POST, path, &signed_in.access_token, &body)
            .await
            .expect(401);
        assert_eq!(count(&app, "users WHERE password_disabled_at IS NOT NULL"), 1, "{path}");
    }
    assert_eq!(told(&app, "password_disabled").await, 2);
    let failed = "audit_events WHERE NOT success AND event = 'authn_password_change_fail'";
    assert_eq!(count(&app, failed), 1);
}

#[actix_web::test]
async fn of_many_that_are_the_hundredth_at_once_one_is_and_the_owner_is_notified_once() {
    let app = TestApp::with(PROXIED).await;
    let sibling = app.sibling(PROXIED).await;
    Person::sign_up_verified(&app, EMAIL).await;
    execute(&app, "UPDATE users SET failed_passwords = 95");
    let guess = async |number: usize| {
        let ip = format!("198.51.{number}.1");
        log_in_from([&app, &sibling][number % 2], &ip, EMAIL, "another password").await
    };
    for answer in join_all((0..15).map(guess)).await {
        answer.expect_problem(401, "invalid_credentials");
    }
    assert_eq!(
        count(
            &app,
            "users WHERE failed_passwords = 100 AND password_disabled_at IS NOT NULL"
        ),
        1
    );
    assert_eq!(told(&app, "password_disabled").await, 1);
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_login_fail_max'"), 1);
}

#[actix_web::test]
async fn a_right_password_that_was_compared_before_the_hundredth_wrong_one_comes_too_late() {
    let app = TestApp::with(PROXIED).await;
    Person::sign_up(&app, EMAIL).await;
    for _ in 0..10 {
        execute(
            &app,
            "UPDATE users SET failed_passwords = 99, password_disabled_at = NULL; TRUNCATE throttles",
        );
        let in_time = is_let_in_among_wrong_ones(&app).await;
        // Either the right one came first and the count started again, or it is refused. Both together must not happen.
        assert_ne!(
            in_time,
            count(&app, "users WHERE password_disabled_at IS NOT NULL") == 1
        );
    }
}

/// Fails once at the second factor, and waits if it has to.
async fn guess_code(app: &TestApp, person: &Person) {
    loop {
        let token = person.log_in(app).await;
        let answer = verify(app, &token, &person.wrong_code(app)).await;
        let Some(wait) = answer.header("retry-after") else {
            answer.expect_problem(401, "invalid_code");
            return;
        };
        app.clock.advance(wait.parse().unwrap());
    }
}

async fn sign_in_by_recovery_code(app: &TestApp, signed_in: &SignedIn, number: usize) -> String {
    let token = signed_in.person.log_in(app).await;
    let answer = verify(app, &token, &signed_in.recovery_codes[number]).await.expect(200);
    answer.text("/access_token")
}

#[actix_web::test]
async fn the_hundredth_wrong_code_leaves_recovery_codes_until_an_authenticator_is_set_up_again() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, EMAIL).await;
    let person = &signed_in.person;
    for _ in 0..99 {
        guess_code(&app, person).await;
    }
    assert_eq!(told(&app, "second_factors_disabled").await, 0);
    guess_code(&app, person).await;
    app.clock.advance(3600);
    for _ in 0..8 {
        // A right code is refused like a wrong one, and causes no wait.
        app.clock.advance(30);
        person
            .log_in_with(&app, &person.code(&app))
            .await
            .expect_problem(401, "invalid_code");
    }
    assert_eq!(told(&app, "second_factors_disabled").await, 1);
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_mfa_disabled'"), 1);
    // No answer offers what would be refused.
    let login = log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(
        login.json()["methods"],
        json!([{"type": "recovery_code", "remaining": 10}])
    );
    let token = sign_in_by_recovery_code(&app, &signed_in, 1).await;
    app.clock.advance(301);
    let demand = app.get_as("/me/export", &token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["recovery_code"]));

    let token = sign_in_by_recovery_code(&app, &signed_in, 0).await;
    app.clock.advance(30);
    person
        .log_in_with(&app, &person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let renewed = Person {
        secret,
        email: EMAIL.to_owned(),
        id: String::new(),
        pre_auth_token: String::new(),
    };
    let confirm = json!({"code": renewed.code(&app)});
    app.call_as(Method::POST, "/2fa/totp/confirm", &token, &confirm)
        .await
        .expect(200);
    renewed.sign_in_again(&app).await;
    assert_eq!(
        count(&app, "users WHERE failed_codes = 0 AND codes_disabled_at IS NULL"),
        1
    );
}

/// Sends a code from a network that the owner does not use.
async fn send_from(app: &TestApp, ip: &str, person: &Person, code: &str) -> TestResponse {
    let token = person.log_in(app).await;
    let body = json!({"pre_auth_token": token, "code": code});
    let request = TestRequest::post().uri("/2fa/verify").set_json(body);
    app.send(request.insert_header(("x-forwarded-for", ip))).await
}

#[actix_web::test]
async fn fifty_wrong_codes_of_strangers_end_them_for_strangers_until_one_of_them_shows_a_recovery_code() {
    let app = TestApp::with(PROXIED).await;
    let signed_in = Person::sign_up_verified(&app, EMAIL).await;
    let person = &signed_in.person;
    execute(
        &app,
        "UPDATE users SET failed_codes = 49, failed_codes_of_strangers = 49",
    );
    let wrong = person.wrong_code(&app);
    send_from(&app, "198.51.1.1", person, &wrong)
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(told(&app, "second_factors_refused_to_strangers").await, 1);
    // Not counted any longer, whether it is a code or a recovery code, so strangers cannot end them for the owner.
    for code in [wrong.as_str(), "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"] {
        send_from(&app, "198.51.2.1", person, code).await.expect(401);
    }
    assert_eq!(
        count(&app, "users WHERE failed_codes = 50 AND failed_codes_of_strangers = 50"),
        1
    );
    app.clock.advance(30);
    send_from(&app, "198.51.3.1", person, &person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    // No answer offers what would be refused.
    let login = log_in_from(&app, "198.51.3.1", EMAIL, PASSWORD).await.expect(200);
    assert_eq!(
        login.json()["methods"],
        json!([{"type": "recovery_code", "remaining": 10}])
    );
    // The owner's network is not affected, and does not give strangers another fifty.
    app.clock.advance(30);
    person.log_in_with(&app, &person.code(&app)).await.expect(200);
    assert_eq!(
        count(&app, "users WHERE failed_codes = 0 AND failed_codes_of_strangers = 50"),
        1
    );
    send_from(&app, "198.51.4.1", person, &signed_in.recovery_codes[0])
        .await
        .expect(200);
    assert_eq!(count(&app, "users WHERE failed_codes_of_strangers = 0"), 1);
    app.clock.advance(30);
    send_from(&app, "198.51.5.1", person, &person.code(&app))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_right_code_resets_the_count_and_guesses_at_an_unconfirmed_authenticator_do_not_count() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, EMAIL).await;
    execute(&app, "UPDATE users SET failed_codes = 99");
    signed_in.person.sign_in_again(&app).await;
    assert_eq!(count(&app, "users WHERE failed_codes = 0"), 1);
    execute(&app, "UPDATE users SET failed_codes = 99");
    let token = &signed_in.access_token;
    app.post_as("/2fa/totp", token).await.expect(201);
    let wrong = json!({"code": signed_in.person.wrong_code(&app)});
    app.call_as(Method::POST, "/2fa/totp/confirm", token, &wrong)
        .await
        .expect(401);
    assert_eq!(count(&app, "users WHERE codes_disabled_at IS NULL"), 1);
}

#[actix_web::test]
async fn of_many_codes_that_are_the_hundredth_at_once_one_is_and_the_owner_is_notified_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let signed_in = Person::sign_up_verified(&app, EMAIL).await;
    execute(&app, "UPDATE users SET failed_codes = 97");
    let (token, code) = (signed_in.person.log_in(&app).await, signed_in.person.wrong_code(&app));
    let guess = |number: usize| verify([&app, &sibling][number % 2], &token, &code);
    let answers = join_all((0..10).map(guess)).await;
    assert!(
        answers
            .iter()
            .all(|answer| [401, 429].contains(&answer.status.as_u16()))
    );
    assert_eq!(
        count(&app, "users WHERE failed_codes = 100 AND codes_disabled_at IS NOT NULL"),
        1
    );
    assert_eq!(told(&app, "second_factors_disabled").await, 1);
}

#[actix_web::test]
async fn who_has_no_factor_left_can_set_up_another() {
    let optional = [("TWO_FACTOR_POLICY", "optional")];
    let app = TestApp::with(&optional).await;
    let jo = Person::sign_up(&app, EMAIL).await;
    execute(&app, "UPDATE users SET failed_codes = 100, codes_disabled_at = now()");
    let body = json!({"password": PASSWORD, "code": jo.recovery_codes[0]});
    app.call_as(Method::DELETE, "/2fa/totp", &jo.access_token, &body)
        .await
        .expect(204);
    // With this policy every account requires a second factor, so the login makes this user set one up.
    let app = app.sibling(&[("TWO_FACTOR_POLICY", "required")]).await;
    let pending = jo.person.log_in(&app).await;
    let secret = app.post_as("/2fa/totp", &pending).await.expect(201).text("/secret");
    let person = Person { secret, ..jo.person };
    verify(&app, &pending, &person.code(&app)).await.expect(200);
}
