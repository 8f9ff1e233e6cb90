//! `DELETE /admin/users/{id}/2fa`

use actix_web::http::Method;
use serde_json::json;

use super::{administrator, assert_out, events, path};
use crate::support::actors::{PASSWORD, PHONE, Person, log_in, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_user_who_lost_every_factor_starts_over_and_is_notified() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email,sms")]).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, PHONE).await;
    jo.set_up_email(&app).await;
    let pending = jo.person.log_in(&app).await;

    let uri = format!("{}/2fa", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);

    app.clock.advance(30);
    let code = jo.person.code(&app);
    assert_out(&app, &jo, (&pending, &code)).await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "enrolment_required");
    let token = login["pre_auth_token"].as_str().unwrap();
    for old in [&code, &jo.recovery_codes[0]] {
        assert_eq!(verify(&app, token, old).await.status.as_u16(), 401);
    }
    let shown = app
        .get_as(&path(&jo.person), &admin.access_token)
        .await
        .expect(200)
        .json();
    let none = json!({"passkey": false, "totp": false, "email": false, "phone": false, "recovery_codes_remaining": 0});
    assert_eq!(shown["two_factor"], none);

    app.notification("jo@example.com", "second_factors_reset").await;
    let done = &events(&app, &admin, "mfa_removed").await[0];
    assert_eq!(
        (&done["user_id"], &done["actor_id"]),
        (&json!(jo.person.id), &json!(admin.person.id))
    );
    assert_eq!(
        events(&app, &admin, "authz_admin").await[0]["reason"],
        "second_factors_reset"
    );
}

#[actix_web::test]
async fn wrong_codes_are_forgotten_with_the_factor_they_were_for() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let pending = jo.person.log_in(&app).await;
    for _ in 0..5 {
        verify(&app, &pending, &jo.person.wrong_code(&app)).await;
    }
    let uri = format!("{}/2fa", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    let token = log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200)
        .text("/pre_auth_token");
    let enrolment = app.post_as("/2fa/totp", &token).await.expect(201);
    let new = Person {
        secret: enrolment.text("/secret"),
        ..jo.person
    };
    verify(&app, &token, &new.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn an_unknown_account_is_404() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for id in ["x", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        let uri = format!("/admin/users/{id}/2fa");
        let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
}
