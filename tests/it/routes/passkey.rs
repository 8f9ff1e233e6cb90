//! `POST /passkey/options` `POST /passkey/verify`

use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{Person, claims, refresh};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::authenticator::{Authenticator, EXTENSIONS, Scheme};
use crate::support::passkeys::{
    PASSKEYS, RP_ID, authenticator, register_passkey, registration_challenge, sign_in_by_passkey, sign_in_challenge,
};

#[actix_web::test]
async fn the_options_name_no_user() {
    let app = TestApp::with(PASSKEYS).await;
    let mut shown = app
        .send(TestRequest::post().uri("/passkey/options"))
        .await
        .expect(200)
        .json();
    let challenge = shown["options"]["challenge"].take();
    assert_ne!(challenge, json!(sign_in_challenge(&app).await));
    let expected = json!({"method": "passkey", "expires_in": 300, "options": {
        "challenge": null, "rpId": RP_ID, "timeout": 300_000, "userVerification": "required",
    }});
    assert_eq!(shown, expected);
}

#[actix_web::test]
async fn a_passkey_alone_signs_in_with_two_factors() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let answer = sign_in_by_passkey(&app, &assertion).await.expect(200);
    assert_eq!(answer.json()["status"], "authenticated");
    let token = answer.text("/access_token");
    let shown = claims(&token);
    assert_eq!(
        (&shown["sub"], &shown["acr"], &shown["amr"]),
        (&json!(jo.person.id), &json!("aal2"), &json!(["pop", "mfa"]))
    );
    // It is a recent proof of something held.
    registration_challenge(&app, &token).await;
    refresh(&app, &answer.text("/refresh_token")).await.expect(200);
    let events = app.get_as("/me/events", &token).await.expect(200).json();
    let sid = &shown["sid"];
    let of_session = events["items"].as_array().unwrap().iter();
    let names: Vec<&str> = of_session
        .filter(|event| &event["session_id"] == sid)
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"authn_login_success") && names.contains(&"session_created"),
        "{names:?}"
    );
}

#[actix_web::test]
async fn a_passkey_of_each_scheme_signs_in() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    for scheme in Scheme::ALL {
        let user_id = uuid::Uuid::parse_str(&jo.person.id).unwrap();
        let mut key = Authenticator::of_scheme(scheme, RP_ID, PUBLIC_URL, user_id.into_bytes());
        key.self_attested = scheme != Scheme::Es256;
        register_passkey(&app, &jo.access_token, &key).await.expect(201);
        let assertion = key.assert(&sign_in_challenge(&app).await);
        sign_in_by_passkey(&app, &assertion).await.expect(200);
    }
}

#[actix_web::test]
async fn a_passkey_alone_signs_in_a_user_of_an_optional_second_factor() {
    let app = TestApp::with(&[PASSKEYS[0], ("TWO_FACTOR_POLICY", "optional")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    for _ in 0..2 {
        let assertion = key.assert(&sign_in_challenge(&app).await);
        sign_in_by_passkey(&app, &assertion).await.expect(200);
    }
}

#[actix_web::test]
async fn the_refresh_token_goes_where_the_client_says() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let body = json!({"credential": assertion, "delivery": "cookie"});
    let answer = app.post("/passkey/verify", &body).await.expect(200);
    assert!(answer.header("set-cookie").is_some() && answer.json().get("refresh_token").is_none());
}

#[actix_web::test]
async fn an_address_that_has_to_be_verified_first_is_asked_for() {
    let open = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&open, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&open).await;
    let strict = open.sibling(&[PASSKEYS[0], ("EMAIL_VERIFICATION", "required")]).await;
    let assertion = key.assert(&sign_in_challenge(&strict).await);
    sign_in_by_passkey(&strict, &assertion)
        .await
        .expect_problem(403, "email_not_verified");
}

#[actix_web::test]
async fn a_passkey_of_a_registration_of_another_page_of_the_domain_signs_in() {
    let pages = "https://auth.example.com,https://app.example.com";
    let settings = [
        PASSKEYS[0],
        ("PASSKEY_RP_ID", "example.com"),
        ("PASSKEY_ORIGINS", pages),
    ];
    let app = TestApp::with(&settings).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut key = authenticator(&jo.person.id);
    key.rp_id = "example.com".to_owned();
    key.origin = "https://app.example.com".to_owned();
    register_passkey(&app, &jo.access_token, &key).await.expect(201);
    key.origin = "https://auth.example.com".to_owned();
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

/// As `vestibule dev` reads its settings.
#[actix_web::test]
async fn in_development_a_page_of_localhost_uses_passkeys_at_every_port() {
    let local = [
        PASSKEYS[0],
        ("PASSKEY_RP_ID", "localhost"),
        ("PASSKEY_ORIGINS", "http://localhost:8080"),
    ];
    let app = TestApp::with(&local).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut key = authenticator(&jo.person.id);
    key.rp_id = "localhost".to_owned();
    for (origin, status) in [("http://127.0.0.1:5173", 422), ("http://localhost:5173", 201)] {
        key.origin = origin.to_owned();
        register_passkey(&app, &jo.access_token, &key).await.expect(status);
    }
    key.origin = "http://localhost:3000".to_owned();
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

#[actix_web::test]
async fn what_an_authenticator_adds_about_extensions_is_ignored() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    key.flags |= EXTENSIONS;
    // An empty map.
    key.behind_data = vec![0xa0];
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

/// The passkey of an app signs with the origin of the app's certificate, or on Apple's platforms of the domain itself.
#[actix_web::test]
async fn apps_that_the_deployment_names_use_passkeys() {
    const ANDROID: &str = "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let android = format!("com.example.app@{}", ["00"; 32].join(":"));
    let names = [
        ("PASSKEY_RP_ID", "example.com"),
        ("PASSKEY_APPLE_APPS", "ABCDE12345.com.example.app"),
        ("PASSKEY_ANDROID_APPS", android.as_str()),
    ];
    let app = TestApp::with(&names).await;
    let without = app.sibling(&names[..1]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    for origin in [ANDROID, "https://example.com", PUBLIC_URL] {
        let mut key = authenticator(&jo.person.id);
        "example.com".clone_into(&mut key.rp_id);
        origin.clone_into(&mut key.origin);
        register_passkey(&app, &jo.access_token, &key).await.expect(201);
        let is_page = origin == PUBLIC_URL;
        let assertion = key.assert(&sign_in_challenge(&app).await);
        let answer = sign_in_by_passkey(&without, &assertion).await;
        if is_page {
            answer.expect(200);
        } else {
            answer.expect_problem(401, "invalid_credentials");
            sign_in_by_passkey(&app, &assertion).await.expect(200);
        }
    }
    let mut other = authenticator(&jo.person.id);
    "example.com".clone_into(&mut other.rp_id);
    for origin in [
        ANDROID.replace("AAA", "AAB"),
        "http://example.com".to_owned(),
        "android:apk-key-hash:".to_owned(),
    ] {
        other.origin = origin;
        register_passkey(&app, &jo.access_token, &other)
            .await
            .expect_problem(422, "validation_failed");
    }
}
