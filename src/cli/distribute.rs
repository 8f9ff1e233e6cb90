//! `vestibule distribute`.

use std::time::Duration;

use super::confirm::Consent;
use super::operate::{quieter, table};
use super::progress::Progress;
use super::{Failure, complain, counted, write_out};
use crate::app::{self, OpenedDatabase};
use crate::config::Config;
use crate::config::source::log_filter;
use crate::store::distribution::{Placed, Plan};
use crate::store::inspection;
use crate::system::SystemClock;
use crate::telemetry;

/// Whether something is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// The plan is only shown.
    Dry,
    /// The plan is carried out.
    Real(Consent),
}

impl Run {
    /// Decides before the command does anything.
    pub(super) fn of(dry_run: bool, yes: bool) -> Result<Self, Failure> {
        if dry_run {
            Ok(Self::Dry)
        } else {
            Consent::of(yes).map(Self::Real)
        }
    }
}

/// Shows what is to be distributed and, unless it is a dry run, distributes it.
pub(super) fn run(config: &Config, run: Run) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &quieter(log_filter()));
    let database = app::reach_database(config)?;
    let outcome = distribute(&database, run);
    let closed = database.close();
    outcome?;
    Ok(closed?)
}

fn distribute(database: &OpenedDatabase, run: Run) -> Result<(), Failure> {
    let schema = inspection::inspect(&database.url, &SystemClock)?;
    if schema.cluster.is_some() && !schema.pending.is_empty() {
        return Err(Failure::of("migrations are missing: run `vestibule migrate` first"));
    }
    let plan = Plan::read(&database.url)?;
    let workers = counted(plan.cluster.workers().count(), "worker");
    if plan.tables.is_empty() {
        return write_out(&format!("all tables are distributed over {workers}; nothing to do\n"));
    }
    write_out(&shown(&plan))?;
    let Run::Real(consent) = run else {
        return write_out(&format!("\n{};\nnothing was changed\n", plan.statements().join(";\n")));
    };
    let tables = counted(plan.tables.len(), "table");
    consent.ask(&format!("Distribute {tables} over {workers}?"))?;
    let progress = Progress::new("rows copied", plan.rows());
    let done = plan.carry_out(&database.url, |name, rows| {
        progress.say(name.to_owned());
        progress.add(rows);
    });
    progress.finish();
    done?;
    complain("next: start the service, and run `vestibule check` as its role");
    write_out(&format!("{tables} distributed over {workers}\n"))
}

/// Shows a plan as a table, with the time that it takes at most.
fn shown(plan: &Plan) -> String {
    let row =
        |((name, placement), rows): &(Placed, u64)| vec![(*name).to_owned(), placement.describe(), rows.to_string()];
    let rows: Vec<Vec<String>> = plan.tables.iter().map(row).collect();
    format!(
        "{}\nNothing can be written until it is done: stop the service, or its requests are answered 503.\nIt takes at \
         most {}, and then gives up and changes nothing.\n",
        table(&["TABLE", "PLACEMENT", "ROWS, ABOUT"], &rows),
        in_words(plan.limit())
    )
}

/// Says how long something takes, in minutes, rounded up.
fn in_words(time: Duration) -> String {
    counted(time.as_secs().div_ceil(60), "minute")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::distribution::{Cluster, PLACEMENTS};

    #[test]
    fn a_plan_names_each_table_and_the_time() {
        let placed = |table| *PLACEMENTS.iter().find(|(name, _placement)| *name == table).unwrap();
        let [keys, users] = ["signing_keys", "users"].map(placed);
        let plan = Plan {
            cluster: Cluster::example(&[]),
            tables: vec![(keys, 2), (users, 3_000_000)],
        };
        assert_eq!(
            shown(&plan),
            "TABLE         PLACEMENT               ROWS, ABOUT\n\
             signing_keys  a copy on every server  2\n\
             users         by id                   3000000\n\
             \n\
             Nothing can be written until it is done: stop the service, or its requests are answered 503.\n\
             It takes at most 4 minutes, and then gives up and changes nothing.\n"
        );
    }

    #[test]
    fn a_time_is_rounded_up_to_minutes() {
        for (seconds, expected) in [(60, "1 minute"), (61, "2 minutes"), (3600, "60 minutes")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), expected);
        }
    }
}
