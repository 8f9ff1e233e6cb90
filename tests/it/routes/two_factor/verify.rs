//! `POST /2fa/verify`

use actix_web::http::Method;
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, claims, header, verify};
use crate::support::app::{PUBLIC_URL, TestApp};

#[actix_web::test]
async fn the_first_right_code_confirms_signs_in_and_shows_the_recovery_codes_once() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let answer = verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
    assert!(answer["refresh_token"].as_str().unwrap().starts_with("vrt_"));
    assert_eq!(answer["refresh_expires_in"], 604_800);
    let session = &answer["session"];
    assert_eq!(
        (&session["acr"], &session["amr"]),
        (&json!("aal2"), &json!(["pwd", "otp", "mfa"]))
    );
    assert_eq!(session["expires_at"], "2026-03-31T12:00:00Z");
    assert_eq!(session["idle_expires_at"], "2026-03-08T12:00:00Z");
    let codes = answer["recovery_codes"].as_array().unwrap();
    assert_eq!((codes.len(), &answer["recovery_codes_remaining"]), (10, &json!(10)));
    for code in codes {
        let groups: Vec<&str> = code.as_str().unwrap().split('-').collect();
        assert!(
            groups.len() == 6 && groups.iter().all(|group| group.len() == 4),
            "{code}"
        );
    }
    app.clock.advance(30);
    let again = person.log_in_with(&app, &person.code(&app)).await.expect(200).json();
    assert_eq!(
        (&again["recovery_codes"], &again["recovery_codes_remaining"]),
        (&Value::Null, &json!(10))
    );
}

#[actix_web::test]
async fn the_access_token_says_what_rfc_9068_asks_for_and_nothing_personal() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let header = header(&signed_in.access_token);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(header.as_object().unwrap().len(), 3);
    let claims = claims(&signed_in.access_token);
    let now = 1_772_366_400;
    for (name, value) in [
        ("iss", json!(PUBLIC_URL)),
        ("aud", json!(PUBLIC_URL)),
        ("client_id", json!("vestibule")),
        ("sub", json!(signed_in.person.id)),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(now + 600)),
        ("auth_time", json!(now)),
        ("acr", json!("aal2")),
        ("amr", json!(["pwd", "otp", "mfa"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "acr",
            "amr",
            "aud",
            "auth_time",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "nbf",
            "sid",
            "sub"
        ]
    );
}

#[actix_web::test]
async fn personal_claims_are_there_when_the_deployment_asks_for_them() {
    let app = TestApp::with(&[
        ("ACCESS_TOKEN_CLAIMS", "email,username"),
        ("AUDIENCE", "https://api.example.com"),
    ])
    .await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    // An address that was never verified may be a stranger's, and back ends take the claim for the user's address.
    assert_eq!(claims(&signed_in.access_token)["email"], json!(null));
    app.verify_email("jo@example.com").await;
    let token = signed_in.person.sign_in_again(&app).await;
    let verified = claims(&token);
    assert_eq!(
        (&verified["email"], &verified["aud"]),
        (&json!("jo@example.com"), &json!("https://api.example.com"))
    );
    app.get_as("/me", &token).await.expect(200);
    // A verifier that introspects the token gets the current address.
    let client = app.service_client("api").await;
    let told = async || {
        let request = TestRequest::post().uri("/token/introspect");
        let request = request.insert_header(("authorization", client.clone()));
        app.send(request.set_form(json!({"token": token})))
            .await
            .expect(200)
            .json()["email"]
            .clone()
    };
    assert_eq!(told().await, "jo@example.com");
    let change = json!({"email": "mo@example.com"});
    app.call_as(Method::POST, "/email/change", &token, &change)
        .await
        .expect(202);
    app.verify_new_email("mo@example.com", &token).await;
    assert_eq!(told().await, json!(null));
}

#[actix_web::test]
async fn a_code_is_accepted_once() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let code = person.code(&app);
    let person = person.confirm(&app).await.person;
    let token = person.log_in(&app).await;
    let problem = verify(&app, &token, &code).await.expect_problem(401, "invalid_code");
    assert_eq!(problem["attempts_remaining"], 4);
    app.clock.advance(30);
    verify(&app, &token, &code).await.expect_problem(401, "invalid_code");
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn the_neighbouring_steps_are_accepted_and_no_others() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    for (seconds_ahead, accepted) in [(60, false), (-60, false), (30, true), (-30, false)] {
        app.clock.advance(300);
        let code = crate::support::oath::code_at(
            &person.secret,
            vestibule::domain::clock::Clock::now(app.clock.as_ref()) + chrono::TimeDelta::seconds(seconds_ahead),
        );
        let answer = person.log_in_with(&app, &code).await;
        // A code of the previous step is accepted by itself; here it comes after one of the next step.
        let accepted = accepted || seconds_ahead == -30;
        assert_eq!(answer.status.is_success(), accepted, "{seconds_ahead}");
    }
}

#[actix_web::test]
async fn a_step_before_the_last_one_used_is_refused() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(300);
    let earlier = person.code(&app);
    app.clock.advance(30);
    let later = person.code(&app);
    person.log_in_with(&app, &later).await.expect(200);
    person
        .log_in_with(&app, &earlier)
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn five_attempts_and_the_token_is_dead_even_for_the_right_code() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    for remaining in (0..5).rev() {
        let problem = verify(&app, &token, &person.wrong_code(&app))
            .await
            .expect_problem(401, "invalid_code");
        assert_eq!(problem["attempts_remaining"], remaining);
    }
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    // A new login does not start a new count: the account has to wait.
    let token = person.log_in(&app).await;
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(30);
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn a_text_that_is_not_a_code_costs_no_attempt() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    for code in [
        "",
        "12345",
        "1234567",
        "12345x",
        "12345½",
        "+12345",
        "123.456",
        "0000-1111-2222-3333-4444-555U",
    ] {
        let problem = verify(&app, &token, code)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/code", "{code}");
    }
    for method in ["phone", "", "TOTP"] {
        let body = json!({"pre_auth_token": token, "code": person.code(&app), "method": method});
        let problem = app
            .post("/2fa/verify", &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/method");
    }
    let number = json!({"pre_auth_token": token, "code": 123_456});
    app.post("/2fa/verify", &number)
        .await
        .expect_problem(400, "malformed_request");
    let problem = verify(&app, &token, &person.wrong_code(&app))
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(problem["attempts_remaining"], 4);
}

#[actix_web::test]
async fn blanks_in_a_code_do_not_matter() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let code = person.code(&app);
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    person.log_in_with(&app, &spaced).await.expect(200);
}

#[actix_web::test]
async fn each_recovery_code_signs_in_once() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let person = &signed_in.person;
    for (number, code) in signed_in.recovery_codes.iter().enumerate() {
        let answer = person
            .log_in_with(&app, &code.to_lowercase().replace('-', " "))
            .await
            .expect(200);
        let json = answer.json();
        assert_eq!(json["recovery_codes_remaining"], 9 - number);
        let claims = claims(&answer.text("/access_token"));
        assert_eq!(
            (&claims["acr"], &claims["amr"]),
            (&json!("aal2"), &json!(["pwd", "recovery", "mfa"]))
        );
        person.log_in_with(&app, code).await.expect_problem(401, "invalid_code");
    }
    let answer = app
        .post("/login", &json!({"email": person.email, "password": PASSWORD}))
        .await
        .expect(200)
        .json();
    assert_eq!(answer["methods"], json!([{"type": "totp"}]));
}

#[actix_web::test]
async fn codes_of_another_account_are_refused() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    app.clock.advance(30);
    let token = jo.person.log_in(&app).await;
    verify(&app, &token, &mo.person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    verify(&app, &token, &mo.recovery_codes[0])
        .await
        .expect_problem(401, "invalid_code");
    mo.person.log_in_with(&app, &mo.recovery_codes[0]).await.expect(200);
}

#[actix_web::test]
async fn a_pre_auth_token_lasts_300_seconds_and_opens_once() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    let token = person.log_in(&app).await;
    app.clock.advance(299);
    verify(&app, &token, &person.code(&app)).await.expect(200);
    app.clock.advance(30);
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    let token = person.log_in(&app).await;
    app.clock.advance(300);
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn other_kinds_of_token_and_forgeries_are_refused() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let person = &signed_in.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    let refresh_as_pre_auth = signed_in.refresh_token.replacen("vrt_", "vpa_", 1);
    let last = if token.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &token[..token.len() - 1]);
    for forged in [
        "",
        "x",
        "vpa_",
        &token[..40],
        &changed,
        &token[4..],
        &signed_in.access_token,
        &signed_in.refresh_token,
        &refresh_as_pre_auth,
    ] {
        verify(&app, forged, &person.code(&app))
            .await
            .expect_problem(401, "invalid_pre_auth_token");
    }
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn a_pending_login_dies_with_the_account_and_with_a_password_change() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let statements = [
        (
            "UPDATE users SET status = 'disabled'",
            "UPDATE users SET status = 'active'",
        ),
        (
            "UPDATE users SET password_changed_at = password_changed_at + interval '1 second'",
            "SELECT 1",
        ),
    ];
    for (change, undo) in statements {
        let token = person.log_in(&app).await;
        app.database.connect().batch_execute(change).unwrap();
        verify(&app, &token, &person.code(&app))
            .await
            .expect_problem(401, "invalid_pre_auth_token");
        app.database.connect().batch_execute(undo).unwrap();
    }
}

#[actix_web::test]
async fn an_expired_enrolment_is_not_confirmed() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    person
        .log_in_with(&app, &person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn a_secret_that_does_not_open_fails_closed() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await.person;
    let mo = Person::sign_up(&app, "mo@example.com").await.person;
    // An attacker who can write to the database puts their own secret into another account's row, or swaps whole rows.
    let copy = "UPDATE totp_factors SET sealed_secret = (SELECT sealed_secret FROM totp_factors WHERE user_id = 'MO') \
                WHERE user_id = 'JO'";
    let hand_over = "DELETE FROM totp_factors WHERE user_id = 'JO'; \
                     UPDATE totp_factors SET user_id = 'JO' WHERE user_id = 'MO'";
    for attack in [copy, hand_over] {
        let attack = attack.replace("JO", &jo.id).replace("MO", &mo.id);
        app.database.connect().batch_execute(&attack).unwrap();
        app.clock.advance(30);
        jo.log_in_with(&app, &mo.code(&app))
            .await
            .expect_problem(500, "internal_error");
    }
}
