//! `GET /oauth/authorize`, `POST /oauth/authorize`

use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, claims, log_in, step_up};
use crate::support::app::TestApp;
use crate::support::applications::{
    Application, CALLBACK, consider, decide, described, parameter, text, user_and_shop,
};

#[actix_web::test]
async fn the_user_is_asked_once_for_what_they_allow() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[]).await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    let client = json!({"client_id": shop.id, "name": "Shop", "first_party": false, "redirect_uri": CALLBACK});
    let scopes = ["openid", "email", "offline_access"];
    assert_eq!(
        asked,
        json!({"client": client, "scopes": scopes, "consent_required": true})
    );

    let answer = decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    let url = answer.text("/redirect_to");
    assert!(url.starts_with(&format!("{CALLBACK}?code=vac_")), "{url}");
    assert_eq!(parameter(&url, "state").as_deref(), Some("s1"));
    assert_eq!(parameter(&url, "iss").as_deref(), Some("https://auth.example.com"));

    let asks = |changes: &'static [(&str, &str)]| {
        let (app, shop, token) = (&app, &shop, &signed_in.access_token);
        async move {
            let request = shop.begin(app, changes).await;
            consider(app, token, &request).await.expect(200).json()["consent_required"].clone()
        }
    };
    assert_eq!(asks(&[]).await, false, "they allowed it before");
    assert_eq!(asks(&[("scope", "email")]).await, false);
    assert_eq!(asks(&[("scope", "openid profile")]).await, true, "this is more");
    assert_eq!(asks(&[("prompt", "consent")]).await, true);
}

#[actix_web::test]
async fn an_application_of_the_deployment_does_not_ask() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut own = described("Console", "public");
    own.first_party = true;
    let own = Application::register(&app, own).await;
    let request = own.begin(&app, &[]).await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    assert_eq!(asked["consent_required"], false);
}

#[actix_web::test]
async fn a_refusal_is_sent_to_the_application() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[]).await;
    let answer = decide(&app, &signed_in.access_token, &request, "deny")
        .await
        .expect(200);
    let url = answer.text("/redirect_to");
    assert_eq!(parameter(&url, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&url, "state").as_deref(), Some("s1"));
    // The user may think again: only an approval spends the request.
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn what_is_wrong_with_the_application_is_shown_and_everything_else_is_sent_to_it() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    for changes in [
        [("client_id", "")],
        [("client_id", "shop")],
        [("client_id", "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071")],
        [("redirect_uri", "")],
        [("redirect_uri", "https://evil.example.com/callback")],
        [("redirect_uri", "https://shop.example.com/callback/..")],
    ] {
        let answer = app.get(&format!("/oauth/authorize?{}", shop.query(&changes))).await;
        assert!(answer.header("location").is_none());
        answer.expect_problem(400, "invalid_authorization_request");
    }
    let twice = format!("/oauth/authorize?{}&state=s2", shop.query(&[]));
    app.get(&twice).await.expect_problem(400, "malformed_request");
    for (changes, error) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("scope", "admin")], "invalid_scope"),
        ([("resource", "https://other.example.com")], "invalid_target"),
        ([("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (
            [("request_uri", "https://evil.example.com/")],
            "request_uri_not_supported",
        ),
    ] {
        let answer = app
            .get(&format!("/oauth/authorize?{}", shop.query(&changes)))
            .await
            .expect(303);
        let url = answer.header("location").unwrap();
        assert!(url.starts_with(&format!("{CALLBACK}?error={error}&")), "{url}");
        assert_eq!(parameter(url, "iss").as_deref(), Some("https://auth.example.com"));
    }
}

/// What browsers send with a navigation, `fetch` without a header, and a program that reads JSON.
const ACCEPTED: [(&str, bool); 4] = [
    (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        true,
    ),
    ("*/*", false),
    ("application/json", false),
    ("application/problem+json, text/html;q=0.9", false),
];

#[actix_web::test]
async fn a_user_reads_on_a_page_what_is_wrong() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let bad = shop.query(&[("redirect_uri", "https://evil.example.com/callback")]);
    let twice = format!("{}&state=s2", shop.query(&[]));
    for (path, page, code) in [
        (
            format!("/oauth/authorize?{bad}"),
            "authorize",
            "invalid_authorization_request",
        ),
        (format!("/oauth/authorize?{twice}"), "authorize", "malformed_request"),
        (
            "/oauth/logout?post_logout_redirect_uri=https://evil.example.com/".to_owned(),
            "sign-out",
            "invalid_authorization_request",
        ),
    ] {
        for (accepted, is_page) in ACCEPTED {
            let answer = app
                .send(TestRequest::get().uri(&path).insert_header(("accept", accepted)))
                .await;
            if !is_page {
                answer.expect_problem(400, code);
                continue;
            }
            let answer = answer.expect(303);
            let expected = format!("https://auth.example.com/account/{page}#error={code}");
            assert_eq!(answer.header("location"), Some(expected.as_str()), "{path}");
        }
    }
}

#[actix_web::test]
async fn a_request_that_allows_no_question_is_answered_without_one() {
    let (app, signed_in, shop) = user_and_shop().await;
    let silent = [("prompt", "none")];
    let error = |url: String| parameter(&url, "error");

    let request = shop.begin(&app, &silent).await;
    let answer = app
        .post("/oauth/authorize", &json!({"request": request}))
        .await
        .expect(200);
    assert_eq!(error(answer.text("/redirect_to")).as_deref(), Some("login_required"));
    let answer = consider(&app, &signed_in.access_token, &request).await.expect(200);
    assert_eq!(error(answer.text("/redirect_to")).as_deref(), Some("consent_required"));

    shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let request = shop.begin(&app, &silent).await;
    let answer = consider(&app, &signed_in.access_token, &request).await.expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    shop.redeem(&app, &code, &[]).await.expect(200);

    // Without a user, a request that may show something is answered by a page that signs them in.
    let request = shop.begin(&app, &[]).await;
    app.post("/oauth/authorize", &json!({"request": request}))
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_request_says_how_recent_and_how_strong_the_sign_in_has_to_be() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    app.clock.advance(120);
    for changes in [[("prompt", "login")], [("max_age", "60")]] {
        let request = shop.begin(&app, &changes).await;
        let problem = decide(&app, &signed_in.access_token, &request, "approve")
            .await
            .expect_problem(401, "insufficient_user_authentication");
        assert!(problem["accepted_methods"].as_array().unwrap().contains(&json!("totp")));
        let code = json!({"code": signed_in.person.code(&app)});
        let fresh = step_up(&app, &signed_in.access_token, &code)
            .await
            .expect(200)
            .text("/access_token");
        decide(&app, &fresh, &request, "approve").await.expect(200);
        app.clock.advance(120);
    }
    // A user without a second factor cannot reach the level.
    let body = json!({"email": "max@example.com", "password": PASSWORD});
    app.post("/register", &body).await.expect(201);
    let weak = log_in(&app, "max@example.com", PASSWORD)
        .await
        .expect(200)
        .text("/access_token");
    let request = shop.begin(&app, &[("acr_values", "aal2")]).await;
    let answer = decide(&app, &weak, &request, "approve").await.expect(200);
    let error = parameter(&answer.text("/redirect_to"), "error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
}

#[actix_web::test]
async fn a_request_is_sealed_and_does_not_last() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[]).await;
    let mut changed = request.clone();
    changed.replace_range(60..61, if &request[60..61] == "A" { "B" } else { "A" });
    for bad in [changed.as_str(), "", "x"] {
        consider(&app, &signed_in.access_token, bad)
            .await
            .expect_problem(400, "invalid_authorization_request");
    }
    decide(&app, &signed_in.access_token, &request, "yes")
        .await
        .expect_problem(422, "validation_failed");
    app.clock.advance(1800);
    let again = signed_in.person.sign_in_again(&app).await;
    decide(&app, &again, &request, "approve")
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn what_is_optional_or_not_known_does_not_matter() {
    let (app, signed_in, shop) = user_and_shop().await;
    let sub = claims(&signed_in.access_token)["sub"].clone();
    let (nonce, state) = ("n".repeat(64), "s".repeat(1500));
    for changes in [
        vec![("nonce", "")],
        vec![("nonce", nonce.as_str()), ("state", state.as_str())],
        vec![("scope", "email unknown openid"), ("state", "")],
        vec![("display", "popup"), ("ui_locales", "de fr"), ("claims_locales", "de")],
        vec![
            ("login_hint", "max@example.com"),
            ("id_token_hint", "x"),
            ("acr_values", "1 2"),
        ],
        vec![
            ("claims", r#"{"userinfo": {"name": {"essential": true}}}"#),
            ("extra", "foobar"),
        ],
    ] {
        let request = shop.begin(&app, &changes).await;
        let answer = decide(&app, &signed_in.access_token, &request, "approve")
            .await
            .expect(200);
        let url = answer.text("/redirect_to");
        let sent = |name| {
            changes
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        };
        let expected = sent("state").unwrap_or("s1");
        assert_eq!(parameter(&url, "state").unwrap_or_default(), expected);
        let code = parameter(&url, "code").unwrap();
        let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
        let id = claims(&text(&tokens, "id_token"));
        assert_eq!(id["sub"], sub);
        assert_eq!(
            id.get("nonce").map_or("", |nonce| nonce.as_str().unwrap()),
            sent("nonce").unwrap_or("n1")
        );
    }
}
