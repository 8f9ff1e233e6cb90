//! `POST /oauth/revoke`

use crate::support::actors::Person;
use crate::support::app::TestApp;
use crate::support::applications::{Application, described, service, text, user_and_shop};

#[actix_web::test]
async fn an_application_ends_its_own_grant_and_nothing_else() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "confidential")).await;
    for member in ["access_token", "refresh_token"] {
        let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
        let (access, token) = (text(&tokens, "access_token"), text(&tokens, member));
        for other in [&token, &signed_in.access_token, &signed_in.refresh_token, "x"] {
            forum.form(&app, "/oauth/revoke", &[("token", other)]).await.expect(200);
        }
        app.get_as("/userinfo", &access).await.expect(200);
        for _ in 0..2 {
            shop.form(&app, "/oauth/revoke", &[("token", &token)]).await.expect(200);
        }
        app.get_as("/userinfo", &access)
            .await
            .expect_oauth(401, "invalid_token");
        app.get_as("/me", &signed_in.access_token).await.expect(200);
    }
}

#[actix_web::test]
async fn a_service_ends_the_sessions_of_all_users() {
    let (app, signed_in, shop) = user_and_shop().await;
    let worker = Application::register(&app, service("Worker")).await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let of_grant = text(&tokens, "access_token");
    worker
        .form(&app, "/oauth/revoke", &[("token", &of_grant)])
        .await
        .expect(200);
    app.get_as("/userinfo", &of_grant)
        .await
        .expect_oauth(401, "invalid_token");
    app.get_as("/me", &signed_in.access_token).await.expect(200);
    worker
        .form(&app, "/oauth/revoke", &[("token", &signed_in.access_token)])
        .await
        .expect(200);
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_client_with_a_secret_has_to_show_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let forum = Application::register(&app, described("Forum", "confidential")).await;
    let tokens = forum.sign_in(&app, &signed_in.access_token, &[]).await;
    let thief = Application {
        id: forum.id.clone(),
        secret: None,
    };
    let token = text(&tokens, "refresh_token");
    thief
        .form(&app, "/oauth/revoke", &[("token", &token)])
        .await
        .expect_oauth(401, "invalid_client");
    forum.refresh(&app, &token).await.expect(200);
    forum
        .form(&app, "/oauth/revoke", &[])
        .await
        .expect_oauth(400, "invalid_request");
}
