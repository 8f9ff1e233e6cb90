//! What a browser sends for passkeys, one function for each step.
//!
//! A passkey answers no challenge that is as old as the last one that it answered, and the clock of tests stands still:
//! so whatever makes a challenge moves it first.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::actors::{Person, SignedIn, challenge};
use super::app::{PUBLIC_URL, TestApp};
use super::authenticator::Authenticator;
use super::response::TestResponse;

/// The settings of a deployment with passkeys.
pub(crate) const PASSKEYS: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,passkey")];
/// The domain of [`PUBLIC_URL`].
pub(crate) const RP_ID: &str = "auth.example.com";

const CHALLENGE: &str = "/options/challenge";

/// Makes an authenticator for the service, which knows its user's id.
pub(crate) fn authenticator(user_id: &str) -> Authenticator {
    let id = Uuid::parse_str(user_id).unwrap();
    Authenticator::new(RP_ID, PUBLIC_URL, id.into_bytes())
}

impl Person {
    /// Registers with an address and without a password.
    pub(crate) async fn register_without_password(app: &TestApp, email: &str) -> Self {
        let body = json!({"email": email, "passkey": true});
        let answer = app.post("/register", &body).await.expect(201);
        Self {
            id: answer.text("/user/id"),
            email: email.to_owned(),
            secret: String::new(),
            pre_auth_token: answer.text("/pre_auth_token"),
        }
    }

    /// Registers without a password, verifies the address, and signs in with a passkey.
    pub(crate) async fn sign_up_without_password(app: &TestApp, email: &str) -> (SignedIn, Authenticator) {
        let person = Self::register_without_password(app, email).await;
        let body = json!({"token": app.mailed_token(email, "email_verification").await});
        app.call_as(Method::POST, "/email/verify", &person.pre_auth_token, &body)
            .await
            .expect(204);
        let (mut key, recovery_codes) = person.enrol_passkey(app).await;
        let assertion = key.assert(&login_challenge(app, &person.pre_auth_token).await);
        let answer = verify_passkey(app, &person.pre_auth_token, &assertion)
            .await
            .expect(200);
        let signed_in = SignedIn {
            access_token: answer.text("/access_token"),
            refresh_token: answer.text("/refresh_token"),
            recovery_codes,
            person,
        };
        (signed_in, key)
    }

    /// Registers a passkey in the pending login of the registration, and returns the recovery codes, too.
    pub(crate) async fn enrol_passkey(&self, app: &TestApp) -> (Authenticator, Vec<String>) {
        let key = authenticator(&self.id);
        let answer = register_passkey(app, &self.pre_auth_token, &key).await.expect(201);
        let codes = answer.json()["recovery_codes"].as_array().unwrap().clone();
        (
            key,
            codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
        )
    }
}

impl SignedIn {
    /// Registers a passkey, and returns its id, too.
    pub(crate) async fn add_passkey(&self, app: &TestApp) -> (Authenticator, String) {
        let key = authenticator(&self.person.id);
        let answer = register_passkey(app, &self.access_token, &key).await.expect(201);
        let id = answer.text("/passkey/id");
        (key, id)
    }
}

/// Starts a registration, with an access token or a pre-auth token, and returns the challenge.
pub(crate) async fn registration_challenge(app: &TestApp, token: &str) -> String {
    app.clock.advance(1);
    let answer = app.post_as("/2fa/passkeys/options", token).await;
    answer.expect(200).text(CHALLENGE)
}

/// Sends what a browser made of the options of a registration.
pub(crate) async fn send_registration(app: &TestApp, token: &str, credential: &Value) -> TestResponse {
    let body = json!({"credential": credential});
    app.call_as(Method::POST, "/2fa/passkeys", token, &body).await
}

/// Registers a passkey.
pub(crate) async fn register_passkey(app: &TestApp, token: &str, key: &Authenticator) -> TestResponse {
    let credential = key.register(&registration_challenge(app, token).await);
    send_registration(app, token, &credential).await
}

/// Returns the challenge of a pending login.
pub(crate) async fn login_challenge(app: &TestApp, pre_auth_token: &str) -> String {
    app.clock.advance(1);
    challenge(app, pre_auth_token, "passkey")
        .await
        .expect(200)
        .text(CHALLENGE)
}

/// Returns the challenge of a step-up.
pub(crate) async fn step_up_challenge(app: &TestApp, access_token: &str) -> String {
    app.clock.advance(1);
    let body = json!({"method": "passkey"});
    let answer = app.call_as(Method::POST, "/2fa/challenge", access_token, &body).await;
    answer.expect(200).text(CHALLENGE)
}

/// Returns the challenge of a sign-in with a passkey alone.
pub(crate) async fn sign_in_challenge(app: &TestApp) -> String {
    app.clock.advance(1);
    let request = TestRequest::post().uri("/passkey/options");
    app.send(request).await.expect(200).text(CHALLENGE)
}

/// Completes a login with an assertion.
pub(crate) async fn verify_passkey(app: &TestApp, pre_auth_token: &str, assertion: &Value) -> TestResponse {
    let body = json!({"pre_auth_token": pre_auth_token, "passkey": assertion});
    app.post("/2fa/verify", &body).await
}

/// Returns the challenge of a removal of the password.
pub(crate) async fn removal_challenge(app: &TestApp, access_token: &str) -> String {
    app.clock.advance(1);
    let answer = app.post_as("/password/remove/options", access_token).await;
    answer.expect(200).text(CHALLENGE)
}

/// Sends an assertion that removes the password.
pub(crate) async fn remove_password(app: &TestApp, access_token: &str, assertion: &Value) -> TestResponse {
    let body = json!({"passkey": assertion});
    app.call_as(Method::POST, "/password/remove", access_token, &body).await
}

/// Removes a passkey.
pub(crate) async fn remove_passkey(app: &TestApp, access_token: &str, id: &str) -> TestResponse {
    app.bare_as(Method::DELETE, &format!("/2fa/passkeys/{id}"), access_token)
        .await
}

/// Steps a session up with an assertion.
pub(crate) async fn step_up_by_passkey(app: &TestApp, access_token: &str, assertion: &Value) -> TestResponse {
    super::actors::step_up(app, access_token, &json!({"passkey": assertion})).await
}

/// Signs in with an assertion alone.
pub(crate) async fn sign_in_by_passkey(app: &TestApp, assertion: &Value) -> TestResponse {
    app.post("/passkey/verify", &json!({"credential": assertion})).await
}
