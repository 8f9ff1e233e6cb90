//! What ends trusted devices: whatever changes how the owner signs in, and whatever ends all sessions.
//!
//! Every operation that changes something is in one of the lists, so that another one has to be thought about.

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::json;
use vestibule::api::routes::{ROUTES, Verb};
use vestibule::domain::clock::Clock;

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, Person, SignedIn, log_in, refresh, request_link, step_up};
use crate::support::app::TestApp;
use crate::support::authenticator::Authenticator;
use crate::support::devices::{TRUSTING, Trusted, devices, log_in_on};
use crate::support::federation::{Providers, link, verified};
use crate::support::oath;
use crate::support::passkeys::{authenticator, register_passkey, removal_challenge, remove_password};

const ALL: &[(&str, &str)] = &[TRUSTING[0], ("SECOND_FACTORS", "totp,email,sms,passkey")];
const NEW_PASSWORD: &str = "heftklammer im regen";

/// Operations after which no device is trusted any longer.
const ENDS: &[&str] = &[
    "POST /2fa/totp/confirm",
    "DELETE /2fa/totp",
    "POST /2fa/passkeys",
    "DELETE /2fa/passkeys/{id}",
    "POST /2fa/recovery-codes",
    "POST /2fa/email/confirm",
    "DELETE /2fa/email",
    "POST /2fa/phone/confirm",
    "DELETE /2fa/phone",
    "POST /password/change",
    "POST /password/reset",
    "POST /password/remove",
    "POST /password/set",
    "POST /email/change/cancel",
    "DELETE /sessions",
    "DELETE /devices/{id}",
    "PATCH /admin/users/{id}",
    "DELETE /admin/users/{id}/2fa",
    "DELETE /admin/users/{id}/sessions",
    "DELETE /admin/users/{id}/devices",
    // When a used token is presented.
    "POST /token/refresh",
];

/// Operations that end them where an identity at a provider is linked or unlinked; they have a test of their own.
const ENDS_WITH_AN_IDENTITY: [&str; 4] = [
    "POST /federation/{provider}/finish",
    "POST /federation/{provider}/token",
    "DELETE /me/identities/{id}",
    "DELETE /admin/users/{id}/identities/{identity_id}",
];

/// Operations that end them with the account, or before the reader of an unverified address gets it.
const ENDS_WITH_THE_ACCOUNT: [&str; 3] = ["DELETE /me", "DELETE /admin/users/{id}", "POST /magic-link/verify"];

/// Operations that leave them: nothing that the owner signs in with changes.
const LEAVES: &[&str] = &[
    "POST /register",
    "POST /login",
    "POST /magic-link",
    "POST /federation/{provider}/start",
    "POST /federation/{provider}/callback",
    "POST /passkey/options",
    "POST /passkey/verify",
    // The one factor that it confirms is the first of the account, which cannot have a device yet.
    "POST /2fa/verify",
    "POST /2fa/challenge",
    "POST /2fa/totp",
    "POST /2fa/passkeys/options",
    "PATCH /2fa/passkeys/{id}",
    "PUT /2fa/email",
    "PUT /2fa/phone",
    "POST /step-up",
    "POST /token/introspect",
    "POST /token/revoke",
    "POST /oauth/authorize",
    "POST /oauth/logout",
    "POST /oauth/par",
    "POST /oauth/token",
    "POST /oauth/revoke",
    "POST /oauth/device_authorization",
    "POST /oauth/device",
    "POST /userinfo",
    "DELETE /me/applications/{client_id}",
    "POST /me/api-keys",
    "DELETE /me/api-keys/{id}",
    "POST /logout",
    "DELETE /sessions/{id}",
    "PATCH /me",
    "POST /password/forgot",
    "POST /password/remove/options",
    "POST /email/verify",
    "POST /email/verify/request",
    // Devices are never trusted by a mailed code, so another address changes no factor of theirs.
    "POST /email/change",
    "POST /admin/users",
    "PUT /admin/users/{id}/claims",
    "DELETE /admin/users/{id}/sessions/{session_id}",
    "POST /admin/keys/rotate",
    "POST /admin/clients",
    "PATCH /admin/clients/{id}",
    "POST /admin/clients/{id}/secret",
    "DELETE /admin/clients/{id}",
    "POST /admin/webhooks",
    "PATCH /admin/webhooks/{id}",
    "DELETE /admin/webhooks/{id}",
    "POST /admin/webhooks/{id}/rotate-secret",
    "POST /admin/webhooks/{id}/test",
    "POST /admin/webhooks/{id}/replay",
    "DELETE /dev/outbox",
    "POST /dev/clock",
];

#[test]
fn every_operation_says_what_it_does_to_devices() {
    let listed: Vec<&str> = [ENDS, &ENDS_WITH_AN_IDENTITY, &ENDS_WITH_THE_ACCOUNT, LEAVES].concat();
    let changing = ROUTES
        .iter()
        .filter(|route| !route.operation_id.is_empty() && route.verb != Verb::Get);
    let changing: BTreeSet<String> = changing
        .map(|route| format!("{} {}", route.verb.name(), route.path))
        .collect();
    let unique: BTreeSet<String> = listed.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(unique.len(), listed.len(), "an operation stands twice");
    assert_eq!(unique, changing);
}

/// An owner with every factor, and a device that is trusted now.
struct Owner {
    signed_in: SignedIn,
    passkey: String,
    key: Authenticator,
    phone: String,
    trusted: Trusted,
}

async fn owner(app: &TestApp, number: usize) -> Owner {
    let signed_in = Person::sign_up(app, &format!("jo{number}@example.com")).await;
    let phone = format!("+4915112345{number:03}");
    signed_in.set_up_phone(app, &phone).await;
    signed_in.set_up_email(app).await;
    let (key, passkey) = signed_in.add_passkey(app).await;
    let trusted = signed_in.trust_device(app).await;
    Owner {
        signed_in,
        passkey,
        key,
        phone,
        trusted,
    }
}

impl Owner {
    /// Sends a request in the session that trusted the device, whose second factor is recent.
    async fn send(&self, app: &TestApp, method: Method, path: &str, body: Option<serde_json::Value>) {
        let token = &self.trusted.access_token;
        let answer = match body {
            Some(body) => app.call_as(method, path, token, &body).await,
            None => app.bare_as(method, path, token).await,
        };
        assert!(
            answer.status.is_success(),
            "{path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }

    /// Performs an operation of [`ENDS`]. Returns the password after it.
    async fn perform(&mut self, app: &TestApp, admin: &SignedIn, operation: &str) -> &'static str {
        let person = &self.signed_in.person;
        let token = &self.trusted.access_token;
        let account = format!("/admin/users/{}", person.id);
        match operation {
            "POST /2fa/totp/confirm" => {
                let started = app.post_as("/2fa/totp", token).await.expect(201);
                let code = oath::code_at(&started.text("/secret"), app.clock.now());
                self.send(app, Method::POST, "/2fa/totp/confirm", Some(json!({"code": code})))
                    .await;
            }
            "DELETE /2fa/totp" => {
                app.clock.advance(30);
                let proofs = json!({"password": PASSWORD, "code": person.code(app)});
                self.send(app, Method::DELETE, "/2fa/totp", Some(proofs)).await;
            }
            "POST /2fa/passkeys" => {
                register_passkey(app, token, &authenticator(&person.id))
                    .await
                    .expect(201);
            }
            "DELETE /2fa/passkeys/{id}" => {
                let path = format!("/2fa/passkeys/{}", self.passkey);
                self.send(app, Method::DELETE, &path, None).await;
            }
            "POST /2fa/email/confirm" => {
                app.clock.advance(60);
                self.send(app, Method::PUT, "/2fa/email", None).await;
                let body = json!({"code": app.confirmation_code(&person.email).await});
                self.send(app, Method::POST, "/2fa/email/confirm", Some(body)).await;
            }
            "POST /2fa/phone/confirm" => {
                app.clock.advance(60);
                let number = self.phone.replace("+491511", "+491522");
                self.send(app, Method::PUT, "/2fa/phone", Some(json!({"phone_number": number})))
                    .await;
                let body = json!({"code": app.confirmation_code(&number).await});
                self.send(app, Method::POST, "/2fa/phone/confirm", Some(body)).await;
            }
            "POST /password/change" => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
                self.send(app, Method::POST, "/password/change", Some(body)).await;
                return NEW_PASSWORD;
            }
            "POST /password/reset" => {
                let link = request_link(app, "/password/forgot", "password_reset", &person.email).await;
                let body = json!({"token": link, "new_password": NEW_PASSWORD});
                app.post("/password/reset", &body).await.expect(204);
                return NEW_PASSWORD;
            }
            // A device is of use beside a password only, so none is trusted between the two.
            "POST /password/remove" | "POST /password/set" => {
                let assertion = self.key.assert(&removal_challenge(app, token).await);
                remove_password(app, token, &assertion).await.expect(204);
                assert!(devices(app, token).await.is_empty());
                let body = json!({"new_password": NEW_PASSWORD});
                self.send(app, Method::POST, "/password/set", Some(body)).await;
                return NEW_PASSWORD;
            }
            "POST /email/change/cancel" => {
                let body = json!({"email": format!("other-{}", person.email)});
                self.send(app, Method::POST, "/email/change", Some(body)).await;
                let link = app.mailed_token(&person.email, "email_change_requested").await;
                app.post("/email/change/cancel", &json!({"token": link}))
                    .await
                    .expect(204);
            }
            "DELETE /devices/{id}" => {
                let listed = app.get_as("/devices", token).await.expect(200);
                let path = format!("/devices/{}", listed.text("/devices/0/id"));
                self.send(app, Method::DELETE, &path, None).await;
            }
            "PATCH /admin/users/{id}" => {
                for disabled in [true, false] {
                    let body = json!({"disabled": disabled});
                    app.call_as(Method::PATCH, &account, &admin.access_token, &body)
                        .await
                        .expect(200);
                }
            }
            "POST /token/refresh" => {
                refresh(app, &self.signed_in.refresh_token).await.expect(200);
                app.clock.advance(60);
                refresh(app, &self.signed_in.refresh_token).await.expect(401);
            }
            simple => {
                let (method, path) = simple.split_once(' ').unwrap();
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                if path.starts_with("/admin") {
                    let path = path.replace("/admin/users/{id}", &account);
                    app.bare_as(method, &path, &admin.access_token).await.expect(204);
                } else {
                    self.send(app, method, path, None).await;
                }
            }
        }
        PASSWORD
    }
}

#[actix_web::test]
async fn whatever_changes_how_the_owner_signs_in_ends_the_devices() {
    let app = TestApp::with(ALL).await;
    let mut admin = administrator(&app, "root@example.com").await;
    for (number, operation) in ENDS.iter().copied().enumerate() {
        let mut owner = owner(&app, number).await;
        admin.prove(&app).await;
        let device = owner
            .signed_in
            .person
            .log_in_on_trusted(&app, &owner.trusted.device)
            .await;
        let password = owner.perform(&app, &admin, operation).await;
        let person = &owner.signed_in.person;
        let answer = log_in_on(&app, &person.email, password, &device).await.expect(200);
        let status = answer.json()["status"].clone();
        let expected = match operation {
            "DELETE /admin/users/{id}/2fa" => "enrolment_required",
            _ => "second_factor_required",
        };
        assert_eq!(status, expected, "{operation}");
        // The next one can be trusted.
        if operation == "POST /2fa/recovery-codes" {
            let again = owner.signed_in.trust_device(&app).await;
            person.log_in_on_trusted(&app, &again.device).await;
        }
    }
}

#[actix_web::test]
async fn what_changes_nothing_leaves_the_devices() {
    let app = TestApp::with(ALL).await;
    let owner = owner(&app, 1).await;
    let person = &owner.signed_in.person;
    let token = &owner.trusted.access_token;
    app.post_as("/2fa/totp", token).await.expect(201);
    app.post_as("/2fa/passkeys/options", token).await.expect(200);
    let named = format!("/2fa/passkeys/{}", owner.passkey);
    owner
        .send(&app, Method::PATCH, &named, Some(json!({"name": "Blue key"})))
        .await;
    owner
        .send(&app, Method::PATCH, "/me", Some(json!({"username": "jo.doe"})))
        .await;
    app.post("/password/forgot", &json!({"email": person.email}))
        .await
        .expect(202);
    step_up(&app, token, &json!({"password": PASSWORD})).await.expect(200);
    log_in(&app, &person.email, "another password").await.expect(401);
    app.post_as("/logout", token).await.expect(204);
    person.log_in_on_trusted(&app, &owner.trusted.device).await;
}

/// An attacker registers with an address that is not theirs, sets a second factor up and trusts a device. The reader of
/// the address gets the account without any of it.
#[actix_web::test]
async fn the_reader_of_an_unverified_address_gets_no_trusted_device() {
    let app = TestApp::with(TRUSTING).await;
    let attacker = Person::sign_up(&app, "jo@example.com").await;
    let device = attacker.trust_device(&app).await.device;
    let link = request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await;
    let body = json!({"token": link, "new_password": NEW_PASSWORD});
    app.post("/password/reset", &body).await.expect(204);
    let answer = log_in_on(&app, "jo@example.com", NEW_PASSWORD, &device)
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "enrolment_required");

    let attacker = Person::sign_up(&app, "mo@example.com").await;
    attacker.trust_device(&app).await;
    let link = request_link(&app, "/magic-link", "magic_link", "mo@example.com").await;
    let answer = app
        .post("/magic-link/verify", &json!({"token": link}))
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "enrolment_required");
    let operator = administrator(&app, "root@example.com").await;
    let uri = format!("/admin/users/{}/devices", attacker.person.id);
    let listed = app.get_as(&uri, &operator.access_token).await.expect(200).json();
    assert_eq!(listed["devices"], json!([]));
}

#[actix_web::test]
async fn linking_and_unlinking_an_identity_ends_them() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let trusted = jo.trust_device(&app).await;
    let id = link(&app, "honest", &jo, &verified("there", "there@example.com")).await;
    jo.person.log_in_on_ended(&app, &trusted.device).await;
    let trusted = jo.trust_device(&app).await;
    let uri = format!("/me/identities/{id}");
    app.bare_as(Method::DELETE, &uri, &trusted.access_token)
        .await
        .expect(204);
    jo.person.log_in_on_ended(&app, &trusted.device).await;
}
