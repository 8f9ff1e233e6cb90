//! An attacker who can write to the database or set the clock back gains nothing: no value that was sealed for another
//! row is accepted, and no code or token works a second time.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;

use crate::support::actors::{PASSWORD, Person, log_in, refresh, verify};
use crate::support::app::TestApp;

/// Swaps a column's values between the two rows of a table.
fn exchange(app: &TestApp, table: &str, column: &str) {
    let statement = format!(
        "UPDATE {table} AS mine SET {column} = theirs.{column} FROM {table} AS theirs WHERE theirs.ctid <> mine.ctid"
    );
    app.database.connect().batch_execute(&statement).unwrap();
}

#[actix_web::test]
async fn an_authenticator_that_changed_hands_opens_nothing() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    app.clock.advance(60);
    exchange(&app, "totp_factors", "sealed_secret");
    for (one, other) in [(&jo, &mo), (&mo, &jo)] {
        let token = one.person.log_in(&app).await;
        for code in [one.person.code(&app), other.person.code(&app)] {
            verify(&app, &token, &code).await.expect_problem(500, "internal_error");
        }
    }
    // Back in their rows the secrets work, and the codes were not used up.
    exchange(&app, "totp_factors", "sealed_secret");
    for one in [&jo, &mo] {
        let token = one.person.log_in(&app).await;
        verify(&app, &token, &one.person.code(&app)).await.expect(200);
    }
    // A whole row of another account does not open either.
    app.clock.advance(60);
    let token = jo.person.log_in(&app).await;
    let hand_over = format!(
        "DELETE FROM totp_factors WHERE user_id = '{}'; UPDATE totp_factors SET user_id = '{}'",
        jo.person.id, jo.person.id
    );
    app.database.connect().batch_execute(&hand_over).unwrap();
    verify(&app, &token, &mo.person.code(&app))
        .await
        .expect_problem(500, "internal_error");
}

#[actix_web::test]
async fn recovery_codes_that_changed_hands_are_wrong() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    let hand_over = format!(
        "DELETE FROM recovery_codes WHERE user_id = '{}'; UPDATE recovery_codes SET user_id = '{}'",
        jo.person.id, jo.person.id
    );
    app.database.connect().batch_execute(&hand_over).unwrap();
    let token = jo.person.log_in(&app).await;
    verify(&app, &token, &mo.recovery_codes[0])
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn a_signing_key_that_was_exchanged_stops_an_instance_and_signs_nothing() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    exchange(&app, "signing_keys", "sealed_private_key");
    // The keys in memory still work; those in the table are not accepted.
    app.get_as("/me", &jo.access_token).await.expect(200);
    assert!(app.try_start_another(&[]).await.is_err());
    exchange(&app, "signing_keys", "sealed_private_key");
    assert!(app.try_start_another(&[]).await.is_ok());
}

#[actix_web::test]
async fn messages_that_were_exchanged_do_not_open() {
    let app = TestApp::new().await;
    for email in ["jo@example.com", "mo@example.com"] {
        Person::register(&app, email).await;
        app.mailed_token(email, "email_verification").await;
    }
    exchange(&app, "outbox", "sealed_message");
    app.get("/dev/outbox").await.expect_problem(500, "internal_error");
}

#[actix_web::test]
async fn a_clock_that_is_set_back_makes_nothing_good_again() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(3600);
    let spent = jo.person.code(&app);
    let token = jo.person.log_in(&app).await;
    let signed_in = verify(&app, &token, &spent).await.expect(200);
    let (access, old) = (signed_in.text("/access_token"), signed_in.text("/refresh_token"));
    let live = refresh(&app, &old).await.expect(200).text("/refresh_token");
    for _ in 0..5 {
        log_in(&app, "mo@example.com", "another password").await.expect(401);
    }
    let pending = jo.person.log_in(&app).await;

    for back in [-1, -30, -90, -1800, -86_400 * 365] {
        app.clock.advance(back);
        // Neither the used code, nor an older one.
        for code in [spent.clone(), jo.person.code(&app)] {
            let answer = verify(&app, &pending, &code).await;
            assert!(
                [401, 429].contains(&answer.status.as_u16()),
                "{back}: {}",
                answer.status
            );
        }
        // A wait does not get shorter.
        log_in(&app, "mo@example.com", PASSWORD).await.expect(429);
        // A token from the future is either refused or accepted, and so is the request with it.
        let me = app.get_as("/me", &access).await;
        assert!([200, 401].contains(&me.status.as_u16()), "{back}: {}", me.status);
        let ready = app.get("/health/ready").await;
        assert_eq!(ready.status, 200);
    }
    // New users can sign up and sign in, and their rows can be deleted.
    let mo = Person::sign_up(&app, "so@example.com").await;
    app.get_as("/me", &mo.access_token).await.expect(200);
    app.delete_expired().await;
    // At the right time again, sessions are unchanged.
    app.clock.advance(86_400 * 365 + 1800 + 90 + 30 + 1);
    let again = refresh(&app, &live).await.expect(200);
    app.get_as("/me", &again.text("/access_token")).await.expect(200);
    app.bare_as(Method::DELETE, "/sessions", &again.text("/access_token"))
        .await
        .expect(204);
}
