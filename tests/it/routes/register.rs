//! `POST /register`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, log_in};
use crate::support::app::TestApp;

#[actix_web::test]
async fn an_account_comes_with_a_pending_authenticator_and_a_pre_auth_token() {
    let app = TestApp::new().await;
    let body = json!({"email": "Jo@Example.com", "username": "Jo.Doe", "password": PASSWORD});
    let answer = app.post("/register", &body).await.expect(201).json();
    let user = &answer["user"];
    assert_eq!(
        (&user["email"], &user["username"]),
        (&json!("jo@example.com"), &json!("jo.doe"))
    );
    assert_eq!((&user["email_verified"], &user["roles"]), (&json!(false), &json!([])));
    let no_factors =
        json!({"passkey": false, "totp": false, "email": false, "phone": false, "recovery_codes_remaining": 0});
    assert_eq!(user["two_factor"], no_factors);
    assert_eq!(user["created_at"], "2026-03-01T12:00:00Z");
    assert!(answer["pre_auth_token"].as_str().unwrap().starts_with("vpa_"));
    assert_eq!(answer["expires_in"], 300);
    let totp = &answer["totp"];
    let secret = totp["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32, "160 bits in base 32 without padding");
    assert_eq!(
        totp["otpauth_uri"],
        format!(
            "otpauth://totp/auth.example.com:jo%40example.com?secret={secret}&issuer=auth.example.com\
             &algorithm=SHA1&digits=6&period=30"
        )
    );
    assert_eq!(
        (
            &totp["algorithm"],
            &totp["digits"],
            &totp["period"],
            &totp["expires_in"]
        ),
        (&json!("SHA1"), &json!(6), &json!(30), &json!(600))
    );
    let picture = totp["qr_code"]
        .as_str()
        .unwrap()
        .strip_prefix("data:image/png;base64,")
        .unwrap();
    assert!(STANDARD.decode(picture).unwrap().starts_with(b"\x89PNG\r\n"));
}

#[actix_web::test]
async fn authenticator_apps_and_mails_show_the_name_of_the_deployment() {
    let app = TestApp::with(&[("APP_NAME", "Fox & Friends"), ("REGISTRATION", "explicit")]).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    let answer = app.post("/register", &body).await.expect(201).json();
    let uri = answer["totp"]["otpauth_uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/Fox%20%26%20Friends:jo%40example.com?"),
        "{uri}"
    );
    assert!(uri.contains("&issuer=Fox%20%26%20Friends&"), "{uri}");
    let mails = app.get("/dev/outbox?to=jo@example.com").await.expect(200).json();
    assert!(mails[0]["text"].as_str().unwrap().contains("Fox & Friends"), "{mails}");
    // The issuer of tokens stays the one that verifiers know.
    let metadata = app.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["issuer"], "https://auth.example.com");
}

#[actix_web::test]
async fn a_username_alone_is_enough_and_logs_in() {
    let app = TestApp::new().await;
    let answer = app
        .post("/register", &json!({"username": "jo.doe", "password": PASSWORD}))
        .await
        .expect(201)
        .json();
    assert_eq!(answer["user"]["email"], Value::Null);
    assert!(answer["totp"]["otpauth_uri"].as_str().unwrap().contains(":jo.doe?"));
    app.post("/login", &json!({"username": "JO.DOE", "password": PASSWORD}))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_taken_name_is_refused_in_any_spelling_and_changes_nothing() {
    let app = TestApp::new().await;
    app.post(
        "/register",
        &json!({"email": "jo@example.com", "username": "jo.doe", "password": PASSWORD}),
    )
    .await
    .expect(201);
    let other = "ein ganz anderes passwort";
    for (body, code) in [
        (json!({"email": "JO@EXAMPLE.COM", "password": other}), "email_taken"),
        (json!({"username": "Jo.Doe", "password": other}), "username_taken"),
        (
            json!({"email": "jo@example.com", "username": "new.name", "password": other}),
            "email_taken",
        ),
        (
            json!({"email": "new@example.com", "username": "jo.doe", "password": other}),
            "username_taken",
        ),
    ] {
        app.post("/register", &body).await.expect_problem(409, code);
    }
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    log_in(&app, "new@example.com", other)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[actix_web::test]
async fn broken_names_are_told_member_by_member() {
    let app = TestApp::new().await;
    for (body, pointers) in [
        (json!({"password": PASSWORD}), vec![""]),
        (json!({"email": "jo", "password": PASSWORD}), vec!["/email"]),
        (
            json!({"email": "jo@example.com\r\nBcc: x@example.com", "password": PASSWORD}),
            vec!["/email"],
        ),
        (
            json!({"email": "jo\u{0}@example.com", "password": PASSWORD}),
            vec!["/email"],
        ),
        (
            json!({"email": "jo", "username": "x", "password": PASSWORD}),
            vec!["/email", "/username"],
        ),
        (
            json!({"username": "jo\u{0}doe", "password": PASSWORD}),
            vec!["/username"],
        ),
    ] {
        let problem = app
            .post("/register", &body)
            .await
            .expect_problem(422, "validation_failed");
        let found: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers);
    }
}

#[actix_web::test]
async fn bad_passwords_are_refused_with_their_reason() {
    let app = TestApp::new().await;
    for (password, reason) in [
        ("1234567", "too_short"),
        (&"ü".repeat(7), "too_short"),
        (&"ab cd ef ".repeat(15), "too_long"),
        ("password1", "common"),
        ("vestibule", "common"),
        ("josephine", "common"),
    ] {
        let body = json!({"email": "josephine@example.com", "password": password});
        let problem = app
            .post("/register", &body)
            .await
            .expect_problem(422, "password_rejected");
        assert_eq!(problem["reason"], reason, "{password}");
    }
    // The refused registrations created no account.
    Person::register(&app, "josephine@example.com").await;
}

#[actix_web::test]
async fn any_password_of_legal_length_is_taken_to_the_letter() {
    let app = TestApp::new().await;
    for (number, password) in [
        " leading and trailing ",
        "nul \u{0} inside it",
        "🦊🌲🎻🧭🪁🧵🪐🎈",
        &"é".repeat(64),
        &"🦊".repeat(64),
        &"a".repeat(128),
    ]
    .iter()
    .enumerate()
    {
        let email = format!("jo{number}@example.com");
        app.post("/register", &json!({"email": email, "password": password}))
            .await
            .expect(201);
        log_in(&app, &email, password).await.expect(200);
        log_in(&app, &email, &format!("{password} "))
            .await
            .expect_problem(401, "invalid_credentials");
        log_in(&app, &email, &password.to_uppercase().replace('🦊', "🐺"))
            .await
            .expect_problem(401, "invalid_credentials");
    }
}

#[actix_web::test]
async fn composed_and_decomposed_letters_are_one_password() {
    let app = TestApp::new().await;
    let body = json!({"email": "jo@example.com", "password": "cafe\u{301} kaffee und the\u{301}"});
    app.post("/register", &body).await.expect(201);
    log_in(&app, "jo@example.com", "café kaffee und thé").await.expect(200);
}

#[actix_web::test]
async fn a_registration_grants_no_roles() {
    let app = TestApp::new().await;
    for member in ["roles", "email_verified", "id", "two_factor", "status"] {
        let body = json!({"email": "jo@example.com", "password": PASSWORD, member: ["admin"]});
        let problem = app
            .post("/register", &body)
            .await
            .expect_problem(400, "malformed_request");
        assert_eq!(problem["detail"], format!("The member \"{member}\" is not known."));
    }
}

#[actix_web::test]
async fn closed_registration_is_forbidden() {
    let app = TestApp::with(&[("REGISTRATION", "closed")]).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    app.post("/register", &body).await.expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn in_private_mode_only_mail_tells_whether_an_address_was_taken() {
    let app = TestApp::with(&[("REGISTRATION", "private")]).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    let new = app.post("/register", &body).await.expect(202).shown();
    let taken = app.post("/register", &body).await.expect(202).shown();
    assert_eq!(new, taken);
    // As long as the address is not verified, the account may be a stranger's. The mail contains a link with which the
    // reader of the address gets the account.
    assert_eq!(
        app.notification_kinds("jo@example.com").await,
        ["email_verification", "unconfirmed_account"]
    );
    // The owner of the address needs the mail and the password.
    app.clock.advance(1);
    app.post("/email/verify/request", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    app.verify_email("jo@example.com").await;
    let taken = app.post("/register", &body).await.expect(202).shown();
    assert_eq!(new, taken);
    assert_eq!(app.notification_kinds("jo@example.com").await[0], "account_exists");
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    assert_eq!(login.json()["status"], "enrolment_required");
    let secret = app
        .post_as("/2fa/totp", &login.text("/pre_auth_token"))
        .await
        .expect(201)
        .text("/secret");
    let person = Person {
        secret,
        id: String::new(),
        email: "jo@example.com".to_owned(),
        pre_auth_token: login.text("/pre_auth_token"),
    };
    person.confirm(&app).await;
    // Another registration with another password changes nothing.
    let body = json!({"email": "jo@example.com", "password": "heftklammer im regen"});
    app.post("/register", &body).await.expect(202);
    log_in(&app, "jo@example.com", "heftklammer im regen").await.expect(401);
}
