//! Users and the steps of a login as functions, so that a test contains only what it is about.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use serde_json::{Value, json};
use vestibule::domain::clock::Clock;

use super::app::TestApp;
use super::oath;
use super::response::TestResponse;
use super::token;
pub(crate) use super::token::claims;

/// A password that is hard to guess.
pub(crate) const PASSWORD: &str = "korrekt pferd batterie";
/// The number of a phone.
pub(crate) const PHONE: &str = "+4915112345678";

/// A registered user with an authenticator.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    /// The authenticator's secret, in base 32.
    pub(crate) secret: String,
    /// The pre-auth token of the registration.
    pub(crate) pre_auth_token: String,
}

/// A signed-in user.
pub(crate) struct SignedIn {
    pub(crate) person: Person,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) recovery_codes: Vec<String>,
}

impl Person {
    /// Registers with an address.
    pub(crate) async fn register(app: &TestApp, email: &str) -> Self {
        let answer = app
            .post("/register", &json!({"email": email, "password": PASSWORD}))
            .await
            .expect(201);
        Self {
            id: answer.text("/user/id"),
            email: email.to_owned(),
            secret: answer.text("/totp/secret"),
            pre_auth_token: answer.text("/pre_auth_token"),
        }
    }

    /// Registers and confirms the authenticator.
    pub(crate) async fn sign_up(app: &TestApp, email: &str) -> SignedIn {
        Self::register(app, email).await.confirm(app).await
    }

    /// Registers, verifies the address, and confirms the authenticator: notices go only to verified addresses.
    pub(crate) async fn sign_up_verified(app: &TestApp, email: &str) -> SignedIn {
        let person = Self::register(app, email).await;
        app.verify_email(email).await;
        person.confirm(app).await
    }

    /// Returns the code that the authenticator shows.
    pub(crate) fn code(&self, app: &TestApp) -> String {
        oath::code_at(&self.secret, app.clock.now())
    }

    /// Returns a code that the authenticator does not show at any time near now.
    pub(crate) fn wrong_code(&self, app: &TestApp) -> String {
        let near: Vec<String> = (-3..=3)
            .map(|step| oath::code_at(&self.secret, app.clock.now() + TimeDelta::seconds(30 * step)))
            .collect();
        let mut codes = (0..1_000_000).map(|number| format!("{number:06}"));
        codes.find(|code| !near.contains(code)).unwrap()
    }

    /// Sends the first code.
    pub(crate) async fn confirm(self, app: &TestApp) -> SignedIn {
        let answer = verify(app, &self.pre_auth_token, &self.code(app)).await.expect(200);
        let codes = answer.json()["recovery_codes"]
            .as_array()
            .expect("recovery codes")
            .clone();
        SignedIn {
            access_token: answer.text("/access_token"),
            refresh_token: answer.text("/refresh_token"),
            recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
            person: self,
        }
    }

    /// Sends the first code as a browser does, and returns its cookie.
    pub(crate) async fn confirm_with_cookie(self, app: &TestApp) -> String {
        let body = json!({"pre_auth_token": self.pre_auth_token, "code": self.code(app), "delivery": "cookie"});
        let answer = app.post("/2fa/verify", &body).await.expect(200);
        assert!(answer.json().get("refresh_token").is_none());
        let cookie = answer.header("set-cookie").expect("a cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Logs in again with the password and the next code, and returns the access token.
    pub(crate) async fn sign_in_again(&self, app: &TestApp) -> String {
        app.clock.advance(30);
        let answer = self.log_in_with(app, &self.code(app)).await;
        answer.expect(200).text("/access_token")
    }

    /// Logs in with the password and returns the pre-auth token.
    pub(crate) async fn log_in(&self, app: &TestApp) -> String {
        log_in(app, &self.email, PASSWORD)
            .await
            .expect(200)
            .text("/pre_auth_token")
    }

    /// Logs in with the password, and sends a code as the second factor.
    pub(crate) async fn log_in_with(&self, app: &TestApp, code: &str) -> TestResponse {
        verify(app, &self.log_in(app).await, code).await
    }
}

impl SignedIn {
    /// Exchanges the refresh token, as a client does after a role was granted: new roles are in the next token.
    pub(crate) async fn refresh(&mut self, app: &TestApp) {
        let answer = refresh(app, &self.refresh_token).await.expect(200);
        self.access_token = answer.text("/access_token");
        self.refresh_token = answer.text("/refresh_token");
    }

    /// Steps up with the next code of the authenticator.
    pub(crate) async fn prove(&mut self, app: &TestApp) {
        self.refresh(app).await;
        app.clock.advance(30);
        let code = json!({"code": self.person.code(app)});
        let proved = step_up(app, &self.access_token, &code).await.expect(200);
        self.access_token = proved.text("/access_token");
        self.refresh_token = proved.text("/refresh_token");
    }

    /// Sets up codes by text message as a second factor.
    pub(crate) async fn set_up_phone(&self, app: &TestApp, number: &str) {
        let body = json!({"phone_number": number});
        app.call_as(Method::PUT, "/2fa/phone", &self.access_token, &body)
            .await
            .expect(202);
        let body = json!({"code": app.confirmation_code(number).await});
        app.call_as(Method::POST, "/2fa/phone/confirm", &self.access_token, &body)
            .await
            .expect(204);
    }

    /// Sets up codes by mail as a second factor.
    pub(crate) async fn set_up_email(&self, app: &TestApp) {
        app.verify_email(&self.person.email).await;
        app.bare_as(Method::PUT, "/2fa/email", &self.access_token)
            .await
            .expect(202);
        let body = json!({"code": app.confirmation_code(&self.person.email).await});
        app.call_as(Method::POST, "/2fa/email/confirm", &self.access_token, &body)
            .await
            .expect(204);
    }
}

/// Sends a login with an address.
pub(crate) async fn log_in(app: &TestApp, email: &str, password: &str) -> TestResponse {
    app.post("/login", &json!({"email": email, "password": password})).await
}

/// Sends a login from an address that a proxy names.
pub(crate) async fn log_in_from(app: &TestApp, ip: &str, email: &str, password: &str) -> TestResponse {
    let body = json!({"email": email, "password": password});
    let request = TestRequest::post().uri("/login").set_json(body);
    app.send(request.insert_header(("x-forwarded-for", ip))).await
}

/// Requests a mail with a link from `/password/forgot`, `/magic-link` or `/email/verify/request`, and returns the token
/// in the link.
pub(crate) async fn request_link(app: &TestApp, path: &str, kind: &str, email: &str) -> String {
    app.post(path, &json!({"email": email})).await.expect(202);
    app.mailed_token(email, kind).await
}

/// Sends a code.
pub(crate) async fn verify(app: &TestApp, pre_auth_token: &str, code: &str) -> TestResponse {
    app.post("/2fa/verify", &json!({"pre_auth_token": pre_auth_token, "code": code}))
        .await
}

/// Sends a code with the name of its method.
pub(crate) async fn verify_by(app: &TestApp, pre_auth_token: &str, code: &str, method: &str) -> TestResponse {
    let body = json!({"pre_auth_token": pre_auth_token, "code": code, "method": method});
    app.post("/2fa/verify", &body).await
}

/// Requests a code.
pub(crate) async fn challenge(app: &TestApp, pre_auth_token: &str, method: &str) -> TestResponse {
    let body = json!({"pre_auth_token": pre_auth_token, "method": method});
    app.post("/2fa/challenge", &body).await
}

/// Sends a step-up, in the session of an access token.
pub(crate) async fn step_up(app: &TestApp, access_token: &str, proof: &Value) -> TestResponse {
    app.call_as(Method::POST, "/step-up", access_token, proof).await
}

/// Sends a refresh token.
pub(crate) async fn refresh(app: &TestApp, refresh_token: &str) -> TestResponse {
    app.post("/token/refresh", &json!({"refresh_token": refresh_token}))
        .await
}

/// Returns the header of an access token.
pub(crate) fn header(access_token: &str) -> Value {
    token::part(access_token, 0)
}
