//! `GET /admin/clients` `POST /admin/clients` `GET /admin/clients/{id}` `PATCH /admin/clients/{id}` `DELETE /admin/clients/{id}`

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{administrator, events};
use crate::support::app::TestApp;
use crate::support::applications::{Application, text};

fn description() -> Value {
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

/// Registers a client, and returns its id and its secret.
pub(super) async fn register(app: &TestApp, admin: &str) -> (String, String) {
    let answer = app.call_as(Method::POST, "/admin/clients", admin, &description()).await;
    let made = answer.expect(201).json();
    (text(&made, "id"), text(&made, "secret"))
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

#[actix_web::test]
async fn a_client_is_changed_and_keeps_what_the_change_does_not_name() {
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
    let path = format!("/admin/clients/{id}");
    let changed = call(Method::PATCH, &path, json!({"name": " Clerk ", "audiences": []}))
        .await
        .expect(200)
        .json();
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("secret");
    expected["name"] = json!("Clerk");
    expected["audiences"] = json!([]);
    assert_eq!(changed, expected);
    assert_eq!(
        app.get_as(&path, &admin.access_token).await.expect(200).json(),
        expected
    );
    assert_eq!(call(Method::PATCH, &path, json!({})).await.expect(200).json(), expected);
    assert_eq!(token(&app, &id, &secret).await, 400, "there is no resource any longer");
    call(Method::PATCH, &path, json!({"audiences": ["https://api.example.com"]}))
        .await
        .expect(200);
    assert_eq!(token(&app, &id, &secret).await, 200);
    let recorded = &events(&app, &admin, "client_updated").await;
    assert_eq!((recorded.len(), &recorded[0]["client_id"]), (3, &json!(id)));

    call(Method::POST, "/admin/clients", description()).await.expect(201);
    call(Method::PATCH, &path, json!({"name": "Worker"}))
        .await
        .expect_problem(409, "conflict");
    for (bad, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"scopes": ["openid"]}), "/scopes"),
        (json!({"redirect_uris": ["https://app.example.com/"]}), "/kind"),
        (json!({"jwks": {"keys": []}}), "/jwks"),
    ] {
        let problem = call(Method::PATCH, &path, bad)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    call(Method::PATCH, &path, json!({"kind": "public"}))
        .await
        .expect_problem(400, "malformed_request");
    call(Method::PATCH, "/admin/clients/x", json!({}))
        .await
        .expect_problem(404, "not_found");
    assert_eq!(
        events(&app, &admin, "client_updated").await.len(),
        3,
        "a refusal changes nothing"
    );
}

#[actix_web::test]
async fn keys_take_the_place_of_a_secret() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let (id, first) = register(&app, &admin.access_token).await;
    let path = format!("/admin/clients/{id}");
    let secret = format!("{path}/secret");
    let second = app
        .bare_as(Method::POST, &secret, &admin.access_token)
        .await
        .expect(200);
    let second = second.text("/secret");
    let key = json!({
        "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let body = json!({"jwks": {"keys": [key]}});
    app.call_as(Method::PATCH, &path, &admin.access_token, &body)
        .await
        .expect(200);
    assert_eq!(
        (token(&app, &id, &first).await, token(&app, &id, &second).await),
        (401, 401)
    );
    app.bare_as(Method::POST, &secret, &admin.access_token)
        .await
        .expect_problem(404, "not_found");
}
