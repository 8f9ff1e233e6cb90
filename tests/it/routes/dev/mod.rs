//! The development endpoints.

mod clock;
mod outbox;
mod test_vectors;

use crate::support::app::TestApp;

#[actix_web::test]
async fn they_do_not_exist_when_serving() {
    let app = TestApp::serving().await;
    for path in ["/dev/clock", "/dev/outbox"] {
        app.get(path).await.expect_problem(404, "not_found");
    }
    app.post("/dev/clock", &serde_json::json!({"advance": 1}))
        .await
        .expect_problem(404, "not_found");
}
