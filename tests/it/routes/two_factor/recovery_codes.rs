//! `POST /2fa/recovery-codes`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_new_set_kills_the_old_one() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let answer = app
        .post_as("/2fa/recovery-codes", &signed_in.access_token)
        .await
        .expect(200);
    let codes = answer.json()["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    let token = signed_in.person.log_in(&app).await;
    verify(&app, &token, &signed_in.recovery_codes[0])
        .await
        .expect_problem(401, "invalid_code");
    let signed = verify(&app, &token, codes[0].as_str().unwrap())
        .await
        .expect(200)
        .json();
    assert_eq!(signed["recovery_codes_remaining"], 9);
    assert_eq!(
        app.notification_kinds("jo@example.com").await,
        [
            "authenticator_added",
            "email_verification",
            "recovery_code_used",
            "recovery_codes_replaced"
        ]
    );
}

#[actix_web::test]
async fn a_recovery_login_says_what_to_do_next_and_opens_the_way_to_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let mut last = Value::Null;
    for (used, code) in signed_in.recovery_codes.iter().enumerate().take(7) {
        last = signed_in.person.log_in_with(&app, code).await.expect(200).json();
        let low = used >= 6;
        let advice = if low {
            json!(["replace_authenticator", "renew_recovery_codes"])
        } else {
            json!(["replace_authenticator"])
        };
        assert_eq!(last["advice"], advice, "{used}");
        assert_eq!(last["recovery_codes_remaining"], 9 - used);
    }
    let notifications = app.notifications("jo@example.com").await;
    let warned = notifications
        .iter()
        .filter(|notification| notification["kind"] == "recovery_code_used");
    assert!(
        warned
            .clone()
            .any(|notification| notification["text"].as_str().unwrap().contains(" 3 ")),
        "{notifications:?}"
    );
    // One at once, and one for all that followed within minutes.
    assert_eq!(warned.count(), 2);
    // A new authenticator can be set up at once: two factors were just verified.
    let access_token = last["access_token"].as_str().unwrap();
    let secret = app.post_as("/2fa/totp", access_token).await.expect(201).text("/secret");
    let new = Person {
        secret,
        ..signed_in.person
    };
    let body = json!({"code": new.code(&app)});
    app.call_as(Method::POST, "/2fa/totp/confirm", access_token, &body)
        .await
        .expect(200);
    app.clock.advance(30);
    let answer = new.log_in_with(&app, &new.code(&app)).await.expect(200).json();
    assert_eq!(answer["advice"], json!(["renew_recovery_codes"]));
    let plain = new.log_in_with(&app, &new.code(&app)).await;
    plain.expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn when_the_last_one_is_spent_a_new_authenticator_brings_a_new_set() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut access_token = String::new();
    for code in &signed_in.recovery_codes {
        let answer = signed_in.person.log_in_with(&app, code).await.expect(200);
        access_token = answer.text("/access_token");
    }
    let answer = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(
        answer["methods"],
        json!([{"type": "totp"}]),
        "no more recovery codes to offer"
    );
    let secret = app
        .post_as("/2fa/totp", &access_token)
        .await
        .expect(201)
        .text("/secret");
    let new = Person {
        secret,
        ..signed_in.person
    };
    let body = json!({"code": new.code(&app)});
    let answer = app
        .call_as(Method::POST, "/2fa/totp/confirm", &access_token, &body)
        .await
        .expect(200);
    assert_eq!(answer.json()["recovery_codes"].as_array().unwrap().len(), 10);
}

#[actix_web::test]
async fn without_a_second_factor_there_is_nothing_to_stand_in_for() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let person = Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    let answer = log_in(&app, &person.email, PASSWORD).await.expect(200);
    let access_token = answer.text("/access_token");
    app.post_as("/2fa/recovery-codes", &access_token)
        .await
        .expect_problem(409, "conflict");
}
