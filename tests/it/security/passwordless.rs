//! Accounts without a password: what is tried at their registration, at their last way in, and at their recovery.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, Person, SignedIn, claims, log_in, request_link, step_up, verify};
use crate::support::app::TestApp;
use crate::support::authenticator::{Authenticator, USER_PRESENT};
use crate::support::passkeys::{
    PASSKEYS, authenticator, login_challenge, register_passkey, registration_challenge, removal_challenge,
    remove_passkey, remove_password, send_registration, sign_in_by_passkey, sign_in_challenge, step_up_by_passkey,
    step_up_challenge, verify_passkey,
};
use crate::support::response::TestResponse;

const EMAIL: &str = "jo@example.com";
const NEW: &str = "heftklammer im regen";
const PRIVATE: &[(&str, &str)] = &[PASSKEYS[0], ("REGISTRATION", "private")];

async fn register(app: &TestApp, body: &Value) -> TestResponse {
    app.post("/register", body).await
}

async fn open_link(app: &TestApp, token: &str) -> TestResponse {
    app.post("/magic-link/verify", &json!({"token": token})).await
}

async fn mailed_link(app: &TestApp) -> String {
    request_link(app, "/magic-link", "magic_link", EMAIL).await
}

async fn sign_in_alone(app: &TestApp, key: &mut Authenticator) -> TestResponse {
    let assertion = key.assert(&sign_in_challenge(app).await);
    sign_in_by_passkey(app, &assertion).await
}

async fn only_passkey(app: &TestApp, who: &SignedIn) -> String {
    let listed = app.get_as("/2fa/passkeys", &who.access_token).await.expect(200);
    assert_eq!(listed.json()["passkeys"].as_array().unwrap().len(), 1);
    listed.text("/passkeys/0/id")
}

#[actix_web::test]
async fn the_token_of_a_registration_registers_a_passkey_and_nothing_else() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,passkey,email,sms")]).await;
    let jo = Person::register_without_password(&app, EMAIL).await;
    let token = &jo.pre_auth_token;
    app.post_as("/2fa/totp", token).await.expect_problem(403, "forbidden");
    for (at, method) in [("passkey", 422), ("email", 422), ("sms", 422)] {
        let body = json!({"pre_auth_token": token, "method": at});
        app.post("/2fa/challenge", &body).await.expect(method);
    }
    verify(&app, token, "123456").await.expect_problem(401, "invalid_code");
    for path in ["/me", "/2fa", "/sessions"] {
        app.get_as(path, token).await.expect_problem(401, "invalid_token");
    }
    let body = json!({"new_password": NEW});
    app.call_as(Method::POST, "/password/set", token, &body)
        .await
        .expect_problem(401, "invalid_token");
    // The passkey completes the login.
    let (mut key, codes) = jo.enrol_passkey(&app).await;
    // A recovery code is one factor, and there is no other.
    verify(&app, token, &codes[0]).await.expect_problem(401, "invalid_code");
    let assertion = key.assert(&login_challenge(&app, token).await);
    verify_passkey(&app, token, &assertion).await.expect(200);
    // It opens one session, and registers no second passkey.
    let assertion = key.assert(&sign_in_challenge(&app).await);
    verify_passkey(&app, token, &assertion)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    app.post_as("/2fa/passkeys/options", token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn the_token_registers_no_second_passkey() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register_without_password(&app, EMAIL).await;
    let challenge = registration_challenge(&app, &jo.pre_auth_token).await;
    jo.enrol_passkey(&app).await;
    let thief = authenticator(&jo.id).register(&challenge);
    send_registration(&app, &jo.pre_auth_token, &thief)
        .await
        .expect_problem(403, "forbidden");
}

/// A key that does not verify its user is one factor: it neither begins an account nor completes its registration.
#[actix_web::test]
async fn presence_alone_makes_no_account_and_no_session() {
    let app = TestApp::with(&[PASSKEYS[0], ("PASSKEY_USER_VERIFICATION", "discouraged")]).await;
    let jo = Person::register_without_password(&app, EMAIL).await;
    let mut present = authenticator(&jo.id);
    present.flags = USER_PRESENT;
    let problem = register_passkey(&app, &jo.pre_auth_token, &present)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["detail"], "was refused: user_verification");
    let (mut key, _) = jo.enrol_passkey(&app).await;
    let verified = key.flags;
    key.flags = USER_PRESENT;
    let assertion = key.assert(&login_challenge(&app, &jo.pre_auth_token).await);
    verify_passkey(&app, &jo.pre_auth_token, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    key.flags = verified;
    let assertion = key.assert(&login_challenge(&app, &jo.pre_auth_token).await);
    verify_passkey(&app, &jo.pre_auth_token, &assertion).await.expect(200);
}

#[actix_web::test]
async fn a_registration_over_an_account_leaves_it_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, EMAIL).await;
    let body = json!({"email": EMAIL, "passkey": true});
    register(&app, &body).await.expect_problem(409, "email_taken");
    let (_, mut key) = Person::sign_up_without_password(&app, "ann@example.com").await;
    let body = json!({"email": "ann@example.com", "passkey": true});
    register(&app, &body).await.expect_problem(409, "email_taken");
    // Nor when the time of its registration is over.
    app.clock.advance(86_400);
    register(&app, &body).await.expect_problem(409, "email_taken");
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    register(&app, &body).await.expect_problem(409, "email_taken");
    app.delete_expired().await;
    sign_in_alone(&app, &mut key).await.expect(200);
    jo.person.log_in(&app).await;
}

#[actix_web::test]
async fn in_private_only_a_mail_answers_and_its_link_sets_the_account_up() {
    let app = TestApp::with(PRIVATE).await;
    let body = json!({"email": EMAIL, "passkey": true});
    let new = register(&app, &body).await.expect(202).shown();
    let taken = register(&app, &body).await.expect(202).shown();
    assert_eq!(new, taken);
    assert_eq!(
        app.notification_kinds(EMAIL).await,
        ["registration_started", "unconfirmed_account"]
    );
    let link = app.mailed_token(EMAIL, "registration_started").await;
    let login = open_link(&app, &link).await.expect(200);
    assert_eq!(login.json()["status"], "enrolment_required");
    let token = login.text("/pre_auth_token");
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let taken = register(&app, &body).await.expect(202).shown();
    assert_eq!(new, taken);
    let id = user_id(&app, EMAIL);
    let mut key = authenticator(&id);
    register_passkey(&app, &token, &key).await.expect(201);
    let assertion = key.assert(&login_challenge(&app, &token).await);
    let answer = verify_passkey(&app, &token, &assertion).await.expect(200);
    let me = app
        .get_as("/me", &answer.text("/access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&me["has_password"], &me["email_verified"]),
        (&json!(false), &json!(true))
    );
    // There is no way on without a mailbox.
    let problem = register(&app, &json!({"username": "jo.doe", "passkey": true}))
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/email");
}

/// A registration with a stranger's address, or one that its owner forgot, does not stay for ever.
#[actix_web::test]
async fn in_private_a_registration_that_is_never_completed_is_deleted_after_a_day() {
    let app = TestApp::with(PRIVATE).await;
    let body = json!({"email": EMAIL, "passkey": true});
    register(&app, &body).await.expect(202);
    // An account with a password waits for the verification of its address.
    register(&app, &json!({"email": "mo@example.com", "password": PASSWORD}))
        .await
        .expect(202);
    let kept = json!({"email": "ann@example.com", "passkey": true});
    register(&app, &kept).await.expect(202);
    let link = app.mailed_token("ann@example.com", "registration_started").await;
    open_link(&app, &link).await.expect(200);
    app.clock.advance(86_399);
    app.delete_expired().await;
    let id = user_id(&app, EMAIL);
    app.clock.advance(1);
    app.delete_expired().await;
    for kept in ["ann@example.com", "mo@example.com"] {
        user_id(&app, kept);
    }
    register(&app, &body).await.expect(202);
    assert_ne!(user_id(&app, EMAIL), id);
    let kinds = app.notification_kinds(EMAIL).await;
    assert_eq!(kinds, ["registration_started", "registration_started"]);
}

/// Each token has one use for an account with a password: that of a reset, and that of an invitation, set one.
#[actix_web::test]
async fn a_link_that_sets_a_password_signs_in_to_no_account_that_has_one() {
    let app = TestApp::with(PRIVATE).await;
    let body = json!({"email": EMAIL, "password": PASSWORD});
    register(&app, &body).await.expect(202);
    let body = json!({"email": EMAIL, "passkey": true});
    register(&app, &body).await.expect(202);
    let link = app.mailed_token(EMAIL, "unconfirmed_account").await;
    open_link(&app, &link).await.expect_problem(400, "invalid_link_token");
    let reset = json!({"token": link, "new_password": NEW});
    app.post("/password/reset", &reset).await.expect(204);
    log_in(&app, EMAIL, NEW).await.expect(200);
    // An invitation whose account got a password by another link.
    let app = app.sibling(PASSKEYS).await;
    let admin = administrator(&app, "root@example.com").await;
    let body = json!({"email": "ann@example.com"});
    app.call_as(Method::POST, "/admin/users", &admin.access_token, &body)
        .await
        .expect(201);
    let invitation = app.mailed_token("ann@example.com", "invitation").await;
    let link = request_link(&app, "/password/forgot", "password_reset", "ann@example.com").await;
    let reset = json!({"token": link, "new_password": NEW});
    app.post("/password/reset", &reset).await.expect(204);
    open_link(&app, &invitation)
        .await
        .expect_problem(400, "invalid_link_token");
}

fn user_id(app: &TestApp, email: &str) -> String {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        id: uuid::Uuid,
    }
    let query = format!("SELECT id FROM users WHERE email = '{email}'");
    let found: Found = diesel::sql_query(query)
        .get_result(&mut app.database.connect())
        .unwrap();
    found.id.to_string()
}

#[actix_web::test]
async fn a_registration_whose_time_is_over_leaves_nothing_and_the_name_is_free() {
    let app = TestApp::with(PASSKEYS).await;
    let body = json!({"email": EMAIL, "username": "jo.doe", "passkey": true});
    let first = register(&app, &body).await.expect(201);
    let token = first.text("/pre_auth_token");
    let credential = authenticator(&first.text("/user/id")).register(&registration_challenge(&app, &token).await);
    app.clock.advance(298);
    register(&app, &body).await.expect_problem(409, "username_taken");
    app.clock.advance(1);
    send_registration(&app, &token, &credential)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    let second = register(&app, &body).await.expect(201);
    assert_ne!(first.text("/user/id"), second.text("/user/id"));
    // With a password as well, and without waiting for another registration.
    app.clock.advance(300);
    app.delete_expired().await;
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    register(&app, &body).await.expect(201);
    let body = json!({"email": EMAIL, "password": PASSWORD});
    register(&app, &body).await.expect(201);
}

#[actix_web::test]
async fn an_account_that_got_another_way_in_is_not_deleted() {
    let app = TestApp::with(PASSKEYS).await;
    let body = |email: &str| json!({"email": email, "passkey": true});
    // A password by a mailed link.
    register(&app, &body(EMAIL)).await.expect(201);
    let link = request_link(&app, "/password/forgot", "password_reset", EMAIL).await;
    let reset = json!({"token": link, "new_password": NEW});
    app.post("/password/reset", &reset).await.expect(204);
    // A verified address.
    let ann = Person::register_without_password(&app, "ann@example.com").await;
    let token = json!({"token": app.mailed_token("ann@example.com", "email_verification").await});
    app.call_as(Method::POST, "/email/verify", &ann.pre_auth_token, &token)
        .await
        .expect(204);
    app.clock.advance(301);
    app.delete_expired().await;
    log_in(&app, EMAIL, NEW).await.expect(200);
    for taken in [EMAIL, "ann@example.com"] {
        register(&app, &body(taken)).await.expect_problem(409, "email_taken");
    }
}

#[actix_web::test]
async fn a_password_for_an_account_without_one_is_refused_like_any_wrong_one() {
    let app = TestApp::with(PASSKEYS).await;
    Person::sign_up_without_password(&app, EMAIL).await;
    for _ in 0..5 {
        let known = log_in(&app, EMAIL, PASSWORD).await.expect(401).shown();
        let unknown = log_in(&app, "nobody@example.com", PASSWORD).await.expect(401).shown();
        assert_eq!(without_request_id(known), without_request_id(unknown));
    }
    // Both wait after five.
    log_in(&app, EMAIL, "").await.expect_problem(429, "rate_limited");
    log_in(&app, "nobody@example.com", "")
        .await
        .expect_problem(429, "rate_limited");
}

fn without_request_id(
    (status, headers, body): (actix_web::http::StatusCode, Vec<String>, Vec<u8>),
) -> (u16, Vec<String>, Value) {
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    body.as_object_mut().unwrap().remove("request_id");
    (status.as_u16(), headers, body)
}

#[actix_web::test]
async fn the_last_passkey_of_an_account_without_a_password_stays() {
    for policy in ["required", "optional"] {
        let app = TestApp::with(&[PASSKEYS[0], ("TWO_FACTOR_POLICY", policy)]).await;
        let (jo, mut key) = Person::sign_up_without_password(&app, EMAIL).await;
        let id = only_passkey(&app, &jo).await;
        remove_passkey(&app, &jo.access_token, &id)
            .await
            .expect_problem(409, "conflict");
        sign_in_alone(&app, &mut key).await.expect(200);
        // With another one that has signed in alone, it can go.
        let (mut second, _) = jo.add_passkey(&app).await;
        remove_passkey(&app, &jo.access_token, &id)
            .await
            .expect_problem(409, "conflict");
        sign_in_alone(&app, &mut second).await.expect(200);
        remove_passkey(&app, &jo.access_token, &id).await.expect(204);
        sign_in_alone(&app, &mut second).await.expect(200);
        let id = only_passkey(&app, &jo).await;
        remove_passkey(&app, &jo.access_token, &id)
            .await
            .expect_problem(409, "conflict");
        // Or with a password.
        let body = json!({"new_password": NEW});
        app.call_as(Method::POST, "/password/set", &jo.access_token, &body)
            .await
            .expect(204);
        let removed = remove_passkey(&app, &jo.access_token, &id).await;
        removed.expect(if policy == "required" { 409 } else { 204 });
    }
}

/// A security key that serves beside a password only would lock its owner out.
#[actix_web::test]
async fn a_passkey_that_has_never_signed_in_alone_does_not_count_as_a_way_in() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, EMAIL).await;
    let (mut platform, alone) = jo.add_passkey(&app).await;
    let (_, unproven) = jo.add_passkey(&app).await;
    let assertion = platform.assert(&removal_challenge(&app, &jo.access_token).await);
    remove_password(&app, &jo.access_token, &assertion).await.expect(204);
    remove_passkey(&app, &jo.access_token, &alone)
        .await
        .expect_problem(409, "conflict");
    remove_passkey(&app, &jo.access_token, &unproven).await.expect(204);
}

/// What a client registers is what the client says: the options asked for a passkey that knows its user, and this one
/// does not.
#[actix_web::test]
async fn a_passkey_that_needs_the_name_of_its_user_replaces_none_that_signs_in_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let (jo, mut platform) = Person::sign_up_without_password(&app, EMAIL).await;
    let working = only_passkey(&app, &jo).await;
    sign_in_alone(&app, &mut platform).await.expect(200);
    let (mut without_storage, useless) = jo.add_passkey(&app).await;
    without_storage.user_handle = None;
    sign_in_alone(&app, &mut without_storage)
        .await
        .expect_problem(401, "invalid_credentials");
    // Nor by a proof beside which the session named the user.
    let assertion = without_storage.assert(&step_up_challenge(&app, &jo.access_token).await);
    step_up_by_passkey(&app, &jo.access_token, &assertion).await.expect(200);
    remove_passkey(&app, &jo.access_token, &working)
        .await
        .expect_problem(409, "conflict");
    remove_passkey(&app, &jo.access_token, &useless).await.expect(204);
    sign_in_alone(&app, &mut platform).await.expect(200);
}

#[actix_web::test]
async fn the_password_goes_only_with_a_passkey_that_signs_its_owner_in_alone() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, EMAIL).await;
    let token = &jo.access_token;
    let (mut key, _) = jo.add_passkey(&app).await;
    let verified = key.flags;
    // Presence only.
    key.flags = USER_PRESENT;
    let present = key.assert(&removal_challenge(&app, token).await);
    // The challenges of other uses and of another session, and without the owner's name.
    key.flags = verified;
    let stepping_up = key.assert(&step_up_challenge(&app, token).await);
    let signing_in = key.assert(&sign_in_challenge(&app).await);
    let elsewhere = jo.person.sign_in_again(&app).await;
    let other_session = key.assert(&removal_challenge(&app, &elsewhere).await);
    let handle = key.user_handle.take();
    let nameless = key.assert(&removal_challenge(&app, token).await);
    key.user_handle = handle;
    // Another user's.
    let mallory = Person::sign_up(&app, "mallory@example.com").await;
    let (mut others, _) = mallory.add_passkey(&app).await;
    let stranger = others.assert(&removal_challenge(&app, token).await);
    others.user_handle = key.user_handle.clone();
    let disguised = others.assert(&removal_challenge(&app, token).await);
    for (what, assertion) in [
        ("presence", &present),
        ("a step-up", &stepping_up),
        ("a sign-in", &signing_in),
        ("another session", &other_session),
        ("no handle", &nameless),
        ("another user", &stranger),
        ("another user's passkey", &disguised),
    ] {
        let refused = remove_password(&app, token, assertion).await;
        let problem = refused.expect_problem(401, "invalid_code");
        assert!(problem.get("attempts_remaining").is_none(), "{what}");
    }
    // A session alone, a code and the password are not enough either.
    app.call_as(Method::POST, "/password/remove", token, &json!({}))
        .await
        .expect(400);
    let body = json!({"password": PASSWORD});
    app.call_as(Method::POST, "/password/remove", token, &body)
        .await
        .expect(400);
    // What removes a password does nothing else.
    let right = key.assert(&removal_challenge(&app, token).await);
    sign_in_by_passkey(&app, &right)
        .await
        .expect_problem(401, "invalid_credentials");
    step_up_by_passkey(&app, token, &right)
        .await
        .expect_problem(401, "invalid_code");
    app.clock.advance(301);
    remove_password(&app, token, &right)
        .await
        .expect_problem(401, "invalid_code");
    jo.person.log_in(&app).await;
    let right = key.assert(&removal_challenge(&app, token).await);
    remove_password(&app, token, &right).await.expect(204);
    log_in(&app, EMAIL, PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[actix_web::test]
async fn a_reset_by_mail_sets_a_password_and_neither_passes_nor_removes_the_passkey() {
    let app = TestApp::with(PASSKEYS).await;
    let (jo, mut key) = Person::sign_up_without_password(&app, EMAIL).await;
    let link = request_link(&app, "/password/forgot", "password_reset", EMAIL).await;
    let body = json!({"token": link, "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
    app.get_as("/me", &jo.access_token).await.expect(401);
    let login = log_in(&app, EMAIL, NEW).await.expect(200);
    assert_eq!(login.json()["status"], "second_factor_required");
    let pending = login.text("/pre_auth_token");
    app.post_as("/2fa/passkeys/options", &pending)
        .await
        .expect_problem(403, "forbidden");
    app.post_as("/2fa/totp", &pending)
        .await
        .expect_problem(403, "forbidden");
    sign_in_alone(&app, &mut key).await.expect(200);
}

#[actix_web::test]
async fn the_reader_of_the_mailbox_gets_no_further_than_one_factor() {
    let app = TestApp::with(PASSKEYS).await;
    Person::sign_up_without_password(&app, EMAIL).await;
    for (path, kind) in [("/magic-link", "magic_link"), ("/password/forgot", "password_reset")] {
        app.clock.advance(1);
        let link = request_link(&app, path, kind, EMAIL).await;
        let login = open_link(&app, &link).await.expect(200);
        assert_eq!(login.json()["status"], "second_factor_required", "{path}");
        let pending = login.text("/pre_auth_token");
        app.post_as("/2fa/passkeys/options", &pending)
            .await
            .expect_problem(403, "forbidden");
        open_link(&app, &link).await.expect_problem(400, "invalid_link_token");
    }
}

#[actix_web::test]
async fn an_owner_who_lost_every_device_comes_back_by_mail_and_recovery_code() {
    let app = TestApp::with(PASSKEYS).await;
    let (jo, mut lost) = Person::sign_up_without_password(&app, EMAIL).await;
    let old = only_passkey(&app, &jo).await;
    app.clock.advance(3_600);
    let login = open_link(&app, &mailed_link(&app).await).await.expect(200);
    let kinds: Vec<Value> = login.json()["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["type"].clone())
        .collect();
    assert_eq!(kinds, ["passkey", "recovery_code"]);
    let answer = verify(&app, &login.text("/pre_auth_token"), &jo.recovery_codes[0])
        .await
        .expect(200);
    let token = answer.text("/access_token");
    // Two ways of recovery do not make two factors.
    let shown = claims(&token);
    assert_eq!(
        (&shown["acr"], &shown["amr"]),
        (&json!("aal1"), &json!(["email", "recovery"]))
    );
    // But they register another passkey (NIST SP 800-63B-4 §4.2.2.2).
    let back = SignedIn {
        access_token: token,
        refresh_token: answer.text("/refresh_token"),
        recovery_codes: Vec::new(),
        person: jo.person,
    };
    let (mut new, _) = back.add_passkey(&app).await;
    remove_passkey(&app, &back.access_token, &old)
        .await
        .expect_problem(409, "conflict");
    let again = sign_in_alone(&app, &mut new).await.expect(200);
    remove_passkey(&app, &again.text("/access_token"), &old)
        .await
        .expect(204);
    sign_in_alone(&app, &mut lost)
        .await
        .expect_problem(401, "invalid_credentials");
    // The proofs have to be recent.
    app.clock.advance(301);
    let demand = app.post_as("/2fa/passkeys/options", &back.access_token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    // Another recovery code would not help: a session cannot renew its link.
    assert_eq!(demand["accepted_methods"], json!(["passkey"]));
    let answer = step_up(&app, &back.access_token, &json!({"code": jo.recovery_codes[1]})).await;
    let token = answer.expect(200).text("/access_token");
    let demand = app.post_as("/2fa/passkeys/options", &token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["passkey"]));
}

/// With a password, a link and a recovery code are weaker than what the account can prove.
#[actix_web::test]
async fn a_recovery_is_not_enough_where_there_is_a_password() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, EMAIL).await;
    let login = open_link(&app, &mailed_link(&app).await).await.expect(200);
    let answer = verify(&app, &login.text("/pre_auth_token"), &jo.recovery_codes[0])
        .await
        .expect(200);
    let token = answer.text("/access_token");
    let demand = app.post_as("/2fa/passkeys/options", &token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["acr_values"], "aal2");
    let answer = step_up(&app, &token, &json!({"password": PASSWORD})).await.expect(200);
    registration_challenge(&app, &answer.text("/access_token")).await;
}

/// A found security key and the owner's mailbox are one factor each, and a mailbox is none: they open no session, where
/// presence is enough beside a password.
#[actix_web::test]
async fn a_link_and_a_proof_of_presence_do_not_recover_an_account() {
    let app = TestApp::with(&[PASSKEYS[0], ("PASSKEY_USER_VERIFICATION", "discouraged")]).await;
    let (_, mut key) = Person::sign_up_without_password(&app, EMAIL).await;
    let login = open_link(&app, &mailed_link(&app).await).await.expect(200);
    let pending = login.text("/pre_auth_token");
    let verified = key.flags;
    key.flags = USER_PRESENT;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    verify_passkey(&app, &pending, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    key.flags = verified;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    verify_passkey(&app, &pending, &assertion).await.expect(200);
}

/// The options of a step-up demand verification from an account without a password, and the check does too.
#[actix_web::test]
async fn presence_alone_steps_no_account_without_a_password_up() {
    let app = TestApp::with(&[PASSKEYS[0], ("PASSKEY_USER_VERIFICATION", "discouraged")]).await;
    let (jo, mut key) = Person::sign_up_without_password(&app, EMAIL).await;
    let verified = key.flags;
    key.flags = USER_PRESENT;
    let assertion = key.assert(&step_up_challenge(&app, &jo.access_token).await);
    step_up_by_passkey(&app, &jo.access_token, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    key.flags = verified;
    let assertion = key.assert(&step_up_challenge(&app, &jo.access_token).await);
    step_up_by_passkey(&app, &jo.access_token, &assertion).await.expect(200);
}

#[actix_web::test]
async fn an_invitation_is_accepted_with_a_passkey_and_keeps_its_roles() {
    let app = TestApp::with(PASSKEYS).await;
    let admin = administrator(&app, "root@example.com").await;
    let body = json!({"email": EMAIL});
    let invited = app
        .call_as(Method::POST, "/admin/users", &admin.access_token, &body)
        .await
        .expect(201);
    let id = invited.text("/id");
    let grant = format!("UPDATE users SET roles = '{{editor}}' WHERE id = '{id}'");
    app.database.connect().batch_execute(&grant).unwrap();
    let link = app.mailed_token(EMAIL, "invitation").await;
    let login = open_link(&app, &link).await.expect(200);
    assert_eq!(login.json()["status"], "enrolment_required");
    let token = login.text("/pre_auth_token");
    let mut key = authenticator(&id);
    key.flags = USER_PRESENT;
    register_passkey(&app, &token, &key)
        .await
        .expect_problem(422, "validation_failed");
    let mut key = authenticator(&id);
    register_passkey(&app, &token, &key).await.expect(201);
    let assertion = key.assert(&login_challenge(&app, &token).await);
    let answer = verify_passkey(&app, &token, &assertion).await.expect(200);
    let shown = claims(&answer.text("/access_token"));
    assert_eq!(
        (&shown["acr"], &shown["amr"], &shown["roles"]),
        (&json!("aal2"), &json!(["email", "pop", "mfa"]), &json!(["editor"]))
    );
    open_link(&app, &link).await.expect_problem(400, "invalid_link_token");
}

#[actix_web::test]
async fn an_operators_reset_leaves_a_way_back() {
    let app = TestApp::with(PASSKEYS).await;
    let admin = administrator(&app, "root@example.com").await;
    let (jo, mut key) = Person::sign_up_without_password(&app, EMAIL).await;
    let uri = format!("/admin/users/{}/2fa", jo.person.id);
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    sign_in_alone(&app, &mut key)
        .await
        .expect_problem(401, "invalid_credentials");
    let link = app.mailed_token(EMAIL, "invitation").await;
    let login = open_link(&app, &link).await.expect(200);
    let token = login.text("/pre_auth_token");
    let mut new = authenticator(&jo.person.id);
    register_passkey(&app, &token, &new).await.expect(201);
    sign_in_alone(&app, &mut new).await.expect(200);
    // Without an address no link could be sent.
    let body = json!({"username": "ann.doe", "passkey": true});
    let ann = register(&app, &body).await.expect(201);
    let id = ann.text("/user/id");
    let mut key = authenticator(&id);
    register_passkey(&app, &ann.text("/pre_auth_token"), &key)
        .await
        .expect(201);
    let uri = format!("/admin/users/{id}/2fa");
    app.bare_as(Method::DELETE, &uri, &admin.access_token)
        .await
        .expect_problem(409, "conflict");
    sign_in_alone(&app, &mut key).await.expect(200);
}

#[actix_web::test]
async fn an_address_is_verified_with_a_passkey_in_the_place_of_the_password() {
    let app = TestApp::with(&[PASSKEYS[0], ("EMAIL_VERIFICATION", "required")]).await;
    let jo = Person::register_without_password(&app, EMAIL).await;
    let (mut key, _) = jo.enrol_passkey(&app).await;
    app.clock.advance(301);
    sign_in_alone(&app, &mut key)
        .await
        .expect_problem(403, "email_not_verified");
    let token = app.mailed_token(EMAIL, "email_verification").await;
    let prove = async |assertion: Value| {
        let body = json!({"token": token, "passkey": assertion});
        app.post("/email/verify", &body).await
    };
    let body = json!({"token": token});
    app.post("/email/verify", &body)
        .await
        .expect_problem(401, "proof_required");
    let body = json!({"token": token, "password": PASSWORD});
    app.post("/email/verify", &body)
        .await
        .expect_problem(401, "invalid_credentials");
    let verified = key.flags;
    key.flags = USER_PRESENT;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    prove(assertion).await.expect_problem(401, "invalid_credentials");
    key.flags = verified;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    prove(assertion).await.expect(204);
    sign_in_alone(&app, &mut key).await.expect(200);
}
