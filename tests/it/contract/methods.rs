//! Known paths answer other methods with 405 and `Allow`; unknown paths answer 404.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use vestibule::api::routes::{ROUTES, RouteSpec, Verb};

use crate::support::app::TestApp;

#[actix_web::test]
async fn every_path_refuses_the_methods_it_does_not_have() {
    let app = TestApp::new().await;
    for route in ROUTES.iter() {
        let path = route
            .path
            .replace("{id}", "x")
            .replace("{code}", "not_found")
            .replace("{file:.*}", "index.html")
            .replace("{id}", "x");
        let here: Vec<&RouteSpec> = ROUTES.iter().filter(|other| other.path == route.path).collect();
        for method in [
            Method::GET,
            Method::POST,
            Method::DELETE,
            Method::PUT,
            Method::PATCH,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            if here.iter().any(|other| other.answers(&method)) {
                continue;
            }
            let answer = app.send(TestRequest::with_uri(&path).method(method.clone())).await;
            let allowed = answer.header("allow").unwrap_or_default().to_owned();
            assert_eq!(answer.expect(405).code(Some(route.path)), "method_not_allowed");
            assert!(allowed.contains(route.verb.name()), "{method} {path}: {allowed}");
            assert_eq!(
                allowed.contains("HEAD"),
                here.iter().any(|other| other.verb == Verb::Get)
            );
        }
    }
}

#[actix_web::test]
async fn unknown_paths_are_problems_too() {
    let app = TestApp::new().await;
    for path in [
        "/nothing",
        "/login/",
        "/LOGIN",
        "/me/x",
        "/.well-known/",
        "/%00",
        "//login",
    ] {
        app.get(path).await.expect_problem(404, "not_found");
    }
}
