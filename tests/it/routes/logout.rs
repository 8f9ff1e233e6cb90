//! `POST /logout`

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{Person, refresh, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_logout_counts_at_once_and_may_be_repeated() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    for _ in 0..2 {
        app.post_as("/logout", &signed_in.access_token).await.expect(204);
        app.get_as("/me", &signed_in.access_token)
            .await
            .expect_problem(401, "invalid_token");
        refresh(&app, &signed_in.refresh_token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
}

#[actix_web::test]
async fn every_token_of_a_session_ends_it_however_old() {
    let app = TestApp::new().await;
    for (number, kind) in ["access", "refresh", "used refresh"].iter().enumerate() {
        let signed_in = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        let next = refresh(&app, &signed_in.refresh_token)
            .await
            .expect(200)
            .text("/refresh_token");
        // Expired as a credential, but it still identifies the session.
        app.clock.advance(601);
        match *kind {
            "access" => app.post_as("/logout", &signed_in.access_token).await.expect(204),
            "refresh" => app.post("/logout", &json!({"refresh_token": next})).await.expect(204),
            _ => app
                .post("/logout", &json!({"refresh_token": signed_in.refresh_token}))
                .await
                .expect(204),
        };
        refresh(&app, &next).await.expect_problem(401, "invalid_refresh_token");
    }
}

#[actix_web::test]
async fn a_pending_login_is_given_up_with_its_pre_auth_token() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    app.post_as("/logout", &token).await.expect(204);
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn unknown_tokens_are_refused_as_bearer_and_forgotten_in_the_body() {
    let app = TestApp::new().await;
    app.post_as("/logout", "x").await.expect_problem(401, "invalid_token");
    app.send(TestRequest::post().uri("/logout"))
        .await
        .expect_problem(401, "invalid_token");
    app.post("/logout", &json!({}))
        .await
        .expect_problem(401, "invalid_token");
    app.post("/logout", &json!({"refresh_token": "vrt_x"}))
        .await
        .expect(204);
    app.post("/logout", &json!({"token": "x"}))
        .await
        .expect_problem(400, "malformed_request");
}

#[actix_web::test]
async fn a_browser_logs_out_with_its_cookie_and_loses_it() {
    let app = TestApp::new().await;
    let cookie = Person::register(&app, "jo@example.com")
        .await
        .confirm_with_cookie(&app)
        .await;
    let logout = || {
        TestRequest::post()
            .uri("/logout")
            .insert_header((header::COOKIE, cookie.clone()))
    };
    app.send(logout().insert_header((header::ORIGIN, "https://evil.example")))
        .await
        .expect_problem(403, "origin_not_allowed");
    let answer = app
        .send(logout().insert_header((header::ORIGIN, "https://auth.example.com")))
        .await
        .expect(204);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    let body = TestRequest::post()
        .uri("/token/refresh")
        .insert_header((header::COOKIE, cookie))
        .set_json(json!({}));
    app.send(body).await.expect_problem(401, "invalid_refresh_token");
}
