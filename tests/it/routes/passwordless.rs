//! `POST /password/remove/options` `POST /password/remove` `POST /password/set`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, claims, log_in, verify};
use crate::support::app::TestApp;
use crate::support::passkeys::{
    PASSKEYS, register_passkey, registration_challenge, removal_challenge, remove_password, sign_in_by_passkey,
    sign_in_challenge, step_up_by_passkey, step_up_challenge,
};
use crate::support::response::TestResponse;

const NEW: &str = "heftklammer im regen";

async fn set(app: &TestApp, token: &str, new: &str) -> TestResponse {
    let body = json!({"new_password": new});
    app.call_as(Method::POST, "/password/set", token, &body).await
}

async fn me(app: &TestApp, token: &str) -> Value {
    app.get_as("/me", token).await.expect(200).json()
}

async fn newest_event(app: &TestApp, token: &str) -> Value {
    app.get_as("/me/events", token).await.expect(200).json()["items"][0]["event"].clone()
}

#[actix_web::test]
async fn a_password_is_removed_with_a_passkey_that_signs_in_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let (mut key, _) = jo.add_passkey(&app).await;
    assert_eq!(me(&app, token).await["has_password"], true);
    let options = app.post_as("/password/remove/options", token).await.expect(200).json();
    // Of any passkey that knows its user: one that has to be named is of no use alone.
    assert_eq!(
        (
            &options["options"]["userVerification"],
            options["options"].get("allowCredentials")
        ),
        (&json!("required"), None)
    );
    let assertion = key.assert(&removal_challenge(&app, token).await);
    let late = removal_challenge(&app, token).await;
    remove_password(&app, token, &assertion).await.expect(204);
    assert_eq!(me(&app, token).await["has_password"], false);
    assert_eq!(newest_event(&app, token).await, "password_removed");
    app.notification("jo@example.com", "password_removed").await;
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
    // There is none to remove or to change any longer.
    app.post_as("/password/remove/options", token)
        .await
        .expect_problem(409, "conflict");
    let assertion = key.assert(&late);
    remove_password(&app, token, &assertion)
        .await
        .expect_problem(409, "conflict");
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    app.call_as(Method::POST, "/password/change", token, &body)
        .await
        .expect_problem(409, "conflict");
}

#[actix_web::test]
async fn an_account_without_a_password_sets_one_with_a_recent_proof() {
    let app = TestApp::with(PASSKEYS).await;
    let (jo, mut key) = Person::sign_up_without_password(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let problem = set(&app, token, "password1")
        .await
        .expect_problem(422, "password_rejected");
    assert_eq!(problem["reason"], "common");
    app.clock.advance(301);
    let demand = set(&app, token, NEW)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["passkey", "recovery_code"]));
    let assertion = key.assert(&step_up_challenge(&app, token).await);
    let token = &step_up_by_passkey(&app, token, &assertion)
        .await
        .expect(200)
        .text("/access_token");
    // Events of one moment have no order.
    app.clock.advance(1);
    set(&app, token, NEW).await.expect(204);
    assert_eq!(me(&app, token).await["has_password"], true);
    assert_eq!(newest_event(&app, token).await, "password_set");
    app.notification("jo@example.com", "password_set").await;
    set(&app, token, NEW).await.expect_problem(409, "conflict");
    // Beside the password, the passkey is a second factor, and alone it still signs in.
    let login = log_in(&app, "jo@example.com", NEW).await.expect(200).json();
    assert_eq!(login["status"], "second_factor_required");
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

#[actix_web::test]
async fn removing_the_password_ends_other_sessions_and_pending_logins_and_keeps_the_own() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let other = jo.person.sign_in_again(&app).await;
    let pending = jo.person.log_in(&app).await;
    let assertion = key.assert(&removal_challenge(&app, &jo.access_token).await);
    remove_password(&app, &jo.access_token, &assertion).await.expect(204);
    app.get_as("/me", &other).await.expect_problem(401, "invalid_token");
    app.get_as("/me", &jo.access_token).await.expect(200);
    app.clock.advance(30);
    verify(&app, &pending, &jo.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn an_authenticator_is_removed_without_a_password_by_a_code_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let remove = async || {
        app.clock.advance(30);
        let body = json!({"code": jo.person.code(&app)});
        app.call_as(Method::DELETE, "/2fa/totp", &jo.access_token, &body).await
    };
    // With a password it takes both.
    remove().await.expect_problem(401, "invalid_credentials");
    let assertion = key.assert(&removal_challenge(&app, &jo.access_token).await);
    remove_password(&app, &jo.access_token, &assertion).await.expect(204);
    remove().await.expect(204);
}

#[actix_web::test]
async fn the_options_for_an_account_without_a_password_ask_for_a_passkey_that_signs_in_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register_without_password(&app, "jo@example.com").await;
    let shown = app.post_as("/2fa/passkeys/options", &jo.pre_auth_token).await;
    let asked = json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "required"});
    assert_eq!(shown.expect(200).json()["options"]["authenticatorSelection"], asked);
    let (jo, _) = Person::sign_up_without_password(&app, "jo.doe@example.com").await;
    let shown = app.post_as("/2fa/passkeys/options", &jo.access_token).await;
    assert_eq!(shown.expect(200).json()["options"]["authenticatorSelection"], asked);
    let body = json!({"method": "passkey"});
    let shown = app
        .call_as(Method::POST, "/2fa/challenge", &jo.access_token, &body)
        .await;
    assert_eq!(shown.expect(200).json()["options"]["userVerification"], "required");
}

#[actix_web::test]
async fn a_registration_without_a_password_ends_in_a_session_of_two_factors() {
    let app = TestApp::with(PASSKEYS).await;
    let body = json!({"email": "jo@example.com", "username": "jo.doe", "passkey": true});
    let answer = app.post("/register", &body).await.expect(201).json();
    assert_eq!(
        (&answer["user"]["has_password"], answer.get("totp")),
        (&json!(false), None)
    );
    let (jo, _) = Person::sign_up_without_password(&app, "ann@example.com").await;
    assert_eq!(jo.recovery_codes.len(), 10);
    let shown = claims(&jo.access_token);
    assert_eq!((&shown["acr"], &shown["amr"]), (&json!("aal2"), &json!(["pop", "mfa"])));
    // It is recent enough for sensitive changes.
    let second = crate::support::passkeys::authenticator(&jo.person.id);
    register_passkey(&app, &jo.access_token, &second).await.expect(201);
    registration_challenge(&app, &jo.access_token).await;
}

#[actix_web::test]
async fn a_registration_has_a_password_or_a_passkey() {
    let app = TestApp::with(PASSKEYS).await;
    for body in [
        json!({"email": "jo@example.com"}),
        json!({"email": "jo@example.com", "passkey": false}),
        json!({"email": "jo@example.com", "password": PASSWORD, "passkey": true}),
    ] {
        let problem = app
            .post("/register", &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(
            problem["errors"],
            json!([{"pointer": "", "detail": "give exactly one of password and passkey"}])
        );
    }
    let body = json!({"email": "jo@example.com", "password": PASSWORD, "passkey": false});
    app.post("/register", &body).await.expect(201);
    let without = app.sibling(&[("SECOND_FACTORS", "totp")]).await;
    let body = json!({"email": "ann@example.com", "passkey": true});
    without.post("/register", &body).await.expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn where_passkeys_are_not_offered_there_are_no_options_to_remove_the_password() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.post_as("/password/remove/options", &jo.access_token)
        .await
        .expect_problem(403, "forbidden");
}
