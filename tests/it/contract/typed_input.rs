//! All input that users type and programs write is read by the same rules on every route: characters around or between
//! those of a code, and the script of its digits, make no difference.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, claims, verify, verify_by};
use crate::support::app::{TestApp, service_client_id};

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];

/// The number of ways in which six or eight digits are copied.
const COPIES: usize = 6;

/// Returns digits as a mail program, a spreadsheet or a keyboard of another script produces them.
fn copied(digits: &str, way: usize) -> String {
    let script = |zero: u32| -> String {
        let digit = |digit: char| char::from_u32(zero + digit.to_digit(10).unwrap()).unwrap();
        digits.chars().map(digit).collect()
    };
    let (begin, end) = digits.split_at(3);
    match way % COPIES {
        0 => format!("\u{2066}{begin}\u{a0}{end}\u{2069}\r\n"),
        1 => format!("\t{begin}\u{2013}{end}\u{200b}"),
        2 => script(0xff10),
        3 => script(0x660),
        4 => script(0x966),
        _ => format!("\u{feff}{begin}\u{2212}{end}\u{2028}"),
    }
}

async fn signed_in(app: &TestApp) -> SignedIn {
    Person::sign_up(app, "jo@example.com").await
}

/// A token is copied out of a mail with what stands around it. Inside nothing may change.
#[actix_web::test]
async fn a_mailed_token_is_read_at_every_door() {
    let app = TestApp::new().await;
    let around = |token: &str| format!("\u{2066} {token}\u{a0}\u{2069}\r\n");
    let inside = |token: &str| format!("{} {}", &token[..9], &token[9..]);
    let SignedIn { access_token, .. } = signed_in(&app).await;
    let token = app.mailed_token("jo@example.com", "email_verification").await;
    for (written, status) in [(inside(&token), 400), (around(&token), 204)] {
        let body = json!({"token": written, "password": PASSWORD});
        app.post("/email/verify", &body).await.expect(status);
    }
    app.post("/magic-link", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "magic_link").await;
    for (written, status) in [(inside(&token), 400), (around(&token), 200)] {
        app.post("/magic-link/verify", &json!({"token": written}))
            .await
            .expect(status);
    }
    let body = json!({"email": "jane@example.com"});
    app.call_as(Method::POST, "/email/change", &access_token, &body)
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "email_change_requested").await;
    app.post("/email/change/cancel", &json!({"token": around(&token)}))
        .await
        .expect(204);
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "password_reset").await;
    let body = json!({"token": around(&token), "new_password": "heftklammer im regen"});
    app.post("/password/reset", &body).await.expect(204);
}

#[actix_web::test]
async fn a_code_of_an_authenticator_is_read_by_every_endpoint() {
    let app = TestApp::new().await;
    let SignedIn {
        person, access_token, ..
    } = signed_in(&app).await;
    for way in 0..COPIES {
        app.clock.advance(30);
        let token = person.log_in(&app).await;
        verify(&app, &token, &copied(&person.code(&app), way)).await.expect(200);
    }
    app.clock.advance(30);
    let body = json!({"code": copied(&person.code(&app), 0), "method": "totp"});
    let lifted = app.call_as(Method::POST, "/step-up", &access_token, &body).await;
    let token = lifted.expect(200).text("/access_token");
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let code = crate::support::oath::code_at(&secret, vestibule::domain::clock::Clock::now(&*app.clock));
    let body = json!({"code": copied(&code, 1)});
    app.call_as(Method::POST, "/2fa/totp/confirm", &token, &body)
        .await
        .expect(200);
}

#[actix_web::test]
async fn another_code_stays_another_code_and_no_code_costs_no_attempt() {
    let app = TestApp::new().await;
    let person = signed_in(&app).await.person;
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    verify(&app, &token, &copied(&person.wrong_code(&app), 0))
        .await
        .expect_problem(401, "invalid_code");
    for (text, wrong) in [
        ("12345", "too few digits"),
        ("١٢٣٤٥", "too few digits"),
        ("1234567", "too many digits"),
        ("12345x", "not digits"),
        ("12345½", "not digits"),
    ] {
        let problem = verify_by(&app, &token, text, "totp")
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/code");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(wrong), "{text}: {detail}");
    }
    verify(&app, &token, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn a_recovery_code_is_read_however_it_was_copied() {
    let app = TestApp::new().await;
    let SignedIn {
        person, recovery_codes, ..
    } = signed_in(&app).await;
    let ways: [fn(&str) -> String; 4] = [
        |code| format!("\u{202a}{}\u{202c}\n", code.replace('-', "\u{2011}")),
        |code| code.replace('-', "\u{a0}").to_lowercase(),
        |code| code.replace('-', "\u{2014}\u{200b}"),
        |code| {
            let wide = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap();
            code.chars().map(wide).collect()
        },
    ];
    for (way, code) in ways.iter().zip(&recovery_codes) {
        let token = person.log_in(&app).await;
        verify(&app, &token, &way(code)).await.expect(200);
    }
}

#[actix_web::test]
async fn codes_that_were_sent_are_read_however_they_were_copied() {
    let app = TestApp::with(ALL).await;
    let signed_in = signed_in(&app).await;
    let token = &signed_in.access_token;
    let body = json!({"phone_number": "\u{202a}+49\u{a0}151–12345678\u{202c}"});
    app.call_as(Method::PUT, "/2fa/phone", token, &body).await.expect(202);
    let code = app.confirmation_code(PHONE).await;
    let body = json!({"code": copied(&code, 3)});
    app.call_as(Method::POST, "/2fa/phone/confirm", token, &body)
        .await
        .expect(204);
    app.verify_email("jo@example.com").await;
    app.bare_as(Method::PUT, "/2fa/email", token).await.expect(202);
    let body = json!({"code": copied(&app.confirmation_code("jo@example.com").await, 2)});
    app.call_as(Method::POST, "/2fa/email/confirm", token, &body)
        .await
        .expect(204);
}

#[actix_web::test]
async fn what_was_pasted_around_an_address_or_a_name_is_not_part_of_it() {
    let app = TestApp::new().await;
    let body = json!({"email": " Jo@Example.com\r\n", "username": "\u{feff}Jo.Doe\u{200b}\t", "password": PASSWORD});
    let made = app.post("/register", &body).await.expect(201);
    assert_eq!(made.text("/user/email"), "jo@example.com");
    assert_eq!(made.text("/user/username"), "jo.doe");
    app.post(
        "/register",
        &json!({"email": "\u{2066}jo@example.com\u{2069}", "password": PASSWORD}),
    )
    .await
    .expect_problem(409, "email_taken");
    for identifier in [
        json!({"email": "\u{a0}jo@example.com"}),
        json!({"username": "jo.doe\n"}),
    ] {
        let mut body = identifier;
        body["password"] = PASSWORD.into();
        app.post("/login", &body).await.expect(200);
        // In a password every character counts.
        body["password"] = format!("{PASSWORD} ").into();
        app.post("/login", &body)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    app.post("/password/forgot", &json!({"email": "jo@example.com "}))
        .await
        .expect(202);
}

#[actix_web::test]
async fn addresses_that_mail_servers_take_are_taken() {
    let app = TestApp::new().await;
    for email in [
        "x@my_company.example",
        "a..b@old-carrier.example",
        "a.@old-carrier.example",
    ] {
        Person::sign_up(&app, email).await;
        app.verify_email(email).await;
    }
    for email in [
        "x@my_company",
        "...@old-carrier.example",
        "a b@example.com",
        "x@my!company.example",
    ] {
        let answer = app
            .post("/register", &json!({"email": email, "password": PASSWORD}))
            .await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/email");
    }
}

#[actix_web::test]
async fn ids_are_read_in_any_case() {
    let app = TestApp::new().await;
    let SignedIn {
        person, access_token, ..
    } = signed_in(&app).await;
    let other = claims(&person.sign_in_again(&app).await)["sid"]
        .as_str()
        .unwrap()
        .to_uppercase();
    app.bare_as(Method::DELETE, &format!("/sessions/{other}"), &access_token)
        .await
        .expect(204);
    app.bare_as(Method::DELETE, &format!("/sessions/%7B{other}%7D"), &access_token)
        .await
        .expect_problem(404, "not_found");
    let sessions = app.get_as("/sessions", &access_token).await.expect(200).json();
    assert_eq!(sessions.as_array().unwrap().len(), 1);

    let credentials = app.service_client("shop").await;
    let id = service_client_id(&credentials);
    assert_ne!(id, id.to_uppercase());
    let request = TestRequest::post()
        .uri("/token/introspect")
        .insert_header((header::AUTHORIZATION, with_id(&credentials, &id.to_uppercase())))
        .set_form([("token", access_token.as_str())]);
    assert_eq!(app.send(request).await.expect(200).json()["active"], true);

    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{admin}'")
        .unwrap();
    app.clock.advance(30);
    let token = person.log_in(&app).await;
    let admin = verify(&app, &token, &person.code(&app))
        .await
        .expect(200)
        .text("/access_token");
    let id = person.id.to_uppercase();
    for path in [format!("/admin/users/{id}"), format!("/admin/events?user_id={id}")] {
        app.get_as(&path, &admin).await.expect(200);
    }
    let found = app
        .get_as(&format!("/admin/users?query={id}"), &admin)
        .await
        .expect(200)
        .json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

fn with_id(credentials: &str, id: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let decoded = STANDARD.decode(credentials.strip_prefix("Basic ").unwrap()).unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    let (_, secret) = decoded.split_once(':').unwrap();
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[actix_web::test]
async fn a_locale_is_never_a_reason_to_refuse() {
    let app = TestApp::new().await;
    let long = "x".repeat(1000);
    let mut token = String::new();
    for (index, (locale, language)) in [
        ("de_DE", "de"),
        ("de_AT.UTF-8", "de"),
        ("DE", "de"),
        ("tlh", "en"),
        ("C", "en"),
        ("", "en"),
        ("german!", "en"),
        (&long, "en"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("jo{index}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "locale": locale});
        let made = app.post("/register", &body).await.expect(201);
        assert_eq!(made.text("/user/locale"), language, "{locale}");
        if token.is_empty() {
            let code = crate::support::oath::code_at(
                &made.text("/totp/secret"),
                vestibule::domain::clock::Clock::now(&*app.clock),
            );
            token = verify(&app, &made.text("/pre_auth_token"), &code)
                .await
                .expect(200)
                .text("/access_token");
        }
    }
    for (locale, language) in [("xx-!", "en"), ("de_CH", "de")] {
        let changed = app
            .call_as(Method::PATCH, "/me", &token, &json!({"locale": locale}))
            .await;
        assert_eq!(changed.expect(200).text("/locale"), language);
    }
}

#[actix_web::test]
async fn a_byte_order_mark_before_a_body_is_ignored() {
    let app = TestApp::new().await;
    let person = signed_in(&app).await.person;
    let body = format!("\u{feff}{}", json!({"email": person.email, "password": PASSWORD}));
    app.send_raw(Method::POST, "/login", "application/json", &body)
        .await
        .expect(200);
    app.send_raw(Method::POST, "/login", "application/json", &format!("\u{feff}{body}"))
        .await
        .expect_problem(400, "malformed_request");
}

#[actix_web::test]
async fn a_cookie_is_refreshed_without_a_body() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let cookie = person.confirm_with_cookie(&app).await;
    let request = || TestRequest::post().uri("/token/refresh");
    let foreign = request()
        .insert_header((header::COOKIE, cookie.as_str()))
        .insert_header((header::ORIGIN, "https://evil.example"));
    app.send(foreign).await.expect_problem(403, "origin_not_allowed");
    let answer = app
        .send(request().insert_header((header::COOKIE, cookie.as_str())))
        .await;
    let next = answer.expect(200);
    let cookie = next.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    // Only JSON is accepted as a body all the same.
    let form = request()
        .insert_header((header::COOKIE, cookie.as_str()))
        .insert_header((header::CONTENT_TYPE, "text/plain"))
        .set_payload("{}");
    app.send(form).await.expect_problem(415, "unsupported_media_type");
    app.send(request().insert_header((header::COOKIE, cookie.as_str())))
        .await
        .expect(200);
    app.send(request()).await.expect_problem(401, "invalid_refresh_token");
}
