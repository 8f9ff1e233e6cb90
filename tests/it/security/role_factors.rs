//! Roles that require a second factor: no session carries such a role without a proof of it, on whatever way it is
//! asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vestibule::app::StartError;

use crate::routes::admin::set_roles;
use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, claims, log_in, refresh, step_up, verify};
use crate::support::app::TestApp;
use crate::support::authenticator::Authenticator;
use crate::support::passkeys::{
    login_challenge, sign_in_by_passkey, sign_in_challenge, step_up_by_passkey, step_up_challenge, verify_passkey,
};

const ADMIN_BY_PASSKEY: (&str, &str) = ("SECOND_FACTORS_FOR", "admin:passkey");

/// An administrator with an authenticator app, signed in with it.
async fn administrator(app: &TestApp) -> SignedIn {
    let mut admin = Person::sign_up_verified(app, "jo@example.com").await;
    set_roles(app, "jo@example.com", "{admin,editor}");
    admin.refresh(app).await;
    admin
}

/// Steps up with a passkey. The session continues with the new tokens.
async fn confirm(app: &TestApp, who: &mut SignedIn, key: &mut Authenticator) {
    let assertion = key.assert(&step_up_challenge(app, &who.access_token).await);
    let answer = step_up_by_passkey(app, &who.access_token, &assertion).await.expect(200);
    who.access_token = answer.text("/access_token");
    who.refresh_token = answer.text("/refresh_token");
}

/// Asserts which roles a token has, on every way to read them, and whether it opens `/admin`.
async fn assert_roles(app: &TestApp, token: &str, roles: &[&str]) {
    let said = (!roles.is_empty()).then(|| json!(roles));
    assert_eq!(claims(token).get("roles"), said.as_ref());
    assert_counted_roles(app, token, roles).await;
}

/// The same without the token itself, which may be older than what it counts for.
async fn assert_counted_roles(app: &TestApp, token: &str, roles: &[&str]) {
    let said = (!roles.is_empty()).then(|| json!(roles));
    let validated = app.get_as("/token/validate", token).await.expect(200);
    assert_eq!(validated.header("x-auth-roles"), Some(roles.join(",").as_str()));
    assert_eq!(validated.json().get("roles"), said.as_ref());
    let client = app.service_client(&new_name()).await;
    let request = TestRequest::with_uri("/token/introspect").method(Method::POST);
    let request = request.insert_header((header::AUTHORIZATION, client));
    let introspected = app.send(request.set_json(json!({"token": token}))).await;
    assert_eq!(introspected.expect(200).json().get("roles"), said.as_ref());
    let me = app.get_as("/me", token).await.expect(200).json();
    assert_eq!(me["roles"], json!(roles));
    let opens = app.get_as("/admin/users", token).await.status == 200;
    assert_eq!(opens, roles.contains(&"admin"));
}

/// Returns a name that no service client has yet.
fn new_name() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("api {}", MADE.fetch_add(1, Ordering::Relaxed))
}

#[actix_web::test]
async fn an_administrator_without_the_factor_has_a_token_without_the_role() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let admin = administrator(&app).await;
    assert_eq!(claims(&admin.access_token)["acr"], "aal2");
    assert_roles(&app, &admin.access_token, &["editor"]).await;
    let problem = app
        .get_as("/admin/users", &admin.access_token)
        .await
        .expect_problem(403, "forbidden");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("passkey") && detail.contains("POST /step-up"),
        "{detail}"
    );
    let me = app.get_as("/me", &admin.access_token).await.expect(200).json();
    assert_eq!(
        me["withheld_roles"],
        json!([{"role": "admin", "second_factors": ["passkey"]}])
    );
    // The account still has the role, which its export and other administrators see.
    let export = app.get_as("/me/export", &admin.access_token).await.expect(200).json();
    assert_eq!(export["user"]["roles"], json!(["admin", "editor"]));
    let trail = app.get_as("/me/events", &admin.access_token).await.expect(200).json();
    let reasons: Vec<&Value> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["reason"])
        .collect();
    assert!(reasons.contains(&&json!("factor_of_role_missing")), "{reasons:?}");
}

#[actix_web::test]
async fn after_a_step_up_the_role_is_in_the_next_token_and_a_refresh_keeps_it() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let mut admin = administrator(&app).await;
    let (mut key, _) = admin.add_passkey(&app).await;
    // Setting it up proves nothing, and a refresh does not either.
    admin.refresh(&app).await;
    assert_roles(&app, &admin.access_token, &["editor"]).await;
    let problem = app
        .get_as("/admin/users", &admin.access_token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert_eq!(problem["accepted_methods"], json!(["passkey"]));
    // Another proof of the app does not help.
    app.clock.advance(30);
    let code = json!({"code": admin.person.code(&app)});
    let answer = step_up(&app, &admin.access_token, &code).await.expect(200);
    admin.access_token = answer.text("/access_token");
    assert_roles(&app, &admin.access_token, &["editor"]).await;

    let before = admin.access_token.clone();
    confirm(&app, &mut admin, &mut key).await;
    assert_roles(&app, &admin.access_token, &["admin", "editor"]).await;
    admin.refresh(&app).await;
    assert_roles(&app, &admin.access_token, &["admin", "editor"]).await;
    let me = app.get_as("/me", &admin.access_token).await.expect(200).json();
    assert_eq!(me["withheld_roles"], json!([]));
    // The token from before does not show the proof.
    assert_roles(&app, &before, &["editor"]).await;
}

#[actix_web::test]
async fn the_role_is_there_after_each_sign_in_with_the_factor_and_after_no_other() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let admin = administrator(&app).await;
    let (mut key, _) = admin.add_passkey(&app).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let alone = sign_in_by_passkey(&app, &assertion).await.expect(200);
    assert_roles(&app, &alone.text("/access_token"), &["admin", "editor"]).await;
    let pending = admin.person.log_in(&app).await;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let second = verify_passkey(&app, &pending, &assertion).await.expect(200);
    assert_roles(&app, &second.text("/access_token"), &["admin", "editor"]).await;
    let by_app = admin.person.sign_in_again(&app).await;
    assert_roles(&app, &by_app, &["editor"]).await;
    let pending = admin.person.log_in(&app).await;
    let by_recovery = verify(&app, &pending, &admin.recovery_codes[0]).await.expect(200);
    assert_roles(&app, &by_recovery.text("/access_token"), &["editor"]).await;
}

#[actix_web::test]
async fn the_role_goes_with_the_last_factor_of_its_kind() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let mut admin = administrator(&app).await;
    let (mut first, first_id) = admin.add_passkey(&app).await;
    let (_, second_id) = admin.add_passkey(&app).await;
    confirm(&app, &mut admin, &mut first).await;
    let assertion = first.assert(&sign_in_challenge(&app).await);
    let alone = sign_in_by_passkey(&app, &assertion)
        .await
        .expect(200)
        .text("/access_token");
    let pending = admin.person.log_in(&app).await;
    let assertion = first.assert(&login_challenge(&app, &pending).await);
    let elsewhere = verify_passkey(&app, &pending, &assertion).await.expect(200);
    assert_counted_roles(&app, &elsewhere.text("/access_token"), &["admin", "editor"]).await;
    let remove = async |id: &str| {
        let path = format!("/2fa/passkeys/{id}");
        app.bare_as(Method::DELETE, &path, &admin.access_token)
            .await
            .expect(204);
    };
    // A session does not say by which passkey it was proved, so the role leaves all but the one that removes it.
    remove(&second_id).await;
    assert_counted_roles(&app, &admin.access_token, &["admin", "editor"]).await;
    assert_counted_roles(&app, &elsewhere.text("/access_token"), &["editor"]).await;
    let refreshed = refresh(&app, &elsewhere.text("/refresh_token")).await.expect(200);
    assert_roles(&app, &refreshed.text("/access_token"), &["editor"]).await;
    app.get_as("/me", &alone).await.expect_problem(401, "invalid_token");
    remove(&first_id).await;
    assert_counted_roles(&app, &admin.access_token, &["editor"]).await;
    let refreshed = refresh(&app, &admin.refresh_token).await.expect(200);
    assert_roles(&app, &refreshed.text("/access_token"), &["editor"]).await;
}

#[actix_web::test]
async fn a_session_that_only_the_removed_factor_signed_in_ends_with_the_role() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let admin = administrator(&app).await;
    let (mut key, id) = admin.add_passkey(&app).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let alone = sign_in_by_passkey(&app, &assertion).await.expect(200);
    let token = alone.text("/access_token");
    app.bare_as(Method::DELETE, &format!("/2fa/passkeys/{id}"), &token)
        .await
        .expect(204);
    app.get_as("/admin/users", &token)
        .await
        .expect_problem(401, "invalid_token");
    refresh(&app, &alone.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn one_of_several_kinds_is_enough_and_each_role_has_its_own() {
    let required = "admin:passkey,admin:totp,editor:sms";
    let settings = [("SECOND_FACTORS", "totp,passkey,sms"), ("SECOND_FACTORS_FOR", required)];
    let app = TestApp::with(&settings).await;
    let admin = administrator(&app).await;
    assert_roles(&app, &admin.access_token, &["admin"]).await;
    let me = app.get_as("/me", &admin.access_token).await.expect(200).json();
    assert_eq!(
        me["withheld_roles"],
        json!([{"role": "editor", "second_factors": ["sms"]}])
    );
    let pending = admin.person.log_in(&app).await;
    let by_recovery = verify(&app, &pending, &admin.recovery_codes[0]).await.expect(200);
    let token = by_recovery.text("/access_token");
    assert_roles(&app, &token, &[]).await;
    let problem = app
        .get_as("/admin/users", &token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert_eq!(problem["accepted_methods"], json!(["totp"]));
    admin.set_up_phone(&app, PHONE).await;
    app.clock.advance(61);
    let body = json!({"method": "sms"});
    app.call_as(Method::POST, "/2fa/challenge", &admin.access_token, &body)
        .await
        .expect(202);
    let code = app.sent_code(PHONE).await;
    let proof = json!({"code": code, "method": "sms"});
    let answer = step_up(&app, &admin.access_token, &proof).await.expect(200);
    assert_roles(&app, &answer.text("/access_token"), &["admin", "editor"]).await;
}

/// As when an operator adds the setting: tokens and sessions from before have the role, and lose it at once.
#[actix_web::test]
async fn tokens_from_before_the_setting_lose_the_role() {
    let app = TestApp::new().await;
    let admin = administrator(&app).await;
    assert_roles(&app, &admin.access_token, &["admin", "editor"]).await;
    let stricter = app.sibling(&[ADMIN_BY_PASSKEY]).await;
    assert_counted_roles(&stricter, &admin.access_token, &["editor"]).await;
    let refreshed = refresh(&stricter, &admin.refresh_token).await.expect(200);
    assert_roles(&stricter, &refreshed.text("/access_token"), &["editor"]).await;
}

/// The first administrator: a link, a password, any factor, and then the one that the role requires.
#[actix_web::test]
async fn an_administrator_can_always_set_up_the_factor_that_the_role_requires() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY]).await;
    let admin = administrator(&app).await;
    // Only with a fresh proof of what there is.
    app.clock.advance(400);
    app.post_as("/2fa/passkeys/options", &admin.access_token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let by_app = admin.person.sign_in_again(&app).await;
    let mut admin = SignedIn {
        access_token: by_app,
        ..admin
    };
    let (mut key, _) = admin.add_passkey(&app).await;
    confirm(&app, &mut admin, &mut key).await;
    app.get_as("/admin/users", &admin.access_token).await.expect(200);
    // An account without any factor sets the passkey up in its first login.
    let new = Person::register(&app, "new@example.com").await;
    set_roles(&app, "new@example.com", "{admin}");
    let (mut key, _) = new.enrol_passkey(&app).await;
    let pending = log_in(&app, "new@example.com", PASSWORD)
        .await
        .expect(200)
        .text("/pre_auth_token");
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let answer = verify_passkey(&app, &pending, &assertion).await.expect(200);
    assert_roles(&app, &answer.text("/access_token"), &["admin"]).await;
}

#[actix_web::test]
async fn a_login_without_a_second_factor_carries_no_such_role() {
    let app = TestApp::with(&[ADMIN_BY_PASSKEY, ("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{admin}");
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    let token = login.text("/access_token");
    assert_roles(&app, &token, &[]).await;
    app.get_as("/admin/users", &token)
        .await
        .expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn a_required_passkey_needs_a_domain() {
    let app = TestApp::new().await;
    let started = app.try_start_at("https://192.0.2.1", &[ADMIN_BY_PASSKEY]).await;
    assert!(matches!(started, Err(StartError::RoleFactors)), "{started:?}");
    app.try_start_at("https://192.0.2.1", &[]).await.unwrap();
}
