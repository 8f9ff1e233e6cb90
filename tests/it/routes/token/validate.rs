//! `GET /token/validate`

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_gateway_learns_who_calls() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let answer = app.get_as("/token/validate", &signed_in.access_token).await.expect(200);
    let claims = claims(&signed_in.access_token);
    assert_eq!(answer.json(), claims);
    assert_eq!(answer.header("x-auth-user"), claims["sub"].as_str());
    assert_eq!(answer.header("x-auth-session"), claims["sid"].as_str());
    assert_eq!(answer.header("x-auth-roles"), Some(""));
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    app.get_as("/token/validate", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
}
