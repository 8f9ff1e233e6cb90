//! `vestibule migrate`.

use super::Failure;
use crate::app;
use crate::config::Config;
use crate::config::source::log_filter;
use crate::store::migrations;
use crate::telemetry;

/// Brings the schema up to date and tells what was done.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &log_filter());
    let database = app::reach_database(config)?;
    let outcome = migrations::apply(&database.url, config.database.pooled);
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
