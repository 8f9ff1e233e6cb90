//! `POST /register` and sign-ins at providers, where a registration hook decides who gets an account.

use std::time::Instant;

use actix_web::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use actix_web::test::TestRequest;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::races::count;
use crate::support::actors::{PASSWORD, Person, log_in};
use crate::support::app::TestApp;
use crate::support::federation::{Providers, sign_in, verified};
use crate::support::hooks::Hook;
use crate::support::response::TestResponse;
use crate::support::until::until;

const OPTIONAL: (&str, &str) = ("TWO_FACTOR_POLICY", "optional");

async fn register(app: &TestApp, email: &str) -> TestResponse {
    app.post("/register", &json!({"email": email, "password": PASSWORD}))
        .await
}

#[actix_web::test]
async fn the_hook_learns_who_registers_and_never_a_password() {
    let hook = Hook::start();
    let app = hook.app("closed", &[]).await;
    let body = json!({"email": "Jo@Example.com", "username": "Jo.Doe", "password": PASSWORD, "locale": "de-AT"});
    let request = TestRequest::post()
        .uri("/register")
        .peer_addr("203.0.113.7:1".parse().unwrap())
        .insert_header((USER_AGENT, "a browser"))
        .set_json(&body);
    let answer = app.send(request).await.expect(201);
    let asked = hook.received();
    assert_eq!(asked["good"], true, "{asked}");
    assert_eq!(asked["path"], "/registrations?key=1");
    let (sent, headers) = (&asked["body"], &asked["headers"]);
    assert_eq!(sent["type"], "registration.requested");
    let request_id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(
        sent["data"],
        json!({
            "email": "jo@example.com", "email_verified": false, "username": "jo.doe", "method": "password",
            "locale": "de", "ip": "203.0.113.7", "user_agent": "a browser", "request_id": request_id,
        })
    );
    assert_eq!(headers["webhook-id"], format!("msg_{}", request_id.replace('-', "")));
    assert_eq!(headers["content-type"], "application/json");
    let everything = asked.to_string();
    assert!(!everything.contains(PASSWORD) && !everything.to_lowercase().contains("\"authorization\""));
    // One that has no address, and no password.
    let app = hook.app("closed", &[("PASSKEY_RP_ID", "example.com")]).await;
    let request = TestRequest::post()
        .uri("/register")
        .insert_header((ACCEPT_LANGUAGE, "de"))
        .set_json(json!({"username": "passkeys", "passkey": true}));
    app.send(request).await.expect(201);
    let data = hook.received()["body"]["data"].clone();
    assert_eq!(
        (&data["username"], &data["method"], &data["locale"]),
        (&json!("passkeys"), &json!("passkey"), &json!("de"))
    );
    assert!(data.get("email").is_none() && data.get("provider").is_none(), "{data}");
}

#[actix_web::test]
async fn a_denial_tells_its_reason_and_stores_nothing() {
    let mut hook = Hook::start();
    let app = hook.app("open", &[]).await;
    hook.deny("Nur für <b>Gäste</b>.");
    let rows = |table: &str| count(&app, table);
    for body in [
        json!({"email": "jo@example.com", "password": PASSWORD}),
        json!({"username": "jo.doe", "passkey": true}),
    ] {
        let problem = app
            .post("/register", &body)
            .await
            .expect_problem(403, "registration_denied");
        assert_eq!(problem["reason"], "Nur für <b>Gäste</b>.");
    }
    for table in [
        "users",
        "account_names",
        "sessions",
        "outbox",
        "link_tokens",
        "unfinished_registrations",
    ] {
        assert_eq!(rows(table), 0, "{table}");
    }
    let denied = "audit_events WHERE event = 'registration_denied' AND NOT success AND user_id IS NULL \
                  AND identifier_hash IS NOT NULL";
    assert_eq!(rows(&format!("{denied} AND reason = 'password'")), 1);
    assert_eq!(rows(&format!("{denied} AND reason = 'passkey'")), 1);
    assert_eq!(rows("audit_events WHERE event = 'user_created'"), 0);
    // Without a reason there is no member.
    hook.answer(&json!({"body": "{\"allow\": false}"}));
    let problem = register(&app, "jo@example.com")
        .await
        .expect_problem(403, "registration_denied");
    assert!(problem.get("reason").is_none());
    // The names are free.
    hook.answer(&json!({"body": "{\"allow\": true}"}));
    register(&app, "jo@example.com").await.expect(201);
}

/// Answers that do not count.
fn malformed() -> Vec<Value> {
    let with = |body: &str| json!({"body": body});
    let mut all: Vec<Value> = [
        "",
        "{}",
        "true",
        "<html>",
        r#"{"allow": "true"}"#,
        r#"{"allow": true, "allowed": true}"#,
        r#"{"allow": false, "reason": "a\nb"}"#,
        r#"{"allow": false, "reason": "\u001b[31m"}"#,
        r#"{"allow": false, "reason": ""}"#,
        r#"{"allow": true, "claims": []}"#,
        r#"{"allow": true, "claims": {"__proto__": {}}}"#,
    ]
    .map(with)
    .to_vec();
    all.push(with(&json!({"allow": false, "reason": "a".repeat(201)}).to_string()));
    all.push(with(
        &json!({"allow": true, "claims": {"a": "b".repeat(2048)}}).to_string(),
    ));
    all.push(with(&format!("{{\"allow\": true}}{}", " ".repeat(16 * 1024))));
    for status in [201, 204, 301, 302, 307, 400, 401, 403, 500, 503] {
        let headers = json!({"location": "http://127.0.0.1:1/"});
        all.push(json!({"status": status, "body": "{\"allow\": true}", "headers": headers}));
    }
    all.push(json!({"silent": true}));
    all
}

#[actix_web::test]
async fn an_answer_that_does_not_count_refuses_or_lets_pass_as_the_operator_says() {
    let mut hook = Hook::start();
    let (closed, open) = (
        hook.app("closed", &[("IP_LIMITS", "off")]).await,
        hook.app("open", &[("IP_LIMITS", "off")]).await,
    );
    for (number, answer) in malformed().iter().enumerate() {
        hook.answer(answer);
        let email = format!("jo{number}@example.com");
        let refused = register(&closed, &email).await;
        assert_eq!(refused.header("retry-after"), Some("5"), "{answer}");
        refused.expect_problem(503, "registration_unavailable");
        register(&open, &email).await.expect(201);
    }
    assert_eq!(count(&closed, "users") + count(&closed, "outbox"), 0);
    assert_eq!(count(&open, "users"), i64::try_from(malformed().len()).unwrap());
    assert_eq!(count(&open, "users WHERE claims::jsonb <> '{}'"), 0);
    for app in [&closed, &open] {
        let failed = |reason: &str| {
            count(
                app,
                &format!("audit_events WHERE event = 'registration_hook_failed' AND reason = '{reason}'"),
            )
        };
        // Once an hour for each reason, however many there were.
        for reason in ["malformed", "status", "too_long", "redirects", "unreachable"] {
            assert_eq!(failed(reason), 1, "{reason}");
        }
    }
}

#[actix_web::test]
async fn a_hook_that_is_slow_or_gone_is_waited_for_two_seconds() {
    let mut hook = Hook::start();
    let (closed, open) = (hook.app("closed", &[]).await, hook.app("open", &[]).await);
    hook.answer(&json!({"body": "{\"allow\": true}", "wait": 4}));
    let begun = Instant::now();
    register(&closed, "jo@example.com")
        .await
        .expect_problem(503, "registration_unavailable");
    let took = begun.elapsed().as_millis();
    assert!((1900..4000).contains(&took), "{took}");
    register(&open, "jo@example.com").await.expect(201);
    drop(hook);
    register(&closed, "jo@example.com")
        .await
        .expect_problem(503, "registration_unavailable");
    register(&open, "two@example.com").await.expect(201);
}

#[actix_web::test]
async fn claims_of_the_answer_are_those_of_the_account() {
    let mut hook = Hook::start();
    let providers = Providers::start(&["honest"]);
    let file = providers.file();
    let app = hook.app("closed", &[("OIDC_PROVIDERS_FILE", &file), OPTIONAL]).await;
    let claims = json!({"plan": "gold", "sub": "not a subject"});
    hook.answer(&json!({"body": json!({"allow": true, "claims": claims}).to_string()}));
    register(&app, "jo@example.com").await.expect(201);
    sign_in(&app, "honest", &verified("alice", "alice@example.com"))
        .await
        .expect(200);
    for email in ["jo@example.com", "alice@example.com"] {
        let stored = format!("users WHERE email = '{email}' AND claims::jsonb = '{claims}'");
        assert_eq!(count(&app, &stored), 1, "{email}");
    }
}

#[actix_web::test]
async fn a_newcomer_from_a_provider_is_asked_about_and_a_known_user_is_not() {
    let mut hook = Hook::start();
    let providers = Providers::start(&["honest"]);
    let file = providers.file();
    let app = hook.app("closed", &[("OIDC_PROVIDERS_FILE", &file), OPTIONAL]).await;
    let alice = verified("alice", "alice@example.com");
    hook.deny("Not you.");
    let problem = sign_in(&app, "honest", &alice)
        .await
        .expect_problem(403, "registration_denied");
    assert_eq!(problem["reason"], "Not you.");
    for table in ["users", "account_names", "identities", "sessions", "outbox"] {
        assert_eq!(count(&app, table), 0, "{table}");
    }
    hook.answer(&json!({"status": 500}));
    sign_in(&app, "honest", &alice)
        .await
        .expect_problem(503, "registration_unavailable");
    hook.answer(&json!({"body": "{\"allow\": true}"}));
    sign_in(&app, "honest", &alice).await.expect(200);
    let data = hook.received()["body"]["data"].clone();
    assert_eq!(
        (
            &data["email"],
            &data["email_verified"],
            &data["method"],
            &data["provider"]
        ),
        (
            &json!("alice@example.com"),
            &json!(true),
            &json!("federation"),
            &json!("honest")
        )
    );
    // From now on the account signs in, whatever the hook says.
    hook.deny("Not you.");
    sign_in(&app, "honest", &alice).await.expect(200);
    // One whose address has an account is sent to it, and no account would be made.
    let other = verified("another", "alice@example.com");
    let answer = sign_in(&app, "honest", &other).await.expect(200);
    assert_eq!(answer.text("/status"), "link_required");
    assert_eq!(hook.asked(), Vec::<Value>::new());
}

#[actix_web::test]
async fn an_address_keeps_its_account_if_the_newcomer_who_proves_it_is_denied() {
    let mut hook = Hook::start();
    let providers = Providers::start(&["honest"]);
    let file = providers.file();
    let app = hook.app("closed", &[("OIDC_PROVIDERS_FILE", &file), OPTIONAL]).await;
    register(&app, "alice@example.com").await.expect(201);
    hook.deny("Not you.");
    sign_in(&app, "honest", &verified("alice", "alice@example.com"))
        .await
        .expect_problem(403, "registration_denied");
    assert_eq!(count(&app, "users WHERE email = 'alice@example.com'"), 1);
    log_in(&app, "alice@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn accounts_of_operators_and_sign_ins_are_not_asked_about() {
    let mut hook = Hook::start();
    let app = hook.app("closed", &[]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    hook.deny("No.");
    assert!(app.invite("invited@example.com", None).await);
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    app.get_as("/me", &jo.access_token).await.expect(200);
    assert_eq!(count(&app, "users WHERE email = 'invited@example.com'"), 1);
    assert_eq!(hook.asked(), Vec::<Value>::new());
}

#[actix_web::test]
async fn what_is_wrong_in_itself_is_not_asked_about() {
    let hook = Hook::start();
    for (settings, body, status) in [
        (
            vec![("REGISTRATION", "closed")],
            json!({"email": "jo@example.com", "password": PASSWORD}),
            403,
        ),
        (vec![], json!({"email": "jo", "password": PASSWORD}), 422),
        (
            vec![("SECOND_FACTORS", "totp")],
            json!({"username": "jo.doe", "passkey": true}),
            403,
        ),
    ] {
        let app = hook.app("closed", &settings).await;
        app.post("/register", &body).await.expect(status);
    }
    assert_eq!(hook.asked(), Vec::<Value>::new());
}

/// Neither the answer nor the question tells whether an address has an account.
#[actix_web::test]
async fn private_registration_asks_about_taken_and_free_addresses_alike() {
    let mut hook = Hook::start();
    let app = hook.app("closed", &[("REGISTRATION", "private")]).await;
    register(&app, "taken@example.com").await.expect(202);
    app.verify_email("taken@example.com").await;
    let _first = hook.received();
    let mut asked = Vec::new();
    for answer in [
        json!({"body": "{\"allow\": true, \"claims\": {\"plan\": \"gold\"}}"}),
        json!({"body": "{\"allow\": false, \"reason\": \"No.\"}"}),
        json!({"status": 500}),
    ] {
        hook.answer(&answer);
        let mut answers = Vec::new();
        for email in ["taken@example.com", "free@example.com"] {
            let shown = register(&app, email).await;
            let mut body = shown.json();
            body.as_object_mut().unwrap().remove("request_id");
            answers.push((shown.status, body));
            let data = hook.received()["body"]["data"].clone();
            asked.push(data.as_object().unwrap().keys().cloned().collect::<Vec<String>>());
        }
        assert_eq!(answers[0], answers[1], "{answer}");
    }
    asked.dedup();
    assert_eq!(asked.len(), 1, "{asked:?}");
    // What the hook said about the second registration changes nothing of the account.
    assert_eq!(
        count(&app, "users WHERE email = 'taken@example.com' AND claims::jsonb = '{}'"),
        1
    );
}

#[actix_web::test]
async fn registrations_that_wait_for_the_hook_delay_nothing_else() {
    let mut hook = Hook::start();
    let app = hook
        .app(
            "open",
            &[("DB_POOL_SIZE", "1"), ("HASH_THREADS", "1"), ("IP_LIMITS", "off")],
        )
        .await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    hook.answer(&json!({"body": "{\"allow\": true}", "wait": 1.8}));
    let emails: Vec<String> = (0..16).map(|number| format!("jo{number}@example.com")).collect();
    let waiting = join_all(emails.iter().map(|email| register(&app, email)));
    let meanwhile = async {
        for _ in 0..16 {
            // All of them have been asked about, and none is answered.
            until("the hook is asked", || hook.try_received().is_some()).await;
        }
        log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
        jo.refresh(&app).await;
        app.get_as("/me", &jo.access_token).await.expect(200);
        Instant::now()
    };
    let all = async { (waiting.await, Instant::now()) };
    let ((answers, answered), done) = join(all, meanwhile).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert!(done < answered, "they did not wait for the registrations");
}
