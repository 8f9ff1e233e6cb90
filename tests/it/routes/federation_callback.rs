//! `GET /federation/{provider}/callback` `POST /federation/{provider}/callback`

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, ORIGIN};
use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::app::PUBLIC_URL;
use crate::support::federation::{BACK, Providers, come_back, start};

const HONEST: &[&str] = &["honest"];

#[actix_web::test]
async fn the_browser_is_led_back_to_the_client() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(&[]).await;
    let started = start(&app, "honest").await;
    let answer = come_back(&app, "honest", &format!("code=a+b&state={}&iss=x", started.state))
        .await
        .expect(303);
    let expected = format!("{BACK}?code=a+b&state={}&iss=x", started.state);
    assert_eq!(answer.header("location"), Some(expected.as_str()));
    let denied = come_back(&app, "honest", &format!("error=access_denied&state={}", started.state))
        .await
        .expect(303);
    let expected = format!("{BACK}?state={}&error=access_denied", started.state);
    assert_eq!(denied.header("location"), Some(expected.as_str()));
    // Apple sends a form, from its own origin.
    let form = TestRequest::post()
        .uri("/federation/honest/callback")
        .insert_header((ORIGIN, "https://appleid.apple.com"))
        .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(format!("code=c&state={}&user=%7B%7D", started.state));
    let answer = app.send(form).await.expect(303);
    let expected = format!("{BACK}?code=c&state={}", started.state);
    assert_eq!(answer.header("location"), Some(expected.as_str()));
}

#[actix_web::test]
async fn a_browser_is_led_to_no_address_that_is_not_listed() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let body = json!({"redirect_uri": "https://attacker.example/"});
    let problem = app
        .post("/federation/honest/start", &body)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/redirect_uri");
    let forged = base64_of(&[&[0; 16][..], b"https://attacker.example/"].concat());
    for state in [forged.as_str(), "", "x", "%00"] {
        let answer = come_back(&app, "honest", &format!("code=c&state={state}")).await;
        answer.expect_problem(400, "invalid_authorization_request");
    }
    // A browser is shown a page.
    let request = TestRequest::get()
        .uri("/federation/honest/callback?code=c")
        .insert_header((ACCEPT, "text/html"));
    let answer = app.send(request).await.expect(303);
    let page = format!("{PUBLIC_URL}/account/federation#error=invalid_authorization_request");
    assert_eq!(answer.header("location"), Some(page.as_str()));
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
