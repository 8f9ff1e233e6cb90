//! `GET /me` `PATCH /me` `DELETE /me` `GET /me/export` `GET /me/events`

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, log_in, refresh, step_up, verify};
use crate::support::app::TestApp;
use crate::support::applications::{Application, service, text};

#[actix_web::test]
async fn the_caller_sees_their_account() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (&me["id"], &me["email"]),
        (&json!(signed_in.person.id), &json!("jo@example.com"))
    );
    let factors =
        json!({"passkey": false, "totp": true, "email": false, "phone": false, "recovery_codes_remaining": 10});
    assert_eq!(me["two_factor"], factors);
}

#[actix_web::test]
async fn without_credentials_the_challenge_names_no_error() {
    let app = TestApp::new().await;
    for request in [
        TestRequest::get().uri("/me"),
        TestRequest::get()
            .uri("/me")
            .insert_header((header::AUTHORIZATION, "Basic eA==")),
        TestRequest::get().uri("/me?access_token=x"),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answer.expect_problem(401, "invalid_token");
    }
}

#[actix_web::test]
async fn a_token_ends_with_its_time_its_session_and_its_account() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let statements = [
        (
            "UPDATE users SET status = 'disabled'",
            "UPDATE users SET status = 'active'",
        ),
        (
            "UPDATE sessions SET idle_expires_at = '2026-03-01T12:00:00Z'",
            "UPDATE sessions SET idle_expires_at = expires_at",
        ),
        (
            "UPDATE sessions SET state = 'ended', ended_at = '2026-03-01T12:00:00Z', end_reason = 'logout'",
            "UPDATE sessions SET state = 'active', ended_at = NULL, end_reason = NULL",
        ),
    ];
    for (end, undo) in statements {
        app.get_as("/me", token).await.expect(200);
        app.database.connect().batch_execute(end).unwrap();
        app.get_as("/me", token).await.expect_problem(401, "invalid_token");
        app.database.connect().batch_execute(undo).unwrap();
    }
    app.clock.advance(599);
    app.get_as("/me", token).await.expect(200);
    app.clock.advance(1);
    app.get_as("/me", token).await.expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn name_and_language_change_and_what_is_left_out_stays() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let patch = async |body: Value| app.call_as(Method::PATCH, "/me", token, &body).await;
    let me = patch(json!({"username": "Jo.Doe", "locale": "de"}))
        .await
        .expect(200)
        .json();
    assert_eq!((&me["username"], &me["locale"]), (&json!("jo.doe"), &json!("de")));
    let me = patch(json!({"locale": "en-GB"})).await.expect(200).json();
    assert_eq!((&me["username"], &me["locale"]), (&json!("jo.doe"), &json!("en")));
    patch(json!({})).await.expect(200);
    let body = json!({"username": "mo.doe", "password": PASSWORD});
    app.post("/register", &body).await.expect(201);
    patch(json!({"username": "mo.doe"}))
        .await
        .expect_problem(409, "username_taken");
    let problem = patch(json!({"username": "m", "locale": "x"}))
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    for member in ["email", "roles", "email_verified"] {
        patch(json!({member: "x"}))
            .await
            .expect_problem(400, "malformed_request");
    }
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/login", &body).await.expect(200);
}

#[actix_web::test]
async fn a_name_is_changed_on_a_recent_proof_and_its_owner_is_notified() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    app.clock.advance(301);
    let patch = async |token: &str, body: Value| app.call_as(Method::PATCH, "/me", token, &body).await;
    let token = &signed_in.access_token;
    for body in [
        json!({"username": "jo.doe"}),
        json!({"username": "jo.doe", "locale": "de"}),
    ] {
        let answer = patch(token, body).await;
        answer.expect_problem(401, "insufficient_user_authentication");
    }
    patch(token, json!({"locale": "de"})).await.expect(200);
    let me = app.get_as("/me", token).await.expect(200).json();
    assert_eq!(me["username"], json!(null));
    assert!(
        !app.notification_kinds("jo@example.com")
            .await
            .contains(&"username_changed".to_owned())
    );
    let proof = json!({"code": signed_in.person.code(&app)});
    let token = step_up(&app, token, &proof).await.expect(200).text("/access_token");
    patch(&token, json!({"username": "jo.doe"})).await.expect(200);
    let notification = app.notification("jo@example.com", "username_changed").await;
    assert_eq!(notification["subject"], "Ihr Benutzername wurde geändert");
    // Setting the current name is not a change.
    patch(&token, json!({"username": "jo.doe"})).await.expect(200);
    let notice = app.notification_kinds("jo@example.com").await;
    assert_eq!(notice.iter().filter(|kind| *kind == "username_changed").count(), 1);
}

#[actix_web::test]
async fn a_deleted_account_is_gone_with_everything_but_its_trail() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let pending = signed_in.person.log_in(&app).await;
    app.bare_as(Method::DELETE, "/me", &signed_in.access_token)
        .await
        .expect(204);
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
    refresh(&app, &signed_in.refresh_token).await.expect(401);
    app.clock.advance(30);
    verify(&app, &pending, &signed_in.person.code(&app)).await.expect(401);
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    app.notification("jo@example.com", "account_deleted").await;
    // The address can be used again, and the new account gets nothing of the old one.
    let again = Person::sign_up(&app, "jo@example.com").await;
    assert_ne!(again.person.id, signed_in.person.id);
    let events = app.get_as("/me/events", &again.access_token).await.expect(200).json();
    assert!(!events.to_string().contains("user_deleted"));
}

#[actix_web::test]
async fn an_export_holds_everything_but_secrets() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    // Ended sessions are included.
    let other = signed_in.person.sign_in_again(&app).await;
    app.call_as(Method::POST, "/logout", &other, &json!({}))
        .await
        .expect(204);
    let export = app
        .get_as("/me/export", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    app.notification("jo@example.com", "account_exported").await;
    assert_eq!(export["user"]["email"], "jo@example.com");
    assert_eq!(export["phone_number"], PHONE);
    let sessions = export["sessions"].as_array().unwrap();
    let states: Vec<&str> = sessions
        .iter()
        .map(|session| session["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["ended", "active"]);
    assert_eq!(export["sessions"][0]["ip"], "203.0.113.7");
    assert_eq!(export["factors"].as_array().unwrap().len(), 2);
    let events = export["events"].as_array().unwrap();
    for name in [
        "user_created",
        "mfa_enrol_confirmed",
        "session_created",
        "user_exported",
    ] {
        assert!(events.iter().any(|event| event["event"] == name), "{name}");
    }
    let text = export.to_string();
    for secret in [
        &signed_in.person.secret,
        &signed_in.refresh_token,
        &signed_in.recovery_codes[0],
    ] {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(!text.contains("$2b$"));
}

#[actix_web::test]
async fn events_come_in_pages_newest_first_and_only_ones_own() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    Person::sign_up(&app, "mo@example.com").await;
    for _ in 0..5 {
        app.clock.advance(1);
        signed_in.person.log_in(&app).await;
    }
    let token = &signed_in.access_token;
    let all = app.get_as("/me/events?limit=100", token).await.expect(200).json();
    let all = all["items"].as_array().unwrap().clone();
    let mut paged = Vec::new();
    let mut path = "/me/events?limit=3".to_owned();
    loop {
        let page = app.get_as(&path, token).await.expect(200).json();
        paged.extend(page["items"].as_array().unwrap().clone());
        assert!(page["items"].as_array().unwrap().len() <= 3);
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/me/events?limit=3&cursor={cursor}");
    }
    assert_eq!(paged, all);
    let times: Vec<&str> = all.iter().map(|event| event["occurred_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next) && all.len() >= 10);
    let created = all.iter().filter(|event| event["event"] == "user_created").count();
    assert_eq!(created, 1);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "limit=1&limit=2"] {
        app.get_as(&format!("/me/events?{query}"), token)
            .await
            .expect_problem(422, "validation_failed");
    }
}

/// The events of the account that name an application: each with its name, and whether the origin of the request is
/// told. Sorted, since they are of the same moment.
async fn of_applications(app: &TestApp, token: &str) -> Vec<(String, Value, bool)> {
    let events = app.get_as("/me/events?limit=100", token).await.expect(200).json();
    let events = events["items"].as_array().unwrap().iter();
    let mut named: Vec<_> = events
        .filter(|event| !event["application"].is_null())
        .map(|event| {
            let name = event["event"].as_str().unwrap().to_owned();
            (name, event["application"]["name"].clone(), event["ip"].is_string())
        })
        .collect();
    named.sort_by_key(|(name, _, is_told)| (name.clone(), *is_told));
    named
}

#[actix_web::test]
async fn events_name_the_application_and_tell_where_the_owner_decided() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    assert_eq!(of_applications(&app, token).await, []);
    let shop = Application::public(&app).await;
    let tokens = shop.sign_in(&app, token, &[]).await;
    let expected = |events: &[(&str, bool)]| -> Vec<(String, Value, bool)> {
        let one = |(name, is_told): &(&str, bool)| ((*name).to_owned(), json!("Shop"), *is_told);
        events.iter().map(one).collect()
    };
    assert_eq!(
        of_applications(&app, token).await,
        expected(&[("grant_created", true), ("session_created", false)])
    );
    shop.form(&app, "/oauth/revoke", &[("token", &text(&tokens, "refresh_token"))])
        .await
        .expect(200);
    // The owner ends the second grant. That event names no client, but its session does.
    shop.sign_in(&app, token, &[]).await;
    let path = format!("/me/applications/{}", shop.id);
    app.bare_as(Method::DELETE, &path, token).await.expect(204);
    assert_eq!(
        of_applications(&app, token).await,
        expected(&[
            ("authn_token_revoked", false),
            ("authn_token_revoked", true),
            ("consent_withdrawn", true),
            ("grant_created", true),
            ("grant_created", true),
            ("session_created", false),
            ("session_created", false),
        ])
    );
    let export = app.get_as("/me/export", token).await.expect(200).json();
    let application = json!({"client_id": shop.id, "name": "Shop"});
    let exported = export["events"].as_array().unwrap().iter();
    assert_eq!(exported.filter(|event| event["application"] == application).count(), 7);
}

#[actix_web::test]
async fn events_name_neither_back_ends_nor_applications_that_were_deleted() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    Application::public(&app)
        .await
        .sign_in(&app, &jo.access_token, &[])
        .await;
    let worker = Application::register(&app, service("Worker")).await;
    let again = jo.person.sign_in_again(&app).await;
    worker
        .form(&app, "/token/revoke", &[("token", &again)])
        .await
        .expect(200);
    app.get_as("/me", &again).await.expect_problem(401, "invalid_token");
    assert_eq!(of_applications(&app, &jo.access_token).await.len(), 2);
    let delete = "DELETE FROM clients WHERE kind <> 'service'";
    app.database.connect().batch_execute(delete).unwrap();
    assert_eq!(of_applications(&app, &jo.access_token).await, []);
}
