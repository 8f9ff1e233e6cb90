//! `GET /openapi.json`

use vestibule::api::openapi::document;

use crate::support::app::TestApp;

#[actix_web::test]
async fn the_document_is_served_as_it_is_printed() {
    let app = TestApp::new().await;
    let answer = app.get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(String::from_utf8(answer.body).unwrap(), document());
}
