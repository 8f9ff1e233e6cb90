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
