//! `POST /me/api-keys` `GET /me/api-keys` `DELETE /me/api-keys/{id}`

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::routes::admin::set_roles;
use crate::support::actors::{Person, claims};
use crate::support::api_keys::{
    MadeKey, access_token, ask_for_key, delete_key, described, exchange, exchange_with, introspect, make_key,
};
use crate::support::app::TestApp;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

#[actix_web::test]
async fn a_key_is_exchanged_for_a_token_of_its_owner_without_a_session() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor,author}");
    let key = make_key(&app, &jo.access_token, &["editor", "email"]).await;
    assert!(key.api_key.starts_with("vak_"), "{}", key.api_key);
    let answer = exchange(&app, &key.api_key).await.expect(200).json();
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["access_token", "expires_in", "issued_token_type", "scope", "token_type"]
    );
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"], &answer["scope"]),
        (&json!("Bearer"), &json!(600), &json!("editor email"))
    );
    assert_eq!(
        answer["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );

    let token = claims(answer["access_token"].as_str().unwrap());
    let names: Vec<&String> = token.as_object().unwrap().keys().collect();
    let expected = [
        "aud",
        "client_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "nbf",
        "roles",
        "scope",
        "sub",
    ];
    assert_eq!(
        names, expected,
        "neither a session nor what the deployment does not ask for"
    );
    assert_eq!(
        (&token["sub"], &token["client_id"]),
        (&json!(jo.person.id), &json!(key.id))
    );
    let own = claims(&jo.access_token);
    assert_eq!((&token["aud"], &token["iss"]), (&own["aud"], &own["iss"]));
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 600);
    assert_eq!(
        (&token["roles"], &token["scope"]),
        (&json!(["editor"]), &json!("editor email"))
    );
}

#[actix_web::test]
async fn names_are_told_with_their_scopes_where_the_deployment_has_them_in_tokens() {
    let app = TestApp::with(&[("ACCESS_TOKEN_CLAIMS", "email,username")]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    app.call_as(Method::PATCH, "/me", &jo.access_token, &json!({"username": "jo.doe"}))
        .await
        .expect(200);
    for (scopes, email, username) in [
        (&["email", "profile"][..], json!("jo@example.com"), json!("jo.doe")),
        (&["email"], json!("jo@example.com"), Value::Null),
        (&["profile"], Value::Null, json!("jo.doe")),
        (&["roles"], Value::Null, Value::Null),
    ] {
        let key = make_key(&app, &jo.access_token, scopes).await;
        let token = claims(&access_token(&app, &key.api_key).await);
        assert_eq!((&token["email"], &token["username"]), (&email, &username), "{scopes:?}");
    }
    let max = Person::sign_up(&app, "max@example.com").await;
    let key = make_key(&app, &max.access_token, &["email"]).await;
    let token = claims(&access_token(&app, &key.api_key).await);
    assert_eq!(token.get("email"), None, "the address was not verified");
}

#[actix_web::test]
async fn the_owner_sees_their_keys_never_the_keys_themselves_and_deletes_one() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let max = Person::sign_up(&app, "max@example.com").await;
    let list = async |token: &str| app.get_as("/me/api-keys", token).await.expect(200).json()["items"].clone();
    assert_eq!(list(&jo.access_token).await, json!([]));
    let first = make_key(&app, &jo.access_token, &["email"]).await;
    app.clock.advance(1);
    let second = make_key(&app, &jo.access_token, &["roles", "profile"]).await;
    exchange(&app, &first.api_key).await.expect(200);
    let listed = list(&jo.access_token).await;
    assert_eq!(
        (&listed[0]["id"], &listed[1]["id"]),
        (&json!(second.id), &json!(first.id))
    );
    assert_eq!(
        (&listed[0]["name"], &listed[0]["scopes"]),
        (&json!("Backup"), &json!(["roles", "profile"]))
    );
    assert!(listed[0]["last_used_at"].is_null() && listed[1]["last_used_at"].is_string());
    assert_eq!(listed[0].as_object().unwrap().len(), 6, "{listed}");
    assert_eq!(list(&max.access_token).await, json!([]));
    let export = app.get_as("/me/export", &jo.access_token).await.expect(200);
    assert_eq!(export.json()["api_keys"], listed);
    let told = [listed.to_string(), export.json().to_string()].concat();
    assert!(!told.contains("vak_"), "{told}");

    for id in ["x", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        delete_key(&app, &jo.access_token, id)
            .await
            .expect_problem(404, "not_found");
    }
    delete_key(&app, &max.access_token, &first.id)
        .await
        .expect_problem(404, "not_found");
    exchange(&app, &first.api_key).await.expect(200);
    delete_key(&app, &jo.access_token, &first.id).await.expect(204);
    delete_key(&app, &jo.access_token, &first.id)
        .await
        .expect_problem(404, "not_found");
    exchange(&app, &first.api_key)
        .await
        .expect_oauth(400, "invalid_request");
    exchange(&app, &second.api_key).await.expect(200);
    let events = app.get_as("/me/events", &jo.access_token).await.expect(200).json();
    let named = |name: &str| {
        let items = events["items"].as_array().unwrap();
        items.iter().filter(|event| event["event"] == name).count()
    };
    assert_eq!((named("api_key_created"), named("api_key_deleted")), (2, 1));
}

#[actix_web::test]
async fn the_list_says_what_a_new_key_may_be_allowed() {
    let app = TestApp::with(&[("SECOND_FACTORS_FOR", "author:totp")]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let allowed =
        async || app.get_as("/me/api-keys", &jo.access_token).await.expect(200).json()["allowed_scopes"].clone();
    assert_eq!(allowed().await, json!(["profile", "email", "roles"]));
    // Neither `admin`, nor a role that requires a second factor, nor one with the name of another scope.
    set_roles(&app, "jo@example.com", "{admin,author,editor,openid}");
    let scopes = allowed().await;
    assert_eq!(scopes, json!(["profile", "email", "roles", "editor"]));
    let scopes: Vec<&str> = scopes.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    make_key(&app, &jo.access_token, &scopes).await;
    for refused in ["admin", "author", "openid"] {
        let all = [&scopes[..], &[refused]].concat();
        ask_for_key(&app, &jo.access_token, &all)
            .await
            .expect_problem(422, "validation_failed");
    }
}

#[actix_web::test]
async fn the_owner_gets_a_mail_with_the_name_of_a_new_key() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    make_key(&app, &jo.access_token, &["email"]).await;
    let notice = app.notification("jo@example.com", "api_key_created").await;
    assert!(notice.to_string().contains("Backup"), "{notice}");
}

#[actix_web::test]
async fn what_is_asked_for_is_checked_member_by_member() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor,admin}");
    let year = 366 * DAY;
    for (scopes, seconds, pointer) in [
        (&["email"][..], 0, "/expires_at"),
        (&["email"], -DAY, "/expires_at"),
        (&["email"], year + 1, "/expires_at"),
        (&[], DAY, "/scopes"),
        (&["openid"], DAY, "/scopes"),
        (&["author"], DAY, "/scopes"),
        (&["admin"], DAY, "/scopes"),
        (&["a b"], DAY, "/scopes"),
    ] {
        let body = described(&app, scopes, seconds);
        let answer = app.call_as(Method::POST, "/me/api-keys", &jo.access_token, &body).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{scopes:?}");
    }
    let body = json!({"name": "\n", "scopes": ["email"], "expires_at": "next year"});
    let answer = app.call_as(Method::POST, "/me/api-keys", &jo.access_token, &body).await;
    let errors = answer.expect_problem(422, "validation_failed")["errors"].clone();
    assert_eq!(
        (&errors[0]["pointer"], &errors[1]["pointer"]),
        (&json!("/name"), &json!("/expires_at"))
    );
    let body = described(&app, &["editor"], year);
    app.call_as(Method::POST, "/me/api-keys", &jo.access_token, &body)
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_token_ends_with_its_key_and_after_ten_minutes() {
    let app = TestApp::with(&[("ACCESS_TOKEN_TTL", "3600")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let service = app.service_client("api").await;
    let body = described(&app, &["roles"], 20 * MINUTE);
    let made = app.call_as(Method::POST, "/me/api-keys", &jo.access_token, &body).await;
    let key = made.expect(201).text("/api_key");
    let first = exchange(&app, &key).await.expect(200);
    assert_eq!(first.json()["expires_in"], 600);
    app.clock.advance(599);
    assert_eq!(
        introspect(&app, &service, &first.text("/access_token")).await["active"],
        true
    );
    app.clock.advance(1);
    assert_eq!(
        introspect(&app, &service, &first.text("/access_token")).await["active"],
        false
    );
    app.clock.advance(9 * MINUTE);
    let last = exchange(&app, &key).await.expect(200);
    assert_eq!(last.json()["expires_in"], 60);
    app.clock.advance(MINUTE);
    exchange(&app, &key).await.expect_oauth(400, "invalid_request");
    assert_eq!(
        introspect(&app, &service, &last.text("/access_token")).await,
        json!({"active": false})
    );
}

#[actix_web::test]
async fn a_script_asks_for_less_and_for_the_one_audience_there_is() {
    let app = TestApp::with(&[("AUDIENCE", "https://api.example.com")]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor}");
    let MadeKey { api_key, .. } = make_key(&app, &jo.access_token, &["email", "editor"]).await;
    let own = "https://api.example.com";
    for (more, expected) in [
        (vec![("scope", "email"), ("resource", own)], "email"),
        (vec![("scope", "editor email"), ("audience", own)], "editor email"),
        (
            vec![("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")],
            "email editor",
        ),
    ] {
        let answer = exchange_with(&app, &api_key, &more).await.expect(200);
        assert_eq!(answer.json()["scope"], expected);
        let token = claims(&answer.text("/access_token"));
        assert_eq!((&token["scope"], &token["aud"]), (&json!(expected), &json!(own)));
        assert_eq!(token.get("roles").is_some(), expected.contains("editor"));
    }
    for (more, error) in [
        (("scope", "email profile"), "invalid_scope"),
        (("scope", "roles"), "invalid_scope"),
        (("scope", " "), "invalid_scope"),
        (("resource", "https://other.example.com"), "invalid_target"),
        (("audience", "https://other.example.com"), "invalid_target"),
        (
            ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            "invalid_request",
        ),
        (("actor_token", api_key.as_str()), "invalid_request"),
    ] {
        exchange_with(&app, &api_key, &[more]).await.expect_oauth(400, error);
    }
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Text)]
    used: String,
}

fn stored(app: &TestApp) -> Stored {
    diesel::sql_query("SELECT count(*) AS count, coalesce(max(last_used_at)::text, '') AS used FROM api_keys")
        .get_result(&mut app.database.connect())
        .unwrap()
}

#[actix_web::test]
async fn the_last_use_is_written_once_a_minute() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await;
    assert_eq!(stored(&app).used, "");
    exchange(&app, &key.api_key).await.expect(200);
    let first = stored(&app).used;
    app.clock.advance(59);
    exchange(&app, &key.api_key).await.expect(200);
    assert_eq!(stored(&app).used, first);
    app.clock.advance(1);
    exchange(&app, &key.api_key).await.expect(200);
    assert_ne!(stored(&app).used, first);
}

#[actix_web::test]
async fn expired_keys_make_room_and_are_deleted_in_the_end() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    for _ in 0..20 {
        make_key(&app, &jo.access_token, &["email"]).await;
    }
    ask_for_key(&app, &jo.access_token, &["email"])
        .await
        .expect_problem(409, "conflict");
    app.clock.advance(DAY);
    let token = jo.person.sign_in_again(&app).await;
    make_key(&app, &token, &["email"]).await;
    let listed = app.get_as("/me/api-keys", &token).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(stored(&app).count, 1);
    app.clock.advance(366 * DAY);
    app.delete_expired().await;
    assert_eq!(stored(&app).count, 1);
    app.clock.advance(1);
    app.delete_expired().await;
    assert_eq!(stored(&app).count, 0);
}
