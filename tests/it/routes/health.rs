//! `GET /health/live` `GET /health/ready`

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::app::TestApp;

#[actix_web::test]
async fn a_whole_service_is_live_and_ready() {
    let app = TestApp::new().await;
    assert_eq!(
        app.get("/health/live").await.expect(200).json(),
        json!({"status": "live"})
    );
    assert_eq!(
        app.get("/health/ready").await.expect(200).json(),
        json!({"status": "ready"})
    );
    app.send(TestRequest::with_uri("/health/live").method(Method::HEAD))
        .await
        .expect(200);
}
