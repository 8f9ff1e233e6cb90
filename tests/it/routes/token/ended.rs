//! `GET /token/ended`

use std::collections::BTreeSet;

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::Value;
use vestibule::domain::access_token::AccessTokenClaims;
use vestibule::domain::ended_sessions::EndedClaims;
use vestibule::domain::ids::least_of;
use vestibule::flows::maintenance::signing_keys::KeyRotation;

use crate::support::actors::{Person, claims, header as token_header};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::applications::{Application, text};
use crate::support::response::TestResponse;
use crate::support::statements;

/// Asks for the list, after a second: until then an instance answers from what it has read.
async fn ask(app: &TestApp, after: &str) -> TestResponse {
    app.clock.advance(1);
    app.get(&format!("/token/ended?after={after}")).await.expect(200)
}

/// Returns the claims of the list.
async fn list(app: &TestApp, after: &str) -> EndedClaims {
    let token = String::from_utf8(ask(app, after).await.body).unwrap();
    serde_json::from_value(claims(&token)).unwrap()
}

fn verified(app: &TestApp, token: &str) -> EndedClaims {
    app.core()
        .keys
        .verify_kind(token)
        .unwrap()
        .expect("a signature of ours")
}

fn sid(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

fn ids(list: &EndedClaims) -> BTreeSet<String> {
    list.ended.iter().map(ToString::to_string).collect()
}

fn set<const N: usize>(ids: [String; N]) -> BTreeSet<String> {
    ids.into()
}

async fn log_out(app: &TestApp, token: &str) {
    app.post_as("/logout", token).await.expect(204);
}

/// Writes ends of sessions that are in no table, with the time of the clock and this much less.
fn write_ends(app: &TestApp, ago: TimeDelta, numbers: std::ops::Range<u32>) {
    let time = app.now() - ago;
    let least = least_of(time).to_string();
    let (first, last) = (numbers.start, numbers.end - 1);
    app.database
        .connect()
        .batch_execute(&format!(
            "INSERT INTO audit_events (id, subject_id, occurred_at, event, success, user_id, session_id, request_id)
             SELECT id, id, '{}', 'session_logout', true, id, id, id FROM (
                 SELECT ('{}' || lpad(to_hex(number), 12, '0'))::uuid AS id FROM generate_series({first}, {last}) AS number
             ) AS numbered",
            time.to_rfc3339(),
            &least[..24],
        ))
        .unwrap();
}

#[actix_web::test]
async fn the_list_has_every_session_and_grant_that_ended_and_no_other() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let ann = Person::sign_up(&app, "ann@example.com").await;
    let shop = Application::public(&app).await;
    let grant = text(&shop.sign_in(&app, &jo.access_token, &[]).await, "access_token");
    assert!(list(&app, "").await.ended.is_empty());

    // A login that waits for its second factor never had tokens.
    let pending = ann.person.log_in(&app).await;
    app.post_as("/logout", &pending).await.expect(204);
    log_out(&app, &jo.access_token).await;
    let answer = ask(&app, "").await;
    assert_eq!(answer.header("content-type"), Some("application/jwt"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=1"));
    let token = String::from_utf8(answer.body).unwrap();
    let found = verified(&app, &token);
    assert_eq!(ids(&found), set([sid(&jo.access_token), sid(&grant)]));
    assert_eq!(
        (found.iss.as_str(), found.iat, found.more),
        (PUBLIC_URL, app.now().timestamp(), false)
    );
    // The longest life of a token that can be set, the leeway of verifiers and the longest time until a commit.
    assert_eq!(found.exp - found.iat, 3600 + 30 + 60);
    let header = token_header(&token);
    assert_eq!(header["typ"], "ended+jwt");
    assert_eq!(header["kid"], token_header(&ann.access_token)["kid"]);
    // When all of its tokens have expired, an end is of no use.
    app.clock.advance(found.exp - found.iat);
    assert!(list(&app, "").await.ended.is_empty());
}

#[actix_web::test]
async fn neither_the_list_nor_an_access_token_passes_for_the_other() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let list = String::from_utf8(ask(&app, "").await.body).unwrap();
    app.get_as("/me", &list).await.expect_problem(401, "invalid_token");
    let keys = &app.core().keys;
    assert!(keys.verify_kind::<EndedClaims>(&jo.access_token).unwrap().is_none());
    assert!(keys.verify_kind::<AccessTokenClaims>(&list).unwrap().is_none());
    let vectors = app.get("/dev/test-vectors").await.expect(200).json();
    let named = |vector: &&Value| vector["name"] == "typ_ended";
    let vector = vectors["vectors"].as_array().unwrap().iter().find(named).unwrap();
    let token = vector["token"].as_str().unwrap();
    app.get_as("/me", token).await.expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_cursor_leads_to_what_came_since_and_one_that_is_unknown_or_old_to_everything() {
    let app = TestApp::new().await;
    let [jo, ann] = [
        Person::sign_up(&app, "jo@example.com").await,
        Person::sign_up(&app, "ann@example.com").await,
    ];
    log_out(&app, &jo.access_token).await;
    // Longer than a transaction that is still open may take.
    app.clock.advance(61);
    let first = list(&app, "").await;
    assert_eq!(ids(&first), set([sid(&jo.access_token)]));
    assert!(list(&app, &first.cursor).await.ended.is_empty());
    log_out(&app, &ann.access_token).await;
    assert_eq!(ids(&list(&app, &first.cursor).await), set([sid(&ann.access_token)]));
    let both = set([sid(&jo.access_token), sid(&ann.access_token)]);
    let now = app.now().timestamp();
    let of_future_event = format!("{now}.{}", least_of(app.now() + TimeDelta::hours(1)));
    for unknown in ["", "x", "1", "99999999999", of_future_event.as_str()] {
        assert_eq!(ids(&list(&app, unknown).await), both, "{unknown}");
    }
    let twice = app.get("/token/ended?after=1&after=2").await;
    twice.expect_problem(422, "validation_failed");
}

#[actix_web::test]
async fn an_answer_says_which_cursor_it_follows_also_if_it_was_made_before() {
    let app = TestApp::new().await;
    let first = list(&app, "").await;
    assert_eq!(first.after, "");
    // Also one that another release may have made.
    let cursors = ["", "x-1.y", first.cursor.as_str(), "1"];
    let mut tags = BTreeSet::new();
    // All of them in one second, twice: the service has the answers to the second round already.
    app.clock.advance(1);
    for cursor in cursors.iter().chain(&cursors) {
        let answer = app.get(&format!("/token/ended?after={cursor}")).await.expect(200);
        tags.insert(answer.header("etag").unwrap().to_owned());
        let token = String::from_utf8(answer.body).unwrap();
        assert_eq!(claims(&token)["after"], *cursor);
    }
    // A client must not take one of them for another.
    assert_eq!(tags.len(), cursors.len());
    let none = app.get("/token/ended").await.expect(200);
    assert_eq!(claims(&String::from_utf8(none.body).unwrap())["after"], "");
}

#[actix_web::test]
async fn what_cannot_be_a_cursor_is_refused_and_not_signed() {
    let app = TestApp::new().await;
    let longest = "1".repeat(64);
    assert_eq!(list(&app, &longest).await.after, longest);
    for after in [
        "1".repeat(65),
        "a".repeat(7000),
        "%00".to_owned(),
        "1%00".to_owned(),
        "%E2%80%AE1".to_owned(),
        "A".to_owned(),
        "%22a%20b%22".to_owned(),
        "1%0A".to_owned(),
    ] {
        let refused = app.get(&format!("/token/ended?after={after}")).await;
        refused.expect_problem(422, "validation_failed");
    }
}

#[actix_web::test]
async fn an_end_that_commits_late_is_in_the_next_answer() {
    let app = TestApp::new().await;
    let cursor = list(&app, "").await.cursor;
    write_ends(&app, TimeDelta::seconds(50), 1..2);
    assert_eq!(list(&app, &cursor).await.ended.len(), 1);
    assert_eq!(list(&app, "").await.ended.len(), 1);
}

#[actix_web::test]
async fn who_has_an_answer_does_not_get_it_again_and_gets_a_later_one() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let tag = ask(&app, "").await.header("etag").unwrap().to_owned();
    let known = async || {
        let request = TestRequest::get().uri("/token/ended");
        app.send(request.insert_header((header::IF_NONE_MATCH, tag.as_str())))
            .await
    };
    let answer = known().await.expect(304);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    // Nothing has ended, but a reader that kept the answer would take it for an old one.
    app.clock.advance(1);
    let answer = known().await.expect(200);
    assert_ne!(answer.header("etag"), Some(tag.as_str()));
    log_out(&app, &jo.access_token).await;
    app.clock.advance(1);
    assert_eq!(list(&app, "").await.ended.len(), 1);
}

#[actix_web::test]
async fn pages_of_every_origin_may_read_it() {
    let app = TestApp::serving().await;
    for method in [Method::GET, Method::HEAD] {
        let request = TestRequest::with_uri("/token/ended").method(method);
        let request = request.insert_header((header::ORIGIN, "https://evil.example"));
        let answer = app.send(request).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    for document in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let metadata = app.get(document).await.expect(200).json();
        assert_eq!(metadata["ended_sessions_endpoint"], format!("{PUBLIC_URL}/token/ended"));
    }
}

#[actix_web::test]
async fn however_many_ask_in_a_second_the_trail_is_read_once() {
    statements::record();
    let app = TestApp::new().await;
    let url = app.database.url.expose_secret();
    statements::take(url);
    let now = app.now().timestamp();
    let asked = (0..60).map(|number| {
        let path = format!("/token/ended?after={}", now - number);
        let app = &app;
        async move { app.get(&path).await.expect(200) }
    });
    join_all(asked).await;
    let reads = statements::take(url);
    assert_eq!(
        reads.iter().filter(|sent| sent.contains("audit_events")).count(),
        1,
        "{reads:#?}"
    );
    ask(&app, "").await;
    let reads = statements::take(url);
    assert_eq!(
        reads.iter().filter(|sent| sent.contains("audit_events")).count(),
        1,
        "{reads:#?}"
    );
}

#[actix_web::test]
async fn a_list_that_is_too_long_for_an_answer_or_for_memory_is_read_in_parts() {
    let app = TestApp::new().await;
    for (number, count) in [12_000, 120_000].into_iter().enumerate() {
        let start = 1_000_000 * u32::try_from(number + 1).unwrap();
        app.clock.advance(7200);
        write_ends(&app, TimeDelta::zero(), start..start + count);
        let (mut found, mut after, mut answers) = (BTreeSet::new(), String::new(), 0);
        loop {
            let part = list(&app, &after).await;
            assert!(part.ended.len() <= 5000);
            found.extend(part.ended);
            answers += 1;
            if !part.more {
                break;
            }
            after = part.cursor;
        }
        assert_eq!(
            (found.len(), answers),
            (count.try_into().unwrap(), count.div_ceil(5000))
        );
    }
}

#[actix_web::test]
async fn the_list_is_signed_by_the_key_that_signs_tokens() {
    let app = TestApp::new().await;
    let before = token_header(&String::from_utf8(ask(&app, "").await.body).unwrap());
    app.clock.advance(400);
    assert!(matches!(app.rotate_keys().await, KeyRotation::Rotated { .. }));
    let after = token_header(&String::from_utf8(ask(&app, "").await.body).unwrap());
    assert_ne!(before["kid"], after["kid"]);
    let keys = app.get("/.well-known/jwks.json").await.expect(200).json();
    let mut published = keys["keys"].as_array().unwrap().iter();
    assert!(published.any(|key| key["kid"] == after["kid"]));
}
