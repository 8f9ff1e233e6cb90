//! `POST /oauth/device_authorization`, `POST /oauth/device`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, described, service, text};
use crate::support::response::TestResponse;

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");

struct Device {
    application: Application,
    codes: Value,
}

impl Device {
    async fn begin(app: &TestApp, name: &str) -> Self {
        let application = Application::register(app, described(name, "public")).await;
        let form = [("scope", "openid unknown offline_access")];
        let answer = application
            .form(app, "/oauth/device_authorization", &form)
            .await
            .expect(200);
        Self {
            codes: answer.json(),
            application,
        }
    }

    fn user_code(&self) -> String {
        text(&self.codes, "user_code")
    }

    async fn poll(&self, app: &TestApp) -> TestResponse {
        poll(app, &self.application, &self.codes).await
    }
}

/// Asks after the interval.
async fn poll(app: &TestApp, application: &Application, codes: &Value) -> TestResponse {
    app.clock.advance(5);
    application
        .token(app, &[GRANT, ("device_code", &text(codes, "device_code"))])
        .await
}

async fn look(app: &TestApp, access_token: &str, user_code: &str) -> TestResponse {
    app.call_as(
        Method::POST,
        "/oauth/device",
        access_token,
        &json!({"user_code": user_code}),
    )
    .await
}

async fn decide(app: &TestApp, access_token: &str, user_code: &str, decision: &str) -> TestResponse {
    let body = json!({"user_code": user_code, "decision": decision});
    app.call_as(Method::POST, "/oauth/device", access_token, &body).await
}

#[actix_web::test]
async fn a_device_gets_its_tokens_once_the_user_has_allowed_it() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let tv = Device::begin(&app, "TV").await;
    let page = "https://auth.example.com/account/device";
    assert_eq!(tv.codes["verification_uri"], page);
    assert_eq!(
        tv.codes["verification_uri_complete"],
        format!("{page}#user_code={}", tv.user_code())
    );
    assert_eq!(
        (&tv.codes["expires_in"], &tv.codes["interval"]),
        (&json!(600), &json!(5))
    );
    tv.poll(&app).await.expect_oauth(400, "authorization_pending");

    let typed = tv.user_code().to_lowercase().replace('-', " ");
    let asked = look(&app, &jo.access_token, &typed).await.expect(200).json();
    let scopes = json!(["openid", "offline_access"]);
    assert_eq!(
        asked,
        json!({"client_id": tv.application.id, "name": "TV", "first_party": false, "scopes": scopes, "resource": API})
    );
    tv.poll(&app).await.expect_oauth(400, "authorization_pending");
    decide(&app, &jo.access_token, &typed, "approve").await.expect(204);
    let tokens = tv.poll(&app).await.expect(200).json();
    assert_eq!(tokens["scope"], "openid offline_access");
    let access = claims(&text(&tokens, "access_token"));
    assert_eq!((&access["aud"], &access["sub"]), (&json!(API), &json!(jo.person.id)));
    assert_eq!(claims(&text(&tokens, "id_token"))["aud"], tv.application.id.as_str());

    tv.poll(&app).await.expect_oauth(400, "expired_token");
    let refresh_token = text(&tokens, "refresh_token");
    let next = tv.application.refresh(&app, &refresh_token).await.expect(200).json();
    app.post_as("/logout", &jo.access_token).await.expect(204);
    tv.application
        .refresh(&app, &text(&next, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
}

#[actix_web::test]
async fn a_refusal_and_the_end_of_the_session_are_told_to_the_device() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let tv = Device::begin(&app, "TV").await;
    look(&app, &jo.access_token, &tv.user_code()).await.expect(200);
    decide(&app, &jo.access_token, &tv.user_code(), "maybe")
        .await
        .expect_problem(422, "validation_failed");
    decide(&app, &jo.access_token, &tv.user_code(), "deny")
        .await
        .expect(204);
    tv.poll(&app).await.expect_oauth(400, "access_denied");

    let radio = Device::begin(&app, "Radio").await;
    look(&app, &jo.access_token, &radio.user_code()).await.expect(200);
    decide(&app, &jo.access_token, &radio.user_code(), "approve")
        .await
        .expect(204);
    app.post_as("/logout", &jo.access_token).await.expect(204);
    radio.poll(&app).await.expect_oauth(400, "access_denied");
}

#[actix_web::test]
async fn only_the_session_that_has_seen_a_request_decides() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let max = Person::sign_up(&app, "max@example.com").await;
    let tv = Device::begin(&app, "TV").await;
    let code = tv.user_code();
    // Unseen.
    decide(&app, &jo.access_token, &code, "approve")
        .await
        .expect_problem(400, "invalid_user_code");
    look(&app, &jo.access_token, &code).await.expect(200);
    look(&app, &jo.access_token, &code).await.expect(200);
    for other in [&max.access_token, &jo.person.sign_in_again(&app).await] {
        look(&app, other, &code).await.expect_problem(400, "invalid_user_code");
        decide(&app, other, &code, "approve")
            .await
            .expect_problem(400, "invalid_user_code");
    }
    decide(&app, &jo.access_token, &code, "approve").await.expect(204);
    decide(&app, &jo.access_token, &code, "deny")
        .await
        .expect_problem(400, "invalid_user_code");
    look(&app, &jo.access_token, &code)
        .await
        .expect_problem(400, "invalid_user_code");
    tv.poll(&app).await.expect(200);
}

#[actix_web::test]
async fn a_device_that_asks_too_early_has_to_wait_longer() {
    let app = TestApp::new().await;
    let tv = Device::begin(&app, "TV").await;
    tv.poll(&app).await.expect_oauth(400, "authorization_pending");
    let early = [GRANT, ("device_code", &text(&tv.codes, "device_code"))];
    tv.application.token(&app, &early).await.expect_oauth(400, "slow_down");
    // Ten seconds now, and fifteen after the next one.
    tv.poll(&app).await.expect_oauth(400, "slow_down");
    app.clock.advance(10);
    tv.poll(&app).await.expect_oauth(400, "authorization_pending");
}

#[actix_web::test]
async fn codes_expire_belong_to_their_application_and_are_hard_to_guess() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let tv = Device::begin(&app, "TV").await;
    let radio = Device::begin(&app, "Radio").await;
    poll(&app, &radio.application, &tv.codes)
        .await
        .expect_oauth(400, "invalid_grant");
    let form = [GRANT, ("device_code", "vdc_x")];
    tv.application
        .token(&app, &form)
        .await
        .expect_oauth(400, "invalid_grant");
    app.clock.advance(600);
    tv.poll(&app).await.expect_oauth(400, "expired_token");
    let again = jo.person.sign_in_again(&app).await;
    look(&app, &again, &tv.user_code())
        .await
        .expect_problem(400, "invalid_user_code");

    let lamp = Device::begin(&app, "Lamp").await;
    for _ in 0..19 {
        look(&app, &again, "BBBB-BBBB")
            .await
            .expect_problem(400, "invalid_user_code");
    }
    look(&app, &again, &lamp.user_code())
        .await
        .expect_problem(429, "rate_limited");
    app.delete_expired().await;
    lamp.poll(&app).await.expect_oauth(400, "authorization_pending");
}

#[actix_web::test]
async fn only_applications_begin() {
    let app = TestApp::new().await;
    let worker = Application::register(&app, service("Worker")).await;
    worker
        .form(&app, "/oauth/device_authorization", &[])
        .await
        .expect_oauth(400, "unauthorized_client");
    let tv = Application::register(&app, described("TV", "public")).await;
    for (form, error) in [
        ([("scope", "admin")], "invalid_scope"),
        ([("resource", "https://other.example.com")], "invalid_target"),
    ] {
        tv.form(&app, "/oauth/device_authorization", &form)
            .await
            .expect_oauth(400, error);
    }
}

#[actix_web::test]
async fn devices_that_wait_at_the_same_time_do_not_slow_each_other_down() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (tv, radio) = (Device::begin(&app, "TV").await, Device::begin(&app, "Radio").await);
    for _ in 0..3 {
        for device in [&tv, &radio] {
            device.poll(&app).await.expect_oauth(400, "authorization_pending");
        }
    }
    look(&app, &jo.access_token, &radio.user_code()).await.expect(200);
    decide(&app, &jo.access_token, &radio.user_code(), "continue")
        .await
        .expect_problem(422, "validation_failed");
    decide(&app, &jo.access_token, &radio.user_code(), "approve")
        .await
        .expect(204);
    tv.poll(&app).await.expect_oauth(400, "authorization_pending");
    radio.poll(&app).await.expect(200);
}
