//! `GET /openapi.json`

use serde_json::{Value, json};
use vestibule::api::openapi::document;

use crate::support::app::{PUBLIC_URL, TestApp};

#[actix_web::test]
async fn the_document_is_served_as_it_is_printed_and_says_where_the_service_is() {
    let app = TestApp::new().await;
    let answer = app.get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut printed: Value = serde_json::from_str(&document()).unwrap();
    assert_eq!(printed["servers"], json!([{"url": "/"}]));
    printed["servers"] = json!([{"url": PUBLIC_URL}]);
    assert_eq!(answer.json(), printed);
}

/// Forms generated from the document then refuse what the service would refuse.
#[actix_web::test]
async fn the_shortest_password_is_the_deployments() {
    let app = TestApp::with(&[("PASSWORD_MIN_LENGTH", "20")]).await;
    let served = app.get("/openapi.json").await.expect(200).json();
    let printed: Value = serde_json::from_str(&document()).unwrap();
    let length = |document: &Value, shape: &str, member: &str| {
        document["components"]["schemas"][shape]["properties"][member]["minLength"].as_u64()
    };
    for (shape, member) in [
        ("RegisterRequest", "password"),
        ("ChangePasswordRequest", "new_password"),
        ("ResetPasswordRequest", "new_password"),
    ] {
        assert_eq!(
            (length(&served, shape, member), length(&printed, shape, member)),
            (Some(20), Some(8)),
            "{shape}"
        );
    }
    for (shape, member) in [
        ("LoginRequest", "password"),
        ("ChangePasswordRequest", "current_password"),
    ] {
        assert_eq!(
            length(&served, shape, member),
            None,
            "an existing password may be shorter: {shape}"
        );
    }
}
