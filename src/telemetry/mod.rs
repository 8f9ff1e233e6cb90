//! Logs: one line an event, for people or for collectors, on standard error. And what keeps the measures.
//!
//! Secrets are types that do not print, so no line can hold one by accident; a test searches captured lines for them.

pub mod metrics;
mod process;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// Starts logging for the life of the process.
pub fn init(format: LogFormat, filter: &str) {
    let started = subscriber(format, filter, io::stderr);
    // A second start keeps the first: that happens only in tests that start servers in their own process.
    let _ = tracing::subscriber::set_global_default(started);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Not the message: it could show a value.
        tracing::error!(place, "panicked");
    }));
}

/// Builds what turns events into lines.
pub fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_unreadable| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
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
