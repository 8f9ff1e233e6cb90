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

/// Sends a form without an `Authorization` header.
fn post_form(pairs: &[(&str, &str)]) -> TestRequest {
    TestRequest::post().uri("/token/introspect").set_form(pairs)
}

/// Returns id and secret.
fn parts(credentials: &str) -> (String, String) {
    use base64::Engine;
    let encoded = credentials.strip_prefix("Basic ").unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    let text = String::from_utf8(decoded).unwrap();
    let (id, secret) = text.split_once(':').unwrap();
    (id.to_owned(), secret.to_owned())
}

#[actix_web::test]
async fn the_credentials_may_stand_in_the_form() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let token = Person::sign_up(&app, "jo@example.com").await.access_token;
    let (id, secret) = parts(&client);
    let by_header = app
        .send(ask(&client).set_form([("token", &token)]))
        .await
        .expect(200)
        .json();
    assert_eq!(by_header["active"], true);
    for id in [id.clone(), id.to_uppercase()] {
        let form = [
            ("token", token.as_str()),
            ("client_id", &id),
            ("client_secret", &secret),
        ];
        assert_eq!(app.send(post_form(&form)).await.expect(200).json(), by_header);
    }
    let upper = base64_of(&format!("{}:{secret}", id.to_uppercase()));
    app.send(ask(&upper).set_form([("token", &token)])).await.expect(200);
}

fn base64_of(credentials: &str) -> String {
    use base64::Engine;
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(credentials)
    )
}

#[actix_web::test]
async fn wrong_credentials_in_the_form_are_refused_like_any_others() {
    let app = TestApp::new().await;
    let (id, secret) = parts(&app.service_client("api").await);
    let (other, _) = parts(&app.service_client("other").await);
    for form in [
        &[("token", "x")][..],
        &[("token", "x"), ("client_id", &id)],
        &[("token", "x"), ("client_secret", &secret)],
        &[("token", "x"), ("client_id", &id), ("client_secret", "")],
        &[("token", "x"), ("client_id", &other), ("client_secret", &secret)],
        // The form is unreadable, so the client is not known.
        &[
            ("token", "x"),
            ("client_id", &id),
            ("client_secret", &secret),
            ("client_secret", &secret),
        ],
    ] {
        let answer = app.send(post_form(form)).await;
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
        assert_eq!(answer.expect_problem(401, "invalid_client")["error"], "invalid_client");
    }
    // The client is known, the token is missing.
    let form = [("client_id", id.as_str()), ("client_secret", &secret)];
    app.send(post_form(&form))
        .await
        .expect_problem(400, "malformed_request");
}

#[actix_web::test]
async fn credentials_in_both_places_are_refused() {
    let app = TestApp::new().await;
    let client = app.service_client("api").await;
    let (other, _) = parts(&app.service_client("other").await);
    let (id, secret) = parts(&client);
    for form in [
        &[("token", "x"), ("client_id", &id), ("client_secret", &secret)][..],
        &[("token", "x"), ("client_secret", &secret)],
        &[("token", "x"), ("client_id", &other)],
    ] {
        let problem = app.send(ask(&client).set_form(form)).await;
        assert_eq!(
            problem.expect_problem(400, "malformed_request")["error"],
            "invalid_request"
        );
    }
    // Some libraries name the client a second time.
    let form = [("token", "x"), ("client_id", &id)];
    app.send(ask(&client).set_form(form)).await.expect(200);
}
