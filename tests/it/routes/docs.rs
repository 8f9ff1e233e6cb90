//! `/docs`: pages for developers, not operations.

use vestibule::api::problem::Code;

use crate::support::app::TestApp;

#[actix_web::test]
async fn swagger_ui_is_served_whole_and_loads_nothing_from_elsewhere() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/docs").await.expect(308).header("location"), Some("docs/"));
    let page = app.get("/docs/").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'; script-src 'self';")
    );
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("://"), "the page loads from other origins");
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(html.contains(file) || file == "swagger-initializer.js");
        app.get(&format!("/docs/{file}")).await.expect(200);
    }
    let initializer = app.get("/docs/swagger-initializer.js").await.expect(200);
    assert!(String::from_utf8(initializer.body).unwrap().contains("../openapi.json"));
    for path in ["/docs/nothing.js", "/docs/../Cargo.toml", "/docs/%2e%2e/Cargo.toml"] {
        app.get(path).await.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn every_problem_type_resolves_to_its_explanation() {
    let app = TestApp::new().await;
    for code in Code::ALL {
        let page = app.get(&format!("/docs/problems/{}", code.as_str())).await.expect(200);
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains(code.explanation()) && text.contains(code.status().as_str()));
    }
    app.get("/docs/problems/unheard_of")
        .await
        .expect_problem(404, "not_found");
}
