//! What the operators' commands share: access to the deployment without HTTP, and output.

use std::future::Future;
use std::sync::Arc;

use super::Failure;
use crate::app::{self, Environment, StartError};
use crate::config::Config;
use crate::config::source::log_filter;
use crate::flows::Core;
use crate::flows::maintenance::rewrap;
use crate::flows::maintenance::signing_keys;
use crate::{server, telemetry};

/// Connects to the deployment that the settings describe, which has to be there, migrates its schema, and does the
/// work.
pub(super) fn operate<F>(config: &Config, work: impl FnOnce(Arc<Core>) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    telemetry::init(config.server.log_format, &quieter(log_filter()));
    let database = app::reach_existing_database(config)?;
    let outcome = actix_web::rt::System::new().block_on(async {
        let state = app::build(config, &database.url, &public_url(config), Environment::of(config.mode))?;
        server::prepare_schema(&state.core, &database.url).await?;
        rewrap::load_retired_keys(&state.core)
            .await
            .map_err(StartError::Stored)?;
        // Only the service generates signing keys. But existing ones must open: if this command has another master key
        // than the service, the service cannot use what the command creates.
        signing_keys::load(&state.core).await.map_err(StartError::Stored)?;
        work(Arc::clone(&state.core)).await
    });
    let closed = database.close();
    outcome?;
    Ok(closed?)
}

/// Returns the public URL of a service with these settings, to which links lead.
pub(super) fn public_url(config: &Config) -> String {
    // The settings require a public URL if there is no address.
    let address = config.server.listen.reachable();
    let by_address = || address.map_or_else(String::new, |address| config.server.url_of(address));
    config.server.public_url.clone().unwrap_or_else(by_address)
}

/// Returns whether the public URL is known without the service: it is set, or follows from a port that is.
pub(super) fn knows_public_url(config: &Config) -> bool {
    let address = config.server.listen.reachable();
    config.server.public_url.is_some() || address.is_some_and(|address| address.port() != 0)
}

/// Refuses to make a link that a command prints if it would lead nowhere.
pub(super) fn require_place_for_links(config: &Config) -> Result<(), Failure> {
    if config.server.link_base_url.is_some() || knows_public_url(config) {
        return Ok(());
    }
    Err(Failure::of(
        "the link would lead to no page, since VESTIBULE_LISTEN leaves the port to the system; nothing was changed; set \
         VESTIBULE_PUBLIC_URL to the URL that the service logged when it began to listen",
    ))
}

/// Raises the default log level to `warn`: the output of a command is its result, and its log should only have
/// problems.
pub(super) fn quieter(filter: String) -> String {
    if filter.starts_with("info") {
        "warn".to_owned()
    } else {
        filter
    }
}

/// Writes rows in columns.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).map_or(0, |text| text.chars().count());
    let width = |column: usize, heading: &str| {
        rows.iter()
            .map(|row| cell(row, column))
            .max()
            .unwrap_or_default()
            .max(heading.len())
    };
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| width(column, heading))
        .collect();
    let line = |texts: &[String]| {
        let cells: Vec<String> = texts
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    std::iter::once(&headings).chain(rows).map(|row| line(row)).collect()
}
