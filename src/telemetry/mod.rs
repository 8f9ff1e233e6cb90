//! Logs: one line for each event, for readers or for collectors, on standard error. Also metrics and traces.
//!
//! Secrets are types that do not print, so no line can contain one by accident; a test searches captured lines for
//! them.

pub mod metrics;
mod process;
#[cfg(feature = "otlp")]
pub mod traces;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// Starts logging for the life of the process.
pub fn init(format: LogFormat, filter: &str) {
    start(subscriber(format, filter, io::stderr));
}

fn start(started: Box<dyn tracing::Subscriber + Send + Sync>) {
    // A second start leaves the first in place. It happens only in tests that start servers in their own process.
    let _ = tracing::subscriber::set_global_default(started);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Without the message, which could contain a value.
        tracing::error!(place, "panicked");
    }));
}

/// Starts logging, and sending traces if a collector is configured, for the life of a serving process.
///
/// # Errors
///
/// Says why traces cannot be sent.
#[cfg(feature = "otlp")]
pub fn init_traced(
    format: LogFormat,
    filter: &str,
) -> Result<Option<traces::Traces>, opentelemetry_otlp::ExporterBuildError> {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, Registry, fmt};

    let Some((sent, traces)) = traces::Traces::start()? else {
        init(format, filter);
        return Ok(None);
    };
    let lines = fmt::layer().with_writer(io::stderr);
    let registry = Registry::default().with(traces).with(known(filter));
    start(match format {
        LogFormat::Pretty => Box::new(registry.with(lines.with_target(false).boxed())),
        LogFormat::Json => Box::new(
            registry.with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false)
                    .boxed(),
            ),
        ),
    });
    Ok(Some(sent))
}

/// The module of the HTTP library that logs request heads that it cannot parse.
const MALFORMED_HEADS: &str = "actix_http::h1::dispatcher=off";

fn known(filter: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_unreadable| EnvFilter::new("info"));
    // It logs a malformed head as an error. Any client can send one, and would page operators, whose alerts watch for
    // errors.
    MALFORMED_HEADS
        .parse()
        .map_or(filter.clone(), |off| filter.add_directive(off))
}

/// Builds the subscriber that writes events as lines.
pub fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(known(filter))
        .with_writer(writer);
    match format {
        LogFormat::Pretty => Box::new(builder.with_target(false).finish()),
        LogFormat::Json => Box::new(
            builder
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .finish(),
        ),
    }
}
