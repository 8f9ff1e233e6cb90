//! `POST /token/revoke`

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{Person, refresh};
use crate::support::app::TestApp;

#[actix_web::test]
async fn any_token_of_a_session_revokes_it_and_unknown_ones_are_answered_the_same() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let revoke = |token: &str| {
        let request = TestRequest::post()
            .uri("/token/revoke")
            .insert_header((header::AUTHORIZATION, client.clone()));
        request.set_form([("token", token), ("token_type_hint", "nonsense")])
    };
    for (number, pick) in [0, 1].iter().enumerate() {
        let signed_in = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        let tokens = [&signed_in.access_token, &signed_in.refresh_token];
        for _ in 0..2 {
            app.send(revoke(tokens[*pick])).await.expect(200);
        }
        app.get_as("/me", &signed_in.access_token)
            .await
            .expect_problem(401, "invalid_token");
        refresh(&app, &signed_in.refresh_token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    app.send(revoke("x")).await.expect(200);
    app.post("/token/revoke", &json!({"token": "x"}))
        .await
        .expect_problem(401, "invalid_client");
}
