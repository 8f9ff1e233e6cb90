//! `GET /me/applications`, `DELETE /me/applications/{client_id}`

use actix_web::http::Method;
use serde_json::json;

use crate::support::actors::Person;
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, consider, described, text};

#[actix_web::test]
async fn users_see_what_they_allowed_and_withdraw_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let stranger = Person::sign_up(&app, "max@example.com").await;
    let shop = Application::public(&app).await;
    let mut own = described("Console", "public");
    own.first_party = true;
    let own = Application::register(&app, own).await;
    let list = |token: &str| {
        let (app, token) = (&app, token.to_owned());
        async move { app.get_as("/me/applications", &token).await.expect(200).json()["items"].clone() }
    };
    assert_eq!(list(&signed_in.access_token).await, json!([]));
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    own.sign_in(&app, &signed_in.access_token, &[("scope", "openid")]).await;
    let listed = list(&signed_in.access_token).await;
    let named = |name: &str| {
        listed
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
    };
    assert_eq!(named("Shop")["scopes"], json!(["openid", "email", "offline_access"]));
    assert_eq!(named("Console")["scopes"], json!(["openid"]));
    assert_eq!(named("Shop")["resources"], json!([API]));
    assert_eq!(named("Console")["resources"], json!([API]));
    assert!(named("Shop")["granted_at"].is_string() && named("Console")["granted_at"].is_null());
    assert!(named("Shop")["last_used_at"].is_string());
    assert_eq!(list(&stranger.access_token).await, json!([]));
    let export = app.get_as("/me/export", &signed_in.access_token).await.expect(200);
    assert_eq!(export.json()["applications"], listed);
    let sessions = export.json()["sessions"].as_array().unwrap().clone();
    let granted_to = |client_id| sessions.iter().filter(|one| one["client_id"] == client_id).count();
    assert_eq!(
        [
            granted_to(json!(shop.id)),
            granted_to(json!(own.id)),
            granted_to(json!(null))
        ],
        [1, 1, 1]
    );

    let path = format!("/me/applications/{}", shop.id);
    app.bare_as(Method::DELETE, &path, &stranger.access_token)
        .await
        .expect_problem(404, "not_found");
    app.bare_as(Method::DELETE, &path, &signed_in.access_token)
        .await
        .expect(204);
    app.bare_as(Method::DELETE, &path, &signed_in.access_token)
        .await
        .expect_problem(404, "not_found");
    shop.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect_oauth(401, "invalid_token");
    let request = shop.begin(&app, &[]).await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    assert_eq!(asked["consent_required"], true);
}
