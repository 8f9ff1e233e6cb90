//! Pages of other origins: what they may read, and what they are refused.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use vestibule::api::routes::ROUTES;

use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::response::TestResponse;

const APP: &str = "https://app.example.com";
const STRANGER: &str = "https://evil.example";
const PUBLIC: &[&str] = &[
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/openapi.json",
    "/docs/problems/invalid_code",
];

fn request(method: &Method, path: &str, origin: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(method.clone())
        .insert_header((header::ORIGIN, origin.to_owned()))
}

fn preflight(path: &str, origin: &str, headers: &str) -> TestRequest {
    request(&Method::OPTIONS, path, origin)
        .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"))
        .insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, headers.to_owned()))
}

fn allowed(answer: &TestResponse) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

/// What pages of every origin may call: documents, and what takes no cookie and is called with what the page knows.
const OAUTH: &[&str] = &[
    "/oauth/token",
    "/oauth/par",
    "/oauth/revoke",
    "/oauth/device_authorization",
    "/userinfo",
];

fn is_public(path: &str) -> bool {
    OAUTH.contains(&path)
        || path == "/openapi.json"
        || path == "/token/ended"
        || path.starts_with("/.well-known/")
        || path.starts_with("/docs/problems/")
}

#[actix_web::test]
async fn every_route_refuses_a_page_of_another_origin_by_name() {
    let app = TestApp::serving_with(&[("CORS_ORIGINS", APP)]).await;
    for route in ROUTES
        .iter()
        .filter(|route| !is_public(route.path) && !route.any_method)
    {
        let path = route
            .path
            .replace("{id}", "x")
            .replace("{file:.*}", "")
            .replace("{code}", "x");
        for origin in [STRANGER, "null", "http://auth.example.com", "http://localhost:5173"] {
            for asked in [
                request(&route.verb.method(), &path, origin),
                preflight(&path, origin, "content-type"),
            ] {
                let answer = app.send(asked).await;
                assert_eq!(allowed(&answer), None, "{path}");
                answer.expect_problem(403, "origin_not_allowed");
            }
        }
    }
}

#[actix_web::test]
async fn a_page_of_the_service_itself_and_of_the_same_host_is_served() {
    let app = TestApp::serving().await;
    app.send(request(&Method::GET, "/health/live", PUBLIC_URL))
        .await
        .expect(200);
    let same_host = request(&Method::GET, "/health/live", "https://other.example");
    app.send(same_host.insert_header((header::HOST, "other.example")))
        .await
        .expect(200);
    let by_browser = request(&Method::GET, "/health/live", "https://other.example");
    app.send(by_browser.insert_header(("sec-fetch-site", "same-origin")))
        .await
        .expect(200);
}

#[actix_web::test]
async fn gateways_hand_on_the_origin_of_any_page() {
    let app = TestApp::serving().await;
    app.send(request(&Method::GET, "/token/validate", STRANGER))
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn public_documents_are_for_every_page_and_never_with_credentials() {
    for settings in [&[][..], &[("CORS_ORIGINS", APP)]] {
        let app = TestApp::serving_with(settings).await;
        for path in PUBLIC {
            let mut answers = vec![app.get(path).await.expect(200)];
            for origin in [STRANGER, "null", APP] {
                answers.push(app.send(request(&Method::GET, path, origin)).await.expect(200));
                let asked = app
                    .send(preflight(path, origin, "x-anything, traceparent"))
                    .await
                    .expect(204);
                assert_eq!(asked.header("access-control-allow-headers"), Some("authorization, *"));
                assert_eq!(asked.header("access-control-allow-methods"), Some("GET, HEAD, POST"));
                answers.push(asked);
            }
            for answer in answers {
                assert_eq!(allowed(&answer), Some("*"), "{path}");
                assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
                assert_eq!(answer.header("vary"), None, "the answer is the same for every origin");
            }
        }
        // The same for errors.
        let missing = app.send(request(&Method::GET, "/.well-known/nothing", STRANGER)).await;
        assert_eq!(allowed(&missing), Some("*"));
        missing.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn headers_of_tracing_libraries_are_allowed() {
    let app = TestApp::with(&[("CORS_ORIGINS", APP)]).await;
    let all = "authorization,content-type,traceparent,tracestate,baggage,sentry-trace,x-requested-with";
    let answer = app.send(preflight("/login", APP, all)).await.expect(200);
    assert_eq!(allowed(&answer), Some(APP));
    let told = answer
        .header("access-control-allow-headers")
        .unwrap()
        .to_ascii_lowercase();
    assert!(all.split(',').all(|name| told.contains(name)), "{told}");
}

/// The browser compares the lists itself, and names the header to the developer of the page.
#[actix_web::test]
async fn a_header_that_is_not_listed_is_left_out_of_the_answer() {
    let app = TestApp::with(&[("CORS_ORIGINS", APP)]).await;
    let sorted = |list: &str| {
        let mut names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
        names.sort();
        names
    };
    let usual = app.send(preflight("/login", APP, "content-type")).await.expect(200);
    let list = usual
        .header("access-control-allow-headers")
        .unwrap()
        .to_ascii_lowercase();
    for asked in [
        "x-made-up",
        "X-Made-Up,content-type",
        "content-type, x-api-key ,authorization",
        "cookie",
        "x-one,x-two",
        "content-type,,x-one",
    ] {
        let answer = app.send(preflight("/login", APP, asked)).await.expect(200);
        assert_eq!(allowed(&answer), Some(APP), "{asked}");
        let told = answer
            .header("access-control-allow-headers")
            .unwrap()
            .to_ascii_lowercase();
        assert_eq!(sorted(&told), sorted(&list), "{asked}");
    }
    // Another origin is refused first, whatever it asks for.
    app.send(preflight("/login", STRANGER, "x-made-up"))
        .await
        .expect_problem(403, "origin_not_allowed");
}

#[actix_web::test]
async fn development_serves_pages_of_this_machine_at_any_port() {
    let app = TestApp::new().await;
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:3000",
        "http://[::1]:1",
        "https://localhost",
    ] {
        let answer = app.send(preflight("/login", origin, "content-type")).await.expect(200);
        assert_eq!(allowed(&answer), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
    app.send(preflight("/login", "http://localhost.evil.example", "content-type"))
        .await
        .expect_problem(403, "origin_not_allowed");
}
