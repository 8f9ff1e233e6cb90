//! Attacks on trusted devices: a device token spares the second factor of one account, for a time, and nothing else.

use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::rt::time::sleep;
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use futures_util::future::join;
use serde_json::json;

use crate::routes::admin::set_roles;
use crate::support::actors::{
    PASSWORD, PHONE, Person, challenge, claims, log_in, refresh, request_link, step_up, verify,
};
use crate::support::app::TestApp;
use crate::support::devices::{TRUSTING, assert_ordinary, devices, log_in_on, verify_and_trust, with_cookie};
use crate::support::passkeys::{login_challenge, verify_passkey};

const DAY: i64 = 86_400;
const ALL: &[(&str, &str)] = &[TRUSTING[0], ("SECOND_FACTORS", "totp,email,sms,passkey")];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn rows(app: &TestApp) -> i64 {
    count(app, "trusted_devices")
}

fn count(app: &TestApp, table: &str) -> i64 {
    diesel::sql_query(format!("SELECT count(*) AS count FROM {table}"))
        .get_result::<Count>(&mut app.database.connect())
        .unwrap()
        .count
}

#[actix_web::test]
async fn a_token_that_the_service_did_not_make_spares_nothing() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let trusted = jo.trust_device(&app).await;
    let pending = jo.person.log_in(&app).await;
    let device = &trusted.device;
    let last = if device.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &device[..device.len() - 1]);
    for token in [
        "",
        "x",
        "vtd_",
        &changed,
        &trusted.access_token,
        &jo.refresh_token.replacen("vrt_", "vtd_", 1),
        &pending.replacen("vpa_", "vtd_", 1),
        &device.replacen("vtd_", "vrt_", 1),
        &format!(" {device}"),
    ] {
        jo.person.log_in_on_ended(&app, token).await;
    }
    // And it is worth nothing in the place of another token.
    for (path, member, prefix, code) in [
        ("/token/refresh", "refresh_token", "vrt_", "invalid_refresh_token"),
        ("/2fa/verify", "pre_auth_token", "vpa_", "invalid_pre_auth_token"),
    ] {
        for token in [device.clone(), device.replacen("vtd_", prefix, 1)] {
            let mut body = json!({member: token});
            if path == "/2fa/verify" {
                body["code"] = json!("123456");
            }
            app.post(path, &body).await.expect_problem(401, code);
        }
    }
    jo.person.log_in_on_trusted(&app, device).await;
}

#[actix_web::test]
async fn nothing_is_granted_before_the_second_step() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let body = json!({"email": "jo@example.com", "password": PASSWORD, "trust_device": true});
    for path in ["/login", "/register"] {
        app.post(path, &body).await.expect_problem(400, "malformed_request");
    }
    let pending = jo.person.log_in(&app).await;
    let wrong = jo.person.wrong_code(&app);
    verify_and_trust(&app, &pending, &wrong)
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(rows(&app), 0);
    // A session that did not ask for it in its second step cannot ask later.
    let session = verify(&app, &pending, &jo.person.code(&app)).await.expect(200);
    app.clock.advance(30);
    let late = json!({"code": jo.person.code(&app), "trust_device": true});
    let problem = step_up(&app, &session.text("/access_token"), &late)
        .await
        .expect_problem(400, "malformed_request");
    assert_eq!(problem["detail"], "The member \"trust_device\" is not known.");
    verify_and_trust(&app, &pending, &jo.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    assert_eq!(rows(&app), 0);
}

#[actix_web::test]
async fn a_device_of_one_user_spares_another_nothing_and_is_not_harmed() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up_verified(&app, "mo@example.com").await;
    let used = jo.trust_device(&app).await.device;
    let live = jo.person.log_in_on_trusted(&app, &used).await;
    app.clock.advance(60);
    for device in [&live, &used] {
        mo.person.log_in_on_ended(&app, device).await;
    }
    jo.person.log_in_on_trusted(&app, &live).await;
    assert!(
        !app.notification_kinds("mo@example.com")
            .await
            .contains(&"device_token_reused".to_owned())
    );
}

#[actix_web::test]
async fn a_device_has_an_end_that_no_use_moves() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut device = jo.trust_device(&app).await.device;
    for _ in 0..3 {
        app.clock.advance(9 * DAY);
        device = jo.person.log_in_on_trusted(&app, &device).await;
    }
    app.clock.advance(3 * DAY - 1);
    device = jo.person.log_in_on_trusted(&app, &device).await;
    app.clock.advance(1);
    jo.person.log_in_on_ended(&app, &device).await;
}

#[actix_web::test]
async fn the_predecessor_gets_the_same_successor_inside_the_window() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let first = jo.trust_device(&app).await.device;
    let next = jo.person.log_in_on_trusted(&app, &first).await;
    for _ in 0..2 {
        app.clock.advance(5);
        let again = jo.person.log_in_on_trusted(&app, &first).await;
        assert_eq!(again, next, "byte for byte");
    }
    jo.person.log_in_on_trusted(&app, &next).await;
}

/// The thief and the owner each have a copy. The second of them to present it reveals that.
#[actix_web::test]
async fn a_predecessor_outside_of_the_window_ends_the_device_and_tells_the_owner() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let first = jo.trust_device(&app).await.device;
    let other = jo.trust_device(&app).await.device;
    let next = jo.person.log_in_on_trusted(&app, &first).await;
    app.clock.advance(11);
    let told = async || {
        let kinds = app.notification_kinds("jo@example.com").await;
        kinds.iter().filter(|kind| *kind == "device_token_reused").count()
    };
    // Without the password nothing is looked at.
    log_in_on(&app, "jo@example.com", "another password", &first)
        .await
        .expect_problem(401, "invalid_credentials");
    assert_eq!(told().await, 0);
    jo.person.log_in_on_ended(&app, &first).await;
    assert_eq!(told().await, 1);
    jo.person.log_in_on_ended(&app, &next).await;
    jo.person.log_in_on_trusted(&app, &other).await;
    let listed = devices(&app, &jo.access_token).await;
    assert_eq!(listed.len(), 1);
    let events = app.get_as("/me/events", &jo.access_token).await.expect(200).json();
    let reused = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["reason"] == "device_reuse");
    assert_eq!(reused.unwrap()["event"], "authn_token_reuse");
}

#[actix_web::test]
async fn the_password_is_counted_and_waited_for_as_ever() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    for _ in 0..5 {
        let answer = log_in_on(&app, "jo@example.com", "another password", &device).await;
        assert!(!answer.status.is_success());
    }
    log_in_on(&app, "jo@example.com", PASSWORD, &device)
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(31);
    jo.person.log_in_on_trusted(&app, &device).await;
}

#[actix_web::test]
async fn codes_that_others_read_or_that_were_saved_trust_no_device() {
    let app = TestApp::with(ALL).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_email(&app).await;
    app.clock.advance(60);
    let ask = async |pending: &str, code: &str, method: &str| {
        let body = json!({"pre_auth_token": pending, "code": code, "method": method, "trust_device": true});
        app.post("/2fa/verify", &body).await.expect(200).json()
    };
    let pending = jo.person.log_in(&app).await;
    let recovered = ask(&pending, &jo.recovery_codes[0], "recovery_code").await;
    let pending = jo.person.log_in(&app).await;
    challenge(&app, &pending, "email").await.expect(202);
    let mailed = ask(&pending, &app.sent_code("jo@example.com").await, "email").await;
    for answer in [recovered, mailed] {
        assert!(answer["access_token"].is_string());
        assert!(answer.get("device_token").is_none() && answer.get("device_expires_in").is_none());
    }
    assert_eq!(rows(&app), 0);
}

#[actix_web::test]
async fn text_messages_and_passkeys_trust_a_device_and_a_used_device_trusts_none() {
    let app = TestApp::with(ALL).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, PHONE).await;
    let (key, _) = jo.add_passkey(&app).await;
    app.clock.advance(60);
    let pending = jo.person.log_in(&app).await;
    challenge(&app, &pending, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    let body = json!({"pre_auth_token": pending, "code": code, "method": "sms", "trust_device": true});
    let by_phone = app.post("/2fa/verify", &body).await.expect(200).text("/device_token");

    let pending = jo.person.log_in(&app).await;
    let mut key = key;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let body = json!({"pre_auth_token": pending, "passkey": assertion, "trust_device": true});
    let by_passkey = app.post("/2fa/verify", &body).await.expect(200).text("/device_token");
    for device in [&by_phone, &by_passkey] {
        jo.person.log_in_on_trusted(&app, device).await;
    }
    assert_eq!(rows(&app), 2, "logins on trusted devices trust no further one");
    // A second factor that is given all the same grants nothing that was not asked for.
    let pending = jo.person.log_in(&app).await;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let answer = verify_passkey(&app, &pending, &assertion).await.expect(200);
    assert!(answer.json().get("device_token").is_none());
}

#[actix_web::test]
async fn an_administrator_is_spared_nothing() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let before = jo.trust_device(&app).await.device;
    set_roles(&app, "jo@example.com", "{editor,admin}");
    jo.person.log_in_on_ended(&app, &before).await;
    app.clock.advance(30);
    let pending = jo.person.log_in(&app).await;
    let answer = verify_and_trust(&app, &pending, &jo.person.code(&app))
        .await
        .expect(200);
    assert!(answer.json().get("device_token").is_none());
    assert_eq!(rows(&app), 1, "the one from before");
}

#[actix_web::test]
async fn an_operator_who_switches_it_off_ends_what_was_trusted() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let off = app.sibling(&[]).await;
    jo.person.log_in_on_ended(&off, &device).await;
    assert!(devices(&off, &jo.access_token).await.is_empty());
    let shorter = app.sibling(&[("TRUSTED_DEVICE_TTL", "86400")]).await;
    app.clock.advance(DAY - 1);
    let device = jo.person.log_in_on_trusted(&shorter, &device).await;
    app.clock.advance(1);
    jo.person.log_in_on_ended(&shorter, &device).await;
    jo.person.log_in_on_trusted(&app, &device).await;
}

#[actix_web::test]
async fn of_eleven_devices_the_oldest_ends() {
    let app = TestApp::with(&[TRUSTING[0], ("MAX_SESSIONS", "50")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut trusted = Vec::new();
    for _ in 0..11 {
        trusted.push(jo.trust_device(&app).await.device);
    }
    jo.person.log_in_on_ended(&app, &trusted[0]).await;
    for device in &trusted[1..] {
        jo.person.log_in_on_trusted(&app, device).await;
    }
    assert_eq!(rows(&app), 10);
}

#[actix_web::test]
async fn neither_address_nor_program_decides() {
    let app = TestApp::with(&[TRUSTING[0], ("TRUSTED_PROXIES", "203.0.113.0/24")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let body = json!({"email": "jo@example.com", "password": PASSWORD, "device_token": device});
    let elsewhere = TestRequest::post()
        .uri("/login")
        .insert_header(("x-forwarded-for", "198.51.100.9"))
        .insert_header((header::USER_AGENT, "another program"))
        .set_json(body);
    let answer = app.send(elsewhere).await.expect(200);
    assert_eq!(answer.json()["status"], "authenticated");
    // The same place without the token is spared nothing.
    assert_ordinary(&log_in(&app, "jo@example.com", PASSWORD).await.expect(200));
}

#[actix_web::test]
async fn a_mailed_link_and_a_step_up_take_no_device_token() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let cookie = format!("__Host-vestibule_device_1ce18487={device}");
    let link = request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
    let with_token = json!({"token": link, "device_token": device});
    app.post("/magic-link/verify", &with_token)
        .await
        .expect_problem(400, "malformed_request");
    let answer = app
        .send(with_cookie("/magic-link/verify", &cookie, &json!({"token": link})))
        .await;
    assert_eq!(answer.expect(200).json()["status"], "second_factor_required");
    let proof = json!({"device_token": device});
    step_up(&app, &jo.access_token, &proof)
        .await
        .expect_problem(400, "malformed_request");
    // The cookie does work where it is for.
    let login = json!({"email": "jo@example.com", "password": PASSWORD});
    let answer = app.send(with_cookie("/login", &cookie, &login)).await.expect(200);
    assert_eq!(answer.json()["status"], "authenticated");
}

#[actix_web::test]
async fn a_session_of_a_trusted_device_stays_at_one_factor() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let login = log_in_on(&app, "jo@example.com", PASSWORD, &device).await.expect(200);
    let refreshed = refresh(&app, &login.text("/refresh_token")).await.expect(200);
    assert!(refreshed.json().get("device_token").is_none());
    let access = refreshed.text("/access_token");
    let token = claims(&access);
    assert_eq!((&token["acr"], &token["amr"]), (&json!("aal1"), &json!(["pwd", "tdv"])));
    for (method, path) in [
        (Method::POST, "/2fa/recovery-codes"),
        (Method::POST, "/2fa/totp"),
        (Method::DELETE, "/me"),
    ] {
        let answer = app.bare_as(method, path, &access).await;
        let demand = answer.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(demand["acr_values"], "aal2", "{path}");
    }
    // The password renews nothing that a second factor is required for.
    let again = step_up(&app, &access, &json!({"password": PASSWORD})).await.expect(200);
    app.bare_as(Method::POST, "/2fa/totp", &again.text("/access_token"))
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

#[actix_web::test]
async fn after_a_leak_all_devices_end_also_of_users_without_a_session() {
    let app = TestApp::with(TRUSTING).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let trusted = jo.trust_device(&app).await;
    for token in [&jo.access_token, &trusted.access_token] {
        app.post_as("/logout", token).await.expect(204);
    }
    let device = jo.person.log_in_on_trusted(&app, &trusted.device).await;
    app.database.connect().batch_execute("DELETE FROM sessions").unwrap();
    app.sign_out_all().await;
    jo.person.log_in_on_ended(&app, &device).await;
    assert_eq!(rows(&app), 0);
}

/// A row that a request uses at that moment may be an attacker's.
#[actix_web::test]
async fn after_a_leak_a_device_and_a_link_that_are_locked_at_the_moment_end_as_well() {
    for table in ["trusted_devices", "link_tokens"] {
        let app = TestApp::with(TRUSTING).await;
        let jo = Person::sign_up_verified(&app, "jo@example.com").await;
        jo.trust_device(&app).await;
        request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
        // Of an account with a session they end with it.
        app.database.connect().batch_execute("DELETE FROM sessions").unwrap();
        let mut request = app.database.connect();
        let lock = format!("BEGIN; SELECT id FROM {table} FOR UPDATE");
        request.batch_execute(&lock).unwrap();
        let ends = async {
            sleep(Duration::from_millis(500)).await;
            request.batch_execute("COMMIT").unwrap();
        };
        join(app.sign_out_all(), ends).await;
        assert_eq!((rows(&app), count(&app, "link_tokens")), (0, 0), "{table}");
    }
}

#[actix_web::test]
async fn rows_go_with_the_account_and_after_the_longest_time() {
    let app = TestApp::with(&[("TRUSTED_DEVICE_TTL", "7776000")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    jo.trust_device(&app).await;
    mo.trust_device(&app).await;
    app.delete_user(&mo.person.id).await;
    assert_eq!(rows(&app), 1);
    app.clock.advance(90 * DAY - 60);
    app.delete_expired().await;
    assert_eq!(rows(&app), 1);
    app.clock.advance(61);
    app.delete_expired().await;
    assert_eq!(rows(&app), 0);
}
