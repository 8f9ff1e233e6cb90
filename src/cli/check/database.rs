//! Checks of the database, and of the signing keys whose private parts it stores.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Stage;
use super::environment_checks::cluster;
use super::report::{Report, State};
use crate::app::{self, OpenedDatabase};
use crate::cli::counted;
use crate::config::{Config, DatabaseLocation};
use crate::domain::policy::numbers::CLOCK_TOLERANCE;
use crate::flows::maintenance::check::{self, KeysFound};
use crate::flows::{Core, Fault};
use crate::store::distribution::{Cluster, LOCK_TIMEOUT, PLACEMENTS, Placed};
use crate::store::inspection::{self, Inspection};
use crate::system::SystemClock;

/// The oldest supported PostgreSQL, in the format of `server_version_num`.
const OLDEST: i32 = 140_000;
/// With a larger difference of clocks, codes and tokens are valid too early, too late, or at some instances only.
const CLOCK_WARNING: TimeDelta = TimeDelta::seconds(1);

/// A database that was reached.
pub(super) struct Found {
    pub(super) opened: OpenedDatabase,
    /// Whether its schema is the one of this program.
    pub(super) usable: bool,
}

/// Returns whether the database is a private one that does not exist yet.
pub(super) fn is_unmade(config: &Config) -> bool {
    matches!(config.database.location, DatabaseLocation::Private) && !cluster(config).exists()
}

/// Connects to the database and inspects it. A private database that does not exist yet is not created.
pub(super) fn reach(config: &Config, stage: Stage, report: &mut Report) -> Option<Found> {
    const NAME: &str = "database";
    if is_unmade(config) {
        report.add(NAME, State::Skipped, "private; the first start creates it");
        return None;
    }
    let opened = match app::reach_database(config) {
        Ok(opened) => opened,
        Err(error) => {
            report.add(NAME, State::Failed, error.to_string());
            return None;
        }
    };
    let usable = match inspection::inspect(&opened.url, &SystemClock) {
        Ok(found) => {
            server(config, &found, report);
            clock(&found, report);
            let usable = schema(config, stage, &found, report);
            if let Some(cluster) = &found.cluster {
                servers(cluster, report);
                distribution(cluster, report);
            }
            usable
        }
        Err(error) => {
            report.add(NAME, State::Failed, one_line(&error.to_string()));
            false
        }
    };
    Some(Found { opened, usable })
}

fn server(config: &Config, found: &Inspection, report: &mut Report) {
    const NAME: &str = "database";
    let version = format!("PostgreSQL {}.{}", found.version / 10_000, found.version % 10_000);
    let pool = config.database.pool_size;
    let (state, detail) = if found.version < OLDEST {
        (
            State::Failed,
            format!("{version} is too old: upgrade it to 14 or newer"),
        )
    } else if found.conditions.read_only {
        (
            State::Failed,
            "takes no changes, because it is a standby or set to read only: point DATABASE_URL to the primary, or set \
             default_transaction_read_only to off"
                .to_owned(),
        )
    } else if i64::from(pool) >= i64::from(found.max_connections) {
        let most = found.max_connections;
        (
            State::Warning,
            format!(
                "accepts {most} connections, and VESTIBULE_DB_POOL_SIZE is {pool}: lower it, or raise max_connections"
            ),
        )
    } else {
        (
            State::Ok,
            format!("{version}, answers in {} ms", found.round_trip.num_milliseconds()),
        )
    };
    report.add(NAME, state, detail);
}

fn clock(found: &Inspection, report: &mut Report) {
    let ahead = found.clock_ahead;
    let state = clock_state(ahead);
    let mut detail = format!("differs from the database's by {} ms", ahead.num_milliseconds().abs());
    if state != State::Ok {
        detail.push_str(": set both by NTP");
    }
    report.add("clock", state, detail);
}

fn clock_state(ahead: TimeDelta) -> State {
    match ahead.abs() {
        apart if apart > CLOCK_TOLERANCE => State::Failed,
        apart if apart > CLOCK_WARNING => State::Warning,
        _ => State::Ok,
    }
}

/// Checks the schema. Returns whether it is the one of this program.
fn schema(config: &Config, stage: Stage, found: &Inspection, report: &mut Report) -> bool {
    const NAME: &str = "schema";
    if let Some(refusal) = &found.refusal {
        report.add(NAME, State::Failed, refusal.clone());
        return false;
    }
    if !found.pending.is_empty() {
        let (state, detail) = pending(config, stage, found);
        report.add(NAME, state, detail);
        return false;
    }
    if !found.missing_tables.is_empty() {
        let tables = found.missing_tables.join(", ");
        let detail = format!("lacks {tables}, which its migrations created: restore the database from its backup");
        report.add(NAME, State::Failed, detail);
        return false;
    }
    if !found.missing_grants.is_empty() {
        let grants = found.missing_grants.join("; ");
        let detail = format!("this role lacks rights that the service needs; run this as the owner: {grants}");
        report.add(NAME, State::Failed, detail);
        return false;
    }
    if found.conditions.may_create {
        report.add(NAME, State::Ok, "matches this program");
    } else {
        report.add(
            NAME,
            State::Warning,
            "matches this program, but this role may not create tables: the next migrations need another role",
        );
    }
    true
}

/// Checks whether this role can use every server of the cluster.
fn servers(cluster: &Cluster, report: &mut Report) {
    const NAME: &str = "citus";
    let here = if cluster.at_coordinator {
        "the coordinator"
    } else {
        "a worker"
    };
    let workers = counted(cluster.workers().count(), "worker");
    let faults = cluster.faults();
    let unlimited = cluster.without_lock_timeout();
    let (state, detail) = if !faults.is_empty() {
        (State::Failed, faults.join("; "))
    } else if unlimited.is_empty() {
        let version = &cluster.version;
        (State::Ok, format!("{version}, {workers}; this is {here}"))
    } else {
        let (servers, role) = (unlimited.join(", "), &cluster.role);
        (
            State::Warning,
            format!(
                "this role waits for locks without a limit on {servers}: run ALTER ROLE {role} SET lock_timeout = \
                 '{LOCK_TIMEOUT}' on the coordinator, or on each server"
            ),
        )
    };
    report.add(NAME, state, detail);
}

/// Checks which tables are distributed.
fn distribution(cluster: &Cluster, report: &mut Report) {
    const NAME: &str = "distribution";
    let names = |tables: &[Placed]| {
        let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let (missing, misplaced) = (cluster.missing(), cluster.misplaced());
    let (state, detail) = if !misplaced.is_empty() {
        let wanted = misplaced
            .iter()
            .map(|(name, placement)| format!("{name}: {}", placement.describe()));
        let wanted: Vec<String> = wanted.collect();
        (
            State::Failed,
            format!(
                "tables are distributed in another way than the program needs: {}",
                wanted.join("; ")
            ),
        )
    } else if missing.len() == PLACEMENTS.len() {
        (
            State::Skipped,
            "all tables are on one server; `vestibule distribute` distributes them".to_owned(),
        )
    } else if missing.is_empty() {
        (State::Ok, described(&PLACEMENTS))
    } else {
        let missing = names(&missing);
        (
            State::Warning,
            format!("not distributed: {missing}; run `vestibule distribute`"),
        )
    };
    report.add(NAME, state, detail);
}

/// Lists tables by their placement.
fn described(tables: &[Placed]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, placement) in tables {
        let placement = placement.describe();
        match groups.iter_mut().find(|(known, _)| *known == placement) {
            Some((_, names)) => names.push(name),
            None => groups.push((placement, vec![name])),
        }
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(placement, names)| format!("{placement}: {}", names.join(", ")))
        .collect();
    groups.join("; ")
}

/// Classifies pending migrations by what would apply them: the next start, or `vestibule migrate` with another role or
/// without the pooler.
fn pending(config: &Config, stage: Stage, found: &Inspection) -> (State, String) {
    let waiting = match found.pending.len() {
        1 => "1 migration is".to_owned(),
        waiting => format!("{waiting} migrations are"),
    };
    if found.conditions.read_only {
        // No advice: the check of the server reports why changes are refused, and that has to be solved first.
        let detail = format!("{waiting} to be applied, once the database takes changes");
        return (State::Skipped, detail);
    }
    if let Some(grant) = found.conditions.missing_grant() {
        let detail = format!("{waiting} to be applied, and this role lacks: {grant}");
        return (State::Failed, detail);
    }
    if !found.conditions.may_create {
        let detail = format!(
            "{waiting} to be applied, and this role may not create tables: run `vestibule migrate` as the \
             owner"
        );
        return (State::Failed, detail);
    }
    match stage {
        _ if config.database.pooled => (
            State::Failed,
            format!(
                "{waiting} to be applied, which is not possible through a pooler: run `vestibule migrate` \
                 without it"
            ),
        ),
        Stage::BeforeStart => (
            State::Ok,
            format!("{waiting} to be applied; the next start applies them"),
        ),
        Stage::Running => (
            State::Failed,
            format!("{waiting} to be applied: run `vestibule migrate`, or start the service"),
        ),
    }
}

/// The name of the check of the keys in the database.
pub(super) const KEYS: &str = "signing keys";

/// Returns why the keys in the database cannot be checked, if they cannot.
pub(super) fn why_not_opened(config: &Config, key_is_there: bool, found: Option<&Found>) -> Option<&'static str> {
    match found {
        None if is_unmade(config) => Some("the first start creates them, with the database"),
        None => Some("the database cannot be reached"),
        Some(Found { usable: false, .. }) => Some("the database cannot be used as it is"),
        Some(_) if !key_is_there => Some("there is no master key to open them with"),
        Some(_) => None,
    }
}

/// Opens sealed values of the database, and checks the state of the signing keys.
pub(super) async fn keys(core: &Arc<Core>, report: &mut Report) {
    const NAME: &str = KEYS;
    let age = |since: DateTime<Utc>| days((core.clock.now() - since).num_days());
    match check::open_what_is_sealed(core).await {
        Ok(KeysFound::None) => report.add(NAME, State::Skipped, "the first start creates them"),
        Ok(KeysFound::Good { since }) => {
            report.add(
                NAME,
                State::Ok,
                format!("can be opened; the current key has signed for {}", age(since)),
            );
        }
        Ok(KeysFound::Overdue { since }) => {
            let detail = format!(
                "the current key has signed for {}: no instance has replaced it in time",
                age(since)
            );
            report.add(NAME, State::Failed, detail);
        }
        Ok(KeysFound::Incomplete) => report.add(NAME, State::Failed, "there is no current key, or no next key"),
        Err(fault @ (Fault::Seal(_) | Fault::UnknownKey(_))) => {
            let detail = format!(
                "the master key is not the one that they were sealed with ({fault}): set VESTIBULE_MASTER_KEY to \
                 that key"
            );
            report.add(NAME, State::Failed, detail);
        }
        Err(fault) => report.add(NAME, State::Failed, one_line(&fault.to_string())),
    }
}

fn days(number: i64) -> String {
    let noun = if number == 1 { "day" } else { "days" };
    format!("{number} {noun}")
}

/// Joins the lines of an error: some errors of libpq have several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conditions::Conditions;
    use crate::store::distribution::Placement;

    #[test]
    fn clocks_may_differ_by_a_little_in_either_direction() {
        for (millis, expected) in [
            (0, State::Ok),
            (-900, State::Ok),
            (1_500, State::Warning),
            (-9_000, State::Warning),
            (10_001, State::Failed),
            (-3_600_000, State::Failed),
        ] {
            assert_eq!(clock_state(TimeDelta::milliseconds(millis)), expected, "{millis}");
        }
    }

    fn found() -> Inspection {
        Inspection {
            version: 150_004,
            clock_ahead: TimeDelta::zero(),
            round_trip: TimeDelta::zero(),
            conditions: Conditions::good(),
            pending: Vec::new(),
            refusal: None,
            missing_tables: Vec::new(),
            missing_grants: Vec::new(),
            max_connections: 100,
            cluster: None,
        }
    }

    #[test]
    fn a_cluster_is_described_and_what_is_missing_is_told() {
        let whole = Cluster::example(&PLACEMENTS);
        for (cluster, citus, distributed) in [
            (
                whole.clone(),
                "13.2-1, 2 workers; this is the coordinator",
                "by id: users, device_requests; by user_id: sessions, consents, ",
            ),
            (
                whole.clone().answering("w2:5432", Ok("0")),
                "this role waits for locks without a limit on w2:5432: run ALTER ROLE vestibule SET lock_timeout = '2s'",
                "a copy on every server: ",
            ),
            (
                whole.answering("w1:5432", Err("role \"vestibule\"\ndoes not exist")),
                "w1:5432 does not answer: role \"vestibule\" does not exist",
                "one shard: outbox",
            ),
            (
                Cluster::example(&PLACEMENTS[1..]),
                "2 workers",
                "not distributed: __diesel_schema_migrations; run `vestibule distribute`",
            ),
            (
                Cluster::example(&[("outbox", Placement::Everywhere)]),
                "2 workers",
                "in another way than the program needs: outbox: one shard",
            ),
            (Cluster::example(&[]), "2 workers", "all tables are on one server"),
        ] {
            let mut report = Report::default();
            servers(&cluster, &mut report);
            distribution(&cluster, &mut report);
            let shown = report.table();
            assert!(shown.contains(citus) && shown.contains(distributed), "{shown}");
        }
    }

    #[test]
    fn an_old_server_is_told() {
        let config = Config::read(&crate::config::Source::from_pairs(&[]), crate::config::Mode::Serve).unwrap();
        for (version, failures) in [(130_010, 1), (140_000, 0), (180_001, 0)] {
            let mut report = Report::default();
            server(&config, &Inspection { version, ..found() }, &mut report);
            assert_eq!(report.failures(), failures, "{version}");
        }
    }
}
