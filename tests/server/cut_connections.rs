//! Database connections that are cut while statements run on them, and locks of other database sessions.
//!
//! What was acknowledged is stored, everything else is stored completely or not at all, and the service recovers by
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::http::{Answer, Client};
use super::instances::instance;
use super::person::{Person, Tokens};
use super::postgres::{Cluster, Database, OpenSession};
use super::process::StopAtEnd;

const PASSWORD: &str = "Grüne Fenster im Regen";
/// Any answer: the longest waits for a connection and for locks take eight seconds together, and a busy machine adds to
/// them. The lock is held for much longer.
const BOUNDED: Duration = Duration::from_secs(20);

/// Cuts every connection that is at work, again and again, for about five seconds.
const CUT: &str = "DO $$ BEGIN FOR i IN 1..500 LOOP
    PERFORM pg_stat_clear_snapshot();
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'vestibule %' AND state <> 'idle';
    PERFORM pg_sleep(0.01);
END LOOP; END $$";

/// A registration, and the status of its answer.
struct Registration {
    email: String,
    status: u16,
}

fn register(client: &Client, email: &str) -> Answer {
    client.post("/register", &json!({"email": email, "password": PASSWORD}))
}

/// Asserts that an answer has the expected status or says that the service is unavailable. Returns which.
#[track_caller]
fn done_or_unavailable(answer: Answer, done: u16) -> bool {
    assert!(answer.took < BOUNDED, "{:?}", answer.took);
    if answer.status == done {
        return true;
    }
    answer.problem(503, "service_unavailable");
    false
}

/// Registers one account after the other until stopped.
fn register_on(client: &Client, worker: usize, stop: &AtomicBool) -> Vec<Registration> {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let email = format!("jo{worker}.{}@mail.example", made.len());
        let answer = register(client, &email);
        let status = answer.status;
        done_or_unavailable(answer, 201);
        made.push(Registration { email, status });
    }
    made
}

/// Refreshes one session until stopped. Sends a token again if its answer was lost. Returns the last answer.
fn refresh_on(client: &Client, mut tokens: Tokens, stop: &AtomicBool) -> Tokens {
    while !stop.load(Ordering::Relaxed) {
        let answer = client.post("/token/refresh", &json!({"refresh_token": tokens.refresh}));
        if answer.status == 200 {
            tokens = Tokens::of(&answer);
        }
        done_or_unavailable(answer, 200);
    }
    tokens
}

#[test]
fn transactions_that_are_cut_off_are_whole_or_absent() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    // Several, whose refreshes share statements.
    let (owners, tokens): (Vec<_>, Vec<_>) = (0..6).map(|_| Person::sign_up(&client)).unzip();
    let stop = AtomicBool::new(false);

    let (registrations, tokens) = thread::scope(|scope| {
        let registering: Vec<_> = (0..4)
            .map(|worker| {
                scope.spawn({
                    let (client, stop) = (&client, &stop);
                    move || register_on(client, worker, stop)
                })
            })
            .collect();
        let refreshing: Vec<_> = tokens
            .into_iter()
            .map(|tokens| scope.spawn(|| refresh_on(&client, tokens, &stop)))
            .collect();
        let stopping = StopAtEnd(&stop);
        database.sql(CUT);
        drop(stopping);
        let registrations = registering.into_iter().flat_map(|worker| worker.join().unwrap());
        let tokens = refreshing.into_iter().map(|client| client.join().unwrap());
        (registrations.collect::<Vec<_>>(), tokens.collect::<Vec<_>>())
    });

    let lost = registrations.iter().filter(|made| made.status == 503).count();
    assert!(
        lost > 0 && lost < registrations.len(),
        "{lost} of {}",
        registrations.len()
    );
    // Readiness returns by itself, without a failed request.
    client.get("/health/ready").expect(200);
    // An account has its authenticator, its pending login and its audit event, or it does not exist.
    let halves = "SELECT count(*) FROM users WHERE NOT (
        EXISTS (SELECT FROM totp_factors WHERE user_id = users.id)
        AND EXISTS (SELECT FROM sessions WHERE user_id = users.id)
        AND EXISTS (SELECT FROM audit_events WHERE user_id = users.id))";
    assert_eq!(database.sql(halves), "0");
    for made in registrations {
        let exists = database.sql(&format!("SELECT count(*) FROM users WHERE email = '{}'", made.email));
        assert!(made.status == 503 || exists == "1", "{} is gone", made.email);
        let again = register(&client, &made.email);
        assert_eq!(again.status, if exists == "1" { 409 } else { 201 }, "{}", again.text);
    }
    for (person, tokens) in owners.iter().zip(&tokens) {
        let again = client.post("/token/refresh", &json!({"refresh_token": tokens.refresh}));
        client.get_as(&Tokens::of(&again.expect(200)).access, "/me").expect(200);
        person.sign_in_again(&client);
    }
    assert!(!program.log().contains("\"status\":500") && !program.log().contains("panicked"));
}

#[test]
fn one_locked_account_makes_others_wait_for_a_bounded_time_at_most() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).env("VESTIBULE_DB_POOL_SIZE", "3").start();
    let client = program.ready();
    let (locked, _) = Person::sign_up(&client);
    let (other, tokens) = Person::sign_up(&client);
    let lock = format!("SELECT FROM users WHERE email = '{}' FOR UPDATE", locked.email);
    let holder = OpenSession::begin(cluster.url(), &format!("BEGIN; {lock}"));
    let log_in = |person: &Person| client.post("/login", &json!({"email": person.email, "password": person.password}));

    // A single waiting request delays only its own account.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| log_in(&locked));
        log_in(&other).expect(200);
        client.get_as(&tokens.access, "/me").expect(200);
        waiting.join().unwrap().problem(503, "service_unavailable");
    });
    // If every connection waits for the lock, other requests are answered, or get a 503 in time.
    thread::scope(|scope| {
        let stuck: Vec<_> = (0..9).map(|_| scope.spawn(|| log_in(&locked))).collect();
        let others: Vec<_> = (0..9)
            .map(|_| scope.spawn(|| client.get_as(&tokens.access, "/me")))
            .collect();
        for answer in stuck {
            assert!(!done_or_unavailable(answer.join().unwrap(), 200), "nothing was locked");
        }
        for answer in others {
            done_or_unavailable(answer.join().unwrap(), 200);
        }
    });
    drop(holder);

    log_in(&locked).expect(200);
    log_in(&other).expect(200);
    assert!(!program.log().contains("\"status\":500"));
}

#[test]
fn beyond_fifty_that_wait_for_a_connection_others_are_told_so_at_once() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).env("VESTIBULE_DB_POOL_SIZE", "1").start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    let holder = OpenSession::begin(cluster.url(), "BEGIN; LOCK TABLE sessions");

    let answers: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..250)
            .map(|_| scope.spawn(|| client.get_as(&tokens.access, "/me")))
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    for answer in answers {
        assert!(answer.headers.contains_key("retry-after"));
        answer.problem(503, "service_unavailable");
    }
    // For two seconds, one waits for the lock and fifty for the connection. Of later requests, others wait.
    let told_at_once = program.log().matches("too many requests wait").count();
    assert!(told_at_once >= 50, "{told_at_once} were told at once");
    drop(holder);
    client.get_as(&tokens.access, "/me").expect(200);
}
