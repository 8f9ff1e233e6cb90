//! `GET /metrics`
//!
//! The metrics are tested in `server/metrics.rs`, which needs a process of its own.

use crate::support::app::TestApp;

#[actix_web::test]
async fn a_peer_without_an_address_sees_no_metrics() {
    let app = TestApp::new().await;
    app.get("/metrics").await.expect_problem(404, "not_found");
}
