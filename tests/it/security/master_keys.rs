//! The master key is replaced while the service runs, and afterwards nothing depends on the old one.

use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::actors::{PASSWORD, PHONE, Person, challenge, log_in, refresh, verify, verify_by};
use crate::support::app::{MASTER_KEY, TestApp};
use crate::support::endpoints::{Receiver, endpoint};

const NEW_KEY: &str = "//////////////////////////////////////////8=";
const NEWEST_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The setting of an instance: first the old key alone, then both, then the new one first, then the new one alone.
fn keys(list: &[(u8, &str)]) -> String {
    let item = |(id, key): &(u8, &str)| format!("{id}:{key}");
    list.iter().map(item).collect::<Vec<_>>().join(",")
}

fn settings(keys: &str) -> [(&str, &str); 2] {
    [("MASTER_KEY", keys), ("SECOND_FACTORS", "totp,email,sms")]
}

#[actix_web::test]
async fn nothing_of_any_account_is_lost_with_the_old_key() {
    let old = keys(&[(1, MASTER_KEY)]);
    let app = TestApp::with(&settings(&old)).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, PHONE).await;
    let back_end = app.service_client("api").await;
    app.clock.advance(60);
    let pending = jo.person.log_in(&app).await;
    challenge(&app, &pending, "sms").await.expect(202);
    let sent = app.sent_code(PHONE).await;
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let reset = app.mailed_token("jo@example.com", "password_reset").await;

    let both = keys(&[(2, NEW_KEY), (1, MASTER_KEY)]);
    let (resealed, not_opened) = app.sibling(&settings(&both)).await.rewrap().await;
    assert!(
        resealed >= 4,
        "a secret, a number, two signing keys and mails: {resealed}"
    );
    assert_eq!(not_opened, 0);
    // An instance with the old key alone would not work now; those with both work fully.
    let app = app.sibling(&settings(&keys(&[(2, NEW_KEY)]))).await;

    app.get_as("/me", &jo.access_token).await.expect(200);
    let request = TestRequest::post().uri("/token/introspect");
    app.send(
        request
            .insert_header(("authorization", back_end))
            .set_json(json!({"token": jo.access_token})),
    )
    .await
    .expect(200);
    refresh(&app, &jo.refresh_token).await.expect(200);
    verify_by(&app, &pending, &sent, "sms").await.expect(200);
    app.clock.advance(60);
    let by_authenticator = jo.person.log_in(&app).await;
    verify(&app, &by_authenticator, &jo.person.code(&app)).await.expect(200);
    let by_recovery_code = jo.person.log_in(&app).await;
    verify(&app, &by_recovery_code, &jo.recovery_codes[0]).await.expect(200);
    let again = jo.person.log_in(&app).await;
    verify(&app, &again, &jo.recovery_codes[0]).await.expect(401);
    let body = json!({"token": reset, "new_password": "anders pferd batterie"});
    app.post("/password/reset", &body).await.expect(204);
    log_in(&app, "jo@example.com", "anders pferd batterie")
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_password_outlives_two_master_keys() {
    let app = TestApp::with(&settings(&keys(&[(1, MASTER_KEY)]))).await;
    Person::sign_up(&app, "jo@example.com").await;
    let second = app.sibling(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)]))).await;
    second.rewrap().await;
    let third = app.sibling(&settings(&keys(&[(3, NEWEST_KEY), (2, NEW_KEY)]))).await;
    third.rewrap().await;
    assert_eq!(third.rewrap().await, (0, 0), "a second run finds nothing to do");
    let last = app.sibling(&settings(&keys(&[(3, NEWEST_KEY)]))).await;
    log_in(&last, "jo@example.com", PASSWORD).await.expect(200);
    log_in(&last, "jo@example.com", "falsch pferd batterie")
        .await
        .expect(401);
}

#[actix_web::test]
async fn a_wrong_master_key_is_refused_at_start() {
    let app = TestApp::with(&settings(&keys(&[(1, MASTER_KEY)]))).await;
    let refused = app
        .try_start_another(&[("MASTER_KEY", NEW_KEY)])
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("does not open"), "{refused}");
    let refused = app
        .try_start_another(&[("MASTER_KEY", &keys(&[(2, NEW_KEY)]))])
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the master key with id 1 is not among those given"),
        "{refused}"
    );
    app.sibling(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)])))
        .await
        .rewrap()
        .await;
    let refused = app
        .try_start_another(&[("MASTER_KEY", &keys(&[(2, NEW_KEY), (1, NEWEST_KEY)]))])
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("an id that was never used"), "{refused}");
}

#[actix_web::test]
async fn a_value_that_does_not_open_is_left_and_told_and_stops_nothing() {
    let app = TestApp::with(&settings(&keys(&[(1, MASTER_KEY)]))).await;
    Person::sign_up(&app, "jo@example.com").await;
    let alex = Person::sign_up(&app, "alex@example.com").await;
    let damage = "UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 20, get_byte(sealed_secret, 20) # 1) \
                  FROM users u WHERE u.id = user_id AND u.email = 'jo@example.com'";
    app.database.connect().batch_execute(damage).unwrap();
    let both = app.sibling(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)]))).await;
    let (resealed, not_opened) = both.rewrap().await;
    assert!(resealed >= 3, "{resealed}");
    assert_eq!(not_opened, 1);
    both.clock.advance(60);
    let pending = alex.person.log_in(&both).await;
    verify(&both, &pending, &alex.person.code(&both)).await.expect(200);
}

#[actix_web::test]
async fn webhooks_are_signed_with_the_same_secrets_under_the_new_key() {
    let app = TestApp::with(&settings(&keys(&[(1, MASTER_KEY)]))).await;
    let receiver = Receiver::start();
    let (webhook, previous) = app.webhook(endpoint(&receiver, &["user.created"])).await;
    let newest = app.rotate_webhook_secret(webhook.id).await;
    let both = app.sibling(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)]))).await;
    assert_eq!(both.rewrap().await.1, 0);
    let alone = app.sibling(&settings(&keys(&[(2, NEW_KEY)]))).await;
    Person::register(&alone, "jo@example.com").await;
    alone.send_webhooks().await;
    let told = receiver.had();
    assert_eq!((told.len(), told[0].signatures()), (1, 2));
    assert!(told[0].is_signed_by(&newest) && told[0].is_signed_by(&previous));
}

#[actix_web::test]
async fn what_the_service_writes_meanwhile_is_not_overwritten() {
    let app = TestApp::with(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)]))).await;
    let (before, after) = futures_util::future::join(
        async {
            for number in 0..5 {
                Person::sign_up(&app, &format!("jo{number}@example.com")).await;
            }
        },
        async {
            let other = app.sibling(&settings(&keys(&[(2, NEW_KEY), (1, MASTER_KEY)]))).await;
            for _ in 0..10 {
                other.rewrap().await;
            }
        },
    )
    .await;
    let ((), ()) = (before, after);
    let alone = app.sibling(&settings(&keys(&[(2, NEW_KEY)]))).await;
    alone.clock.advance(60);
    log_in(&alone, "jo4@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn an_older_key_that_opens_nothing_is_kept_nowhere() {
    let app = TestApp::with(&settings(&keys(&[(1, MASTER_KEY)]))).await;
    Person::sign_up(&app, "jo@example.com").await;
    let both = keys(&[(2, NEW_KEY), (1, MASTER_KEY)]);
    let right = app.sibling(&settings(&both)).await;
    // Without them: signing keys under the newest master key cannot show whether an older one is right.
    let forget = "DELETE FROM signing_keys";
    app.database.connect().batch_execute(forget).unwrap();
    right.tend_keys().await;
    let mistyped = keys(&[(2, NEW_KEY), (1, NEWEST_KEY)]);
    let refused = app.sibling(&settings(&mistyped)).await.try_rewrap().await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("does not open"), "{refused}");

    let right = app.sibling(&settings(&both)).await;
    assert_eq!(right.rewrap().await.1, 0);
    let alone = app.sibling(&settings(&keys(&[(2, NEW_KEY)]))).await;
    log_in(&alone, "jo@example.com", PASSWORD).await.expect(200);
}
