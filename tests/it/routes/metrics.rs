//! `GET /metrics`
//!
//! What is measured is in `server/metrics.rs`: it takes a process of its own.

use crate::support::app::TestApp;

#[actix_web::test]
async fn nobody_sees_them_who_has_no_address() {
    let app = TestApp::new().await;
    app.get("/metrics").await.expect_problem(404, "not_found");
}
