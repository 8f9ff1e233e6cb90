//! `POST /step-up`

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::actors::{PASSWORD, PHONE, Person, challenge, claims, refresh, step_up, verify, verify_by};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_proof_renews_auth_time_in_the_same_session_and_kills_the_old_refresh_token() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let before = claims(&signed_in.access_token);
    app.clock.advance(301);
    let token = &signed_in.access_token;
    app.post_as("/2fa/recovery-codes", token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let answer = step_up(&app, token, &json!({"code": signed_in.person.code(&app)}))
        .await
        .expect(200);
    let after = claims(&answer.text("/access_token"));
    assert_eq!((&after["sid"], &after["amr"]), (&before["sid"], &before["amr"]));
    assert_eq!(
        after["auth_time"].as_i64().unwrap() - before["auth_time"].as_i64().unwrap(),
        301
    );
    assert_ne!(after["jti"], before["jti"]);
    app.post_as("/2fa/recovery-codes", &answer.text("/access_token"))
        .await
        .expect(200);
    app.clock.advance(11);
    refresh(&app, &answer.text("/refresh_token")).await.expect(200);
    app.clock.advance(11);
    refresh(&app, &signed_in.refresh_token).await.expect(401);
}

#[actix_web::test]
async fn a_password_or_any_factor_is_a_proof() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(301);
    let token = &signed_in.access_token;
    let answer = step_up(&app, token, &json!({"password": PASSWORD})).await.expect(200);
    let token = &answer.text("/access_token");
    let body = json!({"method": "sms"});
    app.call_as(Method::POST, "/2fa/challenge", token, &body)
        .await
        .expect(202);
    let code = app.sent_code(PHONE).await;
    let answer = step_up(&app, token, &json!({"code": code, "method": "sms"}))
        .await
        .expect(200);
    let token = &answer.text("/access_token");
    step_up(&app, token, &json!({"code": code, "method": "sms"}))
        .await
        .expect_problem(401, "invalid_code");
    let answer = step_up(&app, token, &json!({"code": signed_in.recovery_codes[0]}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        answer["session"]["amr"],
        json!(["pwd", "otp", "sms", "recovery", "mfa"])
    );
    assert_eq!(answer["session"]["acr"], "aal2");
}

#[actix_web::test]
async fn a_further_factor_raises_the_assurance() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    let low = verify_by(&app, &token, &code, "email")
        .await
        .expect(200)
        .text("/access_token");
    // The code proves access to the mailbox, but the account has stronger factors.
    app.post_as("/2fa/recovery-codes", &low)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let answer = step_up(&app, &low, &json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(answer.json()["session"]["acr"], "aal1");
    let answer = step_up(&app, &low, &json!({"code": signed_in.person.code(&app)}))
        .await
        .expect(200);
    assert_eq!(answer.json()["session"]["acr"], "aal2");
    app.post_as("/2fa/recovery-codes", &answer.text("/access_token"))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_proof_renews_no_stronger_one() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    let before = claims(&signed_in.access_token);
    app.clock.advance(301);
    let demand = app.get_as("/me/export", &signed_in.access_token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["totp", "recovery_code"]));
    // Both proofs are right, and are recorded.
    let answer = step_up(&app, &signed_in.access_token, &json!({"password": PASSWORD}))
        .await
        .expect(200);
    let token = answer.text("/access_token");
    let body = json!({"method": "email"});
    app.call_as(Method::POST, "/2fa/challenge", &token, &body)
        .await
        .expect(202);
    let code = app.sent_code("jo@example.com").await;
    let answer = step_up(&app, &token, &json!({"code": code, "method": "email"}))
        .await
        .expect(200);
    let token = answer.text("/access_token");
    let after = claims(&token);
    assert_eq!(after["auth_time"], before["auth_time"]);
    assert_eq!(after["amr"], json!(["pwd", "otp", "email", "mfa"]));
    app.get_as("/me/export", &token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let secret = app.post_as("/2fa/totp", &token).await;
    secret.expect_problem(401, "insufficient_user_authentication");
    let answer = step_up(&app, &token, &json!({"code": signed_in.recovery_codes[0]}))
        .await
        .expect(200);
    app.get_as("/me/export", &answer.text("/access_token"))
        .await
        .expect(200);
}

/// The owner steps up with a newer token. A thief has an older one, and the password or access to the mailbox.
#[actix_web::test]
async fn a_step_up_adds_to_what_the_presented_token_shows() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(301);
    let old = &signed_in.access_token;
    let proof = json!({"code": signed_in.person.code(&app)});
    let owners = step_up(&app, old, &proof).await.expect(200).text("/access_token");
    let demand = app.get_as("/me/export", old).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["totp", "recovery_code"]));
    app.get_as("/me/export", &owners).await.expect(200);
    let thiefs = step_up(&app, old, &json!({"password": PASSWORD}))
        .await
        .expect(200)
        .text("/access_token");
    assert_eq!(claims(&thiefs)["auth_time"], claims(old)["auth_time"]);
    for token in [&thiefs, old] {
        app.get_as("/me/export", token)
            .await
            .expect_problem(401, "insufficient_user_authentication");
    }

    app.clock.advance(60);
    let login = signed_in.person.log_in(&app).await;
    challenge(&app, &login, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    let low = verify_by(&app, &login, &code, "email")
        .await
        .expect(200)
        .text("/access_token");
    let proof = json!({"code": signed_in.person.code(&app)});
    let high = step_up(&app, &low, &proof).await.expect(200);
    assert_eq!(high.json()["session"]["acr"], "aal2");
    let thiefs = step_up(&app, &low, &json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(thiefs.json()["session"]["acr"], "aal1");
}

#[actix_web::test]
async fn a_demand_names_only_what_the_account_has() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional"), ("SECOND_FACTORS", "totp,sms")]).await;
    Person::register(&app, "jo@example.com").await;
    let login = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD).await;
    let token = login.expect(200).text("/access_token");
    app.clock.advance(301);
    let demanded = async || {
        let problem = app.get_as("/me/export", &token).await;
        problem.expect_problem(401, "insufficient_user_authentication")["accepted_methods"].clone()
    };
    assert_eq!(demanded().await, json!(["password"]));
    let mo = Person::sign_up(&app, "mo@example.com").await;
    mo.set_up_phone(&app, PHONE).await;
    app.clock.advance(301);
    let demand = app.get_as("/me/export", &mo.access_token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["totp", "sms", "recovery_code"]));
}

/// Without what the account has lost, the session would ask for a proof that the user cannot give.
#[actix_web::test]
async fn after_the_last_recovery_code_the_password_is_enough_again() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional"), ("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(30);
    let body = json!({"password": PASSWORD, "code": signed_in.person.code(&app)});
    app.call_as(Method::DELETE, "/2fa/totp", &signed_in.access_token, &body)
        .await
        .expect(204);
    let pending = signed_in.person.log_in(&app).await;
    let by_code = verify(&app, &pending, &signed_in.recovery_codes[0]).await;
    let token = by_code.expect(200).text("/access_token");
    let use_up = "UPDATE recovery_codes SET used_at = now() WHERE used_at IS NULL";
    app.database.connect().batch_execute(use_up).unwrap();
    app.clock.advance(301);
    let demand = app.get_as("/me/export", &token).await;
    let demand = demand.expect_problem(401, "insufficient_user_authentication");
    assert_eq!(demand["accepted_methods"], json!(["password"]));
    let renewed = step_up(&app, &token, &json!({"password": PASSWORD})).await.expect(200);
    let token = renewed.text("/access_token");
    assert_eq!(claims(&token)["acr"], "aal1");
    app.get_as("/me/export", &token).await.expect(200);
}

#[actix_web::test]
async fn a_wrong_proof_renews_nothing() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    app.clock.advance(30);
    for (proof, code) in [
        (json!({"code": signed_in.person.wrong_code(&app)}), "invalid_code"),
        (json!({"password": "another password"}), "invalid_credentials"),
    ] {
        step_up(&app, token, &proof).await.expect_problem(401, code);
    }
    for proof in [
        json!({}),
        json!({"password": PASSWORD, "code": "123456"}),
        json!({"password": PASSWORD, "method": "totp"}),
        json!({"code": "12"}),
        json!({"method": "totp"}),
    ] {
        step_up(&app, token, &proof)
            .await
            .expect_problem(422, "validation_failed");
    }
    // A used code is not a proof either.
    let code = signed_in.person.code(&app);
    step_up(&app, token, &json!({"code": code})).await.expect(200);
    step_up(&app, token, &json!({"code": code}))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn the_cookie_follows() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let body = json!({"pre_auth_token": person.pre_auth_token, "code": person.code(&app), "delivery": "cookie"});
    let answer = app.post("/2fa/verify", &body).await.expect(200);
    let token = answer.text("/access_token");
    let answer = step_up(&app, &token, &json!({"password": PASSWORD})).await.expect(200);
    assert!(
        answer
            .header("set-cookie")
            .unwrap()
            .starts_with("__Host-vestibule_refresh_")
    );
    assert_eq!(answer.json().get("refresh_token"), None);
}

#[actix_web::test]
async fn where_the_password_is_the_only_factor_it_is_enough() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    let login = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200);
    let token = login.text("/access_token");
    app.post_as("/2fa/totp", &token).await.expect(201);
    app.clock.advance(301);
    let problem = app.post_as("/2fa/totp", &token).await;
    assert_eq!(
        problem.expect_problem(401, "insufficient_user_authentication")["acr_values"],
        "aal1"
    );
    let token = step_up(&app, &token, &json!({"password": PASSWORD}))
        .await
        .expect(200)
        .text("/access_token");
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let person = Person {
        secret,
        id: String::new(),
        email: "jo@example.com".to_owned(),
        pre_auth_token: String::new(),
    };
    let body = json!({"code": person.code(&app)});
    let answer = app
        .call_as(Method::POST, "/2fa/totp/confirm", &token, &body)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["recovery_codes"].as_array().unwrap().len(), 10);
    let login = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200)
        .json();
    assert_eq!(login["status"], "second_factor_required");
}

/// Signs in with a mail only.
async fn sign_in_by_mail(app: &TestApp, email: &str) -> String {
    app.post("/magic-link", &json!({"email": email})).await.expect(202);
    let token = app.mailed_token(email, "magic_link").await;
    let answer = app.post("/magic-link/verify", &json!({"token": token})).await;
    answer.expect(200).text("/access_token")
}

#[actix_web::test]
async fn where_the_account_has_a_password_the_mail_box_alone_changes_nothing() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    let token = sign_in_by_mail(&app, "jo@example.com").await;
    assert_eq!(claims(&token)["amr"], json!(["email"]));
    let new_address = json!({"email": "jo@example.org"});
    let requests = [
        (Method::POST, "/email/change", Some(&new_address)),
        (Method::POST, "/2fa/totp", None),
        (Method::POST, "/2fa/recovery-codes", None),
        (Method::GET, "/me/export", None),
        (Method::DELETE, "/me", None),
    ];
    for (method, path, body) in requests {
        let answer = match body {
            Some(body) => app.call_as(method, path, &token, body).await,
            None => app.bare_as(method, path, &token).await,
        };
        let demand = answer.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(
            (&demand["acr_values"], &demand["accepted_methods"]),
            (&json!("aal1"), &json!(["password"])),
            "{path}"
        );
    }
    let answer = step_up(&app, &token, &json!({"password": PASSWORD})).await.expect(200);
    let stepped_up = answer.text("/access_token");
    app.call_as(Method::POST, "/email/change", &stepped_up, &new_address)
        .await
        .expect(202);
    app.get_as("/me/export", &stepped_up).await.expect(200);
}

#[actix_web::test]
async fn without_a_password_that_counts_the_mail_box_is_what_the_account_has() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    assert!(app.invite("mo@example.com", None).await);
    let token = sign_in_by_mail(&app, "mo@example.com").await;
    app.get_as("/me/export", &token).await.expect(200);

    Person::register(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    let token = sign_in_by_mail(&app, "jo@example.com").await;
    app.get_as("/me/export", &token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let disabled = "UPDATE users SET password_disabled_at = now() WHERE email = 'jo@example.com'";
    app.database.connect().batch_execute(disabled).unwrap();
    app.get_as("/me/export", &token).await.expect(200);
}

#[actix_web::test]
async fn a_demand_names_no_channel_that_the_deployment_gave_up() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(301);
    let without_sms = app.sibling(&[("SECOND_FACTORS", "totp,email")]).await;
    let without_both = app.sibling(&[("SECOND_FACTORS", "totp")]).await;
    for (instance, accepted) in [
        (&app, json!(["totp", "sms", "recovery_code"])),
        (&without_sms, json!(["totp", "recovery_code"])),
        (&without_both, json!(["totp", "recovery_code"])),
    ] {
        let demand = instance.get_as("/me/export", &signed_in.access_token).await;
        let demand = demand.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(demand["accepted_methods"], accepted);
    }
}
