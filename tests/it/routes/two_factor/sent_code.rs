//! `PUT /2fa/email` `POST /2fa/email/confirm` `DELETE /2fa/email` `PUT /2fa/phone` `POST /2fa/phone/confirm` `DELETE /2fa/phone`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, log_in};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];

async fn put_phone(app: &TestApp, token: &str, number: &str) -> TestResponse {
    app.call_as(Method::PUT, "/2fa/phone", token, &json!({"phone_number": number}))
        .await
}

async fn confirm_phone(app: &TestApp, token: &str, code: &str) -> TestResponse {
    app.call_as(Method::POST, "/2fa/phone/confirm", token, &json!({"code": code}))
        .await
}

#[actix_web::test]
async fn a_phone_counts_once_its_code_came_back() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let sent = put_phone(&app, token, "+49 (151) 1234-5678").await.expect(202).json();
    assert_eq!(
        sent,
        json!({"method": "sms", "hint": "•••78", "expires_in": 300, "resend_after": 60})
    );
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(
        login["methods"].as_array().unwrap().len(),
        2,
        "not before it is confirmed"
    );
    confirm_phone(&app, token, &app.confirmation_code(PHONE).await)
        .await
        .expect(204);
    let me = app.get_as("/me", token).await.expect(200).json();
    assert_eq!(me["two_factor"]["phone"], true);
    let notice = app.notification("jo@example.com", "phone_factor_added").await;
    assert!(notice["text"].as_str().unwrap().contains("ends in 78"));
    assert!(!notice.to_string().contains(PHONE), "a mail does not reveal the number");
    app.bare_as(Method::DELETE, "/2fa/phone", token).await.expect(204);
    app.bare_as(Method::DELETE, "/2fa/phone", token).await.expect(204);
    app.notification("jo@example.com", "phone_factor_removed").await;
    assert_eq!(
        app.get_as("/me", token).await.expect(200).json()["two_factor"]["phone"],
        false
    );
}

#[actix_web::test]
async fn a_phone_is_replaced_without_ever_being_without_one() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(60);
    let token = &signed_in.access_token;
    put_phone(&app, token, "+4915112345699").await.expect(202);
    let hint = |login: Value| login["methods"][2]["hint"].clone();
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(hint(login), "•••78");
    confirm_phone(&app, token, &app.confirmation_code("+4915112345699").await)
        .await
        .expect(204);
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(hint(login), "•••99");
}

#[actix_web::test]
async fn what_is_not_a_mobile_number_is_refused_and_never_repeated() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    for number in ["", "015112345678", "+49", "+49 900 1234567", "call me", "+4930901820"] {
        let answer = put_phone(&app, &signed_in.access_token, number).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/phone_number");
        assert!(number.len() < 5 || !problem.to_string().contains(number));
    }
}

#[actix_web::test]
async fn phones_of_every_country_can_be_set_up_and_satellites_cannot() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    for number in ["+2250712345678", "+2290195123456", "+242061234567"] {
        put_phone(&app, &signed_in.access_token, number).await.expect(202);
        app.confirmation_code(number).await;
        app.clock.advance(60);
    }
    for number in [
        "+881612345678",
        "+870773111632",
        "+882161234567",
        "+97912345678",
        "+449098790123",
    ] {
        let answer = put_phone(&app, &signed_in.access_token, number).await;
        answer.expect_problem(422, "validation_failed");
    }
}

#[actix_web::test]
async fn only_phones_of_listed_countries_are_set_up_and_those_before_go_on() {
    let before = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&before, "jo@example.com").await;
    signed_in.set_up_phone(&before, PHONE).await;
    let settings = [ALL[0], ("SMS_COUNTRIES", "AT, ch")];
    let app = before.sibling(&settings).await;
    app.clock.advance(60);
    let token = &signed_in.access_token;
    for number in ["+4915112345699", "+12015550123"] {
        let problem = put_phone(&app, token, number)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/phone_number");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("country"), "{detail}");
    }
    put_phone(&app, token, "+436641234567").await.expect(202);
    app.clock.advance(60);
    let pre_auth_token = signed_in.person.log_in(&app).await;
    let body = json!({"pre_auth_token": pre_auth_token, "method": "sms"});
    app.post("/2fa/challenge", &body).await.expect(202);
    app.sent_code(PHONE).await;
}

#[actix_web::test]
async fn wrong_codes_confirm_nothing() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    // No factor waits for a code.
    confirm_phone(&app, token, "123456")
        .await
        .expect_problem(401, "invalid_code");
    put_phone(&app, token, PHONE).await.expect(202);
    let code = app.confirmation_code(PHONE).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    confirm_phone(&app, token, wrong)
        .await
        .expect_problem(401, "invalid_code");
    confirm_phone(&app, token, "12345678")
        .await
        .expect_problem(422, "validation_failed");
    // Another session of the same user did not request it.
    let other = signed_in.person.sign_in_again(&app).await;
    confirm_phone(&app, &other, &code)
        .await
        .expect_problem(401, "invalid_code");
    confirm_phone(&app, token, &code).await.expect(204);
    confirm_phone(&app, token, &code)
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn an_expired_code_confirms_nothing() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    put_phone(&app, &signed_in.access_token, PHONE).await.expect(202);
    let code = app.confirmation_code(PHONE).await;
    app.clock.advance(300);
    confirm_phone(&app, &signed_in.access_token, &code)
        .await
        .expect_problem(401, "invalid_code");
    put_phone(&app, &signed_in.access_token, PHONE).await.expect(202);
    confirm_phone(&app, &signed_in.access_token, &app.confirmation_code(PHONE).await)
        .await
        .expect(204);
}

#[actix_web::test]
async fn mail_goes_to_a_verified_address_only() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    app.bare_as(Method::PUT, "/2fa/email", token)
        .await
        .expect_problem(409, "conflict");
    app.verify_email("jo@example.com").await;
    let sent = app.bare_as(Method::PUT, "/2fa/email", token).await.expect(202).json();
    assert_eq!(
        sent,
        json!({"method": "email", "hint": "j***@e***.com", "expires_in": 600, "resend_after": 60})
    );
    let code = app.confirmation_code("jo@example.com").await;
    app.call_as(Method::POST, "/2fa/email/confirm", token, &json!({"code": code}))
        .await
        .expect(204);
    let me = app.get_as("/me", token).await.expect(200).json();
    assert_eq!(me["two_factor"]["email"], true);
    app.notification("jo@example.com", "email_factor_added").await;
    app.bare_as(Method::DELETE, "/2fa/email", token).await.expect(204);
    app.notification("jo@example.com", "email_factor_removed").await;
}

#[actix_web::test]
async fn what_the_deployment_does_not_offer_is_forbidden() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    put_phone(&app, &signed_in.access_token, PHONE)
        .await
        .expect_problem(403, "forbidden");
    app.bare_as(Method::PUT, "/2fa/email", &signed_in.access_token)
        .await
        .expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn messages_are_in_the_language_of_the_user() {
    let app = TestApp::with(ALL).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD, "locale": "de-AT"});
    let answer = app.post("/register", &body).await.expect(201);
    assert_eq!(answer.json()["user"]["locale"], "de");
    let person = Person {
        id: answer.text("/user/id"),
        email: "jo@example.com".to_owned(),
        secret: answer.text("/totp/secret"),
        pre_auth_token: answer.text("/pre_auth_token"),
    };
    let signed_in = person.confirm(&app).await;
    let notification = app.notifications("jo@example.com").await[0].clone();
    assert!(
        notification["html"].as_str().unwrap().contains("lang=\"de\""),
        "{notification}"
    );
    put_phone(&app, &signed_in.access_token, PHONE).await.expect(202);
    let text = app.notifications(PHONE).await[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("bestätigt") && text.contains("Minuten"), "{text}");
}
