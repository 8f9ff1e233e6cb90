//! Trusted devices: what a client sends to get one, and with one.

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::actors::{PASSWORD, Person, SignedIn};
use super::app::TestApp;
use super::response::TestResponse;

/// The settings of a deployment that trusts devices for 30 days.
pub(crate) const TRUSTING: &[(&str, &str)] = &[("TRUSTED_DEVICE_TTL", "2592000")];

/// Completes a login with a code and trusts the device.
pub(crate) async fn verify_and_trust(app: &TestApp, pre_auth_token: &str, code: &str) -> TestResponse {
    let body = json!({"pre_auth_token": pre_auth_token, "code": code, "trust_device": true});
    app.post("/2fa/verify", &body).await
}

/// Logs in with the password and a device token.
pub(crate) async fn log_in_on(app: &TestApp, email: &str, password: &str, device: &str) -> TestResponse {
    let body = json!({"email": email, "password": password, "device_token": device});
    app.post("/login", &body).await
}

/// Returns the trusted devices that the owner sees.
pub(crate) async fn devices(app: &TestApp, access_token: &str) -> Vec<Value> {
    let listed = app.get_as("/devices", access_token).await.expect(200).json();
    listed["devices"].as_array().unwrap().clone()
}

/// A device that was just trusted, with the tokens of its session.
pub(crate) struct Trusted {
    pub(crate) access_token: String,
    pub(crate) device: String,
}

impl Person {
    /// Logs in with the password and the next code, and trusts the device.
    pub(crate) async fn trust_device(&self, app: &TestApp) -> Trusted {
        app.clock.advance(30);
        let pending = self.log_in(app).await;
        let answer = verify_and_trust(app, &pending, &self.code(app)).await.expect(200);
        Trusted {
            access_token: answer.text("/access_token"),
            device: answer.text("/device_token"),
        }
    }

    /// Logs in on a trusted device, which is trusted still, and returns the next device token.
    pub(crate) async fn log_in_on_trusted(&self, app: &TestApp, device: &str) -> String {
        let answer = log_in_on(app, &self.email, PASSWORD, device).await.expect(200);
        assert_eq!(answer.json()["status"], "authenticated", "{}", answer.json());
        answer.text("/device_token")
    }

    /// Logs in with a device token that spares nothing.
    pub(crate) async fn log_in_on_ended(&self, app: &TestApp, device: &str) {
        let answer = log_in_on(app, &self.email, PASSWORD, device).await;
        assert_ordinary(&answer.expect(200));
    }
}

impl SignedIn {
    /// Trusts another device.
    pub(crate) async fn trust_device(&self, app: &TestApp) -> Trusted {
        self.person.trust_device(app).await
    }
}

/// Asserts that a login is answered as without a device token: the second factor is next.
#[track_caller]
pub(crate) fn assert_ordinary(answer: &TestResponse) {
    let json = answer.json();
    assert_eq!(json["status"], "second_factor_required", "{json}");
    for absent in ["access_token", "device_token", "device_expires_in"] {
        assert!(json.get(absent).is_none(), "{absent} in {json}");
    }
    assert!(answer.header("set-cookie").is_none());
}

/// Makes a request with a cookie.
pub(crate) fn with_cookie(path: &str, cookie: &str, body: &Value) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header((header::COOKIE, cookie.to_owned()))
        .set_json(body)
}
