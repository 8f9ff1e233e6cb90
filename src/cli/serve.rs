//! `vestibule serve` and `vestibule dev`.

use super::Failure;
use crate::config::Config;
use crate::config::source::log_filter;
use crate::{server, telemetry};

/// Serves until a signal ends it.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &log_filter());
    actix_web::rt::System::new().block_on(server::serve(config))?;
    Ok(())
}
