//! Records metrics for the life of a serving process.
//!
//! A process has one recorder, so only `serve` and `dev` install it; everywhere else, counting does nothing.

use std::sync::Arc;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::process;
use crate::metrics::Exposition;
use crate::metrics::catalogue::{CATALOGUE, Kind, Metric, Series};

/// The recorded metrics, and the upkeep that bounds their memory.
#[derive(Clone)]
pub struct Metrics {
    /// Returns them as text.
    pub exposition: Exposition,
    /// Puts observations into their buckets; to be called every few seconds, whether or not the metrics are read.
    pub upkeep: Arc<dyn Fn() + Send + Sync>,
}

/// Installs the recorder. `None` if this process has one already, or cannot have one.
pub fn record() -> Option<Metrics> {
    let mut builder = PrometheusBuilder::new();
    for metric in CATALOGUE {
        if let Kind::Histogram(bounds) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, bounds).ok()?;
        }
    }
    let recorder = builder.build_recorder();
    let (text, kept) = (recorder.handle(), recorder.handle());
    metrics::set_global_recorder(recorder).ok()?;
    CATALOGUE.iter().for_each(begin);
    gauge!(crate::metrics::catalogue::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Some(Metrics {
        exposition: Arc::new(move || text.render() + &process::exposition()),
        upkeep: Arc::new(move || kept.run_upkeep()),
    })
}

/// Describes a metric, and starts the series that are known in advance.
fn begin(metric: &Metric) {
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
        Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
        Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help),
    }
    let name = metric.name;
    for labels in series(metric.series) {
        match metric.kind {
            Kind::Counter => counter!(name, &labels).absolute(0),
            Kind::Gauge => gauge!(name, &labels).set(0.0),
            Kind::Histogram(_) => drop(histogram!(name, &labels)),
        }
    }
}

/// Returns the labels of each series.
fn series(series: Series) -> Vec<Vec<(&'static str, &'static str)>> {
    match series {
        Series::One => vec![Vec::new()],
        Series::Each(label, values) => values.iter().map(|value| vec![(label, *value)]).collect(),
        Series::Pairs([first, second], rows) => rows
            .iter()
            .flat_map(|(row, values)| values.iter().map(move |value| vec![(first, *row), (second, *value)]))
            .collect(),
        Series::Later => Vec::new(),
    }
}
