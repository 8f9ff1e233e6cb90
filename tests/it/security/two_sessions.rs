//! Requests that present tokens of two sessions, as browsers do if another tab signed in meanwhile.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vestibule::api::routes::{ProofUse, ROUTES};

use crate::support::actors::{PASSWORD, Person, refresh};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

/// A session in a browser.
struct Tab {
    access_token: String,
    cookie: String,
}

impl Tab {
    /// Signs a user in whose account is complete once a code is given.
    async fn begin(app: &TestApp, person: &Person, pre_auth_token: &str) -> Self {
        let body = json!({"pre_auth_token": pre_auth_token, "code": person.code(app), "delivery": "cookie"});
        let answer = app.post("/2fa/verify", &body).await.expect(200);
        let cookie = answer.header("set-cookie").unwrap();
        Self {
            access_token: answer.text("/access_token"),
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    async fn of_new_user(app: &TestApp, email: &str) -> (Person, Self) {
        let person = Person::register(app, email).await;
        let tab = Self::begin(app, &person, &person.pre_auth_token).await;
        (person, tab)
    }

    /// Signs the same user in once more.
    async fn again(app: &TestApp, person: &Person) -> Self {
        app.clock.advance(30);
        let pre_auth_token = person.log_in(app).await;
        Self::begin(app, person, &pre_auth_token).await
    }

    /// Asserts that the session goes on with its own cookie.
    async fn expect_untouched(&mut self, app: &TestApp) {
        app.get_as("/me", &self.access_token).await.expect(200);
        let answer = send(app, "/token/refresh", None, Some(&self.cookie), json!({})).await;
        let answer = answer.expect(200);
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
    }
}

async fn send(app: &TestApp, path: &str, bearer: Option<&str>, cookie: Option<&str>, body: Value) -> TestResponse {
    let mut request = TestRequest::with_uri(path).method(Method::POST).set_json(body);
    if let Some(token) = bearer {
        request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    }
    if let Some(cookie) = cookie {
        request = request.insert_header((header::COOKIE, cookie));
    }
    app.send(request).await
}

#[track_caller]
fn expect_refused(answer: TestResponse) {
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    answer.expect_problem(401, "two_sessions");
}

#[actix_web::test]
async fn a_step_up_puts_no_other_session_into_the_place_of_the_one_in_the_cookie() {
    let app = TestApp::new().await;
    let (jo, jos) = Tab::of_new_user(&app, "jo@example.com").await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    let mut jos_newer = Tab::again(&app, &jo).await;
    let proof = json!({"password": PASSWORD});
    for cookie in [&mos.cookie, &jos_newer.cookie] {
        let answer = send(&app, "/step-up", Some(&jos.access_token), Some(cookie), proof.clone()).await;
        expect_refused(answer);
        // Not even a wrong proof is looked at.
        let wrong = json!({"password": "another password"});
        expect_refused(send(&app, "/step-up", Some(&jos.access_token), Some(cookie), wrong).await);
    }
    mos.expect_untouched(&app).await;
    jos_newer.expect_untouched(&app).await;
    let own = send(
        &app,
        "/step-up",
        Some(&jos.access_token),
        Some(&jos.cookie),
        proof.clone(),
    )
    .await
    .expect(200);
    assert!(own.header("set-cookie").is_some());
    // A cookie that names no session is replaced, as one that is missing is.
    for cookie in [None, Some(jos.cookie.replace("vrt_", "vrt_x"))] {
        let answer = send(
            &app,
            "/step-up",
            Some(&jos.access_token),
            cookie.as_deref(),
            proof.clone(),
        );
        assert!(answer.await.expect(200).header("set-cookie").is_some());
    }
}

#[actix_web::test]
async fn a_logout_ends_one_session_or_none() {
    let app = TestApp::new().await;
    let (jo, mut jos) = Tab::of_new_user(&app, "jo@example.com").await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    let newer = Tab::again(&app, &jo).await;
    for cookie in [&mos.cookie, &newer.cookie] {
        expect_refused(send(&app, "/logout", Some(&jos.access_token), Some(cookie), json!({})).await);
    }
    // In the body, a token is named on purpose, however the sessions get theirs.
    let (_, token) = mos.cookie.split_once('=').unwrap();
    let body = json!({"refresh_token": token});
    expect_refused(
        send(
            &app,
            "/logout",
            Some(&jos.access_token),
            Some(&jos.cookie),
            body.clone(),
        )
        .await,
    );
    expect_refused(send(&app, "/logout", None, Some(&jos.cookie), body).await);
    jos.expect_untouched(&app).await;
    mos.expect_untouched(&app).await;
    let answer = send(&app, "/logout", Some(&jos.access_token), Some(&jos.cookie), json!({})).await;
    assert!(answer.expect(204).header("set-cookie").unwrap().contains("Max-Age=0"));
    app.get_as("/me", &jos.access_token)
        .await
        .expect_problem(401, "invalid_token");
    app.get_as("/me", &newer.access_token).await.expect(200);
}

/// Browsers add the cookie of the account pages to the requests of an app on the same origin.
#[actix_web::test]
async fn a_client_that_has_its_refresh_token_in_the_body_need_not_know_of_the_cookie() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    let proof = json!({"password": PASSWORD});
    let stepped_up = send(&app, "/step-up", Some(&jo.access_token), Some(&mos.cookie), proof)
        .await
        .expect(200);
    assert_eq!(stepped_up.header("set-cookie"), None);
    let body = json!({"refresh_token": stepped_up.text("/refresh_token")});
    let refreshed = send(&app, "/token/refresh", None, Some(&mos.cookie), body)
        .await
        .expect(200);
    assert_eq!(refreshed.header("set-cookie"), None);
    // A login that waits for its second factor has no refresh token at all.
    let pending = jo.person.log_in(&app).await;
    for token in [&pending, &refreshed.text("/access_token")] {
        let answer = send(&app, "/logout", Some(token), Some(&mos.cookie), json!({})).await;
        assert_eq!(answer.expect(204).header("set-cookie"), None);
    }
    refresh(&app, &refreshed.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
    mos.expect_untouched(&app).await;
}

#[actix_web::test]
async fn a_refresh_with_two_tokens_changes_neither_session() {
    let app = TestApp::new().await;
    let (_, mut jos) = Tab::of_new_user(&app, "jo@example.com").await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    let (_, token) = jos.cookie.split_once('=').unwrap();
    let body = json!({"refresh_token": token});
    let answer = send(&app, "/token/refresh", None, Some(&mos.cookie), body.clone()).await;
    expect_refused(answer);
    jos.expect_untouched(&app).await;
    mos.expect_untouched(&app).await;
}

/// A body has no proof, so that a copied token that is bound to a key could end its session there.
#[actix_web::test]
async fn in_the_body_of_a_logout_only_a_refresh_token_counts() {
    let app = TestApp::new().await;
    let (jo, mut jos) = Tab::of_new_user(&app, "jo@example.com").await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    app.clock.advance(30);
    let pending = jo.log_in(&app).await;
    for token in [&jos.access_token, &pending, "vrt_unknown"] {
        let body = json!({"refresh_token": token});
        // The cookie is not the token that was named.
        for cookie in [None, Some(mos.cookie.as_str())] {
            let answer = send(&app, "/logout", None, cookie, body.clone()).await.expect(204);
            assert_eq!(answer.header("set-cookie"), None, "{token}");
        }
    }
    jos.expect_untouched(&app).await;
    mos.expect_untouched(&app).await;
    Tab::begin(&app, &jo, &pending).await;
    // An unknown token in the cookie is that of a session that has ended.
    let unknown = mos.cookie.replace("vrt_", "vrt_x");
    let answer = send(&app, "/logout", None, Some(&unknown), json!({})).await.expect(204);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[actix_web::test]
async fn no_route_that_takes_a_bearer_changes_the_session_in_the_cookie() {
    let app = TestApp::new().await;
    let (_, mut mos) = Tab::of_new_user(&app, "mo@example.com").await;
    let routes = ROUTES.iter().filter(|route| route.proof == Some(ProofUse::BesideToken));
    for (number, route) in routes.enumerate() {
        // Each route gets its own user: some requests end the session of the token.
        let (_, own) = Tab::of_new_user(&app, &format!("jo{number}@example.com")).await;
        let path = route.path.replace("{id}", "019ca945-0a00-7673-b71e-0108b877dbc7");
        let mut request = TestRequest::with_uri(&path)
            .method(route.verb.method())
            .insert_header((header::AUTHORIZATION, format!("Bearer {}", own.access_token)))
            .insert_header((header::COOKIE, mos.cookie.clone()));
        if route.has_body {
            request = request.set_json(json!({"password": PASSWORD}));
        }
        let answer = app.send(request).await;
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    mos.expect_untouched(&app).await;
}
