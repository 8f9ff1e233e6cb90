//! Passwords are guessed slowly, from one network or from many, and the owner is not locked out by it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use futures_util::future::join_all;
use secrecy::ExposeSecret;

use crate::support::actors::{PASSWORD, Person, log_in_from};
use crate::support::app::TestApp;
use crate::support::statements;
use crate::support::waits::eventually;

async fn app() -> TestApp {
    TestApp::with(&[("TRUSTED_PROXIES", "203.0.113.0/24")]).await
}

#[actix_web::test]
async fn the_fifth_wrong_one_costs_a_wait_that_doubles_whether_or_not_there_is_an_account() {
    let app = app().await;
    Person::register(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com"] {
        let mut waits = Vec::new();
        for number in 1..=7 {
            log_in_from(&app, "198.51.100.1", email, "another password")
                .await
                .expect_problem(401, "invalid_credentials");
            if number < 5 {
                continue;
            }
            // Neither a wrong nor the right password is checked, and requests do not prolong the wait.
            for password in ["another password", PASSWORD, PASSWORD] {
                let answer = log_in_from(&app, "198.51.100.1", email, password).await;
                waits.push(answer.header("retry-after").unwrap().to_owned());
                answer.expect_problem(429, "rate_limited");
            }
            let wait: i64 = waits.last().unwrap().parse().unwrap();
            app.clock.advance(wait - 1);
            log_in_from(&app, "198.51.100.1", email, PASSWORD).await.expect(429);
            app.clock.advance(1);
        }
        waits.dedup();
        assert_eq!(waits, ["30", "60", "120"], "{email}");
    }
    // The right password resets the failures.
    log_in_from(&app, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
    for _ in 0..4 {
        log_in_from(&app, "198.51.100.1", "jo@example.com", "another password")
            .await
            .expect(401);
    }
    log_in_from(&app, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
}

#[actix_web::test]
async fn the_owner_comes_from_elsewhere_and_is_let_in() {
    let app = app().await;
    Person::register(&app, "jo@example.com").await;
    for _ in 0..5 {
        log_in_from(&app, "198.51.100.1", "jo@example.com", "another password").await;
    }
    log_in_from(&app, "198.51.100.99", "jo@example.com", PASSWORD)
        .await
        .expect(429);
    log_in_from(&app, "192.0.2.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
    log_in_from(&app, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(429);
    // Another name from the same network is not affected.
    Person::register(&app, "mo@example.com").await;
    log_in_from(&app, "198.51.100.1", "mo@example.com", PASSWORD)
        .await
        .expect(200);
}

#[actix_web::test]
async fn many_networks_together_are_slowed_but_the_owners_own_is_not() {
    let app = app().await;
    // Signed in from 203.0.113.7, without a proxy.
    Person::sign_up(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com"] {
        for number in 0..20 {
            let ip = format!("198.51.{number}.1");
            log_in_from(&app, &ip, email, "another password").await.expect(401);
        }
        let answer = log_in_from(&app, "192.0.2.1", email, PASSWORD).await;
        assert_eq!(answer.header("retry-after"), Some("60"));
        answer.expect_problem(429, "rate_limited");
    }
    log_in_from(&app, "203.0.113.99", "jo@example.com", PASSWORD)
        .await
        .expect(200);
    // A wrong password from the owner's network is counted for that network.
    for _ in 0..5 {
        log_in_from(&app, "203.0.113.99", "jo@example.com", "another password").await;
    }
    log_in_from(&app, "203.0.113.99", "jo@example.com", PASSWORD)
        .await
        .expect(429);
    app.clock.advance(60);
    log_in_from(&app, "192.0.2.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
}

/// A transaction to find the account, and one to count the wrong password, which the wait of all networks together and the
/// end of guessing decide about as well.
#[actix_web::test]
async fn each_transaction_of_a_wrong_password_asks_once_whether_its_network_is_known() {
    statements::record();
    let app = app().await;
    let url = app.database.url.expose_secret();
    Person::sign_up(&app, "jo@example.com").await;
    // The second time, all networks together have to wait: with the one from home, there were twenty.
    for guesses in [0, 19] {
        for number in 0..guesses {
            let ip = format!("198.51.{number}.1");
            log_in_from(&app, &ip, "jo@example.com", "another password")
                .await
                .expect(401);
        }
        statements::take(url);
        // From the owner's network.
        log_in_from(&app, "203.0.113.99", "jo@example.com", "another password")
            .await
            .expect(401);
        let sent = statements::take(url);
        let asks = |sent: &&String| sent.contains("DISTINCT \"sessions\".\"ip\", \"sessions\".\"user_agent\"");
        assert_eq!(sent.iter().filter(asks).count(), 2, "{sent:#?}");
    }
}

#[actix_web::test]
async fn a_crowd_over_two_instances_pays_one_wait() {
    let app = app().await;
    let sibling = app.sibling(&[("TRUSTED_PROXIES", "203.0.113.0/24")]).await;
    Person::register(&app, "jo@example.com").await;
    let instances = [&app, &sibling];
    // Fewer than the limit for many networks together.
    let answers = join_all((0..15).map(|number| {
        log_in_from(
            instances[number % 2],
            "198.51.100.1",
            "jo@example.com",
            "another password",
        )
    }))
    .await;
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
    // The requests that passed before the fifth was counted cost only the first wait.
    let answer = log_in_from(&sibling, "198.51.100.1", "jo@example.com", PASSWORD).await;
    assert_eq!(answer.header("retry-after"), Some("30"));
    app.clock.advance(30);
    log_in_from(&app, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_quiet_day_resets_failures_and_a_restart_does_not() {
    let app = app().await;
    Person::register(&app, "jo@example.com").await;
    for _ in 0..4 {
        log_in_from(&app, "198.51.100.1", "jo@example.com", "another password")
            .await
            .expect(401);
    }
    let restarted = app.sibling(&[("TRUSTED_PROXIES", "203.0.113.0/24")]).await;
    app.clock.advance(86_399);
    log_in_from(&restarted, "198.51.100.1", "jo@example.com", "another password")
        .await
        .expect(401);
    log_in_from(&restarted, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(429);
    app.clock.advance(86_400);
    for _ in 0..4 {
        log_in_from(&restarted, "198.51.100.1", "jo@example.com", "another password")
            .await
            .expect(401);
    }
    log_in_from(&restarted, "198.51.100.1", "jo@example.com", PASSWORD)
        .await
        .expect(200);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(connection: &mut PgConnection, query: &str) -> i64 {
    diesel::sql_query(query).get_result::<Count>(connection).unwrap().count
}

/// Locks the counts until so many requests have read them and wait for the lock.
pub(super) fn let_go_when_waiting(app: &TestApp, requests: i64) -> std::thread::JoinHandle<()> {
    hold_until_waiting(app, requests, "SELECT FROM throttles FOR UPDATE", || {})
}

/// Locks with a statement, and lets go when so many requests wait, after something has happened.
pub(super) fn hold_until_waiting(
    app: &TestApp,
    requests: i64,
    lock: &str,
    happens: impl FnOnce() + Send + 'static,
) -> std::thread::JoinHandle<()> {
    const WAITING: &str = "SELECT count(*) AS count FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let (mut holder, mut observer) = (app.database.connect(), app.database.connect());
    holder.batch_execute(&format!("BEGIN; {lock}")).unwrap();
    std::thread::spawn(move || {
        eventually("the requests wait for a lock", || {
            (count(&mut observer, WAITING) >= requests).then_some(())
        });
        happens();
        holder.batch_execute("COMMIT").unwrap();
    })
}

#[actix_web::test]
async fn of_a_crowd_that_was_let_in_together_one_is_told_and_counted() {
    let app = app().await;
    Person::register(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com"] {
        for _ in 0..4 {
            log_in_from(&app, "198.51.100.1", email, "another password")
                .await
                .expect(401);
        }
        let released = let_go_when_waiting(&app, 5);
        let crowd = (0..5).map(|_| log_in_from(&app, "198.51.100.1", email, "another password"));
        let answers = join_all(crowd).await;
        released.join().unwrap();
        let told = answers.iter().filter(|answer| answer.status.as_u16() == 401).count();
        assert_eq!(told, 1, "{email}");
    }
    let query = "SELECT failed_passwords::bigint AS count FROM users WHERE email = 'jo@example.com'";
    assert_eq!(count(&mut app.database.connect(), query), 5);
}
