//! `GET /token/validate`

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::RunQueryDsl;

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_gateway_learns_who_calls() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let answer = app.get_as("/token/validate", &signed_in.access_token).await.expect(200);
    let claims = claims(&signed_in.access_token);
    assert_eq!(answer.json(), claims);
    assert_eq!(answer.header("x-auth-user"), claims["sub"].as_str());
    assert_eq!(answer.header("x-auth-session"), claims["sid"].as_str());
    assert_eq!(answer.header("x-auth-roles"), Some(""));
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    app.get_as("/token/validate", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
}

/// The service caches only that a signature is right, nothing else about a token.
#[actix_web::test]
async fn a_token_that_was_good_a_moment_ago_is_validated_again() {
    let app = TestApp::new().await;
    let token = Person::sign_up(&app, "jo@example.com").await.access_token;
    let ask = async |token: &str| app.get_as("/token/validate", token).await;
    ask(&token).await.expect(200);
    ask(&token).await.expect(200);

    let (message, signature) = token.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    for other in [
        format!("{message}.{reversed}"),
        format!("{message}."),
        message.to_owned(),
    ] {
        ask(&other).await.expect_problem(401, "invalid_token");
    }
    ask(&token).await.expect(200);

    diesel::sql_query("DELETE FROM signing_keys")
        .execute(&mut app.database.connect())
        .unwrap();
    app.tend_keys().await;
    ask(&token).await.expect_problem(401, "invalid_token");

    let later = Person::sign_up(&app, "li@example.com").await.access_token;
    ask(&later).await.expect(200);
    app.clock.advance(600);
    ask(&later).await.expect_problem(401, "invalid_token");
}

/// Envoy asks with the method of the request that it asks about.
#[actix_web::test]
async fn a_gateway_asks_with_whatever_method_its_caller_used() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let bearer = format!("Bearer {}", signed_in.access_token);
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let ask = || {
            let request = TestRequest::with_uri("/token/validate").method(method.clone());
            request.set_payload("what the caller sent")
        };
        let good = app
            .send(ask().insert_header((header::AUTHORIZATION, bearer.clone())))
            .await;
        assert!(good.expect(200).header("x-auth-user").is_some(), "{method}");
        app.send(ask()).await.expect(401);
    }
}

/// A preflight has no token. If the service answered it, every request that looks like a preflight would pass the
/// gateway.
#[actix_web::test]
async fn no_preflight_of_a_page_passes_a_gateway() {
    let app = TestApp::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let preflight = |path: &str| {
        let request = TestRequest::with_uri(path).method(Method::OPTIONS);
        request
            .insert_header((header::ORIGIN, "https://app.example.com"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "GET"))
    };
    app.send(preflight("/me")).await.expect(200);
    app.send(preflight("/token/validate"))
        .await
        .expect_problem(401, "invalid_token");
}
