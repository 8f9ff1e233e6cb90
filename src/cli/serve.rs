//! `vestibule serve` and `vestibule dev`.

use super::Failure;
use crate::config::Config;
#[cfg(not(feature = "otlp"))]
use crate::config::source::foreign;
use crate::config::source::log_filter;
use crate::{server, telemetry};

/// Serves until a signal stops it.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    #[cfg(feature = "otlp")]
    let traces = telemetry::init_traced(config.server.log_format, &log_filter())?;
    #[cfg(not(feature = "otlp"))]
    {
        telemetry::init(config.server.log_format, &log_filter());
        if foreign("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
            tracing::warn!(
                "OTEL_EXPORTER_OTLP_ENDPOINT has no effect: this program was built without the feature otlp"
            );
        }
    }
    let system = actix_web::rt::System::new();
    let outcome = system.block_on(server::serve(config, telemetry::metrics::record()));
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.stop();
    }
    // Dropping the system would wait for threads that wait for a database, which may never answer; the process ends
    // anyway. Nor may the last handle be dropped together with a thread: tasks that this wakes would access
    // thread-locals that no longer exist, and panic.
    std::mem::forget((actix_web::rt::System::current(), system));
    Ok(outcome?)
}
