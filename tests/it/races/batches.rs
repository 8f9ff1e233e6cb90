//! Rotations and look-ups that wait at the same moment share a statement; what becomes of each is as if it were alone.

use std::time::Duration;

use actix_web::rt::time::sleep;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use futures_util::future::{join, join_all};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{count, until_blocked};
use crate::support::actors::{Person, SignedIn, refresh};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;
use crate::support::statements;

/// One of four connections runs batches.
const SETTINGS: [(&str, &str); 1] = [("DB_POOL_SIZE", "4")];
/// In the text of a statement for many sessions.
const MANY: &str = "unnest(";
/// In the text of another statement for many rows.
const OF_EVENTS: &str = "webhook_deliveries";

/// Holds the whole table `sessions`, so that the first batch waits, and all later requests wait for it.
fn hold_table(app: &TestApp) -> PgConnection {
    let mut holder = app.database.connect();
    holder
        .batch_execute("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    holder
}

/// Sends the first request, which waits for the table in a batch of its own, then the others, which wait for that batch
/// and so share the next one, and then does what lets them go on.
async fn in_two_batches(
    app: &TestApp,
    first: impl Future<Output = TestResponse>,
    others: impl Future<Output = Vec<TestResponse>>,
    release: impl Future<Output = ()>,
) -> Vec<TestResponse> {
    let later = async {
        until_blocked(app, 1).await;
        let release = async {
            sleep(Duration::from_millis(30)).await;
            release.await;
        };
        join(others, release).await.0
    };
    let (first, others) = join(first, later).await;
    std::iter::once(first).chain(others).collect()
}

/// Refreshes with all tokens in two batches: one of the first token, and one of the others.
async fn refresh_together(app: &TestApp, tokens: &[&str]) -> Vec<TestResponse> {
    let mut holder = hold_table(app);
    let url = app.database.url.expose_secret();
    statements::take(url);
    let others = join_all(tokens[1..].iter().map(|token| refresh(app, token)));
    let release = async { holder.batch_execute("ROLLBACK").unwrap() };
    let answers = in_two_batches(app, refresh(app, tokens[0]), others, release).await;
    assert_one_batch(&statements::take(url));
    answers
}

#[track_caller]
fn assert_one_batch(sent: &[String]) {
    let batches = sent
        .iter()
        .filter(|statement| statement.contains(MANY) && !statement.contains(OF_EVENTS));
    assert_eq!(batches.count(), 1, "{sent:?}");
}

async fn sign_up_many(app: &TestApp, number: usize) -> Vec<SignedIn> {
    let mut owners = Vec::new();
    for place in 0..number {
        owners.push(Person::sign_up(app, &format!("jo{place}@example.com")).await);
    }
    owners
}

fn sql(app: &TestApp, statements: &str) {
    app.database.connect().batch_execute(statements).unwrap();
}

fn expire(app: &TestApp, person: &SignedIn) {
    let expiry = format!("UPDATE sessions SET idle_expires_at = created_at WHERE {}", of(person));
    sql(app, &expiry);
}

fn disable(app: &TestApp, person: &SignedIn) {
    let id = &person.person.id;
    sql(app, &format!("UPDATE users SET status = 'disabled' WHERE id = '{id}'"));
}

fn of(person: &SignedIn) -> String {
    format!("user_id = '{}'", person.person.id)
}

#[actix_web::test]
async fn a_batch_of_good_and_bad_tokens_treats_each_as_if_it_were_alone() {
    statements::record();
    let app = TestApp::with(&SETTINGS).await;
    let owners = sign_up_many(&app, 8).await;
    let [first, good, repeated, reused, expired, disabled, out, other] = owners.as_slice() else {
        unreachable!("eight owners")
    };
    let next = refresh(&app, &repeated.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    let second = refresh(&app, &reused.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    let third = refresh(&app, &second).await.expect(200).text("/refresh_token");
    expire(&app, expired);
    disable(&app, disabled);
    app.post("/logout", &json!({"refresh_token": out.refresh_token}))
        .await
        .expect(204);

    let tokens = [first, good, repeated, reused, expired, disabled, out, good, other];
    let tokens: Vec<_> = tokens.map(|person| person.refresh_token.as_str()).into();
    let answers = refresh_together(&app, &tokens).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 401, 401, 401, 401, 200, 200]);
    assert_eq!(answers[2].text("/refresh_token"), next, "the same successor");
    assert_eq!(answers[1].text("/refresh_token"), answers[7].text("/refresh_token"));

    refresh(&app, &third).await.expect_problem(401, "invalid_refresh_token");
    let of_reuse = format!("sessions WHERE end_reason = 'refresh_reuse' AND {}", of(reused));
    assert_eq!(count(&app, &of_reuse), 1);
    assert_eq!(count(&app, "sessions WHERE end_reason = 'refresh_reuse'"), 1);
    for (event, person) in [("authn_token_reuse", reused), ("session_expired", expired)] {
        assert_eq!(
            count(
                &app,
                &format!("audit_events WHERE event = '{event}' AND {}", of(person))
            ),
            1,
            "{event}"
        );
        assert_eq!(
            count(&app, &format!("audit_events WHERE event = '{event}'")),
            1,
            "{event}"
        );
    }
    for answer in [&answers[0], &answers[1], &answers[8]] {
        refresh(&app, &answer.text("/refresh_token")).await.expect(200);
    }
}

#[actix_web::test]
async fn without_a_window_a_token_twice_in_one_batch_ends_its_session_and_no_other() {
    statements::record();
    let app = TestApp::with(&[("DB_POOL_SIZE", "4"), ("REFRESH_REUSE_GRACE", "0")]).await;
    let owners = sign_up_many(&app, 3).await;
    let tokens: Vec<_> = [0, 1, 2, 1]
        .map(|place: usize| owners[place].refresh_token.as_str())
        .into();
    let answers = refresh_together(&app, &tokens).await;
    let granted = |place: usize| answers[place].status == 200;
    assert!(granted(0) && granted(2));
    assert!(granted(1) != granted(3), "one of the two is granted");
    for (answer, status) in answers.iter().zip([200, 401, 200, 401]) {
        if answer.status == 200 {
            refresh(&app, &answer.text("/refresh_token")).await.expect(status);
        }
    }
}

#[actix_web::test]
async fn a_session_that_another_transaction_holds_delays_only_itself() {
    let app = TestApp::with(&SETTINGS).await;
    let owners = sign_up_many(&app, 4).await;
    let mut holder = app.database.connect();
    let lock = format!("BEGIN; SELECT FROM sessions WHERE {} FOR UPDATE", of(&owners[0]));
    holder.batch_execute(&lock).unwrap();
    let rest = async {
        until_blocked(&app, 1).await;
        let rest = owners[1..].iter().map(|person| refresh(&app, &person.refresh_token));
        for answer in join_all(rest).await {
            answer.expect(200);
        }
        holder.batch_execute("ROLLBACK").unwrap();
    };
    let (held, ()) = join(refresh(&app, &owners[0].refresh_token), rest).await;
    held.expect(200);
}

/// Cuts the connection of a batch that waits for the table.
async fn cut_batch(app: &TestApp, statement: &str) {
    let batch = format!(
        "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '{statement}'"
    );
    for _ in 0..200 {
        if count(app, &batch) == 1 {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    sql(app, &format!("SELECT pg_terminate_backend(pid) FROM {batch}"));
}

#[actix_web::test]
async fn a_batch_whose_connection_is_cut_is_repeated_one_by_one() {
    let app = TestApp::with(&SETTINGS).await;
    let owners = sign_up_many(&app, 5).await;
    let mut tokens: Vec<String> = owners.iter().map(|person| person.refresh_token.clone()).collect();
    for _ in 0..3 {
        let mut holder = hold_table(&app);
        let others = join_all(tokens[1..].iter().map(|token| refresh(&app, token)));
        let cut = async {
            cut_batch(&app, "WITH held%").await;
            cut_batch(&app, "WITH held%unnest(%").await;
            holder.batch_execute("ROLLBACK").unwrap();
        };
        let answers = in_two_batches(&app, refresh(&app, &tokens[0]), others, cut).await;
        tokens = answers
            .into_iter()
            .map(|answer| answer.expect(200).text("/refresh_token"))
            .collect();
    }
    assert_eq!(count(&app, "sessions WHERE refresh_counter = 4"), 5);
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_token_reuse'"), 0);
}

#[actix_web::test]
async fn look_ups_in_one_batch_tell_who_is_signed_in_now() {
    statements::record();
    let app = TestApp::with(&SETTINGS).await;
    let owners = sign_up_many(&app, 6).await;
    let [first, live, out, expired, disabled, gone] = owners.as_slice() else {
        unreachable!("six owners")
    };
    app.post_as("/logout", &out.access_token).await.expect(204);
    expire(&app, expired);
    disable(&app, disabled);
    sql(&app, &format!("DELETE FROM users WHERE id = '{}'", gone.person.id));
    let mut holder = hold_table(&app);
    let url = app.database.url.expose_secret();
    statements::take(url);
    let asked = [first, live, out, expired, disabled, gone, live];
    let validate = |person: &SignedIn| {
        let (app, token) = (&app, person.access_token.clone());
        async move { app.get_as("/token/validate", &token).await }
    };
    let others = join_all(asked[1..].iter().map(|person| validate(person)));
    let release = async { holder.batch_execute("ROLLBACK").unwrap() };
    let answers = in_two_batches(&app, validate(asked[0]), others, release).await;
    assert_one_batch(&statements::take(url));
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 401, 401, 401, 401, 200]);
    for (answer, person) in answers.iter().zip(asked) {
        if answer.status == 200 {
            assert_eq!(answer.text("/sub"), person.person.id);
        }
    }
}

/// A logout that was answered before a look-up was sent counts for it, whatever the look-up shares a statement with.
#[actix_web::test]
async fn a_logout_counts_at_once_among_many_look_ups() {
    let app = TestApp::with(&SETTINGS).await;
    let owners = sign_up_many(&app, 6).await;
    let crowd = |person: &SignedIn| {
        let (app, token) = (&app, person.access_token.clone());
        async move {
            for _ in 0..20 {
                app.get_as("/token/validate", &token).await.expect(200);
            }
        }
    };
    let leaving = async {
        for person in &owners[..3] {
            app.get_as("/token/validate", &person.access_token).await.expect(200);
            app.post_as("/logout", &person.access_token).await.expect(204);
            app.get_as("/token/validate", &person.access_token)
                .await
                .expect_problem(401, "invalid_token");
        }
    };
    join(leaving, join_all(owners[3..].iter().map(crowd))).await;
}
