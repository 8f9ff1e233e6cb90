//! `GET /dev/clock` `POST /dev/clock`

use serde_json::json;

use crate::support::actors::Person;
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_clock_moves_forward_and_everything_follows() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let before = app.get("/dev/clock").await.expect(200).json();
    assert_eq!(before, json!({"now": "2026-03-01T12:00:00Z", "offset": 0}));
    let after = app
        .post("/dev/clock", &json!({"advance": 600}))
        .await
        .expect(200)
        .json();
    assert_eq!(after, json!({"now": "2026-03-01T12:10:00Z", "offset": 600}));
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn it_never_moves_back() {
    let app = TestApp::new().await;
    for seconds in [-1, 315_360_001] {
        let problem = app
            .post("/dev/clock", &json!({"advance": seconds}))
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/advance");
    }
    app.post("/dev/clock", &json!({"advance": "60"}))
        .await
        .expect_problem(400, "malformed_request");
    assert_eq!(app.get("/dev/clock").await.expect(200).json()["offset"], 0);
}
