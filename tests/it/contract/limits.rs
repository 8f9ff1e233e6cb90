//! The tables of limits in SECURITY.md have the numbers of the program, and a row for nothing else.

use std::path::Path;

use chrono::TimeDelta;
use vestibule::api::extract::json;
use vestibule::config::settings;
use vestibule::crypto::hash_lanes::LANES;
use vestibule::domain::policy::numbers::{
    ATTEMPTS_OF_LOGIN, Allowance, BackoffPolicy, CHANGES_OF_ADDRESS, DEPARTURES_OF_UNVERIFIED_ADDRESS,
    ENDS_BY_OWNER_OR_OPERATOR, ENROLMENT_CODES, ENROLMENT_CODES_TO_BLOCK, ENROLMENT_CODES_TO_DESTINATION,
    FAILURES_FORGOTTEN_AFTER, HASH_WAIT, HASHES_WAITING, HASHES_WAITING_OF_KNOWN, LINK_TOKENS_STORED_FOR,
    MAX_CONSECUTIVE_FAILURES, MESSAGES_STORED_FOR, NOTICES_MERGED_WITHIN, PASSWORD_MAX_LENGTH,
    PASSWORD_MIN_LENGTH_FLOOR, REQUESTED_LINKS, RESEND_AFTER, SESSIONS_STORED_FOR, SIGN_IN_CODES,
    SIGN_IN_CODES_OF_STRANGERS, SINGLE_FACTOR_PASSWORD_MIN_LENGTH, STEP_UP_CODES, UNASKED_MAILS,
};
use vestibule::server;
use vestibule::store::pool;

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

/// Writes a time in its largest whole unit.
fn duration(seconds: i64) -> String {
    match seconds {
        _ if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        _ if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        _ if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn waits(policy: BackoffPolicy) -> String {
    assert_eq!(policy.forgotten_after, TimeDelta::days(1));
    let (first, longest) = (duration(policy.first_wait), duration(policy.longest_wait));
    format!("from the {}th {first}, doubling to {longest}", policy.free + 1)
}

fn an_hour(allowance: Allowance) -> u32 {
    assert_eq!(allowance.seconds, 3600);
    allowance.most
}

fn an_hour_and_a_day([hour, day]: [Allowance; 2]) -> String {
    assert_eq!(day.seconds, 86_400);
    format!("{} an hour and {} a day", an_hour(hour), day.most)
}

fn days(time: TimeDelta) -> i64 {
    assert_eq!(TimeDelta::days(time.num_days()), time);
    time.num_days()
}

fn default_duration(setting: &settings::Setting) -> String {
    duration(setting.default.parse().unwrap())
}

fn guessing() -> Vec<(&'static str, String)> {
    vec![
        (
            "wrong passwords for a name from one network",
            format!(
                "{}; reset after a day without one",
                waits(BackoffPolicy::PASSWORD_FROM_NETWORK)
            ),
        ),
        (
            "wrong passwords for a name from anywhere",
            format!(
                "{}; a known network does not wait",
                waits(BackoffPolicy::PASSWORD_FROM_ANYWHERE)
            ),
        ),
        (
            "wrong second factors of an account from one network",
            format!(
                "{}; reset after a day without one",
                waits(BackoffPolicy::CODES_FROM_NETWORK)
            ),
        ),
        (
            "wrong second factors of an account from anywhere",
            format!(
                "{}; a known network does not wait",
                waits(BackoffPolicy::CODES_FROM_ANYWHERE)
            ),
        ),
        (
            "wrong codes, or wrong passwords, in one session",
            waits(BackoffPolicy::IN_SESSION),
        ),
        (
            "wrong ones in a row that disable the password, or the codes",
            MAX_CONSECUTIVE_FAILURES.to_string(),
        ),
        (
            "attempts of one pre-auth token, its life",
            format!("{ATTEMPTS_OF_LOGIN}, {} s", settings::PRE_AUTH_TTL.default),
        ),
    ]
}

fn messages() -> Vec<(&'static str, String)> {
    assert_eq!(SIGN_IN_CODES, STEP_UP_CODES);
    let again = format!("again after {} s", RESEND_AFTER.num_seconds());
    let links = an_hour(REQUESTED_LINKS);
    let unasked = an_hour(UNASKED_MAILS);
    let changes = an_hour(CHANGES_OF_ADDRESS);
    vec![
        (
            "codes to sign in or step up",
            format!(
                "{} for an account, channel and network; {} for all unknown networks; {again}",
                an_hour_and_a_day(SIGN_IN_CODES),
                an_hour_and_a_day(SIGN_IN_CODES_OF_STRANGERS)
            ),
        ),
        (
            "codes that enrol",
            format!(
                "{} for an account and channel, from each known network and from all others; {} to one destination; \
                 {} an hour to a block of numbers; {again}",
                an_hour_and_a_day(ENROLMENT_CODES),
                an_hour_and_a_day(ENROLMENT_CODES_TO_DESTINATION),
                an_hour(ENROLMENT_CODES_TO_BLOCK)
            ),
        ),
        (
            "links that any client may request",
            format!(
                "{links} an hour to an address for each known network if it is verified, {links} for all others; while \
                 none is valid, as many as can end in an hour and {}",
                an_hour(DEPARTURES_OF_UNVERIFIED_ADDRESS) + ENDS_BY_OWNER_OR_OPERATOR
            ),
        ),
        (
            "departures of an address that was never verified (deletions, changes)",
            format!("{} an hour", an_hour(DEPARTURES_OF_UNVERIFIED_ADDRESS)),
        ),
        (
            "mails for changes of address",
            format!(
                "{unasked} an hour to an address, over all accounts; {changes} an hour for an account and known \
                 network, {changes} for all others"
            ),
        ),
        (
            "mails that an account exists",
            format!("{unasked} an hour to an address"),
        ),
        (
            "equal notices to an account",
            format!(
                "at once, and one more for all of the next {}",
                duration(NOTICES_MERGED_WITHIN.num_seconds())
            ),
        ),
    ]
}

fn process_and_sessions() -> Vec<(&'static str, String)> {
    vec![
        ("requests of one address", "[above](#limits-on-addresses)".to_owned()),
        (
            "hashing at once, waiting (known networks), and how long",
            format!(
                "processors × {LANES}, {HASHES_WAITING} ({HASHES_WAITING_OF_KNOWN}), {} s",
                HASH_WAIT.as_secs()
            ),
        ),
        (
            "database connections, requests waiting for each, how long, a statement, a lock",
            format!(
                "{}, {}, {} s, 5 s, 2 s",
                settings::DB_POOL_SIZE.default,
                pool::WAITING_FOR_EACH,
                pool::TURN_TIMEOUT.as_secs()
            ),
        ),
        (
            "body, head, its time, the body's time",
            format!(
                "{} KiB, actix's 128 KiB, {} s, {} s",
                json::MAX_BYTES / 1024,
                server::HEAD_TIMEOUT.as_secs(),
                json::BODY_TIMEOUT.as_secs()
            ),
        ),
        (
            "connections of one worker, of which there is one for each processor",
            format!(
                "{},{:03}",
                server::CONNECTIONS_OF_WORKER / 1000,
                server::CONNECTIONS_OF_WORKER % 1000
            ),
        ),
        ("sessions of a user", settings::MAX_SESSIONS.default.to_owned()),
        (
            "life of access token, session idle, session in all, reuse window, recent proof",
            format!(
                "{} s, {}, {}, {} s, {} s",
                settings::ACCESS_TOKEN_TTL.default,
                default_duration(&settings::SESSION_IDLE_TTL),
                default_duration(&settings::SESSION_ABSOLUTE_TTL),
                settings::REFRESH_REUSE_GRACE.default,
                settings::STEP_UP_MAX_AGE.default
            ),
        ),
        (
            "password length, cost",
            format!(
                "{PASSWORD_MIN_LENGTH_FLOOR} ({SINGLE_FACTOR_PASSWORD_MIN_LENGTH} where the second factor is optional) \
                 to {PASSWORD_MAX_LENGTH}, {}",
                settings::BCRYPT_COST.default
            ),
        ),
    ]
}

#[test]
fn the_table_of_limits_has_the_numbers_of_the_program() {
    let expected = [guessing(), messages(), process_and_sessions()].concat();
    assert_table("Limits at a glance", &expected);
}

/// A time that is written where it is used escapes the tables above, and the next use of it may say another one.
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
            "counts of wrong passwords and codes in a row",
            "with the account, until a right one".to_owned(),
        ),
        ("accounts", "until they are deleted".to_owned()),
    ];
    assert_table("How long data is stored", &expected);
}
