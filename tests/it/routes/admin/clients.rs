//! `GET /admin/clients` `POST /admin/clients` `GET /admin/clients/{id}` `DELETE /admin/clients/{id}`

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{administrator, events};
use crate::support::app::TestApp;
use crate::support::applications::{Application, text};

pub(super) fn description() -> Value {
    json!({
        "name": "Worker", "kind": "service", "audiences": ["https://api.example.com"], "scopes": ["orders:read"],
    })
}

pub(super) async fn token(app: &TestApp, id: &str, secret: &str) -> u16 {
    let worker = Application {
        id: id.to_owned(),
        secret: Some(secret.to_owned()),
    };
    let answer = worker.token(app, &[("grant_type", "client_credentials")]).await;
    answer.status.as_u16()
}

#[actix_web::test]
async fn a_client_is_registered_shown_and_deleted() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let call = |method: Method, path: &str, body: Value| {
        let (app, token, path) = (&app, &admin.access_token, path.to_owned());
        async move { app.call_as(method, &path, token, &body).await }
    };
    let made = call(Method::POST, "/admin/clients", description())
        .await
        .expect(201)
        .json();
    let (id, secret) = (text(&made, "id"), text(&made, "secret"));
    assert_eq!(token(&app, &id, &secret).await, 200);
    let path = format!("/admin/clients/{id}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(app.get_as(&path, &admin.access_token).await.expect(200).json(), shown);
    let listed = app
        .get_as("/admin/clients", &admin.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed, json!({"items": [shown]}));
    call(Method::POST, "/admin/clients", description())
        .await
        .expect_problem(409, "conflict");

    let created = &events(&app, &admin, "client_created").await[0];
    assert_eq!(
        (&created["client_id"], &created["actor_id"]),
        (&json!(id), &json!(admin.person.id))
    );
    app.bare_as(Method::DELETE, &path, &admin.access_token)
        .await
        .expect(204);
    assert_eq!(token(&app, &id, &secret).await, 401);
    for gone in [path.as_str(), "/admin/clients/x"] {
        app.get_as(gone, &admin.access_token)
            .await
            .expect_problem(404, "not_found");
        app.bare_as(Method::DELETE, gone, &admin.access_token)
            .await
            .expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn faults_are_told_by_member_and_register_nothing() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let faulty = json!({
        "name": "", "kind": "secret", "redirect_uris": ["http://evil.example.com"], "scopes": ["two words"],
        "audiences": ["two words"], "post_logout_redirect_uris": ["javascript:alert(1)"],
    });
    let answer = app
        .call_as(Method::POST, "/admin/clients", &admin.access_token, &faulty)
        .await;
    let problem = answer.expect_problem(422, "validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    let expected = [
        "/name",
        "/kind",
        "/redirect_uris",
        "/post_logout_redirect_uris",
        "/audiences",
        "/scopes",
    ];
    assert_eq!(pointers, expected);
    let listed = app
        .get_as("/admin/clients", &admin.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed, json!({"items": []}));
}
