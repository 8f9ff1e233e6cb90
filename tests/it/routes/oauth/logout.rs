//! `GET /oauth/logout`, `POST /oauth/logout`

use crate::support::app::TestApp;
use crate::support::applications::{Application, GOODBYE, described, send_browser, tampered, text, user_and_shop};

async fn end(app: &TestApp, query: &[(&str, &str)]) -> String {
    let query = serde_urlencoded::to_string(query).unwrap();
    let answer = app.get(&format!("/oauth/logout?{query}")).await.expect(303);
    answer.header("location").unwrap().to_owned()
}

#[actix_web::test]
async fn an_id_token_ends_the_session_even_after_it_has_expired() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    app.clock.advance(3600);
    let hint = text(&tokens, "id_token");
    let back = end(
        &app,
        &[
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", GOODBYE),
            ("state", "s 1"),
        ],
    )
    .await;
    assert_eq!(back, format!("{GOODBYE}?state=s+1"));
    crate::support::actors::refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(
        end(&app, &[("id_token_hint", &hint)]).await,
        "https://auth.example.com/account/signed-out"
    );
}

#[actix_web::test]
async fn without_one_a_page_asks_and_nothing_ends() {
    let (app, signed_in, shop) = user_and_shop().await;
    let page = "https://auth.example.com/account/sign-out";
    assert_eq!(end(&app, &[]).await, page);
    let id_token = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "id_token");
    for hint in ["x", signed_in.access_token.as_str(), &tampered(&id_token)] {
        assert_eq!(end(&app, &[("id_token_hint", hint)]).await, page);
    }
    assert_eq!(end(&app, &[("state", "s1")]).await, format!("{page}#state=s1"));
    let asked = end(&app, &[("client_id", &shop.id), ("post_logout_redirect_uri", GOODBYE)]).await;
    let fragment = asked.strip_prefix(&format!("{page}#")).unwrap();
    app.get_as("/me", &signed_in.access_token).await.expect(200);
    let answer = app
        .get(&format!("/oauth/logout?{fragment}&signed_out=true"))
        .await
        .expect(303);
    assert_eq!(answer.header("location"), Some(GOODBYE));
}

#[actix_web::test]
async fn no_user_is_sent_to_an_address_that_is_not_registered() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "public")).await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let hint = text(&tokens, "id_token");
    for query in [
        vec![("post_logout_redirect_uri", GOODBYE)],
        vec![
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", "https://evil.example.com/"),
        ],
        vec![
            ("client_id", shop.id.as_str()),
            ("post_logout_redirect_uri", "https://shop.example.com/goodbye/x"),
        ],
        vec![
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", "https://shop.example.com/goodbye?extra=1"),
        ],
        vec![
            ("client_id", shop.id.as_str()),
            ("post_logout_redirect_uri", "//evil.example.com"),
            ("signed_out", "true"),
        ],
        vec![("id_token_hint", hint.as_str()), ("client_id", forum.id.as_str())],
    ] {
        let query = serde_urlencoded::to_string(query).unwrap();
        app.get(&format!("/oauth/logout?{query}"))
            .await
            .expect_problem(400, "invalid_authorization_request");
    }
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn a_form_is_answered_like_a_query() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let hint = text(&tokens, "id_token");
    let send = |form: &[(&str, &str)]| {
        let (app, form) = (&app, serde_urlencoded::to_string(form).unwrap());
        async move {
            let answer = send_browser(app, "/oauth/logout", form).await.expect(303);
            answer.header("location").unwrap().to_owned()
        }
    };
    let asked = send(&[("client_id", &shop.id), ("state", "s1")]).await;
    let page = format!(
        "https://auth.example.com/account/sign-out#client_id={}&state=s1",
        shop.id
    );
    assert_eq!(asked, page, "without an ID token a page asks");
    let refused = send(&[("post_logout_redirect_uri", "https://evil.example.com/")]).await;
    assert_eq!(
        refused,
        "https://auth.example.com/account/sign-out#error=invalid_authorization_request"
    );
    app.get_as("/me", &signed_in.access_token).await.expect(200);
    let back = send(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", GOODBYE),
        ("state", "s 1"),
    ])
    .await;
    assert_eq!(back, format!("{GOODBYE}?state=s+1"));
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
    app.post("/oauth/logout", &serde_json::json!({}))
        .await
        .expect_problem(415, "unsupported_media_type");
}
