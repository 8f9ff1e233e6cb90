//! `GET /devices` `DELETE /devices/{id}`

use actix_web::http::{Method, header};
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, claims, log_in, step_up};
use crate::support::app::TestApp;
use crate::support::devices::{TRUSTING, assert_ordinary, devices, log_in_on, verify_and_trust, with_cookie};
use crate::support::statements;

const DAY: i64 = 86_400;

#[actix_web::test]
async fn on_a_trusted_device_the_password_is_enough_and_says_so() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    assert_eq!(login.json()["trusted_device_ttl"], 30 * DAY);
    let code = jo.person.code(&app);
    let trusted = verify_and_trust(&app, &login.text("/pre_auth_token"), &code)
        .await
        .expect(200);
    assert_eq!(trusted.json()["device_expires_in"], 30 * DAY);
    assert_eq!(claims(&trusted.text("/access_token"))["acr"], "aal2");

    app.clock.advance(DAY);
    let answer = log_in_on(&app, "jo@example.com", PASSWORD, &trusted.text("/device_token")).await;
    let answer = answer.expect(200);
    assert_eq!(answer.json()["status"], "authenticated");
    assert_ne!(answer.text("/device_token"), trusted.text("/device_token"));
    assert_eq!(answer.json()["device_expires_in"], 29 * DAY, "use prolongs nothing");
    let token = claims(&answer.text("/access_token"));
    assert_eq!((&token["acr"], &token["amr"]), (&json!("aal1"), &json!(["pwd", "tdv"])));
    assert_eq!(answer.json()["session"]["amr"], json!(["pwd", "tdv"]));
}

#[actix_web::test]
async fn what_requires_two_factors_demands_a_step_up_as_ever() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let answer = log_in_on(&app, "jo@example.com", PASSWORD, &device).await.expect(200);
    let access = answer.text("/access_token");
    let demand = app
        .bare_as(Method::GET, "/me/export", &access)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["acr_values"], "aal2");
    assert_eq!(demand["accepted_methods"], json!(["totp", "recovery_code"]));
    app.clock.advance(30);
    let proof = json!({"code": jo.person.code(&app)});
    let stepped_up = step_up(&app, &access, &proof).await.expect(200);
    assert!(stepped_up.json().get("device_token").is_none());
    let token = claims(&stepped_up.text("/access_token"));
    assert_eq!(token["acr"], "aal2");
    assert_eq!(token["amr"], json!(["pwd", "tdv", "otp", "mfa"]));
    let export = app.get_as("/me/export", &stepped_up.text("/access_token")).await;
    let exported = export.expect(200).json();
    assert_eq!(exported["trusted_devices"].as_array().unwrap().len(), 1, "{exported}");
}

#[actix_web::test]
async fn the_owner_sees_their_devices_and_ends_one() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    assert!(devices(&app, &jo.access_token).await.is_empty());
    let first = jo.trust_device(&app).await;
    let second = jo.trust_device(&app).await;
    let used = jo.person.log_in_on_trusted(&app, &second.device).await;
    let listed = devices(&app, &jo.access_token).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["ip"], "203.0.113.7");
    assert!(listed[0]["last_used_at"].is_string() && listed[1]["last_used_at"].is_null());
    let kinds = app.notification_kinds("jo@example.com").await;
    assert!(kinds.contains(&"device_trusted".to_owned()), "{kinds:?}");

    let path = format!("/devices/{}", listed[0]["id"].as_str().unwrap());
    for unknown in ["/devices/x", "/devices/019ca945-0a00-7673-b71e-0108b877dbc7"] {
        let answer = app.bare_as(Method::DELETE, unknown, &jo.access_token).await;
        answer.expect_problem(404, "not_found");
    }
    let answer = app.bare_as(Method::DELETE, &path, &mo.access_token).await;
    answer.expect_problem(404, "not_found");
    app.bare_as(Method::DELETE, &path, &jo.access_token).await.expect(204);
    let answer = app.bare_as(Method::DELETE, &path, &jo.access_token).await;
    answer.expect_problem(404, "not_found");
    jo.person.log_in_on_ended(&app, &used).await;
    jo.person.log_in_on_trusted(&app, &first.device).await;
    app.get_as("/me", &second.access_token).await.expect(200);
    let events = app.get_as("/me/events", &jo.access_token).await.expect(200).json();
    let named = |name: &str| {
        events["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["event"] == name)
            .count()
    };
    assert_eq!((named("device_trusted"), named("device_removed")), (2, 1));
}

#[actix_web::test]
async fn a_browsers_device_token_stays_in_its_cookie() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let body = json!({
        "pre_auth_token": jo.person.log_in(&app).await, "code": jo.person.code(&app),
        "delivery": "cookie", "trust_device": true,
    });
    let answer = app.post("/2fa/verify", &body).await.expect(200);
    assert!(answer.json().get("device_token").is_none());
    assert_eq!(answer.json()["device_expires_in"], 30 * DAY);
    let set = device_cookie(&answer.headers);
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
        assert!(set.contains(part), "{part} in {set}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    let login = json!({"email": "jo@example.com", "password": PASSWORD, "delivery": "cookie"});
    let from = |origin: &str| with_cookie("/login", &cookie, &login).insert_header((header::ORIGIN, origin.to_owned()));
    let refused = app.send(from("https://evil.example")).await;
    refused.expect_problem(403, "origin_not_allowed");
    let answer = app.send(from("https://auth.example.com")).await.expect(200);
    assert_eq!(answer.json()["status"], "authenticated");
    assert!(answer.json().get("device_token").is_none());
    let next = device_cookie(&answer.headers);
    assert!(next.starts_with("__Host-vestibule_device_1ce18487=vtd_") && !next.starts_with(&cookie));
    // The token goes the way that it came, even if the refresh token does not.
    let login = json!({"email": "jo@example.com", "password": PASSWORD});
    let cookie = next.split(';').next().unwrap();
    let answer = app.send(with_cookie("/login", cookie, &login)).await.expect(200);
    assert!(answer.json().get("device_token").is_none() && answer.json()["refresh_token"].is_string());
    device_cookie(&answer.headers);
}

fn device_cookie(headers: &header::HeaderMap) -> String {
    let set = headers.get_all(header::SET_COOKIE).map(|value| value.to_str().unwrap());
    set.into_iter()
        .find(|cookie| cookie.contains("vestibule_device_"))
        .expect("a device cookie")
        .to_owned()
}

/// A login without a device token costs what it cost before, and one with the live token one statement.
#[actix_web::test]
async fn a_device_costs_one_statement() {
    use secrecy::ExposeSecret;
    statements::record();
    let app = TestApp::with(TRUSTING).await;
    let url = app.database.url.expose_secret();
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let foreign = mo.trust_device(&app).await.device;
    let of_devices = || {
        statements::take(url)
            .iter()
            .filter(|sent| sent.contains("trusted_devices"))
            .count()
    };
    of_devices();
    assert_ordinary(&log_in(&app, "jo@example.com", PASSWORD).await.expect(200));
    assert_eq!(of_devices(), 0);
    for worthless in [&foreign, "vtd_x", &device.replacen("vtd_", "vrt_", 1)] {
        jo.person.log_in_on_ended(&app, worthless).await;
        assert_eq!(of_devices(), 0, "{worthless}");
    }
    log_in_on(&app, "jo@example.com", "another password", &device)
        .await
        .expect(401);
    assert_eq!(of_devices(), 0, "the password is checked first");
    jo.person.log_in_on_trusted(&app, &device).await;
    assert_eq!(of_devices(), 1);
}

#[actix_web::test]
async fn without_the_setting_nothing_is_offered_and_asking_changes_nothing() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    assert_eq!(login.json().get("trusted_device_ttl"), None);
    let answer = verify_and_trust(&app, &login.text("/pre_auth_token"), &jo.person.code(&app)).await;
    let json: Value = answer.expect(200).json();
    assert!(json.get("device_token").is_none() && json.get("device_expires_in").is_none());
    assert!(devices(&app, &jo.access_token).await.is_empty());
}
