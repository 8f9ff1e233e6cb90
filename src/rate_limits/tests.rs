use std::sync::Mutex;

use chrono::{DateTime, Utc};

use super::*;

/// A clock that stands still until the test moves it, also backwards.
struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn limits(by_address: bool, relaxed: bool) -> (RateLimits, impl Fn(i64)) {
    let hand = Arc::new(Hand(Mutex::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000))));
    let clock: Arc<dyn Clock> = hand.clone();
    let limits = RateLimits::new(&clock, by_address, relaxed);
    (limits, move |seconds| {
        *hand.0.lock().unwrap() += TimeDelta::seconds(seconds);
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Sends requests until one is refused, at most `at_most`; returns how many were allowed.
fn ask(limits: &RateLimits, scope: Scope, from: &str, at_most: u32) -> u32 {
    let from = address(from);
    let refused = |_: &u32| limits.address(scope, from).wait.is_some();
    (0..at_most).find(refused).unwrap_or(at_most)
}

#[test]
fn an_address_gets_its_quota_and_then_a_share_each_second() {
    let (limits, advance) = limits(true, false);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 60);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.8", 1000), 60, "a neighbour");
    let wait = limits.address(Scope::Login, address("203.0.113.7")).wait;
    assert_eq!(wait, Some(TimeDelta::seconds(1)));
    // The refused requests have not prolonged the wait.
    advance(1);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 1);
    advance(60);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 60);
    assert_eq!(ask(&limits, Scope::Refresh, "203.0.113.7", 1000), 600, "another scope");
}

#[test]
fn every_policy_of_a_scope_holds() {
    let (limits, advance) = limits(true, false);
    let mut made = 0;
    for _ in 0..30 {
        made += ask(&limits, Scope::Register, "203.0.113.7", 1000);
        advance(300);
    }
    // Thirty each time, if it were not for the daily limit.
    assert!((300..=331).contains(&made), "{made}");
}

#[test]
fn ipv6_counts_by_the_line_and_by_the_site() {
    let (limits, _advance) = limits(true, false);
    assert_eq!(ask(&limits, Scope::Login, "2001:db8:1:1::1", 1000), 60);
    assert_eq!(
        ask(&limits, Scope::Login, "2001:db8:1:1:ffff::2", 1000),
        0,
        "the same /64"
    );
    let site: u32 = (2..0xff)
        .map(|line| ask(&limits, Scope::Login, &format!("2001:db8:1:{line:x}::1"), 1000))
        .sum();
    assert_eq!(site, 60 * (SITE_FACTOR - 1), "those refused by network took nothing");
    assert_eq!(ask(&limits, Scope::Login, "2001:db8:2::1", 1000), 60, "another site");
    assert_eq!(ask(&limits, Scope::Login, "::ffff:203.0.113.7", 1000), 60);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 0, "the same one");
    assert_eq!(
        ask(&limits, Scope::Login, "64:ff9b::203.0.113.7", 1000),
        0,
        "translated"
    );
    assert_eq!(ask(&limits, Scope::Login, "64:ff9b::198.51.100.7", 1000), 60);
}

#[test]
fn a_clock_set_back_rejects_no_request() {
    let (limits, advance) = limits(true, false);
    ask(&limits, Scope::Login, "203.0.113.7", 30);
    advance(-86_400);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 30);
    advance(60);
    assert_eq!(ask(&limits, Scope::Login, "203.0.113.7", 1000), 60);
}

#[test]
fn what_is_left_is_told() {
    let (limits, _advance) = limits(true, false);
    let verdict = limits.address(Scope::LinkToken, address("203.0.113.7"));
    let [left] = verdict.quotas[..] else { panic!() };
    assert_eq!((left.policy.name, left.remaining, left.reset), ("link-token", 9, 6));
}

#[test]
fn sessions_and_service_clients_count_on_their_own() {
    let (limits, _advance) = limits(false, false);
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!((0..100).filter(|_| limits.session(one, None).is_none()).count(), 30);
    assert_eq!(limits.session(other, None), None);
    let key = KeyThumbprint::from_bytes(&[1; 32]);
    assert_eq!(
        limits.session(one, key),
        None,
        "a copied token uses up nothing of its owner's"
    );
    assert_eq!((0..200).filter(|_| limits.service_client(one).is_none()).count(), 100);
    assert_eq!((0..100).filter(|_| limits.statistics(one).is_none()).count(), 20);
    assert_eq!(limits.statistics(other), None);
    assert_eq!(
        ask(&limits, Scope::Login, "203.0.113.7", 1000),
        1000,
        "addresses are off"
    );
}

#[test]
fn development_is_generous() {
    let (limits, _advance) = limits(true, true);
    assert_eq!(ask(&limits, Scope::Login, "127.0.0.1", 10_000), 6000);
}
