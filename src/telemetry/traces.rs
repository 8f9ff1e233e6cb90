//! Traces: one span for each request, sent over OTLP to the collector that OpenTelemetry's own variables name.
//!
//! A span contains the method, the route's pattern, the status and the request's id, which is also in the log. It
//! contains no log lines: their content need not go to the operator of the collector.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::crypto::aws_lc_rs;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::Registry;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::config::source::foreign;

/// The variables that name a collector, in OpenTelemetry's specification. The library reads the others.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// How long the collector may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long to wait for the last spans when the process stops.
const LAST: Duration = Duration::from_secs(3);

/// The exporter of traces.
pub struct Traces(SdkTracerProvider);

/// The layer that turns spans of the program into spans of a trace.
pub(super) type TraceLayer = Box<dyn Layer<Registry> + Send + Sync>;

impl Traces {
    /// Begins to send if a collector is configured.
    ///
    /// # Errors
    ///
    /// Fails if the variables cannot be used.
    pub(super) fn start() -> Result<Option<(Self, TraceLayer)>, ExporterBuildError> {
        if ENDPOINTS.iter().all(|name| foreign(name).is_none()) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector(agent()))
            .build()?;
        let mut resource = Resource::builder();
        if foreign("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("vestibule");
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("vestibule"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_level(false)
            .with_target(false)
            .with_filter(filter_fn(|what| {
                what.is_span() && what.target().starts_with("vestibule")
            }));
        Ok(Some((Self(provider), Box::new(layer))))
    }

    /// Sends the remaining spans.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(LIMIT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent("vestibule")
        .build()
        .into()
}

/// Sends with the HTTP client that everything else here uses.
#[derive(Debug)]
struct Collector(Agent);

impl HttpClient for Collector {
    /// Blocks: spans are sent from a thread that does nothing else.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let answer = self.0.run(request.map(|body| body.to_vec()))?;
            let (head, mut body) = answer.into_parts();
            Ok(Response::from_parts(head, body.read_to_vec()?.into()))
        })
    }
}
