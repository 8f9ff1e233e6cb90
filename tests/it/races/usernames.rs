//! If an account releases a name while others claim it, no claim succeeds.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::rt::time::timeout;
use diesel::connection::SimpleConnection;
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;

use super::{count, until_blocked, with_status};
use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;

/// Rounds of each race: in a single one, all claims could come before the release or after it.
const ROUNDS: usize = 10;
/// Claims at once.
const CLAIMS: usize = 6;

/// Makes an account release its name while others claim it. Returns how many of them got it.
async fn race(delete: bool) -> usize {
    let settings = &[("IP_LIMITS", "off")];
    let app = TestApp::with(settings).await;
    let sibling = app.sibling(settings).await;
    let instances = [&app, &sibling];
    let mut claimed = 0;
    for round in 0..ROUNDS {
        let owner = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        let newcomer = Person::sign_up(&app, &format!("mo{round}@example.com")).await;
        let name = json!({"username": format!("jo.{round}")});
        app.call_as(Method::PATCH, "/me", &owner.access_token, &name)
            .await
            .expect(200);
        let mut crowd = Vec::new();
        for number in 0..CLAIMS {
            let body = json!({"username": format!("jo.{round}"), "password": PASSWORD});
            let instance = instances[number % 2];
            crowd.push(async move { instance.post("/register", &body).await }.boxed_local());
            if number == CLAIMS / 2 {
                let (token, other) = (&owner.access_token, json!({"username": format!("jo.new.{round}")}));
                let leave = async move {
                    if delete {
                        app_delete(instance, token).await
                    } else {
                        instance.call_as(Method::PATCH, "/me", token, &other).await
                    }
                };
                crowd.push(leave.boxed_local());
                let claim = sibling.call_as(Method::PATCH, "/me", &newcomer.access_token, &name);
                crowd.push(claim.boxed_local());
            }
        }
        let answers = join_all(crowd).await;
        let gave_up = with_status(&answers, if delete { 204 } else { 200 });
        assert!(gave_up >= 1, "the owner may always release a name");
        claimed += with_status(&answers, 201) + usize::from(!delete) * (gave_up - 1);
        claimed += usize::from(delete) * with_status(&answers, 200);
    }
    claimed
}

async fn app_delete(app: &TestApp, token: &str) -> crate::support::response::TestResponse {
    app.bare_as(Method::DELETE, "/me", token).await
}

#[actix_web::test]
async fn no_claim_overtakes_a_change_of_name() {
    assert_eq!(race(false).await, 0);
}

#[actix_web::test]
async fn no_claim_overtakes_a_deletion() {
    assert_eq!(race(true).await, 0);
}

/// A claim waits for an uncommitted release, and then sees the reservation.
#[actix_web::test]
async fn a_claim_does_not_wait_for_a_release_and_win() {
    let app = TestApp::new().await;
    let owner = Person::sign_up(&app, "jo@example.com").await;
    app.call_as(
        Method::PATCH,
        "/me",
        &owner.access_token,
        &json!({"username": "jo.doe"}),
    )
    .await
    .expect(200);
    let mut other = app.database.connect();
    other
        .batch_execute(
            "BEGIN;
             UPDATE account_names SET reserved_until = '2026-04-01' WHERE name = 'jo.doe';
             DELETE FROM users WHERE username = 'jo.doe'",
        )
        .unwrap();
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    let claim = timeout(Duration::from_secs(20), app.post("/register", &body));
    let commit = async {
        until_blocked(&app, 1).await;
        other.batch_execute("COMMIT").unwrap();
    };
    let (claim, ()) = futures_util::future::join(claim, commit).await;
    claim.unwrap().expect_problem(409, "username_taken");
    app.post("/register", &body).await.expect_problem(409, "username_taken");
}

/// In another order, a deletion and a registration with both names would deadlock.
#[actix_web::test]
async fn a_deletion_locks_names_in_the_order_of_registrations() {
    for (username, first, second) in [
        ("a.name", "a.name", "jo@example.com"),
        ("z.name", "jo@example.com", "z.name"),
    ] {
        let app = TestApp::new().await;
        let owner = Person::sign_up(&app, "jo@example.com").await;
        app.call_as(
            Method::PATCH,
            "/me",
            &owner.access_token,
            &json!({"username": username}),
        )
        .await
        .expect(200);
        let (mut holder, mut other) = (app.database.connect(), app.database.connect());
        let lock =
            |name: &str, wait: &str| format!("SELECT FROM account_names WHERE name = '{name}' FOR UPDATE {wait}");
        holder.batch_execute(&format!("BEGIN; {}", lock(first, ""))).unwrap();
        let deletion = app_delete(&app, &owner.access_token);
        let look = async {
            until_blocked(&app, 1).await;
            other.batch_execute(&lock(second, "NOWAIT")).unwrap();
            holder.batch_execute("COMMIT").unwrap();
        };
        let (answer, ()) = futures_util::future::join(deletion, look).await;
        answer.expect(204);
    }
}

#[actix_web::test]
async fn one_free_name_is_claimed_once() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    let answers = join_all((0..12).map(|number| [&app, &sibling][number % 2].post("/register", &body))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 11));
    assert_eq!(count(&app, "users"), 1);
}
