//! `POST /2fa/passkeys/options` `POST /2fa/passkeys` `GET /2fa/passkeys` `PATCH /2fa/passkeys/{id}` `DELETE /2fa/passkeys/{id}`

use actix_web::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, SignedIn, claims, log_in, refresh};
use crate::support::app::TestApp;
use crate::support::authenticator::{BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT};
use crate::support::passkeys::{
    PASSKEYS, RP_ID, authenticator, login_challenge, register_passkey, registration_challenge, step_up_by_passkey,
    step_up_challenge, verify_passkey,
};
use crate::support::response::TestResponse;

async fn listed(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = app.get_as("/2fa/passkeys", token).await.expect(200).json();
    answer["passkeys"].as_array().unwrap().clone()
}

async fn rename(app: &TestApp, token: &str, id: &str, name: &str) -> TestResponse {
    let path = format!("/2fa/passkeys/{id}");
    app.call_as(Method::PATCH, &path, token, &json!({"name": name})).await
}

async fn remove(app: &TestApp, token: &str, id: &str) -> TestResponse {
    app.bare_as(Method::DELETE, &format!("/2fa/passkeys/{id}"), token).await
}

#[actix_web::test]
async fn the_options_are_those_of_webauthn() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (key, _) = jo.add_passkey(&app).await;
    let answer = app.post_as("/2fa/passkeys/options", &jo.access_token).await;
    let mut shown = answer.expect(200).json();
    let challenge = shown["options"]["challenge"].take();
    assert!(challenge.as_str().unwrap().len() >= 22, "16 bytes or more: {challenge}");
    let kind = "public-key";
    let registered = key.register("AAAA");
    let expected = json!({"expires_in": 300, "options": {
        "rp": {"id": RP_ID, "name": "auth.example.com"},
        "user": {
            "id": URL_SAFE_NO_PAD.encode(key.user_handle.as_ref().unwrap()),
            "name": "jo@example.com",
            "displayName": "jo@example.com",
        },
        "challenge": null,
        "pubKeyCredParams": [{"type": kind, "alg": -8}, {"type": kind, "alg": -7}, {"type": kind, "alg": -257}],
        "timeout": 300_000,
        "excludeCredentials": [{"type": kind, "id": registered["id"], "transports": ["hybrid", "internal"]}],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": false,
            "userVerification": "preferred",
        },
        "attestation": "none",
    }});
    assert_eq!(shown, expected);
}

#[actix_web::test]
async fn a_passkey_is_registered_in_a_session_renamed_and_removed() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let mut key = authenticator(&jo.person.id);
    key.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    let credential = key.register(&registration_challenge(&app, token).await);
    let body = json!({"credential": credential, "name": "Blue key"});
    let made = app.call_as(Method::POST, "/2fa/passkeys", token, &body).await;
    let made = made.expect(201).json();
    assert!(made.get("recovery_codes").is_none(), "the account has some: {made}");
    let passkey = &made["passkey"];
    let mut expected = json!({
        "id": passkey["id"],
        "name": "Blue key",
        "transports": ["hybrid", "internal"],
        "backed_up": true,
        "created_at": "2026-03-01T12:00:01Z",
    });
    assert_eq!(passkey, &expected);
    assert_eq!(listed(&app, token).await, [expected.clone()]);
    app.notification("jo@example.com", "passkey_added").await;

    let id = passkey["id"].as_str().unwrap();
    app.clock.advance(1);
    rename(&app, token, id, "Key at home").await.expect(204);
    expected["name"] = json!("Key at home");
    assert_eq!(listed(&app, token).await, [expected]);

    app.clock.advance(1);
    remove(&app, token, id).await.expect(204);
    assert_eq!(listed(&app, token).await, Vec::<Value>::new());
    let notice = app.notification("jo@example.com", "passkey_removed").await;
    assert!(notice["text"].as_str().unwrap().contains("Key at home"), "{notice}");
    remove(&app, token, id).await.expect_problem(404, "not_found");
    rename(&app, token, id, "Key at home")
        .await
        .expect_problem(404, "not_found");
    assert_eq!(
        trail(&app, &jo).await,
        [
            ("mfa_enrol_confirmed".to_owned(), json!("passkey")),
            ("user_updated".to_owned(), json!("passkey_renamed")),
            ("mfa_removed".to_owned(), json!("passkey")),
        ]
    );
}

/// Returns the events about passkeys with their reasons, the oldest first.
async fn trail(app: &TestApp, who: &SignedIn) -> Vec<(String, Value)> {
    let shown = app.get_as("/me/events", &who.access_token).await.expect(200).json();
    let events = shown["items"].as_array().unwrap().iter().rev();
    let about = events.filter(|event| {
        event["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("passkey"))
    });
    about
        .map(|event| (event["event"].as_str().unwrap().to_owned(), event["reason"].clone()))
        .collect()
}

#[actix_web::test]
async fn a_name_has_1_to_64_characters_and_is_passkey_if_there_is_none() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (_, id) = jo.add_passkey(&app).await;
    assert_eq!(listed(&app, &jo.access_token).await[0]["name"], "Passkey");
    for wrong in ["", " ", &"x".repeat(65), "a\u{0}b", "a\nb"] {
        let problem = rename(&app, &jo.access_token, &id, wrong)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/name", "{wrong:?}");
    }
    rename(&app, &jo.access_token, &id, &"ü".repeat(64)).await.expect(204);
}

#[actix_web::test]
async fn a_pending_login_without_a_factor_registers_one_and_goes_on_with_it() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let token = &jo.pre_auth_token;
    let (mut key, codes) = jo.enrol_passkey(&app).await;
    assert_eq!(codes.len(), 10);
    let assertion = key.assert(&login_challenge(&app, token).await);
    let answer = verify_passkey(&app, token, &assertion).await.expect(200);
    let access = answer.text("/access_token");
    let shown = claims(&access);
    assert_eq!(
        (&shown["acr"], &shown["amr"]),
        (&json!("aal2"), &json!(["pwd", "pop", "mfa"]))
    );
    assert!(
        answer.json().get("recovery_codes").is_none(),
        "they were shown before: {}",
        answer.json()
    );
    // They work beside the password.
    jo.log_in_with(&app, &codes[0]).await.expect(200);
    refresh(&app, &answer.text("/refresh_token")).await.expect(200);
}

#[actix_web::test]
async fn an_account_with_a_passkey_only_is_asked_for_it_and_for_recovery_codes() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let (key, _) = jo.enrol_passkey(&app).await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "second_factor_required");
    let methods = &login["methods"];
    assert_eq!(
        methods
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["type"])
            .collect::<Vec<_>>(),
        ["passkey", "recovery_code"]
    );
    assert_eq!(login["default_method"], "passkey");
    // The options name the account's passkeys.
    app.clock.advance(1);
    let body = json!({"pre_auth_token": login["pre_auth_token"], "method": "passkey"});
    let mut shown = app.post("/2fa/challenge", &body).await.expect(200).json();
    shown["options"]["challenge"].take();
    let id = &key.register("AAAA")["id"];
    let expected = json!({"method": "passkey", "expires_in": 300, "options": {
        "challenge": null,
        "rpId": RP_ID,
        "timeout": 300_000,
        "userVerification": "preferred",
        "allowCredentials": [{"type": "public-key", "id": id, "transports": ["hybrid", "internal"]}],
    }});
    assert_eq!(shown, expected);
}

#[actix_web::test]
async fn beside_a_password_presence_is_enough_unless_the_operator_requires_more() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut key = authenticator(&jo.person.id);
    key.flags = USER_PRESENT;
    register_passkey(&app, &jo.access_token, &key).await.expect(201);
    let pending = jo.person.log_in(&app).await;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let answer = verify_passkey(&app, &pending, &assertion).await.expect(200);
    let shown = claims(&answer.text("/access_token"));
    assert_eq!(
        (&shown["acr"], &shown["amr"]),
        (&json!("aal2"), &json!(["pwd", "pop", "mfa"]))
    );
    let strict = app
        .sibling(&[PASSKEYS[0], ("PASSKEY_USER_VERIFICATION", "required")])
        .await;
    let pending = jo.person.log_in(&strict).await;
    let assertion = key.assert(&login_challenge(&strict, &pending).await);
    verify_passkey(&strict, &pending, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    let fresh = authenticator(&jo.person.id);
    let mut unverified = authenticator(&jo.person.id);
    unverified.flags = USER_PRESENT;
    let token = &answer.text("/access_token");
    register_passkey(&strict, token, &unverified)
        .await
        .expect_problem(422, "validation_failed");
    register_passkey(&strict, token, &fresh).await.expect(201);
}

#[actix_web::test]
async fn a_passkey_without_storage_names_no_user_and_still_serves_beside_a_password() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    key.user_handle = None;
    let pending = jo.person.log_in(&app).await;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    verify_passkey(&app, &pending, &assertion).await.expect(200);
}

#[actix_web::test]
async fn a_step_up_takes_a_passkey() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, id) = jo.add_passkey(&app).await;
    app.clock.advance(301);
    rename(&app, &jo.access_token, &id, "Blue key")
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let assertion = key.assert(&step_up_challenge(&app, &jo.access_token).await);
    let answer = step_up_by_passkey(&app, &jo.access_token, &assertion).await.expect(200);
    let token = answer.text("/access_token");
    assert_eq!(claims(&token)["amr"], json!(["pwd", "otp", "pop", "mfa"]));
    rename(&app, &token, &id, "Blue key").await.expect(204);
}

#[actix_web::test]
async fn passkeys_are_listed_among_the_factors_and_exported() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let (_, first) = jo.add_passkey(&app).await;
    let (mut key, second) = jo.add_passkey(&app).await;
    let assertion = key.assert(&step_up_challenge(&app, token).await);
    step_up_by_passkey(&app, token, &assertion).await.expect(200);
    let state = app.get_as("/2fa", token).await.expect(200).json();
    assert_eq!(state["available"], json!(["passkey", "totp"]));
    let factors = state["factors"].as_array().unwrap();
    let passkeys: Vec<&Value> = factors.iter().filter(|factor| factor["type"] == "passkey").collect();
    let expected = [
        json!({"type": "passkey", "id": first, "name": "Passkey", "state": "active",
            "created_at": "2026-03-01T12:00:01Z", "confirmed_at": "2026-03-01T12:00:01Z"}),
        json!({"type": "passkey", "id": second, "name": "Passkey", "state": "active",
            "created_at": "2026-03-01T12:00:02Z", "confirmed_at": "2026-03-01T12:00:02Z",
            "last_used_at": "2026-03-01T12:00:03Z"}),
    ];
    assert_eq!(passkeys, expected.iter().collect::<Vec<_>>());
    let export = app.get_as("/me/export", token).await.expect(200).json();
    let exported = export["factors"].as_array().unwrap().iter();
    let exported = exported.filter(|factor| factor["type"] == "passkey");
    assert_eq!(exported.collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    let whole = json!({"id": second, "name": "Passkey", "transports": ["hybrid", "internal"], "backed_up": false,
        "created_at": "2026-03-01T12:00:02Z", "last_used_at": "2026-03-01T12:00:03Z",
        "credential_id": URL_SAFE_NO_PAD.encode(&key.credential_id), "user_handle": null,
        "aaguid": "00000000-0000-0000-0000-000000000000", "sign_count": key.sign_count, "user_verified": true,
        "backup_eligible": false, "signs_in_alone": false});
    assert_eq!(export["passkeys"][1], whole);
    assert_eq!(export["passkeys"][0]["id"], json!(first));
}

#[actix_web::test]
async fn the_last_second_factor_stays_where_one_is_required() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let (mut key, _) = jo.enrol_passkey(&app).await;
    let assertion = key.assert(&login_challenge(&app, &jo.pre_auth_token).await);
    let answer = verify_passkey(&app, &jo.pre_auth_token, &assertion).await.expect(200);
    let token = &answer.text("/access_token");
    let id = listed(&app, token).await[0]["id"].as_str().unwrap().to_owned();
    remove(&app, token, &id).await.expect_problem(409, "conflict");
    // The older of two can go.
    let second = authenticator(&jo.id);
    register_passkey(&app, token, &second).await.expect(201);
    remove(&app, token, &id).await.expect(204);
    let optional = app.sibling(&[PASSKEYS[0], ("TWO_FACTOR_POLICY", "optional")]).await;
    let id = listed(&app, token).await[0]["id"].as_str().unwrap().to_owned();
    remove(&optional, token, &id).await.expect(204);
    let login = log_in(&optional, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "authenticated");
}
