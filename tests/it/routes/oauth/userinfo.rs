//! `GET /userinfo`, `POST /userinfo`

use actix_web::http::Method;
use serde_json::json;

use crate::support::applications::{Application, service, text, user_and_shop};

#[actix_web::test]
async fn it_tells_what_the_scopes_allow_as_it_is_now() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let token = text(&tokens, "access_token");
    let told = app.get_as("/userinfo", &token).await.expect(200).json();
    let sub = &signed_in.person.id;
    assert_eq!(
        told,
        json!({"sub": sub, "email": "jo@example.com", "email_verified": false})
    );
    app.verify_email("jo@example.com").await;
    let told = app.bare_as(Method::POST, "/userinfo", &token).await.expect(200).json();
    assert_eq!(told["email_verified"], true);

    let tokens = shop
        .sign_in(&app, &signed_in.access_token, &[("scope", "openid profile roles")])
        .await;
    let told = app
        .get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(told, json!({"sub": sub, "locale": "en", "roles": []}));
}

#[actix_web::test]
async fn other_tokens_are_refused() {
    let (app, signed_in, shop) = user_and_shop().await;
    let worker = Application::register(&app, service("Worker")).await;
    let own = worker
        .token(&app, &[("grant_type", "client_credentials")])
        .await
        .expect(200)
        .text("/access_token");
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    for token in [
        &signed_in.access_token,
        &own,
        &text(&tokens, "id_token"),
        &text(&tokens, "refresh_token"),
    ] {
        let refused = app.get_as("/userinfo", token).await;
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
        refused.expect_oauth(401, "invalid_token");
    }
    app.get("/userinfo").await.expect_oauth(401, "invalid_token");
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[("scope", "email")]).await;
    let refused = app.get_as("/userinfo", &text(&tokens, "access_token")).await;
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    refused.expect_oauth(403, "insufficient_scope");
}
