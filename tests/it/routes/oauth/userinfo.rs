//! `GET /userinfo`, `POST /userinfo`

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
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
async fn a_form_may_have_the_token_and_it_is_in_one_place_only() {
    let (app, signed_in, shop) = user_and_shop().await;
    let token = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "access_token");
    let send = |form: String, bearer: Option<&str>| {
        let mut request = TestRequest::post()
            .uri("/userinfo")
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
        if let Some(bearer) = bearer {
            request = request.insert_header((header::AUTHORIZATION, format!("Bearer {bearer}")));
        }
        app.send(request.set_payload(form))
    };
    let told = send(format!("access_token={token}"), None).await.expect(200).json();
    assert_eq!(told["sub"], json!(signed_in.person.id));
    assert_eq!(send(String::new(), Some(&token)).await.expect(200).json(), told);
    send(format!("access_token={token}"), Some(&token))
        .await
        .expect_oauth(400, "invalid_request");
    send(format!("access_token={token}&access_token={token}"), None)
        .await
        .expect_oauth(400, "invalid_request");
    for form in ["access_token=x", "access_token=", "token=x"] {
        send(form.to_owned(), None).await.expect_oauth(401, "invalid_token");
    }
    // In a query it would be in logs and histories (RFC 9700 §4.3.2).
    app.get(&format!("/userinfo?access_token={token}"))
        .await
        .expect_oauth(401, "invalid_token");
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
