//! `POST /admin/clients/{id}/secret`

use actix_web::http::Method;
use serde_json::{Value, json};

use super::administrator;
use super::clients::{register, token};
use crate::support::app::TestApp;

#[actix_web::test]
async fn two_secrets_are_accepted_while_one_replaces_the_other() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let (id, first) = register(&app, &admin.access_token).await;
    let path = format!("/admin/clients/{id}/secret");
    let rotate = |body: Value| {
        let (app, token, path) = (&app, &admin.access_token, path.clone());
        async move { app.call_as(Method::POST, &path, token, &body).await }
    };
    rotate(json!({"overlap_hours": 721}))
        .await
        .expect_problem(422, "validation_failed");
    let second = rotate(json!({"overlap_hours": 1})).await.expect(200).text("/secret");
    assert_eq!(
        (token(&app, &id, &first).await, token(&app, &id, &second).await),
        (200, 200)
    );
    app.clock.advance(3600);
    assert_eq!(
        (token(&app, &id, &first).await, token(&app, &id, &second).await),
        (401, 200)
    );

    let admin = admin.person.sign_in_again(&app).await;
    let answer = app
        .call_as(Method::POST, &path, &admin, &json!({"overlap_hours": 0}))
        .await;
    let third = answer.expect(200).text("/secret");
    assert_eq!(
        (token(&app, &id, &second).await, token(&app, &id, &third).await),
        (401, 200)
    );
    let public = json!({"name": "App", "kind": "public"});
    let answer = app
        .call_as(Method::POST, "/admin/clients", &admin, &public)
        .await
        .expect(201);
    assert_eq!(answer.json().get("secret"), None);
    let path = format!("/admin/clients/{}/secret", answer.text("/id"));
    app.call_as(Method::POST, &path, &admin, &json!({}))
        .await
        .expect_problem(404, "not_found");
    app.bare_as(Method::POST, &path, &admin)
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn without_a_body_the_old_secret_is_accepted_for_another_day() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let (id, first) = register(&app, &admin.access_token).await;
    let path = format!("/admin/clients/{id}/secret");
    let rotated = app.bare_as(Method::POST, &path, &admin.access_token).await;
    let second = rotated.expect(200).text("/secret");
    app.clock.advance(86_399);
    assert_eq!(
        (token(&app, &id, &first).await, token(&app, &id, &second).await),
        (200, 200)
    );
    app.clock.advance(1);
    assert_eq!(
        (token(&app, &id, &first).await, token(&app, &id, &second).await),
        (401, 200)
    );
}
