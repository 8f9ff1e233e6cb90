//! `POST /token/refresh`

use actix_web::http::header;
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, claims, refresh, step_up};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

fn end_reason(app: &TestApp) -> Option<String> {
    let query = "SELECT end_reason AS reason FROM sessions ORDER BY created_at LIMIT 1";
    diesel::sql_query(query)
        .get_result::<End>(&mut app.database.connect())
        .unwrap()
        .reason
}

#[actix_web::test]
async fn a_refresh_keeps_who_and_how_and_renews_the_rest() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(3600);
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{editor}'")
        .unwrap();
    let answer = refresh(&app, &signed_in.refresh_token).await.expect(200);
    assert_ne!(answer.text("/refresh_token"), signed_in.refresh_token);
    assert!(answer.json().get("recovery_codes").is_none());
    let (before, after) = (claims(&signed_in.access_token), claims(&answer.text("/access_token")));
    for same in ["iss", "sub", "aud", "client_id", "sid", "auth_time", "acr", "amr"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(after["exp"].as_i64().unwrap() - before["exp"].as_i64().unwrap(), 3600);
    assert_ne!(before["jti"], after["jti"]);
    assert_eq!(
        after["roles"],
        json!(["editor"]),
        "granted roles come with the next refresh"
    );
    app.get_as("/me", &answer.text("/access_token")).await.expect(200);
}

#[actix_web::test]
async fn the_predecessor_gets_the_same_successor_inside_the_window() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let next = refresh(&app, &signed_in.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    for _ in 0..2 {
        app.clock.advance(5);
        let again = refresh(&app, &signed_in.refresh_token).await.expect(200);
        assert_eq!(again.text("/refresh_token"), next, "byte for byte");
    }
    refresh(&app, &next).await.expect(200);
}

#[actix_web::test]
async fn after_the_window_the_predecessor_ends_the_session() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let next = refresh(&app, &signed_in.refresh_token).await.expect(200);
    app.clock.advance(11);
    let problem = refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(problem["error"], "invalid_grant");
    refresh(&app, &next.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
    app.get_as("/me", &next.text("/access_token"))
        .await
        .expect_problem(401, "invalid_token");
    assert_eq!(end_reason(&app).as_deref(), Some("refresh_reuse"));
}

#[actix_web::test]
async fn an_older_token_ends_the_session_even_inside_the_window() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let second = refresh(&app, &signed_in.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    let third = refresh(&app, &second).await.expect(200).text("/refresh_token");
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    refresh(&app, &third).await.expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn without_a_window_any_second_use_ends_the_session() {
    let app = TestApp::with(&[("REFRESH_REUSE_GRACE", "0")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let next = refresh(&app, &signed_in.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    refresh(&app, &next).await.expect_problem(401, "invalid_refresh_token");
}

/// A second tab of the owner may refresh while the first one steps up.
#[actix_web::test]
async fn the_token_before_a_step_up_is_refused_and_ends_nothing_inside_the_window() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(60);
    let proof = json!({"code": signed_in.person.code(&app)});
    let elevated = step_up(&app, &signed_in.access_token, &proof)
        .await
        .expect(200)
        .text("/refresh_token");
    for _ in 0..2 {
        app.clock.advance(5);
        refresh(&app, &signed_in.refresh_token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    let next = refresh(&app, &elevated).await.expect(200).text("/refresh_token");
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    // For refreshes the window stays the same.
    assert_eq!(refresh(&app, &elevated).await.expect(200).text("/refresh_token"), next);
    assert_eq!(end_reason(&app), None);
    app.clock.advance(1);
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(end_reason(&app).as_deref(), Some("refresh_reuse"));
    refresh(&app, &next).await.expect_problem(401, "invalid_refresh_token");
}

/// Another client of the owner may have the token from before both step-ups.
#[actix_web::test]
async fn the_token_before_two_step_ups_is_refused_and_ends_nothing_inside_the_window() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(60);
    let code = json!({"code": signed_in.person.code(&app)});
    let first = step_up(&app, &signed_in.access_token, &code).await.expect(200);
    app.clock.advance(4);
    let password = json!({"password": PASSWORD});
    let second = step_up(&app, &first.text("/access_token"), &password).await.expect(200);
    for older in [&signed_in.refresh_token, &first.text("/refresh_token")] {
        refresh(&app, older).await.expect_problem(401, "invalid_refresh_token");
        app.clock.advance(5);
        refresh(&app, older).await.expect_problem(401, "invalid_refresh_token");
    }
    assert_eq!(end_reason(&app), None);
    let next = refresh(&app, &second.text("/refresh_token")).await.expect(200);
    app.clock.advance(1);
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(end_reason(&app).as_deref(), Some("refresh_reuse"));
    refresh(&app, &next.text("/refresh_token")).await.expect(401);
}

#[actix_web::test]
async fn without_a_window_the_token_before_a_step_up_ends_the_session() {
    let app = TestApp::with(&[("REFRESH_REUSE_GRACE", "0")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    step_up(&app, &signed_in.access_token, &json!({"password": PASSWORD}))
        .await
        .expect(200);
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(end_reason(&app).as_deref(), Some("refresh_reuse"));
}

#[actix_web::test]
async fn a_logout_and_a_disabled_account_are_final_inside_the_window() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let next = refresh(&app, &signed_in.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    app.database
        .connect()
        .batch_execute("UPDATE users SET status = 'disabled'")
        .unwrap();
    for token in [&signed_in.refresh_token, &next] {
        refresh(&app, token).await.expect_problem(401, "invalid_refresh_token");
    }
    app.database
        .connect()
        .batch_execute("UPDATE users SET status = 'active'")
        .unwrap();
    app.post("/logout", &json!({"refresh_token": next})).await.expect(204);
    for token in [&signed_in.refresh_token, &next] {
        refresh(&app, token).await.expect_problem(401, "invalid_refresh_token");
    }
    assert_eq!(end_reason(&app).as_deref(), Some("logout"));
}

#[actix_web::test]
async fn use_moves_the_idle_end_and_never_the_absolute_one() {
    let app = TestApp::with(&[("SESSION_IDLE_TTL", "600"), ("SESSION_ABSOLUTE_TTL", "1500")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut token = signed_in.refresh_token;
    for expected in [600, 500] {
        app.clock.advance(500);
        let answer = refresh(&app, &token).await.expect(200);
        assert_eq!(answer.json()["refresh_expires_in"], expected);
        let claims = claims(&answer.text("/access_token"));
        assert!(
            claims["exp"].as_i64().unwrap() <= 1_772_366_400 + 1500,
            "no token outlives its session"
        );
        token = answer.text("/refresh_token");
    }
    app.clock.advance(500);
    refresh(&app, &token).await.expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn an_idle_session_ends() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(604_800);
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn other_tokens_and_forgeries_are_refused_and_end_nothing() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let pending = signed_in.person.log_in(&app).await;
    let last = if signed_in.refresh_token.ends_with('A') {
        "B"
    } else {
        "A"
    };
    let changed = format!(
        "{}{last}",
        &signed_in.refresh_token[..signed_in.refresh_token.len() - 1]
    );
    for token in [
        "",
        "x",
        "vrt_",
        &changed,
        &signed_in.access_token,
        &pending,
        &pending.replacen("vpa_", "vrt_", 1),
    ] {
        refresh(&app, token).await.expect_problem(401, "invalid_refresh_token");
    }
    app.post("/token/refresh", &json!({}))
        .await
        .expect_problem(401, "invalid_refresh_token");
    refresh(&app, &signed_in.refresh_token).await.expect(200);
}

#[actix_web::test]
async fn a_browsers_refresh_token_stays_in_its_cookie() {
    let app = TestApp::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let cookie = Person::register(&app, "jo@example.com")
        .await
        .confirm_with_cookie(&app)
        .await;
    assert!(cookie.starts_with("__Host-vestibule_refresh_1ce18487=vrt_"));
    let request = |origin: &str| {
        TestRequest::post()
            .uri("/token/refresh")
            .insert_header((header::COOKIE, cookie.clone()))
            .insert_header((header::ORIGIN, origin.to_owned()))
            .set_json(json!({}))
    };
    for stranger in [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "http://auth.example.com",
    ] {
        app.send(request(stranger))
            .await
            .expect_problem(403, "origin_not_allowed");
    }
    let answer = app.send(request("https://app.example.com")).await.expect(200);
    assert!(answer.json().get("refresh_token").is_none());
    let set = answer.header("set-cookie").unwrap();
    for part in [
        "__Host-vestibule_refresh_1ce18487=vrt_",
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
        "Path=/",
        "Max-Age=604800",
    ] {
        assert!(set.contains(part), "{part} in {set}");
    }
    assert!(!set.contains("Domain"));
    // The same cookie again, inside the window, from a page of this origin.
    app.send(request("https://auth.example.com")).await.expect(200);
}

#[actix_web::test]
async fn listed_origins_may_call_with_credentials_and_strangers_may_not() {
    let app = TestApp::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let preflight = |origin: &str| {
        TestRequest::with_uri("/token/refresh")
            .method(actix_web::http::Method::OPTIONS)
            .insert_header((header::ORIGIN, origin.to_owned()))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type"))
    };
    let answer = app.send(preflight("https://app.example.com")).await.expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    let answer = app.send(preflight("https://evil.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    answer.expect_problem(403, "origin_not_allowed");
    // The page can read errors, too.
    let refused = TestRequest::post()
        .uri("/token/refresh")
        .insert_header((header::ORIGIN, "https://app.example.com"))
        .set_json(json!({}));
    let answer = app.send(refused).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("retry-after")
    );
    answer.expect_problem(401, "invalid_refresh_token");
}
