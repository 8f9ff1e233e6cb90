//! `vestibule serve` and `vestibule dev`.

use super::Failure;
use crate::config::Config;
use crate::config::source::log_filter;
use crate::{server, telemetry};

/// Serves until a signal ends it.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &log_filter());
    let system = actix_web::rt::System::new();
    let outcome = system.block_on(server::serve(config, telemetry::metrics::record()));
    // Dropping it would wait for threads that wait for a database that may never answer; the process ends anyway.
    std::mem::forget(system);
    Ok(outcome?)
}
