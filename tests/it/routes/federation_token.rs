//! `POST /federation/{provider}/token`

use serde_json::json;

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

async fn start_native(app: &TestApp) -> Started {
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    assert!(answer.json().get("authorization_url").is_none());
    Started::native("honest", &answer)
}
