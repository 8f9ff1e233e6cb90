//! `vestibule migrate`.

use super::Failure;
use super::progress::Progress;
use crate::app;
use crate::config::Config;
use crate::config::source::log_filter;
use crate::store::migrations;
use crate::telemetry;

/// Migrates the schema and reports the migrations that were applied.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &log_filter());
    let database = app::reach_database(config)?;
    let progress = Progress::of_unknown_length("migrations");
    let outcome = migrations::apply_step_by_step(&database.url, config.database.pooled, |step| {
        progress.is_at(step.done, step.of);
    });
    progress.finish();
    let closed = database.close();
    let applied = outcome?;
    closed?;
    tracing::info!(
        applied = applied.len(),
        migrations = applied.join(" "),
        "the schema is up to date"
    );
    Ok(())
}
