//! `GET /dev/outbox` `DELETE /dev/outbox`

use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::app::TestApp;

#[actix_web::test]
async fn the_outbox_is_empty_and_can_be_emptied() {
    let app = TestApp::new().await;
    app.send(TestRequest::delete().uri("/dev/outbox")).await.expect(204);
    assert_eq!(app.get("/dev/outbox").await.expect(200).json(), json!([]));
}
