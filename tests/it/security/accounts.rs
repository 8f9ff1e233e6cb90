//! Attacks on other users' accounts, and what an account reveals to strangers.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::routes::admin::{administrator, set_roles, sql};
use crate::support::actors::{PASSWORD, Person, log_in, request_link, verify};
use crate::support::app::TestApp;

/// Another password that is hard to guess.
const NEW: &str = "heftklammer im regen";

/// Resets an account through its mailbox: with a magic link, or with a link that sets a password.
async fn verify_by_mail(app: &TestApp, email: &str, by_link: bool) {
    if by_link {
        let token = request_link(app, "/magic-link", "magic_link", email).await;
        app.post("/magic-link/verify", &json!({"token": token}))
            .await
            .expect(200);
    } else {
        let token = request_link(app, "/password/forgot", "password_reset", email).await;
        let body = json!({"token": token, "new_password": NEW});
        app.post("/password/reset", &body).await.expect(204);
    }
}

#[actix_web::test]
async fn a_stranger_who_requested_another_address_before_a_reset_does_not_get_it() {
    for by_link in [true, false] {
        let app = TestApp::new().await;
        let mallory = Person::sign_up(&app, "jo@example.com").await;
        let wish = json!({"email": "mallory@example.org"});
        app.call_as(Method::POST, "/email/change", &mallory.access_token, &wish)
            .await
            .expect(202);
        let trap = json!({"token": app.mailed_token("mallory@example.org", "email_change").await});
        app.clock.advance(1);
        verify_by_mail(&app, "jo@example.com", by_link).await;
        app.post("/email/verify", &trap)
            .await
            .expect_problem(400, "invalid_link_token");
    }
}

#[actix_web::test]
async fn what_a_stranger_got_wrong_does_not_keep_the_owner_waiting_after_a_reset() {
    let app = TestApp::new().await;
    let mallory = Person::sign_up(&app, "jo@example.com").await;
    let login = mallory.person.log_in(&app).await;
    for _ in 0..5 {
        verify(&app, &login, &mallory.person.wrong_code(&app)).await.expect(401);
    }
    let token = request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
    app.clock.advance(1);
    let body = json!({"token": token});
    let opened = app.post("/magic-link/verify", &body).await.expect(200);
    let pre_auth_token = opened.text("/pre_auth_token");
    let secret = app
        .post_as("/2fa/totp", &pre_auth_token)
        .await
        .expect(201)
        .text("/secret");
    let jo = Person {
        secret,
        ..mallory.person
    };
    verify(&app, &pre_auth_token, &jo.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn in_private_a_name_does_not_reveal_whether_an_address_was_taken() {
    let app = TestApp::with(&[("REGISTRATION", "private")]).await;
    let register = async |body: Value| app.post("/register", &body).await;
    register(json!({"email": "jo@example.com", "password": PASSWORD}))
        .await
        .expect(202);
    register(json!({"username": "known", "password": PASSWORD}))
        .await
        .expect(202);
    let mut answers = Vec::new();
    for email in ["jo@example.com", "nobody@example.com"] {
        for username in ["known", "free"] {
            let body = json!({"email": email, "username": username, "password": PASSWORD});
            let problem = register(body).await.expect_problem(422, "validation_failed");
            answers.push(problem["errors"].clone());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0][0]["pointer"], "/username");
}

#[actix_web::test]
async fn no_token_is_accepted_for_another_purpose() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let pending = jo.person.log_in(&app).await;
    let links = [
        request_link(&app, "/magic-link", "magic_link", "jo@example.com").await,
        request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await,
        app.mailed_token("jo@example.com", "email_verification").await,
    ];
    let prefixes = ["vml_", "vpr_", "vev_", "vec_", "vpa_", "vrt_"];
    let mut tokens: Vec<String> = vec![pending, jo.refresh_token.clone(), jo.access_token.clone()];
    tokens.extend(links.iter().cloned());
    // The same tokens with the prefix of another kind.
    for link in &links {
        for prefix in prefixes.iter().filter(|prefix| !link.starts_with(**prefix)) {
            tokens.push(format!("{prefix}{}", &link[4..]));
        }
    }
    for token in &tokens {
        let is = |prefix: &str| token.starts_with(prefix) && tokens.iter().position(|other| other == token) < Some(6);
        let body = json!({"token": token});
        if !is("vml_") {
            app.post("/magic-link/verify", &body)
                .await
                .expect_problem(400, "invalid_link_token");
        }
        if !is("vev_") {
            app.post("/email/verify", &body)
                .await
                .expect_problem(400, "invalid_link_token");
        }
        app.post("/email/change/cancel", &body)
            .await
            .expect_problem(400, "invalid_link_token");
        if !is("vpr_") {
            let body = json!({"token": token, "new_password": NEW});
            app.post("/password/reset", &body)
                .await
                .expect_problem(400, "invalid_link_token");
        }
        if !is("vrt_") {
            let body = json!({"refresh_token": token});
            app.post("/token/refresh", &body)
                .await
                .expect_problem(401, "invalid_refresh_token");
        }
        if !is("vpa_") {
            verify(&app, token, "123456")
                .await
                .expect_problem(401, "invalid_pre_auth_token");
        }
        if token != &jo.access_token {
            app.get_as("/me", token).await.expect_problem(401, "invalid_token");
        }
    }
    // None of the refused attempts used the right tokens up.
    let body = json!({"token": links[1], "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
}

#[actix_web::test]
async fn mailed_tokens_die_with_the_account() {
    for statement in ["UPDATE users SET status = 'disabled'", "DELETE FROM users"] {
        let app = TestApp::new().await;
        Person::sign_up(&app, "jo@example.com").await;
        let requests = [
            (
                "/email/verify",
                app.mailed_token("jo@example.com", "email_verification").await,
            ),
            (
                "/magic-link/verify",
                request_link(&app, "/magic-link", "magic_link", "jo@example.com").await,
            ),
            (
                "/password/reset",
                request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await,
            ),
        ];
        app.database.connect().batch_execute(statement).unwrap();
        for (path, token) in requests {
            let mut body = json!({"token": token});
            if path == "/password/reset" {
                body["new_password"] = json!(NEW);
            }
            app.post(path, &body).await.expect_problem(400, "invalid_link_token");
        }
    }
}

#[actix_web::test]
async fn an_account_without_a_password_takes_none_until_a_reset_sets_one() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(1);
    let token = request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
    app.post("/magic-link/verify", &json!({"token": token}))
        .await
        .expect(200);
    for password in ["", " ", PASSWORD, "none"] {
        log_in(&app, "jo@example.com", password).await.expect(401);
    }
    let token = request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await;
    let body = json!({"token": token, "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
    log_in(&app, "jo@example.com", NEW).await.expect(200);
}

#[actix_web::test]
async fn in_private_a_request_for_another_address_does_not_reveal_whether_it_is_taken() {
    let app = TestApp::new().await;
    let private = app.sibling(&[("REGISTRATION", "private")]).await;
    Person::register(&app, "jo@example.com").await;
    let mallory = Person::sign_up(&app, "mallory@example.org").await;
    let wish = async |email: &str| {
        let body = json!({"email": email});
        private
            .call_as(Method::POST, "/email/change", &mallory.access_token, &body)
            .await
            .expect(202);
    };
    for (own, requested) in [
        ("m1@example.org", "jo@example.com"),
        ("m2@example.org", "nobody@example.com"),
    ] {
        wish(own).await;
        let token = app.mailed_token(own, "email_change").await;
        wish(requested).await;
        // A newer change replaces an older one, even if its mail was not sent.
        let body = json!({"token": token, "password": PASSWORD});
        app.post("/email/verify", &body)
            .await
            .expect_problem(400, "invalid_link_token");
    }
}

#[actix_web::test]
async fn passwords_sent_at_once_are_no_more_guesses_than_those_sent_one_by_one() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com"] {
        let answers = join_all((0..40).map(|_| log_in(&app, email, "another password"))).await;
        let told = answers.iter().filter(|answer| answer.status == 401).count();
        // Five, and those whose transactions were open when the fifth was counted: one for each of five connections.
        assert!((5..=9).contains(&told), "{email}: {told}");
    }
}

#[actix_web::test]
async fn a_reset_account_loses_its_roles_and_claims_and_the_trail_says_so() {
    for by_link in [true, false] {
        let app = TestApp::new().await;
        let mut stranger = Person::sign_up(&app, "jo@example.com").await;
        set_roles(&app, "jo@example.com", "{admin}");
        sql(&app, r#"UPDATE users SET claims = '{"plan":"gold"}'"#);
        stranger.refresh(&app).await;
        app.get_as("/admin/users", &stranger.access_token).await.expect(200);
        verify_by_mail(&app, "jo@example.com", by_link).await;
        let root = administrator(&app, "root@example.com").await;
        let path = format!("/admin/users/{}", stranger.person.id);
        let shown = app.get_as(&path, &root.access_token).await.expect(200).json();
        assert_eq!((&shown["roles"], &shown["claims"]), (&json!([]), &json!({})), "{shown}");
        let path = format!("/admin/events?user_id={}", stranger.person.id);
        let trail = app.get_as(&path, &root.access_token).await.expect(200).json();
        let reasons: Vec<&str> = trail["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|event| event["reason"].as_str())
            .collect();
        for reason in [
            "unverified_account_reset",
            "unverified_account_roles_removed",
            "unverified_account_claims_removed",
        ] {
            assert!(reasons.contains(&reason), "{reason}: {reasons:?}");
        }
    }
}
