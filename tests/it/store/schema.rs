//! Rules for every table, read from the database.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;

use vestibule::store::distribution::{PLACEMENTS, Placement};
use vestibule::store::inspection::TABLES;

use crate::support::db::TestDatabase;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(connection: &mut PgConnection, query: &str) -> Vec<String> {
    diesel::sql_query(query)
        .load::<Line>(connection)
        .unwrap()
        .into_iter()
        .map(|row| row.line)
        .collect()
}

/// Describes all columns, constraints and indexes of the schema.
pub(super) fn describe(connection: &mut PgConnection) -> Vec<String> {
    lines(
        connection,
        "SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
           FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'
         UNION ALL
         SELECT 'function ' || proname || ' ' || coalesce(array_to_string(proconfig, ' '), '') || ' ' || prosrc FROM pg_proc
          WHERE pronamespace = 'public'::regnamespace
         UNION ALL
         SELECT tgrelid::regclass || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL
         SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '\\_\\_%'
         UNION ALL
         SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_%'
         ORDER BY 1",
    )
}

/// Describes everything else of the schema, too: kinds, options and rights of tables, whole functions, and comments.
pub(super) fn catalog(connection: &mut PgConnection) -> Vec<String> {
    let mut all = describe(connection);
    all.extend(lines(
        connection,
        "SELECT concat_ws(' ', relkind, relname, relpersistence, reloptions, relacl,
                          pg_get_expr(relpartbound, oid)) AS line
           FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_%'
         UNION ALL
         SELECT concat_ws(' ', pg_get_functiondef(oid), proacl) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
         UNION ALL
         SELECT concat_ws(' ', 'comment', relname, attname, description) FROM pg_description
           JOIN pg_class ON pg_class.oid = objoid AND classoid = 'pg_class'::regclass
           LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
          WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_%'
         ORDER BY 1",
    ));
    all
}

#[test]
fn every_table_and_column_has_a_comment() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let bare = lines(
        &mut connection,
        "SELECT c.relname || '.' || a.attname AS line FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname NOT LIKE '\\_\\_%'
            AND a.attnum > 0 AND NOT a.attisdropped
            AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)",
    );
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn every_time_has_a_zone_and_every_reference_an_index() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let zoneless = "SELECT table_name || '.' || column_name AS line FROM information_schema.columns
                     WHERE table_schema = 'public' AND udt_name = 'timestamp' AND table_name NOT LIKE '\\_\\_%'";
    assert_eq!(lines(&mut connection, zoneless), Vec::<String>::new());
    let slow = "SELECT conname AS line FROM pg_constraint f WHERE contype = 'f' AND NOT EXISTS (
                    SELECT 1 FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1])";
    assert_eq!(lines(&mut connection, slow), Vec::<String>::new());
}

#[test]
fn every_table_is_inspected() {
    let database = TestDatabase::migrated();
    let tables = lines(
        &mut database.connect(),
        "SELECT c.relname AS line FROM pg_class c
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname NOT LIKE '\\_\\_%' ORDER BY 1",
    );
    assert_eq!(tables, TABLES);
}

/// `src/store/schema.rs` is written by hand: this compares its types with the database's.
#[test]
fn the_programs_view_of_the_schema_is_the_databases() {
    let names: BTreeMap<&str, &str> = BTreeMap::from([
        ("uuid", "Uuid"),
        ("text", "Text"),
        ("timestamptz", "Timestamptz"),
        ("int2", "Int2"),
        ("int4", "Int4"),
        ("int8", "Int8"),
        ("bool", "Bool"),
        ("bytea", "Bytea"),
        ("inet", "Inet"),
        ("_text", "Array<Text>"),
        ("_timestamptz", "Array<Timestamptz>"),
    ]);
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let columns = lines(
        &mut connection,
        "SELECT table_name || ' ' || column_name || ' ' || udt_name || ' ' || is_nullable AS line
           FROM information_schema.columns JOIN pg_class c ON c.oid = format('public.%I', table_name)::regclass
          WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' AND NOT c.relispartition
            AND c.relkind <> 'v'",
    );
    let mut database: Vec<String> = columns
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let kind = names[words[2]];
            let kind = if words[3] == "YES" {
                format!("Nullable<{kind}>")
            } else {
                kind.to_owned()
            };
            format!("{}.{} {kind}", words[0], words[1])
        })
        .collect();
    database.sort();
    let mut program = program_columns();
    program.sort();
    assert_eq!(program, database);
}

fn program_columns() -> Vec<String> {
    let text = include_str!("../../../src/store/schema.rs");
    let mut columns = Vec::new();
    let mut table = "";
    for line in text.lines().map(str::trim) {
        if let Some((name, kind)) = line.split_once(" -> ") {
            columns.push(format!("{table}.{name} {}", kind.trim_end_matches(',')));
        } else if line.ends_with(") {") {
            table = line.split(' ').next().unwrap();
        }
    }
    columns
}

/// Returns the tables whose rows a distributed database places by a column, with that column. The others are small and
/// on every server, or on one server as a whole.
fn distributed() -> BTreeMap<&'static str, &'static str> {
    let column = |(table, placement)| match placement {
        Placement::ByColumn { column, .. } => Some((table, column)),
        Placement::OneShard | Placement::Everywhere => None,
    };
    PLACEMENTS.into_iter().filter_map(column).collect()
}

#[test]
fn every_table_has_a_placement() {
    let mut placed: Vec<&str> = PLACEMENTS.iter().map(|(table, _)| *table).collect();
    placed.retain(|table| !table.starts_with("__"));
    placed.sort_unstable();
    assert_eq!(placed, TABLES);
}

/// The decision that lists the placements is the table in the code, in words.
#[test]
fn the_decision_names_the_placement_of_every_table() {
    let decision = include_str!("../../../docs/decisions/0010-tokens-name-their-user.md");
    let mut listed = BTreeMap::new();
    for line in decision.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for table in cells[1].split(", ") {
            listed.insert(table.trim_matches('`'), cells[2]);
        }
    }
    let place = |placement| match placement {
        Placement::ByColumn { column, .. } => format!("`{column}`"),
        Placement::OneShard => "nothing: one shard".to_owned(),
        Placement::Everywhere => "nothing: a copy everywhere".to_owned(),
    };
    for (table, placement) in PLACEMENTS {
        let listed = listed.remove(table).unwrap_or_else(|| panic!("{table} is not listed"));
        let wanted = place(placement);
        assert!(listed.starts_with(&wanted), "{table}: {listed}, not {wanted}");
    }
    assert!(listed.is_empty(), "{listed:?}");
}

/// Without the column, a server could not enforce a constraint from its own rows.
#[test]
fn every_key_of_a_distributed_table_contains_the_column_that_places_its_rows() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    // Unique indexes, whether or not they are constraints, and foreign keys, each with its columns.
    let keys = lines(
        &mut connection,
        "SELECT relname || ' ' || indexrelid::regclass || ' ' || attname AS line
           FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
           JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
          WHERE indisunique AND relnamespace = 'public'::regnamespace AND NOT relispartition
            AND relname NOT LIKE '\\_\\_%'
         UNION ALL
         SELECT relname || ' ' || conname || ' ' || attname
           FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
           JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
          WHERE contype = 'f' AND relnamespace = 'public'::regnamespace",
    );
    let mut columns: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for line in &keys {
        let words: Vec<&str> = line.split(' ').collect();
        columns.entry((words[0], words[1])).or_default().push(words[2]);
    }
    let distributed = distributed();
    let mut checked = 0;
    for ((table, key), columns) in columns {
        if let Some(column) = distributed.get(table) {
            assert!(columns.contains(column), "{table}: {key} lacks {column}");
            checked += 1;
        }
    }
    assert!(checked >= distributed.len() + 7, "{checked}");
    // A foreign key of such a table refers to a table whose rows are placed by the same value, or to a small one.
    let references = lines(
        &mut connection,
        "SELECT conrelid::regclass || ' ' || confrelid::regclass || ' ' || attname AS line FROM pg_constraint
           JOIN pg_attribute ON attrelid = confrelid AND attnum = ANY (confkey) WHERE contype = 'f'",
    );
    for (table, column) in &distributed {
        for line in references.iter().filter(|line| line.starts_with(&format!("{table} "))) {
            let words: Vec<&str> = line.split(' ').collect();
            let referred = words[1];
            let places = distributed.get(referred).copied();
            let names_it = references
                .iter()
                .any(|other| *other == format!("{table} {referred} {}", places.unwrap_or_default()));
            assert!(*column == "user_id" && names_it, "{line}");
        }
    }
}
