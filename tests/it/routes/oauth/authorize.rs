//! `GET /oauth/authorize`, `POST /oauth/authorize`

use actix_web::test::TestRequest;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, SignedIn, claims, log_in, step_up};
use crate::support::app::TestApp;
use crate::support::applications::{
    API, Application, CALLBACK, consider, decide, described, parameter, posted, send_browser, tampered, text,
    user_and_shop,
};
use crate::support::response::TestResponse;

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
        json!({"client": client, "scopes": scopes, "resource": API, "consent_required": true})
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
        vec![("login_hint", "max@example.com"), ("acr_values", "1 2")],
        vec![("response_mode", "query")],
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

#[actix_web::test]
async fn a_form_is_answered_like_a_query() {
    let (app, signed_in, shop) = user_and_shop().await;
    let page = send_browser(&app, "/oauth/authorize", shop.query(&[]))
        .await
        .expect(303);
    assert_eq!(page.header("access-control-allow-origin"), None);
    let (_, request) = page.header("location").unwrap().split_once("#request=").unwrap();
    let answer = decide(&app, &signed_in.access_token, request, "approve")
        .await
        .expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    shop.redeem(&app, &code, &[]).await.expect(200);

    let faulty = shop.query(&[("scope", "admin")]);
    let answer = send_browser(&app, "/oauth/authorize", faulty).await.expect(303);
    let url = answer.header("location").unwrap();
    assert_eq!(parameter(url, "error").as_deref(), Some("invalid_scope"));
    for (bad, code) in [
        (
            shop.query(&[("redirect_uri", "https://evil.example.com/")]),
            "invalid_authorization_request",
        ),
        (format!("{}&state=s2", shop.query(&[])), "malformed_request"),
        (String::new(), "invalid_authorization_request"),
        (format!("state={}", "s".repeat(20_000)), "payload_too_large"),
    ] {
        let answer = send_browser(&app, "/oauth/authorize", bad).await.expect(303);
        let page = format!("https://auth.example.com/account/authorize#error={code}");
        assert_eq!(answer.header("location"), Some(page.as_str()));
    }
}

#[actix_web::test]
async fn the_page_gets_what_the_application_supposes_of_its_user() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let long = "x".repeat(501);
    for (changes, hints) in [
        (
            vec![("login_hint", "jo+1@example.com"), ("ui_locales", "de en")],
            "&login_hint=jo%2B1%40example.com&ui_locales=de+en",
        ),
        (vec![("login_hint", long.as_str())], ""),
        (vec![("login_hint", "a\nb")], ""),
    ] {
        let answer = app
            .get(&format!("/oauth/authorize?{}", shop.query(&changes)))
            .await
            .expect(303);
        let page = answer.header("location").unwrap();
        let (_, fragment) = page.split_once("#request=").unwrap();
        let request = fragment.split('&').next().unwrap();
        assert_eq!(fragment.strip_prefix(request), Some(hints));
    }
}

#[actix_web::test]
async fn an_answer_is_posted_by_a_page_that_may_post_nowhere_else() {
    let (app, signed_in, shop) = user_and_shop().await;
    let state = "s\"'><script>alert(1)</script>&amp;";
    let changes = [("response_mode", "form_post"), ("state", state)];
    let request = shop.begin(&app, &changes).await;
    for (decision, is_allowed) in [("deny", false), ("approve", true)] {
        let answer = decide(&app, &signed_in.access_token, &request, decision)
            .await
            .expect(200);
        let url = answer.text("/redirect_to");
        assert!(
            url.starts_with("https://auth.example.com/oauth/form-post?answer="),
            "{url}"
        );
        assert!(!url.contains("vac_"), "the code is not in the URL");
        let (fields, page) = posted(&app, &url).await;
        let field = |name: &str| {
            fields
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(
            (field("state"), field("iss")),
            (Some(state), Some("https://auth.example.com"))
        );
        assert_eq!(field("error"), (!is_allowed).then_some("access_denied"));
        let text = String::from_utf8(page.body.clone()).unwrap();
        assert!(
            text.contains(&format!("<form method=\"post\" action=\"{CALLBACK}\">")),
            "{text}"
        );
        assert_eq!(text.matches("<script>").count(), 1, "{text}");
        assert_policy(&page, &text);
        if let Some(code) = field("code") {
            shop.redeem(&app, code, &[]).await.expect(200);
        }
        app.clock.advance(60);
        let path = url.strip_prefix("https://auth.example.com").unwrap();
        app.get(path).await.expect_problem(400, "invalid_authorization_request");
    }
}

/// Checks what the page that posts an answer may do, and that nothing stores it.
fn assert_policy(page: &TestResponse, text: &str) {
    let (_, script) = text.split_once("<script>").unwrap();
    let (script, _) = script.split_once("</script>").unwrap();
    let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; form-action {CALLBACK}; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page.header("content-security-policy"), Some(policy.as_str()));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
}

#[actix_web::test]
async fn faults_are_posted_too_and_other_modes_are_refused() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let begin = |changes: Vec<(&'static str, &'static str)>| {
        let path = format!("/oauth/authorize?{}", shop.query(&changes));
        let app = &app;
        async move { app.get(&path).await.expect(303).header("location").unwrap().to_owned() }
    };
    let url = begin(vec![("response_mode", "form_post"), ("scope", "admin")]).await;
    let (fields, _) = posted(&app, &url).await;
    assert!(fields.contains(&("error".to_owned(), "invalid_scope".to_owned())));
    assert!(fields.contains(&("state".to_owned(), "s1".to_owned())));
    for mode in ["fragment", "form_post.jwt", "FORM_POST", "web_message"] {
        let url = begin(vec![("response_mode", mode)]).await;
        assert!(url.starts_with(&format!("{CALLBACK}?error=invalid_request&")), "{url}");
    }
    for bad in ["", "?answer=", "?answer=x", "?answer=x&answer=y"] {
        let refused = app.get(&format!("/oauth/form-post{bad}")).await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

#[actix_web::test]
async fn the_page_that_posts_speaks_the_language_of_the_browser() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let changes = [("response_mode", "form_post"), ("scope", "admin")];
    let answer = app
        .get(&format!("/oauth/authorize?{}", shop.query(&changes)))
        .await
        .expect(303);
    let url = answer.header("location").unwrap();
    let path = url.strip_prefix("https://auth.example.com").unwrap();
    for (languages, button) in [
        ("de-AT, en;q=0.5", "Weiter"),
        ("en", "Continue"),
        ("fr-CA", "Continuer"),
        ("es", "Continuar"),
        ("nl", "Continue"),
    ] {
        let asked = TestRequest::get()
            .uri(path)
            .insert_header(("accept-language", languages));
        let page = app.send(asked).await.expect(200);
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains(&format!("<button>{button}</button>")), "{text}");
    }
}

#[actix_web::test]
async fn an_id_token_says_who_has_to_be_signed_in() {
    let (app, jo, shop) = user_and_shop().await;
    let max = Person::sign_up(&app, "max@example.com").await;
    let of = |signed_in: &SignedIn| {
        let (app, shop, token) = (&app, &shop, signed_in.access_token.clone());
        async move { text(&shop.sign_in(app, &token, &[]).await, "id_token") }
    };
    let (of_jo, of_max) = (of(&jo).await, of(&max).await);
    let error = |answer: TestResponse| parameter(&answer.expect(200).text("/redirect_to"), "error");
    for prompt in ["", "none"] {
        let request = shop.begin(&app, &[("id_token_hint", &of_jo), ("prompt", prompt)]).await;
        let same = consider(&app, &jo.access_token, &request).await.expect(200).json();
        assert!(!same.to_string().contains("login_required"), "{same}");
        let other = consider(&app, &max.access_token, &request).await;
        assert_eq!(error(other).as_deref(), Some("login_required"));
        let other = decide(&app, &max.access_token, &request, "approve").await;
        assert_eq!(error(other).as_deref(), Some("login_required"));
    }
    let request = shop.begin(&app, &[("id_token_hint", &of_max)]).await;
    decide(&app, &max.access_token, &request, "approve").await.expect(200);
    // It has expired, and still says who is meant.
    app.clock.advance(700);
    let jo_again = jo.person.sign_in_again(&app).await;
    let request = shop.begin(&app, &[("id_token_hint", &of_jo), ("prompt", "none")]).await;
    let answer = consider(&app, &jo_again, &request).await.expect(200);
    assert!(parameter(&answer.text("/redirect_to"), "code").is_some());
}

#[actix_web::test]
async fn what_is_not_an_id_token_of_the_application_is_refused_as_a_hint() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "public")).await;
    let tokens = forum.sign_in(&app, &signed_in.access_token, &[]).await;
    let own = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let id_token = text(&own, "id_token");
    for hint in [
        "x",
        signed_in.access_token.as_str(),
        &text(&tokens, "id_token"),
        &text(&own, "access_token"),
        &tampered(&id_token),
    ] {
        let query = shop.query(&[("id_token_hint", hint)]);
        let answer = app.get(&format!("/oauth/authorize?{query}")).await.expect(303);
        let url = answer.header("location").unwrap();
        assert!(url.starts_with(&format!("{CALLBACK}?error=invalid_request&")), "{url}");
        let mut form = vec![("id_token_hint", hint)];
        let query = shop.query(&[]);
        let query: Vec<(String, String)> = serde_urlencoded::from_str(&query).unwrap();
        form.extend(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        form.retain(|(name, _)| *name != "client_id");
        shop.form(&app, "/oauth/par", &form)
            .await
            .expect_oauth(400, "invalid_request");
    }
}

#[actix_web::test]
async fn what_was_allowed_for_one_resource_is_asked_for_again_for_another() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let files = "https://files.example.com";
    let mut two = described("Shop", "public");
    two.audiences.push(files.to_owned());
    let shop = Application::register(&app, two).await;
    shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let ask = |resource: &'static str, prompt: &'static str| {
        let (app, shop, token) = (&app, &shop, &signed_in.access_token);
        async move {
            let request = shop.begin(app, &[("resource", resource), ("prompt", prompt)]).await;
            (consider(app, token, &request).await.expect(200).json(), request)
        }
    };
    assert_eq!(ask(API, "").await.0["consent_required"], false);
    let (asked, request) = ask(files, "").await;
    assert_eq!(
        (&asked["consent_required"], &asked["resource"]),
        (&json!(true), &json!(files))
    );
    let silent = ask(files, "none").await.0;
    let error = parameter(silent["redirect_to"].as_str().unwrap(), "error");
    assert_eq!(error.as_deref(), Some("consent_required"));
    // A page cannot go on with what the user was not asked.
    let answer = decide(&app, &signed_in.access_token, &request, "continue")
        .await
        .expect(200);
    assert_eq!(answer.json()["consent_required"], true);
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    assert_eq!(ask(files, "").await.0["consent_required"], false);
    assert_eq!(ask(API, "").await.0["consent_required"], false);
    let listed = app
        .get_as("/me/applications", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"][0]["resources"], json!([API, files]));
}
