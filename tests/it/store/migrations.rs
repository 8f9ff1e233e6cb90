//! Migrations can be reverted, run once however many instances start, and refuse a schema of a newer release.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_migrations::MigrationHarness;
use vestibule::store::migrations::{MIGRATIONS, MigrationError, apply};

use super::schema::describe;
use crate::support::db::TestDatabase;

#[test]
fn down_to_nothing_and_up_again_gives_the_same_schema() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let before = describe(&mut connection);
    connection.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(describe(&mut connection), Vec::<String>::new());
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    assert_eq!(describe(&mut connection), before);
}

/// Previous releases stored a current and a next key of each algorithm that was ever set.
#[test]
fn of_the_keys_of_several_algorithms_those_of_the_latest_stay_in_their_places() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    while count(
        &mut connection,
        "pg_indexes WHERE indexname = 'signing_keys_one_in_each_place'",
    ) == 1
    {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    for (kid, algorithm, state, activated_at) in [
        ("a", "ES256", "current", "'2026-01-01'"),
        ("b", "ES256", "next", "NULL"),
        ("c", "EdDSA", "current", "'2026-02-01'"),
        ("d", "EdDSA", "next", "NULL"),
    ] {
        let insert = format!(
            "INSERT INTO signing_keys (kid, algorithm, state, sealed_private_key, created_at, activated_at)
             VALUES (repeat('{kid}', 43), '{algorithm}', '{state}', '', '2026-01-01', {activated_at})"
        );
        connection.batch_execute(&insert).unwrap();
    }
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    for key in [
        "kid LIKE 'a%' AND state = 'retired' AND retired_at IS NOT NULL",
        "kid LIKE 'c%' AND state = 'current'",
        "kid LIKE 'd%' AND state = 'next'",
    ] {
        assert_eq!(count(&mut connection, &format!("signing_keys WHERE {key}")), 1, "{key}");
    }
    assert_eq!(count(&mut connection, "signing_keys"), 3);
}

/// Previous releases stored only one token that sets the password of an account.
#[test]
fn of_an_invitation_and_a_reset_the_one_that_lasts_longer_is_left_on_the_way_back() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    for (user, purposes) in [
        ("a", &["invitation", "password_reset", "magic_link"][..]),
        ("b", &["invitation"]),
        ("c", &["password_reset"]),
    ] {
        let insert = format!(
            "INSERT INTO users (id, email, password_scheme, password_key_id, password_hash, password_changed_at, created_at)
             VALUES (gen_random_uuid(), '{user}@example.com', 'none', 0, '', '2026-01-01', '2026-01-01')"
        );
        connection.batch_execute(&insert).unwrap();
        for purpose in purposes {
            let life = if *purpose == "invitation" {
                "1 day"
            } else {
                "15 minutes"
            };
            let insert = format!(
                "INSERT INTO link_tokens (id, user_id, purpose, email, created_at, expires_at)
                 SELECT gen_random_uuid(), id, '{purpose}', email, created_at, created_at + interval '{life}'
                 FROM users WHERE email = '{user}@example.com'"
            );
            connection.batch_execute(&insert).unwrap();
        }
    }
    while count(&mut connection, "link_tokens WHERE purpose = 'invitation'") > 0 {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    for (left, number) in [
        (
            "email = 'a@example.com' AND purpose = 'password_reset' AND expires_at = '2026-01-02'",
            1,
        ),
        ("email = 'a@example.com' AND purpose = 'magic_link'", 1),
        (
            "email = 'b@example.com' AND purpose = 'password_reset' AND expires_at = '2026-01-02'",
            1,
        ),
        ("email = 'c@example.com' AND purpose = 'password_reset'", 1),
        ("true", 4),
    ] {
        let found = count(&mut connection, &format!("link_tokens WHERE {left}"));
        assert_eq!(found, number, "{left}");
    }
}

/// Existing rows do not say which proof `auth_time` belongs to: no proof counts as newer than the first.
#[test]
fn proofs_of_before_are_as_old_as_the_session() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let is_there =
        |column: &str| format!("information_schema.columns WHERE table_name = 'sessions' AND column_name = '{column}'");
    while count(&mut connection, &is_there("auth_time")) == 0 {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    connection
        .batch_execute(
            "INSERT INTO users (id, email, password_scheme, password_key_id, password_hash, password_changed_at, created_at)
             VALUES (gen_random_uuid(), 'jo@example.com', 'none', 0, '', '2026-01-01', '2026-01-01');
             INSERT INTO sessions (id, user_id, state, methods, password_changed_at, created_at, last_used_at, expires_at,
                    idle_expires_at, auth_time)
             SELECT gen_random_uuid(), id, 'active', '{pwd,otp}', created_at, created_at, created_at, '2026-02-01',
                    '2026-02-01', '2026-01-02' FROM users",
        )
        .unwrap();
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    let timed = "sessions WHERE proved_at = ARRAY['2026-01-01'::timestamptz, '2026-01-01']";
    assert_eq!(count(&mut connection, timed), 1);
    while count(&mut connection, &is_there("auth_time")) == 0 {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    assert_eq!(count(&mut connection, "sessions WHERE auth_time = '2026-01-01'"), 1);
}

/// The previous release stores one token for each user and purpose.
#[test]
fn of_several_mails_of_a_purpose_the_newest_is_left_on_the_way_back() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    connection
        .batch_execute(
            "INSERT INTO users (id, email, password_scheme, password_key_id, password_hash, password_changed_at, created_at)
             VALUES (gen_random_uuid(), 'a@example.com', 'none', 0, '', '2026-01-01', '2026-01-01');
             INSERT INTO link_tokens (id, user_id, purpose, email, created_at, expires_at, session_id, used_at)
             SELECT ('00000000-0000-7000-8000-00000000000' || number)::uuid, users.id, purpose, email, created_at,
                    created_at, session::uuid, used::timestamptz
             FROM users, (VALUES (1, 'magic_link', NULL, NULL), (2, 'magic_link', NULL, NULL),
                 (3, 'magic_link', NULL, '2026-01-01'), (4, 'password_reset', NULL, NULL),
                 (5, 'email_change', '00000000-0000-7000-8000-000000000000', NULL),
                 (6, 'email_change_cancellation', NULL, NULL)) AS made (number, purpose, session, used)",
        )
        .unwrap();
    let unbound = "UPDATE link_tokens SET session_id = NULL WHERE purpose = 'email_change'";
    assert!(connection.batch_execute(unbound).is_err());
    let is_bound = "information_schema.columns WHERE table_name = 'link_tokens' AND column_name = 'session_id'";
    while count(&mut connection, is_bound) > 0 {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    for (left, number) in [
        ("purpose = 'magic_link' AND id::text LIKE '%2'", 1),
        ("purpose = 'password_reset'", 1),
        ("true", 2),
    ] {
        let found = count(&mut connection, &format!("link_tokens WHERE {left}"));
        assert_eq!(found, number, "{left}");
    }
}

/// Previous releases stored the first sign-in of an account only as long as its session or the audit trail.
#[test]
fn an_account_that_was_signed_in_to_before_is_known_to_have_been() {
    const COLUMN: &str = "information_schema.columns WHERE table_name = 'users' AND column_name = 'first_signed_in_at'";
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    while count(&mut connection, COLUMN) == 1 {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    let before = "
        INSERT INTO users (id, email, password_scheme, password_key_id, password_hash, password_changed_at, created_at)
        SELECT gen_random_uuid(), name || '@example.com', 'none', 0, '', now(), now()
          FROM unnest(ARRAY['session', 'both', 'trail', 'pending', 'never']) AS name;
        INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, created_at, last_used_at,
                              expires_at, idle_expires_at, ended_at, end_reason)
        SELECT gen_random_uuid(), id, 'ended', '{}', '{}', now(), now() - interval '2 h', now(), now(), now(), now(), 'logout'
          FROM users WHERE email ~ 'session|both';
        INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, created_at, last_used_at,
                              expires_at)
        SELECT gen_random_uuid(), id, 'pending', '{}', '{}', now(), now(), now(), now()
          FROM users WHERE email ~ 'pending';
        INSERT INTO audit_events (id, occurred_at, event, success, user_id, request_id)
        SELECT gen_random_uuid(), now() + interval '1 min', 'session_created', true, id, gen_random_uuid()
          FROM users WHERE email ~ 'both|trail';";
    connection.batch_execute(before).unwrap();
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    for (name, known) in [
        ("session", "first_signed_in_at < now() - interval '1 h'"),
        ("both", "first_signed_in_at < now() - interval '1 h'"),
        ("trail", "first_signed_in_at > now() - interval '1 h'"),
        ("pending", "first_signed_in_at IS NULL"),
        ("never", "first_signed_in_at IS NULL"),
    ] {
        let what = format!("users WHERE email = '{name}@example.com' AND {known}");
        assert_eq!(count(&mut connection, &what), 1, "{name}");
    }
}

fn count(connection: &mut PgConnection, what: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {what}"));
    query.get_result::<Count>(connection).unwrap().number
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[test]
fn instances_that_start_at_once_migrate_once() {
    let database = TestDatabase::empty();
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| apply(&database.url, false).unwrap().len()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
}

#[test]
fn a_schema_from_the_future_is_refused_and_left_alone() {
    let database = TestDatabase::migrated();
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    database.connect().batch_execute(insert).unwrap();
    let refused = apply(&database.url, false).unwrap_err();
    assert!(matches!(refused, MigrationError::Newer(version) if version == "9999"));
}
