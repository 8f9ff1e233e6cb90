//! Mailed tokens, new passwords, new names and deletions that change one account at once.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{count, until_blocked, with_status};
use crate::support::actors::{PASSWORD, Person, log_in, refresh, request_link, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

/// Requests at once.
const CROWD: usize = 20;
/// Another password that is hard to guess.
const NEW: &str = "heftklammer im regen";
const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];
const PRIVATE: &[(&str, &str)] = &[("REGISTRATION", "private")];

async fn reset_token(app: &TestApp, email: &str) -> String {
    request_link(app, "/password/forgot", "password_reset", email).await
}

async fn reset(app: &TestApp, token: &str, new: &str) -> TestResponse {
    app.post("/password/reset", &json!({"token": token, "new_password": new}))
        .await
}

async fn change(app: &TestApp, token: &str, new: &str) -> TestResponse {
    let body = json!({"current_password": PASSWORD, "new_password": new});
    app.call_as(Method::POST, "/password/change", token, &body).await
}

/// Runs `work` while another transaction has executed `statement`. That commits when so many requests wait for it.
async fn during<T>(app: &TestApp, statement: &str, waiting: i64, work: impl Future<Output = T>) -> T {
    let mut other = app.database.connect();
    other.batch_execute(&format!("BEGIN; {statement}")).unwrap();
    let commit = async {
        until_blocked(app, waiting).await;
        other.batch_execute("COMMIT").unwrap();
    };
    join(work, commit).await.0
}

/// Makes the database slow to resolve deadlocks, so that a test notices one, and returns instances on it.
async fn patient(settings: &[(&str, &str)]) -> (TestApp, TestApp) {
    let first = TestApp::with(settings).await;
    let patient =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''60s''', current_database()); END $$";
    first.database.connect().batch_execute(patient).unwrap();
    (first.sibling(settings).await, first.sibling(settings).await)
}

#[actix_web::test]
async fn one_reset_token_sets_one_password() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    let token = reset_token(&app, &person.email).await;
    let passwords: Vec<String> = (0..CROWD).map(|number| format!("{NEW} {number:02}")).collect();
    let tries = passwords.iter().enumerate();
    let answers = join_all(tries.map(|(number, new)| reset(instances[number % 2], &token, new))).await;
    assert_eq!((with_status(&answers, 204), with_status(&answers, 400)), (1, CROWD - 1));
    let winner = answers.iter().position(|answer| answer.status == 204).unwrap();
    log_in(&app, &person.email, &passwords[winner]).await.expect(200);
    log_in(&app, &person.email, &passwords[(winner + 1) % CROWD])
        .await
        .expect(401);
}

#[actix_web::test]
async fn one_magic_link_opens_one_session() {
    let app = TestApp::with(OPTIONAL).await;
    let sibling = app.sibling(OPTIONAL).await;
    let instances = [&app, &sibling];
    Person::register(&app, "jo@example.com").await;
    app.clock.advance(1);
    let token = request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
    let body = json!({"token": token});
    let answers = join_all((0..CROWD).map(|number| instances[number % 2].post("/magic-link/verify", &body))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 400)), (1, CROWD - 1));
    assert_eq!(count(&app, "sessions WHERE state = 'active'"), 1);
}

#[actix_web::test]
async fn one_verification_token_counts_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    Person::register(&app, "jo@example.com").await;
    let body = json!({"token": app.mailed_token("jo@example.com", "email_verification").await, "password": PASSWORD});
    let answers = join_all((0..CROWD).map(|number| instances[number % 2].post("/email/verify", &body))).await;
    // All get the same answer; only one of them verified the address.
    assert_eq!(with_status(&answers, 204), CROWD);
    assert_eq!(count(&app, "audit_events WHERE reason = 'email_verified'"), 1);
}

#[actix_web::test]
async fn one_address_makes_one_account_also_in_private_mode() {
    let app = TestApp::with(PRIVATE).await;
    let sibling = app.sibling(PRIVATE).await;
    let instances = [&app, &sibling];
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    let answers = join_all((0..CROWD).map(|number| instances[number % 2].post("/register", &body))).await;
    assert_eq!(with_status(&answers, 202), CROWD);
    assert_eq!(count(&app, "users"), 1);
}

#[actix_web::test]
async fn one_name_is_chosen_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let mut tokens = Vec::new();
    for number in 0..12 {
        tokens.push(
            Person::sign_up(&app, &format!("jo{number}@example.com"))
                .await
                .access_token,
        );
    }
    let body = json!({"username": "jo.doe"});
    let tries = tokens.iter().enumerate();
    let answers =
        join_all(tries.map(|(number, token)| instances[number % 2].call_as(Method::PATCH, "/me", token, &body))).await;
    assert_eq!(
        (with_status(&answers, 200), with_status(&answers, 409)),
        (1, tokens.len() - 1)
    );
}

#[actix_web::test]
async fn one_address_is_changed_to_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let mut bodies = Vec::new();
    for email in ["jo@example.com", "mo@example.com"] {
        let token = Person::sign_up(&app, email).await.access_token;
        let wish = json!({"email": "shared@example.com"});
        app.call_as(Method::POST, "/email/change", &token, &wish)
            .await
            .expect(202);
        let notifications = app.notifications("shared@example.com").await;
        let mut tokens = notifications
            .iter()
            .filter_map(|notification| notification["token"].as_str());
        let with_password = |token: &str| json!({"token": token, "password": PASSWORD});
        let known: Vec<_> = bodies.clone();
        let new = tokens.find(|token| !known.contains(&with_password(token))).unwrap();
        bodies.push(with_password(new));
    }
    let answers = join(
        app.post("/email/verify", &bodies[0]),
        sibling.post("/email/verify", &bodies[1]),
    )
    .await;
    let answers = [answers.0, answers.1];
    assert_eq!((with_status(&answers, 204), with_status(&answers, 400)), (1, 1));
    assert_eq!(count(&app, "users WHERE email = 'shared@example.com'"), 1);
}

#[actix_web::test]
async fn a_mailed_token_and_a_new_password_do_not_wait_for_each_other_in_a_circle() {
    let (app, sibling) = patient(&[]).await;
    for (email, path, kind) in [
        ("jo@example.com", "/email/verify/request", "email_verification"),
        ("mo@example.com", "/magic-link", "magic_link"),
    ] {
        let signed_in = Person::sign_up(&app, email).await;
        let body = json!({"token": request_link(&app, path, kind, email).await});
        let verify_path = path.replace("/email/verify/request", "/email/verify");
        let verify_path = verify_path.replace("/magic-link", "/magic-link/verify");
        // The change waits for the account first, and then needs the tokens.
        let late = async {
            until_blocked(&app, 1).await;
            // The session that changes the password stays active, and is the proof that a confirmation requires.
            let bearer = &signed_in.access_token;
            sibling.call_as(Method::POST, &verify_path, bearer, &body).await
        };
        let hold = format!("SELECT 1 FROM users WHERE email = '{email}' FOR NO KEY UPDATE");
        let (changed, opened) = during(&app, &hold, 2, join(change(&app, &signed_in.access_token, NEW), late)).await;
        // The change first checks the current password and releases the account, so the token may take effect before
        // the new password does. Then a magic link resets the account, whose address was not verified, and ends the
        // session.
        let opened = opened.status.as_u16();
        let was_reset = kind == "magic_link" && opened == 200;
        changed.expect(if was_reset { 401 } else { 204 });
        assert!([200, 204, 400].contains(&opened), "{opened}");
    }
}

#[actix_web::test]
async fn a_login_that_was_under_way_does_not_outlive_a_new_password() {
    let app = TestApp::with(OPTIONAL).await;
    let sibling = app.sibling(OPTIONAL).await;
    // An account of another user, who registered with the owner's address.
    Person::register(&app, "jo@example.com").await;
    log_in(&app, "jo@example.com", "another password").await.expect(401);
    let token = reset_token(&app, "jo@example.com").await;
    app.clock.advance(1);
    // Between the comparison of the old password and the start of the session.
    let hold = "LOCK TABLE throttles IN SHARE MODE";
    let later = async {
        until_blocked(&app, 1).await;
        reset(&sibling, &token, NEW).await
    };
    let (_, answer) = during(&app, hold, 2, join(log_in(&app, "jo@example.com", PASSWORD), later)).await;
    answer.expect(204);
    assert_eq!(count(&app, "sessions WHERE state = 'active'"), 0);
}

#[actix_web::test]
async fn of_an_invitation_and_a_reset_at_once_one_sets_the_password() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    for round in 0..4 {
        let email = format!("jo{round}@example.com");
        Person::register(&app, &email).await;
        let invitation = reset_token(&app, &email).await;
        let invite = "UPDATE link_tokens SET purpose = 'invitation' WHERE purpose = 'password_reset'";
        app.database.connect().batch_execute(invite).unwrap();
        let asked_for = reset_token(&app, &email).await;
        assert_eq!(
            count(&app, "link_tokens WHERE purpose IN ('invitation', 'password_reset')"),
            2
        );
        let crowd = (0..CROWD).map(|number| {
            let token = if number % 2 == 0 { &invitation } else { &asked_for };
            reset(if number % 4 < 2 { &app } else { &sibling }, token, NEW)
        });
        let answers = join_all(crowd).await;
        assert_eq!((with_status(&answers, 204), with_status(&answers, 400)), (1, CROWD - 1));
        assert_eq!(
            count(&app, "link_tokens WHERE purpose IN ('invitation', 'password_reset')"),
            0
        );
    }
}

#[actix_web::test]
async fn a_change_of_address_does_not_outrun_the_end_of_its_session() {
    let app = TestApp::new().await;
    app.ends_sessions_by_hand();
    let ends = [
        "UPDATE sessions SET state = 'ended', ended_at = created_at, end_reason = 'logout' WHERE refresh_counter = 1",
        "DELETE FROM link_tokens",
        "UPDATE users SET status = 'disabled'",
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let email = format!("jo{number}@example.com");
        let stolen = Person::sign_up(&app, &email).await;
        let wish = json!({"email": format!("new.{email}")});
        app.call_as(Method::POST, "/email/change", &stolen.access_token, &wish)
            .await
            .expect(202);
        let token = app.mailed_token(&format!("new.{email}"), "email_change").await;
        // When the service checks them, the password is right and the token is valid. The transaction that ends the
        // token commits in between.
        let body = json!({"token": token, "password": PASSWORD});
        let answer = during(&app, end, 1, app.post("/email/verify", &body)).await;
        answer.expect_problem(400, "invalid_link_token");
        assert_eq!(count(&app, "users WHERE email LIKE 'new.%'"), 0, "{end}");
    }
}

#[actix_web::test]
async fn of_a_change_of_address_and_its_cancellation_at_once_one_counts() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    for round in 0..4 {
        let email = format!("jo{round}@example.com");
        let jo = Person::sign_up(&app, &email).await;
        app.verify_email(&email).await;
        let wish = json!({"email": format!("new.{email}")});
        app.call_as(Method::POST, "/email/change", &jo.access_token, &wish)
            .await
            .expect(202);
        let change = json!({"token": app.mailed_token(&format!("new.{email}"), "email_change").await});
        let cancel = json!({"token": app.mailed_token(&email, "email_change_requested").await});
        let (changed, cancelled) = join(
            app.call_as(Method::POST, "/email/verify", &jo.access_token, &change),
            sibling.post("/email/change/cancel", &cancel),
        )
        .await;
        let changed = changed.status == 204;
        assert_ne!(changed, cancelled.status == 204);
        let new = count(&app, &format!("users WHERE email = 'new.{email}'"));
        assert_eq!(new, i64::from(changed));
    }
}

#[actix_web::test]
async fn an_account_that_goes_meanwhile_is_not_a_fault() {
    let app = TestApp::new().await;
    for (number, path) in ["/password/forgot", "/magic-link", "/email/verify/request", "/login"]
        .into_iter()
        .enumerate()
    {
        let email = format!("jo{number}@example.com");
        Person::register(&app, &email).await;
        let mut body = json!({"email": email});
        if path == "/login" {
            body["password"] = json!(PASSWORD);
        }
        // So that a token is a new row, which refers to the account.
        let gone = format!("DELETE FROM link_tokens; DELETE FROM users WHERE email = '{email}'");
        let answer = during(&app, &gone, 1, app.post(path, &body)).await;
        answer.expect(if path == "/login" { 401 } else { 202 });
    }
}

#[actix_web::test]
async fn a_login_that_ended_meanwhile_starts_no_enrolment() {
    let app = TestApp::new().await;
    app.ends_sessions_by_hand();
    let person = Person::register(&app, "jo@example.com").await;
    let end = "SELECT 1 FROM users FOR NO KEY UPDATE; UPDATE sessions SET state = 'ended', ended_at = now(), \
               end_reason = 'password_changed'";
    let answer = during(&app, end, 1, app.post_as("/2fa/totp", &person.pre_auth_token)).await;
    answer.expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn a_reset_account_leaves_nothing_to_a_pending_login() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    for round in 0..4 {
        let email = format!("jo{round}@example.com");
        let mallory = Person::sign_up(&app, &email).await;
        let mut logins = Vec::new();
        for _ in 0..4 {
            logins.push(mallory.person.log_in(&app).await);
        }
        let token = reset_token(&app, &email).await;
        app.clock.advance(1);
        let mut crowd = vec![reset(&sibling, &token, NEW).boxed_local()];
        for (login, code) in logins.iter().zip(&mallory.recovery_codes) {
            crowd.push(verify(&app, login, code).boxed_local());
            crowd.push(log_in(&sibling, &email, PASSWORD).boxed_local());
        }
        crowd.push(refresh(&app, &mallory.refresh_token).boxed_local());
        crowd.push(app.post_as("/2fa/totp", &mallory.access_token).boxed_local());
        for answer in join_all(crowd).await {
            assert!(answer.status.as_u16() < 500, "{answer:?}");
        }
        let live = format!("sessions WHERE state <> 'ended' AND user_id = '{}'", mallory.person.id);
        let unchanged =
            format!("{live} AND password_changed_at = (SELECT password_changed_at FROM users WHERE id = user_id)");
        assert_eq!(count(&app, &unchanged), 0);
        assert_eq!(count(&app, &format!("{live} AND state = 'active'")), 0);
        assert_eq!(
            count(&app, &format!("totp_factors WHERE user_id = '{}'", mallory.person.id)),
            0
        );
    }
}

#[actix_web::test]
async fn everything_at_once_about_one_account_is_not_a_fault() {
    let (app, sibling) = patient(&[]).await;
    let instances = [&app, &sibling];
    for leaves in [false, true, true] {
        let email = if leaves { "mo@example.com" } else { "jo@example.com" };
        let signed_in = Person::sign_up(&app, email).await;
        let other = signed_in.person.sign_in_again(&app).await;
        let token = &signed_in.access_token;
        let (login, reset_token) = (signed_in.person.log_in(&app).await, reset_token(&app, email).await);
        let link = json!({"token": request_link(&app, "/magic-link", "magic_link", email).await});
        let proof = json!({"token": app.mailed_token(email, "email_verification").await, "password": PASSWORD});
        let (address, name) = (json!({"email": email}), json!({"username": "jo.doe"}));
        let wish = json!({"email": format!("new.{email}")});
        let mut crowd = Vec::new();
        for instance in instances {
            crowd.push(change(instance, token, NEW).boxed_local());
            crowd.push(reset(instance, &reset_token, NEW).boxed_local());
            crowd.push(instance.post("/magic-link/verify", &link).boxed_local());
            crowd.push(instance.post("/email/verify", &proof).boxed_local());
            crowd.push(log_in(instance, email, PASSWORD).boxed_local());
            crowd.push(refresh(instance, &signed_in.refresh_token).boxed_local());
            crowd.push(verify(instance, &login, &signed_in.recovery_codes[0]).boxed_local());
            for path in ["/password/forgot", "/magic-link", "/email/verify/request"] {
                crowd.push(instance.post(path, &address).boxed_local());
            }
            crowd.push(instance.call_as(Method::PATCH, "/me", token, &name).boxed_local());
            crowd.push(
                instance
                    .call_as(Method::POST, "/email/change", token, &wish)
                    .boxed_local(),
            );
            crowd.push(instance.get_as("/me/export", &other).boxed_local());
            crowd.push(instance.bare_as(Method::DELETE, "/sessions", &other).boxed_local());
            if leaves {
                crowd.push(instance.bare_as(Method::DELETE, "/me", token).boxed_local());
            }
        }
        for answer in join_all(crowd).await {
            assert!(answer.status.as_u16() < 500, "{answer:?}");
        }
        // The next round's account has the same names.
        let empty = "DELETE FROM users; DELETE FROM account_names";
        app.database.connect().batch_execute(empty).unwrap();
    }
}
