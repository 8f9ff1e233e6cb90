//! The audit trail is append-only, has a partition for every row, and deletes only whole months.

use chrono::Utc;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use vestibule::domain::audit_event::EventName;
use vestibule::domain::statistics::{Span, Step, counts};
use vestibule::store::audit_events;

use crate::support::actors::{Person, log_in};
use crate::support::app::TestApp;
use crate::support::db::TestDatabase;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Done {
    #[diesel(sql_type = Integer)]
    done: i32,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

fn number(connection: &mut PgConnection, what: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {what}"));
    query.get_result::<Number>(connection).unwrap().number
}

fn partitions(connection: &mut PgConnection) -> Vec<String> {
    let query = "SELECT inhrelid::regclass::text AS line FROM pg_inherits
                  WHERE inhparent = 'audit_events'::regclass ORDER BY 1";
    let rows = diesel::sql_query(query).load::<Line>(connection).unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

fn insert(connection: &mut PgConnection, at: &str) {
    let row = format!(
        "INSERT INTO audit_events (id, subject_id, occurred_at, event, success, request_id)
         SELECT id, id, {at}, 'sys_startup', true, gen_random_uuid() FROM gen_random_uuid() AS id"
    );
    connection.batch_execute(&row).unwrap();
}

fn tend(connection: &mut PgConnection, at: &str) -> i32 {
    let query = diesel::sql_query(format!("SELECT audit_events_tend({at}) AS done"));
    query.get_result::<Done>(connection).unwrap().done
}

fn tend_until_done(connection: &mut PgConnection) {
    while tend(connection, "now()") > 0 {}
}

#[test]
fn no_statement_changes_removes_or_empties_it_wherever_the_row_is() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    insert(&mut connection, "'2020-05-05'");
    insert(&mut connection, "now()");
    let mut tables = partitions(&mut connection);
    assert_eq!(tables.len(), 3, "this month, the next, and the default");
    tables.push("audit_events".to_owned());
    let rows: Vec<i64> = tables.iter().map(|table| number(&mut connection, table)).collect();
    for (table, rows) in tables.iter().zip(&rows) {
        for statement in [
            format!("UPDATE {table} SET reason = 'other'"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            let outcome = connection.batch_execute(&statement);
            // A statement that matches no row is not refused.
            if *rows > 0 || statement.starts_with("TRUNCATE") {
                let refusal = outcome.unwrap_err().to_string();
                assert!(refusal.contains("append-only"), "{statement}: {refusal}");
            }
            assert_eq!(number(&mut connection, table), *rows, "{statement}");
        }
    }
    assert_eq!(rows.last(), Some(&2));
    // The same in partitions that are made later.
    tend_until_done(&mut connection);
    insert(&mut connection, "'2020-05-06'");
    tend(&mut connection, "'2020-05-06'");
    assert!(connection.batch_execute("DELETE FROM audit_events_2020_05").is_err());
    assert!(connection.batch_execute("TRUNCATE audit_events_2020_05").is_err());
}

#[test]
fn a_row_of_a_month_without_a_partition_is_taken_in_and_moves_when_it_has_one() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let before = partitions(&mut connection);
    for month in [
        "2031-02-28 23:59:59.999+00",
        "2031-03-01 00:00:00+00",
        "2033-12-31 23:59+00",
    ] {
        insert(&mut connection, &format!("'{month}'"));
    }
    assert_eq!(number(&mut connection, "audit_events_default"), 3);
    assert_eq!(tend(&mut connection, "'2031-02-28'"), 3);
    assert_eq!(tend(&mut connection, "'2031-02-28'"), 0);
    let mut after = before;
    after.extend(["2031_02", "2031_03", "2033_12"].map(|month| format!("audit_events_{month}")));
    after.sort();
    assert_eq!(partitions(&mut connection), after);
    for (part, rows) in [("2031_02", 1), ("2031_03", 1), ("2033_12", 1), ("default", 0)] {
        assert_eq!(number(&mut connection, &format!("audit_events_{part}")), rows, "{part}");
    }
}

#[test]
fn months_go_as_a_whole_after_four_hundred_days_and_not_by_a_clock_that_runs_ahead() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let end_of_month = "date_trunc('month', now() AT TIME ZONE 'UTC' - interval '400 days') AT TIME ZONE 'UTC'";
    // The last moment of a month, and the first of the next one, in which the time 400 days ago lies: the first is
    // deleted, the second stays.
    insert(&mut connection, &format!("{end_of_month} - interval '1 microsecond'"));
    insert(&mut connection, end_of_month);
    insert(&mut connection, "now() - interval '3 years'");
    insert(&mut connection, "now()");
    assert_eq!(
        tend(&mut connection, "now() - interval '10 years'"),
        5,
        "made: three, and two of then"
    );
    assert_eq!(
        number(&mut connection, "audit_events"),
        4,
        "nothing is old for a clock that is behind"
    );
    for _ in 0..10 {
        tend(&mut connection, "now() + interval '50 years'");
    }
    let left = "audit_events WHERE occurred_at > now() - interval '432 days'";
    assert_eq!(number(&mut connection, "audit_events"), 2);
    assert_eq!(number(&mut connection, left), 2);
}

#[test]
fn only_so_many_partitions_are_made_and_rows_beyond_them_have_a_place() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    for year in 0..100 {
        tend(&mut connection, &format!("now() + interval '{} years'", 1 + year));
    }
    assert!(partitions(&mut connection).len() <= 121);
    insert(&mut connection, "now() + interval '99 years'");
    assert_eq!(number(&mut connection, "audit_events"), 1);
}

#[test]
fn instances_that_tend_it_at_once_make_each_partition_once() {
    let database = TestDatabase::migrated();
    insert(&mut database.connect(), "'2031-02-03'");
    let made: Vec<i32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| tend(&mut database.connect(), "'2031-02-03'")))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.iter().sum::<i32>(), 2, "{made:?}");
}

#[test]
fn it_waits_a_moment_for_who_writes_and_then_leaves_it_to_the_next_time() {
    let database = TestDatabase::migrated();
    let (mut writer, mut connection) = (database.connect(), database.connect());
    insert(&mut connection, "'2020-05-05'");
    writer.batch_execute("BEGIN").unwrap();
    insert(&mut writer, "'2020-06-06'");
    assert_eq!(tend(&mut connection, "now()"), 0);
    writer.batch_execute("COMMIT").unwrap();
    assert!(tend(&mut connection, "now()") > 0);
    tend_until_done(&mut connection);
    assert_eq!(number(&mut connection, "audit_events_default"), 0);
    // Making the partitions of coming months waits for no transaction.
    writer.batch_execute("BEGIN").unwrap();
    insert(&mut writer, "now()");
    assert_eq!(tend(&mut connection, "now() + interval '2 months'"), 2);
    writer.batch_execute("COMMIT").unwrap();
}

#[test]
fn pages_are_read_along_an_index_of_every_partition() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    connection
        .batch_execute("SET enable_seqscan = off; SET enable_sort = off")
        .unwrap();
    let parts = partitions(&mut connection).len();
    for (filter, index) in [
        ("subject_id = '00000000-0000-7000-8000-000000000001'", "pkey"),
        ("event = 'authn_login_fail'", "event_id_idx"),
        ("occurred_at > '2020-01-01'", "id_idx"),
    ] {
        let query = format!("EXPLAIN SELECT id FROM audit_events WHERE {filter} ORDER BY id DESC LIMIT 51");
        let plan: Vec<String> = diesel::sql_query(query)
            .load::<Plan>(&mut connection)
            .unwrap()
            .into_iter()
            .map(|plan| plan.line)
            .collect();
        let scans = plan
            .iter()
            .filter(|line| line.contains("Index") && line.contains(index))
            .count();
        assert_eq!(scans, parts, "{plan:#?}");
        assert!(
            !plan
                .iter()
                .any(|line| line.contains("Sort") && !line.contains("Sort Key")),
            "{plan:#?}"
        );
    }
}

/// What is counted for a plot is read along the index on event and id, and no further than the limit: a hundred rows of
/// a thousand, although nine of ten are of another event.
#[test]
fn counting_reads_no_more_rows_than_it_counts() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let rows = "INSERT INTO audit_events (id, subject_id, occurred_at, event, success, request_id) \
                SELECT id, id, at, CASE number % 10 WHEN 0 THEN 'user_created' ELSE 'session_logout' END, true, id \
                  FROM (SELECT number, at, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || \
                               '7000800000000000' || lpad(to_hex(number), 4, '0'))::uuid AS id \
                          FROM generate_series(1, 10000) AS number, \
                               LATERAL (SELECT now() - number * interval '1 second' AS at) AS past) AS made";
    connection.batch_execute(rows).unwrap();
    connection.batch_execute("ANALYZE audit_events").unwrap();
    let span = Span::until(Utc::now(), Step::Hour, 4).unwrap();
    let tally = |connection: &mut PgConnection, most| {
        let tallies = audit_events::tally(connection, EventName::UserCreated, None, &span, most).unwrap();
        counts(4, &tallies, most.into())
    };
    let all = tally(&mut connection, 20_000);
    assert_eq!(all.iter().map(|count| count.unwrap()).sum::<u64>(), 1000);
    // The newest hundred are of the last thousand seconds, so the hours before have no count.
    assert_eq!(tally(&mut connection, 100)[..2], [None, None]);

    let parameters = [
        "ARRAY['00000000-0000-7000-8000-000000000000'::uuid]".to_owned(),
        "NULL::text".to_owned(),
        "'user_created'".to_owned(),
        "'00000000-0000-7000-8000-000000000000'::uuid".to_owned(),
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid".to_owned(),
        format!("'{}'", span.starts()[0].to_rfc3339()),
        "100".to_owned(),
    ];
    let statement = (1..)
        .zip(&parameters)
        .fold(audit_events::TALLY.to_owned(), |text, (number, value)| {
            text.replace(&format!("${number}"), value)
        });
    let plan: Vec<String> = diesel::sql_query(format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}"))
        .load::<Plan>(&mut connection)
        .unwrap()
        .into_iter()
        .map(|plan| plan.line)
        .collect();
    let text = plan.join("\n");
    assert!(text.contains("event_id_idx"), "{text}");
    assert!(!text.contains("rows=1000") && !text.contains("Rows Removed"), "{text}");
}

/// As under `vestibule dev`, whose clock may have any value.
#[actix_web::test]
async fn a_clock_that_is_moved_by_months_fails_nothing_and_the_trail_is_whole() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    for _ in 0..3 {
        app.clock.advance(100 * 86_400);
        log_in(&app, "jo@example.com", "another password").await.expect(401);
        app.delete_expired().await;
        let token = signed_in.person.sign_in_again(&app).await;
        let events = app.get_as("/me/events?limit=100", &token).await.expect(200).json();
        let events = events["items"].as_array().unwrap();
        let times: Vec<&str> = events
            .iter()
            .map(|event| event["occurred_at"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
        assert!(events.iter().any(|event| event["event"] == "user_created"));
        assert_eq!(number(&mut app.database.connect(), "audit_events_default"), 0);
    }
}
