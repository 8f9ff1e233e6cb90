//! Owners are notified of events that they may not have caused, once and not a hundred times.

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{Person, step_up, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

fn count(notice: &[String], kind: &str) -> usize {
    notice.iter().filter(|found| *found == kind).count()
}

#[actix_web::test]
async fn wrong_codes_after_a_right_password_are_notified_once_an_hour() {
    let app = TestApp::new().await;
    let person = Person::sign_up_verified(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    for number in 1..=4 {
        let token = person.log_in(&app).await;
        verify(&app, &token, &person.wrong_code(&app)).await.expect(401);
        let told = count(
            &app.notification_kinds("jo@example.com").await,
            "second_factor_failures",
        );
        assert_eq!(told, usize::from(number >= 3), "after {number}");
    }
    person.log_in_with(&app, &person.wrong_code(&app)).await.expect(401);
    app.clock.advance(3600);
    person.log_in_with(&app, &person.wrong_code(&app)).await.expect(401);
    let notice = app.notification_kinds("jo@example.com").await;
    assert_eq!(count(&notice, "second_factor_failures"), 2);
    // A sign-in after so many failures is notified, too.
    app.clock.advance(3600);
    person.log_in_with(&app, &person.code(&app)).await.expect(200);
    let notice = app.notification_kinds("jo@example.com").await;
    assert_eq!(count(&notice, "sign_in_after_failures"), 1);
}

async fn verify_with(app: &TestApp, person: &Person, browser: &str) -> TestResponse {
    app.clock.advance(30);
    let login = json!({"email": person.email, "password": crate::support::actors::PASSWORD});
    let login = TestRequest::post()
        .uri("/login")
        .set_json(login)
        .insert_header((header::USER_AGENT, browser));
    let token = app.send(login).await.expect(200).text("/pre_auth_token");
    let body = json!({"pre_auth_token": token, "code": person.code(app)});
    let request = TestRequest::post().uri("/2fa/verify").set_json(body);
    app.send(request.insert_header((header::USER_AGENT, browser)))
        .await
        .expect(200)
}

#[actix_web::test]
async fn a_sign_in_with_a_program_not_seen_before_is_notified() {
    let app = TestApp::new().await;
    let person = Person::sign_up_verified(&app, "jo@example.com").await.person;
    assert_eq!(
        count(&app.notification_kinds("jo@example.com").await, "new_sign_in"),
        0,
        "the first one is not notified"
    );
    verify_with(&app, &person, "Firefox/140").await;
    assert_eq!(count(&app.notification_kinds("jo@example.com").await, "new_sign_in"), 1);
    app.clock.advance(3600);
    verify_with(&app, &person, "Firefox/140").await;
    assert_eq!(count(&app.notification_kinds("jo@example.com").await, "new_sign_in"), 1);
    verify_with(&app, &person, "curl/8").await;
    let notice = app.notification("jo@example.com", "new_sign_in").await;
    let text = notice["text"].as_str().unwrap();
    assert!(text.contains("With: curl\n") && text.contains("203.0.113.7"), "{text}");
    // A quarter of a year later no session is left to compare with, but this sign-in is not the first.
    app.clock.advance(91 * 86_400);
    verify_with(&app, &person, "Firefox/140").await;
    assert_eq!(count(&app.notification_kinds("jo@example.com").await, "new_sign_in"), 3);
    app.clock.advance(130 * 86_400);
    // Old sessions are deleted, and so are old messages.
    app.delete_expired().await;
    assert_eq!(count(&app.notification_kinds("jo@example.com").await, "new_sign_in"), 0);
    verify_with(&app, &person, "Firefox/140").await;
    assert_eq!(count(&app.notification_kinds("jo@example.com").await, "new_sign_in"), 1);
}

#[actix_web::test]
async fn a_mail_names_a_program_from_our_list_and_the_list_of_sessions_shows_what_was_sent() {
    let app = TestApp::new().await;
    let person = Person::sign_up_verified(&app, "jo@example.com").await.person;
    app.clock.advance(3600);
    let lie = "Your account is locked, call 030 1234567. Firefox/140";
    let signed_in = verify_with(&app, &person, lie).await;
    let notice = app.notification("jo@example.com", "new_sign_in").await;
    let text = notice["text"].as_str().unwrap();
    assert!(text.contains("With: Firefox\n") && !text.contains("locked"), "{text}");
    let sessions = app.get_as("/sessions", &signed_in.text("/access_token")).await;
    assert!(sessions.expect(200).json().to_string().contains(lie));
}

#[actix_web::test]
async fn wrong_passwords_in_a_session_are_notified_as_passwords_and_wrong_codes_as_codes() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let told = async || {
        let notice = app.notification_kinds("jo@example.com").await;
        ["password_failures", "second_factor_failures"].map(|kind| count(&notice, kind))
    };
    for number in 1..=4 {
        step_up(&app, &signed_in.access_token, &json!({"password": "another password"}))
            .await
            .expect(401);
        assert_eq!(told().await, [usize::from(number >= 3), 0], "after {number}");
    }
    let wrong = json!({"code": signed_in.person.wrong_code(&app)});
    for number in 1..=4 {
        step_up(&app, &signed_in.access_token, &wrong).await.expect(401);
        assert_eq!(told().await, [1, usize::from(number >= 3)], "after {number}");
    }
    let notification = app.notification("jo@example.com", "password_failures").await;
    let text = notification["text"].as_str().unwrap();
    assert!(text.contains("password") && !text.contains("code"), "{text}");
}

/// A thief who signs in from a new place soon after the owner did.
#[actix_web::test]
async fn each_sign_in_from_a_new_place_is_notified_however_soon_it_comes() {
    let app = TestApp::new().await;
    let person = Person::sign_up_verified(&app, "jo@example.com").await.person;
    let told = async || count(&app.notification_kinds("jo@example.com").await, "new_sign_in");
    verify_with(&app, &person, "Firefox/140").await;
    assert_eq!(told().await, 1);
    // Within the same hour, and more than ten minutes later.
    app.clock.advance(660);
    verify_with(&app, &person, "curl/8").await;
    assert_eq!(told().await, 2);
    let text = app.notification("jo@example.com", "new_sign_in").await["text"].clone();
    assert!(text.as_str().unwrap().contains("With: curl\n"), "{text}");
    // Within minutes they are combined into one notice with their number.
    for browser in ["Safari/605", "wget/1", "Opera/9"] {
        verify_with(&app, &person, browser).await;
    }
    assert_eq!(told().await, 3);
    let text = app.notification("jo@example.com", "new_sign_in").await["text"].clone();
    assert!(text.as_str().unwrap().contains("it happened 3 more times"), "{text}");
}
