//! A batch of rotations or look-ups does to each session what a statement of its own does, and waits for no lock.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use uuid::Uuid;
use vestibule::domain::dpop::KeyThumbprint;
use vestibule::domain::ids::{SessionId, UserId};
use vestibule::domain::session::SessionKey;
use vestibule::store::session_batches::{self, LookUp};
use vestibule::store::sessions::{self, Rotation};

use crate::support::db::TestDatabase;

const COUNTER: u64 = 5;
/// When rows were made, in SQL.
const MADE: &str = "'2026-01-01'";
const IDLE: TimeDelta = TimeDelta::days(7);

/// The state of a session and its account, or what is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Live,
    /// Its absolute end is before the idle end that a rotation would set.
    LiveShort,
    Stale,
    TooNew,
    BeyondAnyCounter,
    Expired,
    Idle,
    Ended,
    Pending,
    OfDisabled,
    OfAnother,
    Unknown,
    /// Bound to the key that its client has shown.
    Bound,
    /// Bound to another key.
    OtherKey,
    /// Bound, and its client has shown no key.
    MissingKey,
    /// Not bound, and its client has shown a key.
    LaterKey,
}

const KINDS: &[Kind] = &[
    Kind::Live,
    Kind::LiveShort,
    Kind::Stale,
    Kind::TooNew,
    Kind::BeyondAnyCounter,
    Kind::Expired,
    Kind::Idle,
    Kind::Ended,
    Kind::Pending,
    Kind::OfDisabled,
    Kind::OfAnother,
    Kind::Unknown,
    Kind::Bound,
    Kind::OtherKey,
    Kind::MissingKey,
    Kind::LaterKey,
];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn id_of(number: usize) -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + u128::try_from(number).unwrap())
}

fn key_of(number: usize) -> SessionKey {
    SessionKey {
        user_id: UserId::from_uuid(id_of(2 * number)),
        session_id: SessionId::from_uuid(id_of(2 * number + 1)),
    }
}

/// Stores a session of a kind with its account, and returns the request for it.
fn store(connection: &mut PgConnection, number: usize, kind: Kind) -> Rotation {
    let key = key_of(number);
    let status = if kind == Kind::OfDisabled { "disabled" } else { "active" };
    let state = match kind {
        Kind::Ended => "ended",
        Kind::Pending => "pending",
        _ => "active",
    };
    let end = (kind == Kind::Ended).then_some((MADE, "'logout'"));
    let (ended_at, reason) = end.unwrap_or(("NULL", "NULL"));
    let absolute = match kind {
        Kind::Expired => now(),
        Kind::LiveShort => now() + TimeDelta::hours(1),
        _ => now() + TimeDelta::days(30),
    };
    let idle = match kind {
        Kind::Idle => now(),
        _ => now() + TimeDelta::minutes(30),
    };
    let bound = match kind {
        Kind::Bound | Kind::OtherKey | Kind::MissingKey => "decode(repeat('07', 32), 'hex')",
        _ => "NULL",
    };
    let shown = match kind {
        Kind::Bound | Kind::LaterKey => KeyThumbprint::from_bytes(&[7; 32]),
        Kind::OtherKey => KeyThumbprint::from_bytes(&[8; 32]),
        _ => None,
    };
    if kind != Kind::Unknown {
        let (user, session) = (key.user_id.uuid(), key.session_id.uuid());
        let rows = format!(
            "INSERT INTO users (id, username, password_scheme, password_key_id, password_hash, password_changed_at,
                 created_at, locale, status)
             VALUES ('{user}', 'user{number}', 'none', 0, '', {MADE}, {MADE}, 'en', '{status}');
             INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, refresh_counter,
                 created_at, last_used_at, expires_at, idle_expires_at, ended_at, end_reason, key_thumbprint)
             VALUES ('{session}', '{user}', '{state}', '{{pwd}}', ARRAY[{MADE}::timestamptz], {MADE}, {COUNTER}, {MADE}, {MADE},
                 '{absolute}', '{idle}', {ended_at}, {reason}, {bound})"
        );
        connection.batch_execute(&rows).unwrap();
    }
    Rotation {
        key: SessionKey {
            user_id: if kind == Kind::OfAnother {
                key_of(number + 1).user_id
            } else {
                key.user_id
            },
            ..key
        },
        presented: match kind {
            Kind::Stale => COUNTER - 1,
            Kind::TooNew => COUNTER + 1,
            Kind::BeyondAnyCounter => u64::MAX,
            _ => COUNTER,
        },
        client: None,
        shown,
        idle: IDLE,
        now: now() + TimeDelta::milliseconds(i64::try_from(number).unwrap()),
    }
}

fn look_up(wanted: &Rotation) -> LookUp {
    LookUp {
        key: wanted.key,
        now: wanted.now,
    }
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    refresh_counter: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    rotated_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    moved_to: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    idle_expires_at: DateTime<Utc>,
}

fn stored(connection: &mut PgConnection) -> Vec<Stored> {
    diesel::sql_query(
        "SELECT refresh_counter, rotated_at, CASE WHEN rotated_at IS NOT NULL THEN last_used_at END AS moved_to,
             idle_expires_at FROM sessions ORDER BY id",
    )
    .load(connection)
    .unwrap()
}

/// Stores sessions of these kinds, and returns the requests for them.
fn prepare(connection: &mut PgConnection, kinds: &[Kind]) -> Vec<Rotation> {
    connection.batch_execute("TRUNCATE users, sessions CASCADE").unwrap();
    let numbered = kinds.iter().enumerate();
    numbered
        .map(|(number, kind)| store(connection, number, *kind))
        .collect()
}

fn check(connection: &mut PgConnection, kinds: &[Kind]) {
    let wanted = prepare(connection, kinds);
    let look_ups: Vec<_> = wanted.iter().map(look_up).collect();
    let found = session_batches::find_active(connection, &look_ups).unwrap();
    let mut singly = look_ups
        .iter()
        .map(|wanted| sessions::find_active(connection, wanted.key, wanted.now).unwrap())
        .collect::<Vec<_>>()
        .into_iter();
    for found in found {
        assert_eq!(format!("{:?}", found.unwrap()), format!("{:?}", singly.next().unwrap()));
    }

    let rotated = session_batches::rotate(connection, &wanted).unwrap();
    let after = stored(connection);
    let wanted = prepare(connection, kinds);
    for (rotated, wanted) in rotated.into_iter().zip(&wanted) {
        let singly = sessions::rotate(connection, wanted).unwrap();
        assert_eq!(format!("{rotated:?}"), format!("{singly:?}"));
    }
    assert_eq!(after, stored(connection));
}

#[test]
fn a_batch_does_what_single_statements_do() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    check(&mut connection, KINDS);
    let kinds = prop::collection::vec(prop::sample::select(KINDS.to_vec()), 0..12);
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let connection = std::cell::RefCell::new(connection);
    let outcome = TestRunner::new(config).run(&kinds, |kinds| {
        check(&mut connection.borrow_mut(), &kinds);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn of_several_requests_with_one_token_in_a_batch_one_rotates() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let wanted = prepare(&mut connection, &[Kind::Live, Kind::Live]);
    let crowd = [wanted[0], wanted[1], wanted[0], wanted[0]];
    let rotated = session_batches::rotate(&mut connection, &crowd).unwrap();
    assert!(rotated[1].is_some());
    let winners = [0, 2, 3].iter().filter(|place| rotated[**place].is_some());
    assert_eq!(winners.count(), 1);
    let counters: Vec<_> = stored(&mut connection).iter().map(|row| row.refresh_counter).collect();
    assert_eq!(counters, [6, 6]);
}

#[test]
fn what_another_transaction_holds_is_skipped_and_the_rest_is_not_delayed() {
    let database = TestDatabase::migrated();
    let (mut connection, mut other) = (database.connect(), database.connect());
    // A statement that waited would fail.
    connection.batch_execute("SET lock_timeout = '100ms'").unwrap();
    for wanted in [1, 3] {
        let wanted = prepare(&mut connection, &vec![Kind::Live; wanted]);
        other.batch_execute("BEGIN").unwrap();
        let lock = format!(
            "SELECT FROM sessions WHERE id = '{}' FOR UPDATE",
            wanted[0].key.session_id.uuid()
        );
        other.batch_execute(&lock).unwrap();
        let rotated = session_batches::rotate(&mut connection, &wanted).unwrap();
        assert!(rotated[0].is_none());
        assert!(rotated[1..].iter().all(Option::is_some));
        let look_ups: Vec<_> = wanted.iter().map(look_up).collect();
        let found = session_batches::find_active(&mut connection, &look_ups).unwrap();
        assert!(
            found.into_iter().flatten().all(|found| found.is_some()),
            "reading waits for no lock"
        );
        other.batch_execute("ROLLBACK").unwrap();
        let rotated = session_batches::rotate(&mut connection, &wanted).unwrap();
        assert!(rotated[0].is_some());
        assert!(rotated[1..].iter().all(Option::is_none));
    }
}

/// A constraint keeps such values out, so the test removes it: a newer release may write what this one cannot read.
#[test]
fn a_row_that_cannot_be_read_fails_no_other() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let wanted = prepare(&mut connection, &[Kind::Live, Kind::Live, Kind::Unknown]);
    let spoil = format!(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_delivery_known;
         UPDATE sessions SET delivery = 'pigeon' WHERE id = '{}'",
        wanted[0].key.session_id.uuid()
    );
    connection.batch_execute(&spoil).unwrap();
    let look_ups: Vec<_> = wanted.iter().map(look_up).collect();
    let found = session_batches::find_active(&mut connection, &look_ups).unwrap();
    assert!(found[0].is_none(), "to be done alone");
    assert!(found[1].as_ref().is_some_and(Option::is_some));
    assert!(found[2].is_none(), "the row that cannot be read could be this one's");
    let rotated = session_batches::rotate(&mut connection, &wanted).unwrap();
    assert!(rotated[0].is_none());
    assert!(rotated[1].is_some());
}

#[test]
fn batches_at_once_rotate_each_token_once() {
    const TOKENS: usize = 20;
    let database = TestDatabase::migrated();
    let wanted = prepare(&mut database.connect(), &[Kind::Live; TOKENS]);
    for round in 0..5 {
        let start = std::sync::Barrier::new(4);
        let rotated: Vec<Vec<SessionId>> = std::thread::scope(|scope| {
            let batches: Vec<_> = (0..4)
                .map(|thread| {
                    let (start, database) = (&start, &database);
                    let mut wanted: Vec<_> = wanted
                        .iter()
                        .map(|wanted| Rotation {
                            presented: COUNTER + round,
                            ..*wanted
                        })
                        .collect();
                    scope.spawn(move || {
                        shuffle(&mut wanted, 4 * round + thread);
                        let mut connection = database.connect();
                        start.wait();
                        let rotated = session_batches::rotate(&mut connection, &wanted).unwrap();
                        rotated.into_iter().flatten().map(|(session, _)| session.id).collect()
                    })
                })
                .collect();
            batches.into_iter().map(|batch| batch.join().unwrap()).collect()
        });
        let mut ids: Vec<_> = rotated.concat().into_iter().map(SessionId::uuid).collect();
        ids.sort_unstable();
        let expected: Vec<_> = (0..TOKENS).map(|number| key_of(number).session_id.uuid()).collect();
        assert_eq!(ids, expected, "round {round}");
    }
}

fn shuffle(wanted: &mut [Rotation], seed: u64) {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    for last in (1..wanted.len()).rev() {
        let place = usize::try_from(random.next_u64() % (u64::try_from(last).unwrap() + 1)).unwrap();
        wanted.swap(last, place);
    }
}
