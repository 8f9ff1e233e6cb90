//! The numbers of all policies are in one file, and the table of SECURITY.md has those of retention.

use std::path::Path;

use chrono::TimeDelta;
use vestibule::domain::policy::numbers::{
    API_KEYS_STORED_FOR, DEAD_STORED_FOR, DELIVERED_STORED_FOR, FAILURES_FORGOTTEN_AFTER, LINK_TOKENS_STORED_FOR,
    MESSAGES_STORED_FOR, SESSIONS_STORED_FOR, TRUSTED_DEVICES_STORED_FOR,
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

/// A time or an allowance that is written where it is used escapes the reference, and the next use of it may say another
/// one. Outside of `domain` a `Duration` is a pause or a timeout of the program, not a policy.
#[test]
fn times_and_allowances_of_a_policy_are_written_in_one_file() {
    let mut found = Vec::new();
    for (layer, types) in [
        ("domain", &["TimeDelta::", "Duration::", "Allowance::"][..]),
        ("flows", &["TimeDelta::", "Allowance::"]),
        ("store", &["TimeDelta::", "Allowance::"]),
        ("crypto", &["TimeDelta::", "Allowance::"]),
        ("rate_limits", &["TimeDelta::", "Allowance::"]),
    ] {
        let of_program = files_below(&format!("src/{layer}")).filter(|(path, _)| !path.ends_with("tests.rs"));
        let written = of_program.filter(|(_, text)| makes_of_a_number(text, types));
        found.extend(written.map(|(path, _)| path));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(found, [root.join("src/domain/policy/numbers.rs")]);
}

/// Returns whether a program makes a value of one of these types of a literal number.
fn makes_of_a_number(text: &str, types: &[&str]) -> bool {
    let program = text.split("#[cfg(test)]").next().unwrap_or_default();
    types.iter().any(|of_type| {
        let mut calls = program.split(of_type).skip(1).filter_map(|rest| rest.split_once('('));
        calls.any(|(name, argument)| {
            let is_name = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
            // A millisecond is the step of the clock in ids.
            is_name && name != "milliseconds" && argument.starts_with(|digit: char| digit.is_ascii_digit())
        })
    })
}

#[test]
fn a_value_of_a_literal_number_is_recognized() {
    let types = ["TimeDelta::", "Allowance::"];
    assert!(makes_of_a_number("wait > TimeDelta::minutes(5)", &types));
    assert!(makes_of_a_number("quota(Allowance::an_hour(3))", &types));
    assert!(!makes_of_a_number("TimeDelta::seconds(every)", &types));
    assert!(!makes_of_a_number("use chrono::TimeDelta;\nsleep(5)", &types));
}

#[test]
fn data_is_stored_for_as_long_as_the_table_says() {
    assert_eq!(FAILURES_FORGOTTEN_AFTER, TimeDelta::days(1));
    let expected = [
        (
            "sessions, with where they came from",
            format!("{} days from the login", days(SESSIONS_STORED_FOR)),
        ),
        (
            "trusted devices, with where they were trusted",
            format!("{} days from then", days(TRUSTED_DEVICES_STORED_FOR)),
        ),
        ("API keys", format!("{} days from then", days(API_KEYS_STORED_FOR))),
        ("tokens in mails", format!("{} days", days(LINK_TOKENS_STORED_FOR))),
        (
            "messages that could not be sent",
            format!("{} days", days(MESSAGES_STORED_FOR)),
        ),
        (
            "delivered messages to webhooks",
            format!("{} days", days(DELIVERED_STORED_FOR)),
        ),
        (
            "messages to webhooks that were given up",
            format!("{} days", days(DEAD_STORED_FOR)),
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
        (
            "accounts that were registered without a password and got no way in",
            "until their pre-auth token has expired".to_owned(),
        ),
        ("accounts", "until they are deleted".to_owned()),
    ];
    assert_table("How long data is stored", &expected);
}
