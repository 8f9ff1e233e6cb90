//! A reader that follows the audit trail sees each row once, although rows commit in another order than that of their
//! ids.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chrono::{TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use uuid::Uuid;
use vestibule::domain::audit_event::{AuditEvent, EventFilter, EventName, RequestOrigin};
use vestibule::domain::ids::{AuditEventId, RequestId, uuid_v7_of};
use vestibule::domain::policy::numbers::CLOCKS_WITHIN;
use vestibule::domain::trail::{just_before, settled_below};
use vestibule::store::audit_events;

use crate::support::db::TestDatabase;

/// Writes a row with the id of this moment.
fn write(connection: &mut PgConnection, random: [u8; 8]) -> AuditEventId {
    let now = Utc::now();
    let id = AuditEventId::from_uuid(uuid_v7_of(now, &random));
    let origin = RequestOrigin::of_own(RequestId::from_uuid(Uuid::from_u128(1)));
    let event = AuditEvent::of_deployment(EventName::Startup);
    audit_events::insert(connection, &[(id, event)], &origin, now).unwrap();
    id
}

/// One poll of a reader: everything between its place and where the trail is settled. All clocks are that of this machine.
fn poll(connection: &mut PgConnection, place: Option<AuditEventId>) -> (Vec<AuditEventId>, AuditEventId) {
    let now = Utc::now() + CLOCKS_WITHIN;
    let settled = settled_below(now, audit_events::oldest_writer(connection).unwrap());
    let rows = audit_events::between(connection, &EventFilter::default(), (place, settled), 10_000).unwrap();
    let end = just_before(settled);
    (
        rows.iter().map(|row| row.id).collect(),
        place.map_or(end, |place| place.max(end)),
    )
}

#[test]
fn rows_that_commit_late_are_not_skipped() {
    let database = Arc::new(TestDatabase::migrated());
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6_u8)
        .map(|number| {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                let mut random = ChaCha20Rng::from_seed([number; 32]);
                let mut connection = database.connect();
                // Half of them are known by their name, the other half by their lock.
                if number % 2 == 0 {
                    connection
                        .batch_execute("SET application_name = 'vestibule 1:x'")
                        .unwrap();
                }
                let mut written = Vec::new();
                for _ in 0..25 {
                    let pause = |random: &mut ChaCha20Rng| {
                        format!("SELECT pg_sleep({})", f64::from(random.next_u32() % 90) / 1e3)
                    };
                    connection.batch_execute("BEGIN").unwrap();
                    connection.batch_execute(&pause(&mut random)).unwrap();
                    let id = write(&mut connection, random.next_u64().to_be_bytes());
                    connection.batch_execute(&pause(&mut random)).unwrap();
                    let commits = random.next_u32() % 5 > 0;
                    connection
                        .batch_execute(if commits { "COMMIT" } else { "ROLLBACK" })
                        .unwrap();
                    written.extend(commits.then_some(id));
                }
                written
            })
        })
        .collect();
    let reader = thread::spawn({
        let (database, done) = (Arc::clone(&database), Arc::clone(&done));
        move || {
            let (mut connection, mut place, mut seen) = (database.connect(), None, Vec::new());
            loop {
                let is_last = done.load(Ordering::Acquire);
                let (rows, next) = poll(&mut connection, place);
                seen.extend(rows);
                place = Some(next);
                if is_last {
                    return seen;
                }
            }
        }
    });
    let written: BTreeSet<_> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    // The last rows are settled a millisecond later.
    thread::sleep(std::time::Duration::from_millis(20));
    done.store(true, Ordering::Release);
    assert_eq!(reader.join().unwrap(), Vec::from_iter(written));
}

/// Begins a transaction that stays open for a second, and returns the places of a reader before and after its commit.
fn beside_an_open_transaction(name: &str, writes_before: bool) -> (bool, Vec<AuditEventId>, Vec<AuditEventId>) {
    let database = TestDatabase::migrated();
    let mut late = database.connect();
    late.batch_execute(&format!(
        "SET application_name = '{name}'; BEGIN; SELECT 1 FROM audit_events LIMIT 1"
    ))
    .unwrap();
    let mut ids = Vec::new();
    if writes_before {
        ids.push(write(&mut late, [1; 8]));
    }
    thread::sleep(std::time::Duration::from_millis(300));
    ids.push(write(&mut database.connect(), [2; 8]));
    thread::sleep(std::time::Duration::from_millis(700));
    let mut reader = database.connect();
    let (first, place) = poll(&mut reader, None);
    let is_held_up = place < ids[ids.len() - 1];
    late.batch_execute("COMMIT").unwrap();
    let (second, _) = poll(&mut reader, Some(place));
    (
        is_held_up,
        [first, second]
            .concat()
            .into_iter()
            .filter(|id| ids.contains(id))
            .collect(),
        ids,
    )
}

#[test]
fn a_reader_waits_for_writers_and_for_the_programs_own_transactions_and_for_no_others() {
    for (name, writes_before, expected) in [
        ("vestibule 1:x", false, true),
        ("vestibule", true, true),
        ("another program", true, true),
        ("pg_dump", false, false),
    ] {
        let (is_held_up, seen, ids) = beside_an_open_transaction(name, writes_before);
        assert_eq!(is_held_up, expected, "{name}");
        assert_eq!(seen, ids, "{name}");
    }
}

#[test]
fn the_age_is_that_of_the_oldest_transaction() {
    let database = TestDatabase::migrated();
    let (mut reader, mut old, mut young) = (database.connect(), database.connect(), database.connect());
    assert_eq!(audit_events::oldest_writer(&mut reader).unwrap(), TimeDelta::zero());
    for (connection, seconds) in [(&mut old, "0.4"), (&mut young, "0.1")] {
        connection
            .batch_execute("SET application_name = 'vestibule'; BEGIN")
            .unwrap();
        connection
            .batch_execute(&format!("SELECT pg_sleep({seconds})"))
            .unwrap();
    }
    let age = audit_events::oldest_writer(&mut reader).unwrap();
    assert!(age >= TimeDelta::milliseconds(500), "{age}");
    old.batch_execute("ROLLBACK").unwrap();
    young.batch_execute("ROLLBACK").unwrap();
    assert_eq!(audit_events::oldest_writer(&mut reader).unwrap(), TimeDelta::zero());
}
