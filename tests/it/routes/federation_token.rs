//! `POST /federation/{provider}/token`

use serde_json::json;

use crate::races::count;
use crate::support::app::TestApp;
use crate::support::federation::{Providers, Started, id_token, verified};

const HONEST: &[&str] = &["honest"];
const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];

#[actix_web::test]
async fn an_app_signs_in_with_an_id_token_of_its_system() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let started = start_native(&app).await;
    let token = id_token(&providers, "honest", &started, &user, "app");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    let answer = app.post("/federation/honest/token", &body).await.expect(200);
    assert_eq!(answer.text("/status"), "authenticated");
    // Once.
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_federation_token");
    // And with the nonce of its own start.
    let other = start_native(&app).await;
    let body = json!({"federation_token": other.federation_token, "id_token": token});
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_id_token");
    let of_another = id_token(&providers, "honest", &other, &user, "another");
    let body = json!({"federation_token": other.federation_token, "id_token": of_another});
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_id_token");
}

/// The app can do nothing about a provider whose keys cannot be used.
#[actix_web::test]
async fn a_fault_of_the_provider_is_not_one_of_the_id_token() {
    let lies = [
        "keys-empty",
        "keys-html",
        "keys-500",
        "keys-drop",
        "discovery-500",
        "aud",
    ];
    let providers = Providers::start(&lies);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    for (lie, status, code) in [
        ("keys-empty", 502, "provider_untrusted"),
        ("keys-html", 502, "provider_untrusted"),
        ("keys-500", 503, "provider_unavailable"),
        ("keys-drop", 503, "provider_unavailable"),
        ("discovery-500", 503, "provider_unavailable"),
        ("aud", 401, "invalid_id_token"),
    ] {
        let started = start_native_at(&app, lie).await;
        let token = id_token(&providers, lie, &started, &user, "app");
        let body = json!({"federation_token": started.federation_token, "id_token": token});
        let answer = app.post(&started.path("token"), &body).await;
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{lie}");
        answer.expect_problem(status, code);
    }
    assert_eq!(count(&app, "users"), 0);
}

async fn start_native(app: &TestApp) -> Started {
    start_native_at(app, "honest").await
}

async fn start_native_at(app: &TestApp, provider: &str) -> Started {
    let uri = format!("/federation/{provider}/start");
    let answer = app.post(&uri, &json!({})).await.expect(200);
    assert!(answer.json().get("authorization_url").is_none());
    Started::native(provider, &answer)
}
