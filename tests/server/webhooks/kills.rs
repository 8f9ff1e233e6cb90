//! `kill -9` of the service, of the database and of the receiver at random moments, while users run through every
//! operation: each event that was committed is delivered, and none that was rolled back.
//!
//! The moments come from a seed, which is printed; `CRASH_SEED` repeats them.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use rand_chacha::rand_core::Rng;
use uuid::Uuid;
use vestibule::domain::account_event::AccountEventType;
use vestibule::domain::audit_event::RecordedEvent;
use vestibule::domain::ids::{AuditEventId, RequestId, SessionId, UserId};

use super::receiver::{Endpoint, Language};
use super::{ALLOWED, until_all_are_told, users_in};
use crate::server::instances::instance;
use crate::server::postgres::{Cluster, psql};
use crate::server::travellers::{Service, moments, travel_during};

/// Returns the ids of the rows of the trail that back ends are told of, and of all rows.
fn trail(database_url: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let rows = psql(
        database_url,
        "SELECT id, event, success, coalesce(reason, ''), coalesce(user_id::text, ''), coalesce(session_id::text, '') \
         FROM audit_events",
    );
    let read = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        let [id, event, success, reason, user, session] = fields[..] else {
            panic!("{line}")
        };
        RecordedEvent {
            id: AuditEventId::parse(id).unwrap(),
            occurred_at: DateTime::UNIX_EPOCH,
            event: event.to_owned(),
            success: success == "t",
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            user_id: UserId::parse(user),
            session_id: SessionId::parse(session),
            client: None,
            provider: None,
            webhook_id: None,
            actor_id: None,
            request_id: RequestId::from_uuid(Uuid::nil()),
            route: None,
            ip: None,
            user_agent: None,
        }
    };
    let rows: Vec<_> = rows.lines().map(read).collect();
    let id = |row: &RecordedEvent| row.id.uuid().to_string();
    let told = rows.iter().filter(|row| AccountEventType::of_recorded(row).is_some());
    (told.map(id).collect(), rows.iter().map(id).collect())
}

/// Has everything that is tried again later tried now. Some is sent twice, which receivers notice.
fn make_due(database_url: &str) {
    let later = "UPDATE webhook_deliveries SET next_try_at = now() WHERE state = 'pending'";
    psql(database_url, later);
}

/// Runs users while one of the three is killed at each of many moments, and compares what was committed with what was
/// delivered.
fn survive(during: Duration) {
    let mut random = moments();
    let mut cluster = Cluster::start();
    let url = cluster.url().to_owned();
    let launch = || {
        instance(&url)
            .env("VESTIBULE_OUTBOUND_ALLOW", ALLOWED)
            .env("VESTIBULE_IP_LIMITS", "off")
            .start()
    };
    let first = launch();
    let service = Service::new(first.ready());
    let mut program = Some(first);
    // Its own tables are in a database that is not killed.
    let language = Language::ALL[usize::from(random.next_u32() % 2 == 1)];
    let mut endpoint = Endpoint::add(&url, language);
    let (begun, mut kills) = (Instant::now(), [0; 3]);
    // What is left of their sessions is checked where only the service is killed, and before tokens expire.
    let _travellers = travel_during(&service, || {
        while begun.elapsed() < during {
            // This does not wait for the service: it picks a random moment for the kill.
            thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 900_000)));
            let victim = random.next_u32() % 3;
            if let Some(count) = usize::try_from(victim).ok().and_then(|place| kills.get_mut(place)) {
                *count += 1;
            }
            match victim {
                0 => {
                    program.take().unwrap().kill();
                    let next = program.insert(launch());
                    service.moves_to(next.client());
                    next.ready();
                }
                1 => {
                    cluster.kill();
                    thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 900_000)));
                    cluster.start_again();
                }
                _ => {
                    endpoint.receiver.kill();
                    thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 900_000)));
                    endpoint.receiver.start_again();
                }
            }
        }
    });
    assert!(kills.iter().all(|kills| *kills > 0), "{kills:?}");
    make_due(&url);
    until_all_are_told(&url);
    let (told, all) = trail(&url);
    let delivered = endpoint.receiver.messages();
    eprintln!(
        "kills of service, database and receiver in {language:?}: {kills:?}; events: {}",
        told.len()
    );
    assert!(told.len() > 50, "{}", told.len());
    let lost: Vec<_> = told.difference(&delivered).collect();
    assert!(lost.is_empty(), "committed, and not delivered: {lost:?}");
    let made_up: Vec<_> = delivered.difference(&all).collect();
    assert!(made_up.is_empty(), "delivered, and not committed: {made_up:?}");
    assert_eq!(delivered, told, "nothing else is delivered");
    assert_eq!(endpoint.receiver.users(), users_in(&url));
    let ended = program.unwrap().stop().expect(0);
    assert!(!ended.stderr.contains("panicked"));
}

#[test]
fn kills_for_seconds_lose_no_event_and_send_none_that_was_rolled_back() {
    survive(Duration::from_secs(20));
}

#[test]
#[ignore = "takes ten minutes; scripts/test --all runs it"]
fn kills_for_ten_minutes_lose_no_event_and_send_none_that_was_rolled_back() {
    survive(Duration::from_mins(10));
}
