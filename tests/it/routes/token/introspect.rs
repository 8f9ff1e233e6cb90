//! `POST /token/introspect`

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::Person;
use crate::support::app::TestApp;

fn ask(credentials: &str) -> TestRequest {
    TestRequest::post()
        .uri("/token/introspect")
        .insert_header((header::AUTHORIZATION, credentials.to_owned()))
}

#[actix_web::test]
async fn a_live_access_token_is_described_by_its_claims_in_either_body() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let json = app
        .send(ask(&client).set_json(json!({"token": signed_in.access_token})))
        .await
        .expect(200)
        .json();
    let form = [
        ("token", signed_in.access_token.as_str()),
        ("token_type_hint", "access_token"),
        ("extra", "x"),
    ];
    assert_eq!(app.send(ask(&client).set_form(form)).await.expect(200).json(), json);
    assert_eq!((&json["active"], &json["token_type"]), (&json!(true), &json!("Bearer")));
    let mut claims = crate::support::actors::claims(&signed_in.access_token);
    claims["active"] = json!(true);
    claims["token_type"] = json!("Bearer");
    assert_eq!(json, claims);
}

#[actix_web::test]
async fn whatever_is_not_live_is_inactive_and_nothing_more() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let pending = signed_in.person.log_in(&app).await;
    for token in ["", "x", &signed_in.refresh_token, &pending] {
        let answer = app
            .send(ask(&client).set_json(json!({"token": token})))
            .await
            .expect(200);
        assert_eq!(answer.json(), json!({"active": false}));
    }
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    let answer = app
        .send(ask(&client).set_json(json!({"token": signed_in.access_token})))
        .await
        .expect(200);
    assert_eq!(answer.json(), json!({"active": false}), "a logout counts at once");
}

#[actix_web::test]
async fn only_service_clients_may_ask() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let other = app.service_client("other").await;
    let mixed = {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let decode =
            |text: &str| String::from_utf8(STANDARD.decode(text.trim_start_matches("Basic ")).unwrap()).unwrap();
        let (id, _) = decode(&client)
            .split_once(':')
            .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
            .unwrap();
        let (_, secret) = decode(&other)
            .split_once(':')
            .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
            .unwrap();
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    };
    let bearer = format!("Bearer {}", signed_in.access_token);
    for credentials in ["Basic", "Basic eA==", "Basic %%%", &mixed, &bearer, ""] {
        let answer = app.send(ask(credentials).set_json(json!({"token": "x"}))).await;
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
        answer.expect_problem(401, "invalid_client");
    }
}

#[actix_web::test]
async fn bodies_of_another_shape_are_malformed() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    for body in [json!({}), json!({"token": 7}), json!({"token": "x", "extra": 1})] {
        app.send(ask(&client).set_json(body))
            .await
            .expect_problem(400, "malformed_request");
    }
    for form in ["", "tokn=x", "token=a&token=b"] {
        let request = ask(&client).insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
        app.send(request.set_payload(form))
            .await
            .expect_problem(400, "malformed_request");
    }
}
