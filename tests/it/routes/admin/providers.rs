//! `GET /admin/providers`

use serde_json::{Value, json};

use super::administrator;
use crate::support::app::TestApp;
use crate::support::federation::{BACK, Providers};

#[actix_web::test]
async fn administrators_see_the_settings_of_providers_without_their_secrets() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let admin = administrator(&app, "root@example.com").await;
    let listed = app.get_as("/admin/providers", &admin.access_token).await.expect(200);
    let expected = json!({
        "id": "honest", "name": "The honest", "issuer": providers.issuer("honest"), "client_id": "vestibule",
        "native_client_ids": ["app"], "scopes": ["openid", "email"],
        "redirect_uris": [BACK, "https://auth.example.com/account/federation"],
        "believed_domains": ["example.com"], "fault": null,
    });
    assert_eq!(listed.json(), json!({"items": [expected]}));
}

#[actix_web::test]
async fn a_provider_that_cannot_be_used_has_a_fault_for_a_while() {
    let providers = Providers::start(&["honest", "discovery-500"]);
    let app = providers.app(&[]).await;
    let admin = administrator(&app, "root@example.com").await;
    app.post("/federation/discovery-500/start", &json!({"redirect_uri": BACK}))
        .await
        .expect(503);
    let faults = async || {
        let listed = app
            .get_as("/admin/providers", &admin.access_token)
            .await
            .expect(200)
            .json();
        let items = listed["items"].as_array().unwrap();
        items.iter().map(|item| item["fault"].clone()).collect::<Vec<Value>>()
    };
    let [faulty, fine] = &faults().await[..] else {
        panic!("there are two providers")
    };
    assert!(fine.is_null() && faulty.is_string(), "{fine} {faulty}");
    app.clock.advance(60);
    assert_eq!(faults().await, [Value::Null, Value::Null]);
}

#[actix_web::test]
async fn without_providers_the_list_is_empty() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let listed = app.get_as("/admin/providers", &admin.access_token).await.expect(200);
    assert_eq!(listed.json(), json!({"items": []}));
}
