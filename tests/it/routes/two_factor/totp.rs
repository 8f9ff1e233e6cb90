//! `POST /2fa/totp`

use crate::support::actors::{Person, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_pending_secret_is_replaced() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let answer = app.post_as("/2fa/totp", &person.pre_auth_token).await.expect(201);
    let fresh = Person {
        secret: answer.text("/secret"),
        ..person
    };
    assert_eq!(answer.json()["expires_in"], 600);
    let old = Person {
        secret: person.secret,
        id: String::new(),
        email: String::new(),
        pre_auth_token: String::new(),
    };
    verify(&app, &fresh.pre_auth_token, &old.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    verify(&app, &fresh.pre_auth_token, &fresh.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn an_expired_secret_is_replaced_after_the_next_login() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    app.clock.advance(3600);
    let token = person.log_in(&app).await;
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let person = Person { secret, ..person };
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn once_a_factor_is_confirmed_a_pre_auth_token_does_not_open_this() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    app.post_as("/2fa/totp", &token).await.expect_problem(403, "forbidden");
    // The confirmed secret is unchanged, and the attempt used nothing up.
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn a_used_or_expired_pre_auth_token_is_refused() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let token = person.pre_auth_token.clone();
    let signed_in = person.confirm(&app).await;
    let answer = app.post_as("/2fa/totp", &token).await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    answer.expect_problem(401, "invalid_pre_auth_token");
    let token = signed_in.person.log_in(&app).await;
    app.clock.advance(300);
    app.post_as("/2fa/totp", &token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}
