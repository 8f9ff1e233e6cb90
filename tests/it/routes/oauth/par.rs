//! `POST /oauth/par`

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;
use crate::support::applications::{Application, CALLBACK, VERIFIER, decide, described, parameter, text};

const REQUEST: &[(&str, &str)] = &[
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
];

async fn push(app: &TestApp, application: &Application) -> String {
    let answer = application.form(app, "/oauth/par", REQUEST).await.expect(201);
    assert_eq!(answer.json()["expires_in"], 90);
    answer.text("/request_uri")
}

fn query(application: &Application, request_uri: &str) -> String {
    let query = [("client_id", application.id.as_str()), ("request_uri", request_uri)];
    format!("/oauth/authorize?{}", serde_urlencoded::to_string(query).unwrap())
}

#[actix_web::test]
async fn a_pushed_request_is_the_one_that_counts() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    let request_uri = push(&app, &shop).await;
    let answer = app.get(&query(&shop, &request_uri)).await.expect(303);
    let (_, request) = answer.header("location").unwrap().split_once("#request=").unwrap();
    let answer = decide(&app, &signed_in.access_token, request, "approve")
        .await
        .expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    let tokens = shop
        .redeem(&app, &code, &[("code_verifier", VERIFIER)])
        .await
        .expect(200);
    assert_eq!(tokens.text("/scope"), "openid");
}

#[actix_web::test]
async fn it_belongs_to_its_application_and_does_not_last() {
    let app = TestApp::new().await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    let other = Application::register(&app, described("Other", "public")).await;
    let request_uri = push(&app, &shop).await;
    app.get(&query(&other, &request_uri))
        .await
        .expect_problem(400, "invalid_authorization_request");
    // A request on its way through the browser is not a pushed one.
    let sealed = shop.begin(&app, &[]).await;
    app.get(&query(&shop, &format!("urn:ietf:params:oauth:request_uri:{sealed}")))
        .await
        .expect_problem(400, "invalid_authorization_request");
    app.clock.advance(90);
    app.get(&query(&shop, &request_uri))
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn a_pushed_request_is_decided_once() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    let request_uri = push(&app, &shop).await;
    let begin = || {
        let (app, path) = (&app, query(&shop, &request_uri));
        async move {
            let page = app.get(&path).await.expect(303).header("location").unwrap().to_owned();
            page.split_once("#request=").unwrap().1.to_owned()
        }
    };
    // A user may reload the page.
    let (first, second) = (begin().await, begin().await);
    decide(&app, &signed_in.access_token, &second, "approve")
        .await
        .expect(200);
    for request in [first, begin().await] {
        decide(&app, &signed_in.access_token, &request, "approve")
            .await
            .expect_problem(400, "invalid_authorization_request");
    }
}

#[actix_web::test]
async fn what_the_browser_adds_to_a_pushed_request_does_not_count() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    let request_uri = push(&app, &shop).await;
    let added = "state=s2&nonce=n2&scope=email&response_mode=form_post&redirect_uri=https%3A%2F%2Fevil.example%2F";
    let answer = app
        .get(&format!("{}&{added}", query(&shop, &request_uri)))
        .await
        .expect(303);
    let (_, request) = answer.header("location").unwrap().split_once("#request=").unwrap();
    let answer = decide(&app, &signed_in.access_token, request, "approve")
        .await
        .expect(200);
    let url = answer.text("/redirect_to");
    assert!(url.starts_with(&format!("{CALLBACK}?code=")), "{url}");
    assert_eq!(parameter(&url, "state"), None);
    let code = parameter(&url, "code").unwrap();
    let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
    assert_eq!(tokens["scope"], "openid");
    assert_eq!(claims(&text(&tokens, "id_token")).get("nonce"), None);
}

#[actix_web::test]
async fn its_faults_are_told_at_once() {
    let app = TestApp::new().await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    for (name, value, error) in [
        ("redirect_uri", "https://evil.example.com/", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("scope", "admin", "invalid_scope"),
        ("resource", "https://other.example.com", "invalid_target"),
        ("response_type", "token", "unsupported_response_type"),
        (
            "request_uri",
            "urn:ietf:params:oauth:request_uri:x",
            "request_uri_not_supported",
        ),
    ] {
        let mut form = REQUEST.to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        shop.form(&app, "/oauth/par", &form).await.expect_oauth(400, error);
    }
    let stranger = Application {
        id: shop.id.clone(),
        secret: None,
    };
    stranger
        .form(&app, "/oauth/par", REQUEST)
        .await
        .expect_oauth(401, "invalid_client");
}
