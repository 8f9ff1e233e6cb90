//! Three instances behind nginx, configured as the documentation shows, replaced one by one under load.
//!
//! No request fails, and nothing acknowledged is lost.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;
use tempfile::TempDir;
use ureq::http::Method;

use super::http::{Answer, Client};
use super::instances::instance;
use super::nginx::Nginx;
use super::person::{Person, Tokens, now, verify};
use super::postgres::Database;
use super::process::{StopAtEnd, eventually};
use super::program::{Launch, Program, open_directory};
use crate::support::certificate;

const CONFIGURATION: &str = include_str!("../../deploy/nginx/vestibule.conf");
/// Concurrent users who sign up, sign in and log out.
const VISITORS: usize = 4;
/// Users who stay signed in and refresh their tokens as fast as they can. A refresh must not be repeated, so it must
/// not be cut off.
const GUESTS: usize = 8;
const INSTANCES: usize = 3;

/// A user, and what the service has acknowledged to them.
pub(super) struct Visit {
    person: Person,
    /// Of the session that stays active.
    kept: Tokens,
    /// Of the session that was ended.
    ended: Tokens,
}

/// Signs up, signs in again with a recovery code, and logs out of that session. Every answer has to be the right one.
pub(super) fn visit(site: &Client) -> Visit {
    let (person, first) = Person::sign_up(site);
    site.get_as(&first.access, "/me").expect(200);
    let kept = refresh(site, &first).expect(200);
    let second = verify(site, &person.log_in(site), &first.recovery_codes[0]);
    let second = refresh(site, &Tokens::of(&second.expect(200))).expect(200);
    let ended = Tokens::of(&second);
    let me = site.get_as(&ended.access, "/me").expect(200);
    assert_eq!(me.text_at("/email"), person.email);
    site.get_as(&ended.access, "/sessions").expect(200);
    site.post_as(&ended.access, "/logout").expect(204);
    Visit {
        person,
        kept: Tokens::of(&kept),
        ended,
    }
}

fn refresh(site: &Client, tokens: &Tokens) -> Answer {
    site.post("/token/refresh", &json!({"refresh_token": tokens.refresh}))
}

/// Writes a test's addresses and certificate into the documented configuration, and changes nothing else.
pub(super) fn configuration(listen: &str, instances: &[String], place: &Path) -> String {
    let mut text = CONFIGURATION
        .replace("443 ssl", listen)
        .replace("/etc/ssl/vestibule", &place.display().to_string());
    for (number, instance) in (11..).zip(instances) {
        let example = format!("10.0.0.{number}:8080");
        assert!(text.contains(&example));
        text = text.replace(&example, instance);
    }
    text
}

/// Makes a certificate that no client trusts.
pub(super) fn certificate() -> TempDir {
    let place = open_directory();
    certificate::make("DNS:auth.example.com", place.path());
    place
}

/// An instance behind a proxy, as in production, with a fixed address.
fn behind_proxy(database: &Database, address: &str) -> Launch {
    instance(database.url())
        .env("VESTIBULE_LISTEN", address)
        .env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.0/8")
        .env("VESTIBULE_IP_LIMITS", "off")
        .env("VESTIBULE_SHUTDOWN_DELAY", "5")
        .env("VESTIBULE_DB_POOL_SIZE", "5")
}

#[test]
fn instances_that_are_replaced_one_by_one_under_load_fail_no_request_and_lose_nothing() {
    let database = Database::create();
    let certificate = certificate();
    let mut programs: Vec<Program> = (0..INSTANCES)
        .map(|_| behind_proxy(&database, "127.0.0.1:0").start())
        .collect();
    let addresses: Vec<String> = programs.iter().map(Program::address).collect();
    for program in &programs {
        program.ready();
    }
    let (_nginx, site) = Nginx::configured(|listen| configuration(listen, &addresses, certificate.path()));

    let done = AtomicBool::new(false);
    let (visits, guests) = thread::scope(|scope| {
        let stop = StopAtEnd(&done);
        let visitors = [(); VISITORS].map(|()| scope.spawn(|| visits_until(&site, &done)));
        let guests = [(); GUESTS].map(|()| scope.spawn(|| stay_until(&site, &done)));
        for address in &addresses {
            programs.remove(0).stop().expect(0);
            let again = behind_proxy(&database, address).start();
            again.ready();
            // The next one is not replaced before this one serves.
            eventually("visitors", || came_to(&again).then_some(()));
            programs.push(again);
        }
        drop(stop);
        let visits: Vec<Visit> = visitors.into_iter().flat_map(|it| it.join().unwrap()).collect();
        (visits, guests.map(|it| it.join().unwrap()))
    });

    assert!(visits.len() >= VISITORS * INSTANCES, "{} visits only", visits.len());
    for tokens in &guests {
        site.get_as(&tokens.access, "/me").expect(200);
        refresh(&site, tokens).expect(200);
    }
    nothing_is_lost(&site, &database, &visits, GUESTS);
}

/// Returns whether a user has signed in at an instance.
fn came_to(program: &Program) -> bool {
    program.log().contains("\"route\":\"/login\"")
}

/// Signs up and refreshes until stopped. Returns the last tokens.
fn stay_until(site: &Client, done: &AtomicBool) -> Tokens {
    let (_, mut tokens) = Person::sign_up(site);
    while !done.load(Ordering::Relaxed) {
        tokens = Tokens::of(&refresh(site, &tokens).expect(200));
    }
    tokens
}

fn visits_until(site: &Client, done: &AtomicBool) -> Vec<Visit> {
    let mut visits = Vec::new();
    while !done.load(Ordering::Relaxed) {
        visits.push(visit(site));
    }
    visits
}

/// Everything acknowledged is true at every instance.
pub(super) fn nothing_is_lost(site: &Client, database: &Database, visits: &[Visit], others: usize) {
    let count = |statement: &str| database.sql(statement).parse::<usize>().unwrap();
    assert_eq!(count("SELECT count(*) FROM users"), visits.len() + others);
    let used = "SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL";
    assert_eq!(count(used), visits.len());
    for Visit { person, kept, ended } in visits {
        site.get_as(&kept.access, "/me").expect(200);
        refresh(site, kept).expect(200);
        site.get_as(&ended.access, "/me").expect(401);
        refresh(site, ended).expect(401);
        let again = verify(site, &person.pre_auth_token, &person.code(now()));
        again.expect(401);
    }
}

#[test]
fn an_instance_that_stops_is_taken_out_of_the_balance_and_parts_with_those_who_are_connected() {
    let database = Database::create();
    let program = behind_proxy(&database, "127.0.0.1:0").start();
    let client = program.ready();
    let mut wire = client.connect();
    let ask = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    wire.send(ask);
    assert!(!wire.read_answer().to_ascii_lowercase().contains("connection: close"));

    program.send(rustix::process::Signal::TERM);
    program.wait_for_message("draining");

    // A kept-alive connection is answered, and told to close. New connections are still accepted.
    wire.send(ask);
    let answer = wire.read_to_end().to_ascii_lowercase();
    assert!(
        answer.starts_with("http/1.1 200 ") && answer.contains("connection: close"),
        "{answer}"
    );
    client.get("/health/ready").problem(503, "service_unavailable");
    let (_, tokens) = Person::sign_up(&client);
    client.get_as(&tokens.access, "/me").expect(200);
    // At last they are refused.
    eventually("a refusal", || {
        client.try_send(Method::GET, "/health/live", None, None).err()
    });
    program.wait().expect(0);
}
