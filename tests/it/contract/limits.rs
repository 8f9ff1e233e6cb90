//! The numbers of all policies are in one file, and the table of SECURITY.md has those of retention.

use std::path::Path;

use chrono::TimeDelta;
use vestibule::domain::policy::numbers::{
    FAILURES_FORGOTTEN_AFTER, LINK_TOKENS_STORED_FOR, MESSAGES_STORED_FOR, SESSIONS_STORED_FOR,
};

use super::coverage::files_below;

/// Returns name and value of each row of the table below a heading.
fn table(heading: &str) -> Vec<(String, String)> {
    let (_, after) = include_str!("../../../docs/SECURITY.md")
        .split_once(&format!("\n## {heading}\n\n"))
        .unwrap();
    let rows = after.lines().take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().to_owned()).skip(1);
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

fn assert_table(heading: &str, expected: &[(&str, String)]) {
    let documented = table(heading);
    assert_eq!(documented.len(), expected.len(), "{heading}");
    for ((name, value), (expected_name, expected_value)) in documented.iter().zip(expected) {
        assert_eq!(name, expected_name);
        assert_eq!(value, expected_value, "{name}");
    }
}

fn days(time: TimeDelta) -> i64 {
    assert_eq!(TimeDelta::days(time.num_days()), time);
    time.num_days()
}

/// A time that is written where it is used escapes the reference, and the next use of it may say another one.
#[test]
fn times_of_a_policy_are_written_in_one_file() {
    let written = |text: &str| {
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        let units = ["days", "hours", "minutes", "seconds"].map(|unit| format!("TimeDelta::{unit}("));
        units.iter().any(|unit| {
            let mut uses = program.split(unit).skip(1);
            uses.any(|argument| argument.starts_with(|character: char| character.is_ascii_digit()))
        })
    };
    let mut found = Vec::new();
    for layer in ["domain", "flows", "store", "crypto"] {
        let files = files_below(&format!("src/{layer}"));
        found.extend(files.filter(|(_, text)| written(text)).map(|(path, _)| path));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(found, [root.join("src/domain/policy/numbers.rs")]);
}

#[test]
fn data_is_stored_for_as_long_as_the_table_says() {
    assert_eq!(FAILURES_FORGOTTEN_AFTER, TimeDelta::days(1));
    let expected = [
        (
            "sessions, with where they came from",
            format!("{} days from the login", days(SESSIONS_STORED_FOR)),
        ),
        ("tokens in mails", format!("{} days", days(LINK_TOKENS_STORED_FOR))),
        (
            "messages that could not be sent",
            format!("{} days", days(MESSAGES_STORED_FOR)),
        ),
        (
            "counts of messages, wrong passwords and wrong codes",
            "until they no longer have an effect: an hour, a day".to_owned(),
        ),
        (
            "the audit trail",
            "by whole months, 400 to 431 days, also that of accounts that are gone".to_owned(),
        ),
        (
            "counts of consecutive wrong passwords and codes",
            "with the account, until a right one".to_owned(),
        ),
        ("accounts", "until they are deleted".to_owned()),
    ];
    assert_table("How long data is stored", &expected);
}
