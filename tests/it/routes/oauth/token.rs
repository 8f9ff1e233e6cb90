//! `POST /oauth/token`

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, described, service, text, user_and_shop};
use crate::support::token::part;

#[actix_web::test]
async fn a_code_becomes_the_tokens_of_a_grant() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
    assert_eq!(tokens["scope"], "openid email offline_access");

    let own = claims(&signed_in.access_token);
    let access = claims(&text(&tokens, "access_token"));
    assert_eq!((&access["aud"], &access["client_id"]), (&json!(API), &json!(shop.id)));
    assert_eq!((&access["sub"], &access["scope"]), (&own["sub"], &tokens["scope"]));
    assert_eq!((&access["acr"], &access["amr"]), (&own["acr"], &own["amr"]));
    assert_ne!(access["sid"], own["sid"], "a grant is a session of its own");

    let id_token = text(&tokens, "id_token");
    assert_eq!(part(&id_token, 0)["typ"], "JWT");
    let id = claims(&id_token);
    let expected = json!({
        "iss": "https://auth.example.com", "sub": own["sub"], "aud": shop.id, "azp": shop.id, "nonce": "n1",
        "exp": access["iat"].as_i64().unwrap() + 600, "iat": access["iat"], "auth_time": own["auth_time"],
        "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "at_hash": id["at_hash"], "sid": access["sid"],
        "email": "jo@example.com", "email_verified": false,
    });
    assert_eq!(id, expected);
}

#[actix_web::test]
async fn the_metadata_names_every_claim_of_an_id_token() {
    let (app, signed_in, shop) = user_and_shop().await;
    let scope = [("scope", "openid profile email roles")];
    let tokens = shop.sign_in(&app, &signed_in.access_token, &scope).await;
    let metadata = app
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200)
        .json();
    let supported = metadata["claims_supported"].as_array().unwrap();
    let id = claims(&text(&tokens, "id_token"));
    assert_eq!((&id["locale"], &id["roles"]), (&json!("en"), &json!([])));
    for claim in id.as_object().unwrap().keys() {
        assert!(supported.contains(&json!(claim)), "{claim}");
    }
}

#[actix_web::test]
async fn a_refresh_token_comes_with_the_scope_or_for_an_application_of_the_deployment() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop
        .sign_in(&app, &signed_in.access_token, &[("scope", "openid")])
        .await;
    assert_eq!(tokens.get("refresh_token"), None);
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[("scope", "email")]).await;
    assert_eq!(tokens.get("id_token"), None);
    let mut own = described("Console", "public");
    own.first_party = true;
    let own = Application::register(&app, own).await;
    let tokens = own.sign_in(&app, &signed_in.access_token, &[("scope", "openid")]).await;
    assert!(text(&tokens, "refresh_token").starts_with("vgr_"));
}

#[actix_web::test]
async fn a_refresh_goes_on_with_what_was_granted_or_less() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let first = text(&tokens, "refresh_token");
    let next = shop.refresh(&app, &first).await.expect(200).json();
    let (before, after) = (
        claims(&text(&tokens, "access_token")),
        claims(&text(&next, "access_token")),
    );
    assert_eq!((&before["sid"], &before["aud"]), (&after["sid"], &after["aud"]));
    assert_eq!(claims(&text(&next, "id_token")).get("nonce"), None);

    let second = text(&next, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &second),
        ("scope", "email"),
    ];
    let less = shop.token(&app, &form).await.expect(200).json();
    assert_eq!((&less["scope"], less.get("id_token")), (&json!("email"), None));
    let third = text(&less, "refresh_token");
    let again = shop.refresh(&app, &third).await.expect(200).json();
    assert_eq!(again["scope"], tokens["scope"], "the grant itself stays as it is");
    for (name, value, error) in [
        ("scope", "email orders:read", "invalid_scope"),
        ("scope", "a  b", "invalid_scope"),
        ("resource", "https://other.example.com", "invalid_target"),
    ] {
        let live = text(&again, "refresh_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", &live), (name, value)];
        shop.token(&app, &form).await.expect_oauth(400, error);
    }
}

#[actix_web::test]
async fn a_service_gets_a_token_of_its_own() {
    let app = TestApp::new().await;
    let worker = Application::register(&app, service("Worker")).await;
    let token = worker
        .token(&app, &[("grant_type", "client_credentials")])
        .await
        .expect(200)
        .json();
    assert_eq!(token["scope"], "orders:read orders:write");
    assert_eq!((token.get("refresh_token"), token.get("id_token")), (None, None));
    let mut told = claims(&text(&token, "access_token"));
    for time in ["iat", "nbf", "exp", "jti"] {
        told.as_object_mut().unwrap().remove(time).unwrap();
    }
    let expected = json!({
        "iss": "https://auth.example.com", "sub": worker.id, "client_id": worker.id, "aud": API, "scope": token["scope"],
    });
    assert_eq!(told, expected, "nothing about a user");

    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "orders:read"),
        ("resource", "https://files.example.com"),
    ];
    let token = worker.token(&app, &form).await.expect(200).json();
    let told = claims(&text(&token, "access_token"));
    assert_eq!(
        (&told["aud"], &told["scope"]),
        (&json!("https://files.example.com"), &json!("orders:read"))
    );
    for (name, value, error) in [
        ("scope", "orders:delete", "invalid_scope"),
        ("scope", "openid", "invalid_scope"),
        ("resource", "https://other.example.com", "invalid_target"),
    ] {
        let form = [("grant_type", "client_credentials"), (name, value)];
        worker.token(&app, &form).await.expect_oauth(400, error);
    }
    let shop = Application::register(&app, described("Shop", "confidential")).await;
    shop.token(&app, &[("grant_type", "client_credentials")])
        .await
        .expect_oauth(400, "unauthorized_client");
}

#[actix_web::test]
async fn a_form_that_cannot_be_used_is_told_what_is_wrong() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    for form in [
        vec![],
        vec![("grant_type", "authorization_code")],
        vec![
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", "x"),
        ],
        vec![
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", "x"),
            ("code_verifier", "short"),
        ],
        vec![("grant_type", "refresh_token")],
        vec![
            ("grant_type", "refresh_token"),
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
        ],
    ] {
        shop.token(&app, &form).await.expect_oauth(400, "invalid_request");
    }
    for grant_type in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
        let form = [("grant_type", grant_type), ("username", "jo"), ("password", "x")];
        shop.token(&app, &form)
            .await
            .expect_oauth(400, "unsupported_grant_type");
    }
    let json = TestRequest::post()
        .uri("/oauth/token")
        .set_json(json!({"grant_type": "refresh_token"}));
    app.send(json).await.expect_oauth(415, "invalid_request");
}

#[actix_web::test]
async fn a_client_authenticates_in_one_way() {
    let app = TestApp::new().await;
    let worker = Application::register(&app, service("Worker")).await;
    let secret = worker.secret.clone().unwrap();
    let form = |id: &str, secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        TestRequest::post().uri("/oauth/token").set_form(form)
    };
    app.send(form(&worker.id, &secret)).await.expect(200);
    for (id, secret) in [
        (worker.id.as_str(), "vcs_x"),
        ("x", secret.as_str()),
        (worker.id.as_str(), ""),
    ] {
        let refused = app.send(form(id, secret)).await;
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic"));
        refused.expect_oauth(401, "invalid_client");
    }
    let both = [("grant_type", "client_credentials"), ("client_secret", &secret)];
    worker.token(&app, &both).await.expect_oauth(400, "invalid_request");
    let another = [("grant_type", "client_credentials"), ("client_id", "x")];
    worker.token(&app, &another).await.expect_oauth(400, "invalid_request");
}

#[actix_web::test]
async fn a_page_of_any_origin_may_call_and_gets_no_cookie() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", &shop.id),
    ];
    let request = TestRequest::post()
        .uri("/oauth/token")
        .insert_header(("origin", "https://shop.example.com"))
        .set_form(form);
    let answer = app.send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    answer.expect_oauth(400, "invalid_grant");
}

#[actix_web::test]
async fn the_grant_ends_with_the_session_that_it_was_given_in() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    shop.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect_oauth(401, "invalid_token");
}

#[actix_web::test]
async fn two_applications_share_a_sign_in_and_one_logout_ends_both() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "confidential")).await;
    let tokens = [
        (&shop, shop.sign_in(&app, &signed_in.access_token, &[]).await),
        (&forum, forum.sign_in(&app, &signed_in.access_token, &[]).await),
    ];
    let id_token: &Value = &tokens[0].1["id_token"];
    let query = serde_urlencoded::to_string([("id_token_hint", id_token.as_str().unwrap())]).unwrap();
    app.get(&format!("/oauth/logout?{query}")).await.expect(303);
    for (application, tokens) in &tokens {
        application
            .refresh(&app, &text(tokens, "refresh_token"))
            .await
            .expect_oauth(400, "invalid_grant");
    }
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
}
