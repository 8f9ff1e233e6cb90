//! Concurrent changes of the ways to sign in: each happens once, none leaves an account without a required factor, and
//! none causes a deadlock.

use std::cell::Cell;

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{count, with_status};
use crate::support::actors::{PASSWORD, PHONE, Person, refresh, verify};
use crate::support::app::TestApp;

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];
/// Requests at once.
const CROWD: usize = 20;

#[actix_web::test]
async fn one_code_of_an_authenticator_steps_up_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let (token, proof) = (&signed_in.access_token, json!({"code": signed_in.person.code(&app)}));
    let step_up = |number: usize| instances[number % 2].call_as(Method::POST, "/step-up", token, &proof);
    let answers = join_all((0..CROWD).map(step_up)).await;
    assert_eq!(with_status(&answers, 200), 1);
    assert_eq!(with_status(&answers, 401) + with_status(&answers, 429), CROWD - 1);
    let renewed = answers.iter().find(|answer| answer.status == 200).unwrap();
    refresh(&app, &renewed.text("/refresh_token")).await.expect(200);
}

#[actix_web::test]
async fn one_code_confirms_a_new_authenticator_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let secret = app.post_as("/2fa/totp", token).await.expect(201).text("/secret");
    let new = Person {
        secret,
        ..signed_in.person
    };
    let body = json!({"code": new.code(&app)});
    let confirm = |number: usize| instances[number % 2].call_as(Method::POST, "/2fa/totp/confirm", token, &body);
    let answers = join_all((0..CROWD).map(confirm)).await;
    assert_eq!(with_status(&answers, 200), 1);
    assert_eq!(count(&app, "totp_factors"), 1);
    assert_eq!(count(&app, "outbox WHERE kind = 'authenticator_replaced'"), 1);
    assert_eq!(count(&app, "recovery_codes"), 10);
}

#[actix_web::test]
async fn removals_at_once_never_leave_an_account_without_a_factor() {
    let app = TestApp::with(ALL).await;
    let sibling = app.sibling(ALL).await;
    for round in 0..6 {
        let phone = format!("+49151123456{round:02}");
        let signed_in = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        signed_in.set_up_phone(&app, &phone).await;
        signed_in.set_up_email(&app).await;
        let (token, codes) = (&signed_in.access_token, &signed_in.recovery_codes);
        let remove_totp = |instance, code| {
            let body = json!({"password": PASSWORD, "code": code});
            async move { TestApp::call_as(instance, Method::DELETE, "/2fa/totp", token, &body).await }
        };
        let crowd = [&app, &sibling].into_iter().zip(codes).flat_map(|(instance, code)| {
            [
                instance.bare_as(Method::DELETE, "/2fa/phone", token).boxed_local(),
                instance.bare_as(Method::DELETE, "/2fa/email", token).boxed_local(),
                remove_totp(instance, code).boxed_local(),
            ]
        });
        for answer in join_all(crowd).await {
            // Removed, removed before, or required. 401 if only mail is left beside recovery codes, which are then the
            // proof that a sensitive change requires.
            assert!([204, 401, 404, 409].contains(&answer.status.as_u16()), "{answer:?}");
        }
        let state = app.get_as("/2fa", token).await.expect(200).json();
        assert_eq!(state["factors"].as_array().unwrap().len(), 1, "{state}");
    }
}

#[actix_web::test]
async fn an_authenticator_is_removed_once() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let sibling = app.sibling(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let instances = [&app, &sibling];
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let remove = async |number: usize| {
        let body = json!({"password": PASSWORD, "code": signed_in.recovery_codes[number]});
        let instance = instances[number % 2];
        instance.call_as(Method::DELETE, "/2fa/totp", token, &body).await
    };
    let answers = join_all((0..10).map(remove)).await;
    assert_eq!((with_status(&answers, 204), with_status(&answers, 404)), (1, 9));
    assert_eq!(count(&app, "outbox WHERE kind = 'authenticator_removed'"), 1);
    assert_eq!(count(&app, "recovery_codes"), 0);
}

#[actix_web::test]
async fn an_old_recovery_code_works_before_the_new_set_is_made_or_never() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut codes = signed_in.recovery_codes.clone();
    // Each round has two logins, and an account has at most ten sessions.
    for _ in 0..4 {
        let token = signed_in.person.log_in(&app).await;
        let (used, renewed) = join(
            verify(&sibling, &token, &codes[0]),
            app.post_as("/2fa/recovery-codes", &signed_in.access_token),
        )
        .await;
        assert!([200, 401].contains(&used.status.as_u16()));
        let new = renewed.expect(200).json();
        let new = new["recovery_codes"].as_array().unwrap().iter();
        codes = new.map(|code| code.as_str().unwrap().to_owned()).collect();
        assert_eq!(count(&app, "recovery_codes WHERE used_at IS NULL"), 10);
        // Resets the failures.
        signed_in.person.log_in_with(&app, &codes[9]).await.expect(200);
    }
}

#[actix_web::test]
async fn of_many_new_sets_at_once_one_counts() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let answers = join_all((0..CROWD).map(|number| instances[number % 2].post_as("/2fa/recovery-codes", token))).await;
    assert_eq!(with_status(&answers, 200), CROWD);
    assert_eq!(count(&app, "recovery_codes"), 10);
}

#[actix_web::test]
async fn everything_at_once_waits_for_nothing_in_a_circle() {
    let settings = &[("MAX_SESSIONS", "3"), ("SECOND_FACTORS", "totp,email,sms")];
    let first = TestApp::with(settings).await;
    // The database does not resolve a deadlock before the request has failed, so the test notices it.
    let patient =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''60s''', current_database()); END $$";
    first.database.connect().batch_execute(patient).unwrap();
    let (app, sibling) = (first.sibling(settings).await, first.sibling(settings).await);
    for round in 0..4 {
        let signed_in = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        signed_in
            .set_up_phone(&app, &format!("{}{round}", &PHONE[..PHONE.len() - 1]))
            .await;
        let mut others = Vec::new();
        for _ in 0..2 {
            others.push(signed_in.person.sign_in_again(&app).await);
        }
        let mut logins = Vec::new();
        for _ in 0..8 {
            logins.push(signed_in.person.log_in(&app).await);
        }
        let turn = Cell::new(0);
        let instance = || {
            turn.set(turn.get() + 1);
            [&app, &sibling][turn.get() % 2]
        };
        let (token, proof) = (&signed_in.access_token, json!({"password": PASSWORD}));
        let tokens = [token, &others[0], &others[1]];
        let by_sms = json!({"method": "sms"});
        let mut crowd = Vec::new();
        for (number, login) in logins.iter().enumerate() {
            crowd.push(verify(instance(), login, &signed_in.recovery_codes[number]).boxed_local());
        }
        for token in tokens {
            crowd.push(instance().bare_as(Method::DELETE, "/sessions", token).boxed_local());
            crowd.push(
                instance()
                    .call_as(Method::POST, "/step-up", token, &proof)
                    .boxed_local(),
            );
            crowd.push(
                instance()
                    .call_as(Method::POST, "/2fa/challenge", token, &by_sms)
                    .boxed_local(),
            );
            crowd.push(instance().post_as("/2fa/recovery-codes", token).boxed_local());
        }
        crowd.push(refresh(instance(), &signed_in.refresh_token).boxed_local());
        crowd.push(instance().post_as("/logout", &others[1]).boxed_local());
        for answer in join_all(crowd).await {
            assert!(
                [200, 202, 204, 401, 429].contains(&answer.status.as_u16()),
                "{answer:?}"
            );
        }
    }
}
