//! Logs: one line an event, for people or for collectors, on standard error. And what keeps the measures.
//!
//! Secrets are types that do not print, so no line can hold one by accident; a test searches captured lines for them.

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
    // A second start keeps the first: that happens only in tests that start servers in their own process.
    let _ = tracing::subscriber::set_global_default(started);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Not the message: it could show a value.
        tracing::error!(place, "panicked");
    }));
}

/// Starts logging, and sending traces where a collector is named, for the life of the process that serves.
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

/// Where the HTTP library tells of heads that it cannot read.
const MALFORMED_HEADS: &str = "actix_http::h1::dispatcher=off";

fn known(filter: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_unreadable| EnvFilter::new("info"));
    // It calls a head that it cannot read an error. Any client can send one, and would page operators, who are told to watch
    // for errors.
    MALFORMED_HEADS
        .parse()
        .map_or(filter.clone(), |off| filter.add_directive(off))
}

/// Builds what turns events into lines.
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
