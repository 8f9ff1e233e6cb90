//! API keys, and the exchange of one.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use serde_json::{Value, json};
use vestibule::domain::clock::Clock;

use super::app::TestApp;
use super::response::TestResponse;

/// What a script sends with its key.
pub(crate) const EXCHANGE: [(&str, &str); 2] = [
    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ("subject_token_type", "urn:vestibule:params:oauth:token-type:api-key"),
];

/// A key, as its owner gets it.
#[derive(Clone)]
pub(crate) struct MadeKey {
    pub(crate) id: String,
    pub(crate) api_key: String,
}

/// Describes a key that ends after so many seconds.
pub(crate) fn described(app: &TestApp, scopes: &[&str], seconds: i64) -> Value {
    let expires_at = app.clock.now() + TimeDelta::seconds(seconds);
    json!({"name": "Backup", "scopes": scopes, "expires_at": expires_at.to_rfc3339()})
}

/// Asks for a key that ends after a day.
pub(crate) async fn ask_for_key(app: &TestApp, access_token: &str, scopes: &[&str]) -> TestResponse {
    let body = described(app, scopes, 86_400);
    app.call_as(Method::POST, "/me/api-keys", access_token, &body).await
}

/// Makes a key that ends after a day.
pub(crate) async fn make_key(app: &TestApp, access_token: &str, scopes: &[&str]) -> MadeKey {
    let made = ask_for_key(app, access_token, scopes).await.expect(201);
    MadeKey {
        id: made.text("/id"),
        api_key: made.text("/api_key"),
    }
}

/// Deletes a key.
pub(crate) async fn delete_key(app: &TestApp, access_token: &str, id: &str) -> TestResponse {
    let path = format!("/me/api-keys/{id}");
    app.bare_as(Method::DELETE, &path, access_token).await
}

/// Sends a form to `/oauth/token` without a client.
pub(crate) async fn send_form(app: &TestApp, form: &[(&str, &str)]) -> TestResponse {
    app.send(TestRequest::post().uri("/oauth/token").set_form(form)).await
}

/// Presents a key, with more parameters.
pub(crate) async fn exchange_with(app: &TestApp, api_key: &str, more: &[(&str, &str)]) -> TestResponse {
    let form = [&EXCHANGE[..], &[("subject_token", api_key)], more].concat();
    send_form(app, &form).await
}

/// Presents a key.
pub(crate) async fn exchange(app: &TestApp, api_key: &str) -> TestResponse {
    exchange_with(app, api_key, &[]).await
}

/// Returns the access token that a key is exchanged for.
pub(crate) async fn access_token(app: &TestApp, api_key: &str) -> String {
    exchange(app, api_key).await.expect(200).text("/access_token")
}

/// Asks as a service what a token is worth.
pub(crate) async fn introspect(app: &TestApp, service: &str, token: &str) -> Value {
    to_service(app, "/token/introspect", service, token).await.json()
}

/// Revokes a token as a service.
pub(crate) async fn revoke(app: &TestApp, service: &str, token: &str) {
    to_service(app, "/token/revoke", service, token).await;
}

async fn to_service(app: &TestApp, path: &str, service: &str, token: &str) -> TestResponse {
    let request = TestRequest::post().uri(path).insert_header(("authorization", service));
    app.send(request.set_json(json!({"token": token}))).await.expect(200)
}
