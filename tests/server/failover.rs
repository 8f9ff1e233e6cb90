//! The primary dies under load and its synchronous standby is promoted: nothing acknowledged is lost, and the instance
//! finds the new primary by itself. Reads are not served from the standby before.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;
use serde_json::json;

use super::http::Client;
use super::instances::instance;
use super::person::Person;
use super::postgres::{Cluster, Replica, psql};
use super::process::{eventually, timed};
use super::quiet;
use super::travellers::{Service, moments, nothing_is_lost, travel_during};

/// Users who are through before the failover, and again after it.
const SOME: u32 = 4;

/// Returns a URL of both servers, as the documentation shows it.
fn url_of_both(primary: &Cluster, standby: &Replica) -> String {
    let [first, second] = [primary.url(), standby.url()].map(|url| {
        let host = url.split_once('@').unwrap().1;
        host.split_once('/').unwrap().0
    });
    format!("postgresql://vestibule@{first},{second}/vestibule?target_session_attrs=read-write&connect_timeout=3")
}

/// Registers another account, which needs a primary. Returns whether that was acknowledged.
fn registers(client: &Client) -> bool {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let email = format!("eve{}@mail.example", NUMBER.fetch_add(1, Ordering::Relaxed));
    let answer = client.post(
        "/register",
        &json!({"email": email, "password": "Grüne Fenster im Regen"}),
    );
    answer.status == 201
}

/// Returns a random duration below a limit.
fn below(limit: Duration, random: &mut ChaCha20Rng) -> Duration {
    limit.mul_f64(f64::from(random.next_u32()) / f64::from(u32::MAX))
}

/// Kills a primary under load and promotes its standby, and checks what is left.
fn fail_over(random: &mut ChaCha20Rng) {
    let mut primary = Cluster::start();
    let standby = primary.replicate();
    // All users have one address, and try again at once.
    let program = instance(&url_of_both(&primary, &standby))
        .env("VESTIBULE_IP_LIMITS", "off")
        .start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    let service = Service::new(client.clone());
    let travellers = travel_during(&service, || {
        eventually("some users", || (service.arrived() >= SOME).then_some(()));
        // These do not wait for the service: they pick random moments. What is committed in between is lost, and must
        // not be acknowledged. Otherwise the standby would have nearly everything, whether commits wait for it or not.
        thread::sleep(below(Duration::from_millis(400), random));
        primary.stop_sending();
        thread::sleep(below(Duration::from_millis(400), random));
        let killed = Instant::now();
        primary.kill();
        // The standby has the session, and is not asked.
        for path in ["/health/ready", "/me"] {
            let answer = client.get_as(&tokens.access, path);
            answer.problem(503, "service_unavailable");
        }
        // Until an operator or a program promotes it. Refresh tokens are repeated within their grace period.
        thread::sleep(below(Duration::from_secs(5), random));
        assert_eq!(psql(standby.url(), "SELECT pg_is_in_recovery()"), "t");
        let decided = killed.elapsed();
        let ((), promotion) = timed(|| standby.promote());
        let ((), search) = timed(|| eventually("a registration", || registers(&client).then_some(())));
        eprintln!(
            "promotion after {decided:.2?} took {promotion:.2?}, and a registration succeeded {search:.2?} later"
        );
        let before = service.arrived();
        eventually("some users at the new primary", || {
            (service.arrived() >= before + SOME).then_some(())
        });
    });
    assert!(service.unanswered() > 0, "no request was interrupted by the failover");
    client.get_as(&tokens.access, "/me").expect(200);
    nothing_is_lost(&service, standby.url(), travellers);
    let ended = program.stop().expect(0);
    assert!(!ended.stderr.contains("panicked"));
}

#[test]
#[ignore = "takes minutes; scripts/test --all runs it"]
fn ten_failovers_under_load_lose_nothing_and_let_nothing_count_twice() {
    quiet::alone();
    let mut random = moments();
    for _ in 0..10 {
        fail_over(&mut random);
    }
}
