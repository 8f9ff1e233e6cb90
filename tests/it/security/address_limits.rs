//! One client address cannot use up what all others need, and is told how long to wait.

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vestibule::rate_limits::{ADDRESS, Scope};

use crate::support::actors::Person;
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

/// A login for an unknown account, from an address that a proxy names.
async fn login_from(app: &TestApp, address: &str) -> TestResponse {
    app.send(
        TestRequest::post()
            .uri("/login")
            .insert_header(("x-forwarded-for", address))
            .set_json(json!({"email": format!("{}@example.com", address.replace([':', '.'], "-")), "password": "wrong horse"})),
    )
    .await
}

/// Makes the address of the requests in `TestApp` that of a trusted proxy.
const BEHIND_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "203.0.113.0/24");

#[actix_web::test]
async fn who_asks_too_often_is_refused_before_anything_is_looked_at() {
    let app = TestApp::serving().await;
    let body = json!({"token": "vpr_unknown", "new_password": "correct horse battery staple"});
    for left in (0..10).rev() {
        let answer = app.post("/password/reset", &body).await.expect(400);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"link-token\";q=10;w=60"));
        let limit = format!("\"link-token\";r={left};t={}", (10 - left) * 6);
        assert_eq!(answer.header("ratelimit"), Some(limit.as_str()));
    }
    // Not even the body is read.
    let refused = app.post("/password/reset", &Value::Null).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("6"));
    assert_eq!(refused.header("ratelimit"), Some("\"link-token\";r=0;t=6"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"link-token\";q=10;w=60"));
    app.clock.advance(6);
    app.post("/password/reset", &body)
        .await
        .expect_problem(400, "invalid_link_token");
    app.post("/password/reset", &body)
        .await
        .expect_problem(429, "rate_limited");
}

#[actix_web::test]
async fn addresses_are_those_that_trusted_proxies_name() {
    let app = TestApp::serving_with(&[BEHIND_PROXY]).await;
    for _ in 0..60 {
        let answer = login_from(&app, "198.51.100.1").await;
        assert_eq!(answer.header("ratelimit-policy"), Some("\"login\";q=60;w=60"));
    }
    login_from(&app, "198.51.100.1")
        .await
        .expect_problem(429, "rate_limited");
    login_from(&app, "198.51.100.2")
        .await
        .expect_problem(401, "invalid_credentials");
    let stranger = TestApp::serving().await;
    for number in 0..60 {
        login_from(&stranger, &format!("198.51.100.{number}")).await.expect(401);
    }
    login_from(&stranger, "198.51.100.99")
        .await
        .expect_problem(429, "rate_limited");
}

#[actix_web::test]
async fn an_account_that_waits_says_so_beside_what_the_address_has_left() {
    let app = TestApp::serving_with(&[BEHIND_PROXY]).await;
    for _ in 0..5 {
        login_from(&app, "198.51.100.1").await.expect(401);
    }
    let refused = login_from(&app, "198.51.100.1").await.expect(429);
    let limits: Vec<_> = refused.headers.get_all("ratelimit").collect();
    assert_eq!(limits, ["\"account\";r=0;t=30", "\"login\";r=54;t=6"]);
}

#[actix_web::test]
async fn probes_and_gateways_are_never_refused() {
    let app = TestApp::serving().await;
    for _ in 0..1300 {
        app.get("/health/live").await.expect(200);
        app.get("/token/validate").await.expect(401);
    }
    // Requests to unknown paths count as well.
    for _ in 0..1200 {
        app.get("/nowhere").await.expect(404);
    }
    app.get("/nowhere").await.expect_problem(429, "rate_limited");
    app.get("/.well-known/jwks.json")
        .await
        .expect_problem(429, "rate_limited");
}

#[actix_web::test]
async fn a_session_is_not_refreshed_all_the_time() {
    let app = TestApp::serving().await;
    let mut token = Person::sign_up(&app, "often@example.com").await.refresh_token;
    for _ in 0..30 {
        let answer = app
            .post("/token/refresh", &json!({"refresh_token": token}))
            .await
            .expect(200);
        token = answer.text("/refresh_token");
    }
    let body = json!({"refresh_token": token});
    let refused = app.post("/token/refresh", &body).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("2"));
    app.clock.advance(2);
    app.post("/token/refresh", &body).await.expect(200);
}

#[actix_web::test]
async fn a_back_end_is_bounded_and_wrong_credentials_sooner() {
    let app = TestApp::serving().await;
    let credentials = app.service_client("gateway").await;
    let introspect = |credentials: String| {
        let request = TestRequest::post().uri("/token/introspect");
        app.send(
            request
                .insert_header(("authorization", credentials))
                .set_json(json!({"token": "x"})),
        )
    };
    for _ in 0..100 {
        introspect(credentials.clone()).await.expect(200);
    }
    introspect(credentials.clone())
        .await
        .expect_problem(429, "rate_limited");
    for _ in 0..10 {
        introspect("Basic d3Jvbmc6d3Jvbmc=".into())
            .await
            .expect_problem(401, "invalid_client");
    }
    introspect("Basic d3Jvbmc6d3Jvbmc=".into())
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(1);
    introspect(credentials).await.expect(200);
}

#[actix_web::test]
async fn switched_off_nothing_is_counted_by_address() {
    let app = TestApp::serving_with(&[("IP_LIMITS", "off")]).await;
    let body = json!({"token": "vpr_unknown", "new_password": "correct horse battery staple"});
    for _ in 0..30 {
        let answer = app.post("/password/reset", &body).await.expect(400);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
}

/// The table in the documentation contains the limits of the code.
#[test]
fn the_documented_limits_are_those_that_hold() {
    let documented = include_str!("../../../docs/SECURITY.md");
    for (scope, policy) in ADDRESS {
        let row = format!("| `{}` | {} in {} s |", policy.name, policy.quota, policy.window);
        assert!(documented.contains(&row), "{scope:?}: {row}");
    }
    assert_eq!(ADDRESS.iter().filter(|(scope, _)| *scope == Scope::Register).count(), 2);
}
