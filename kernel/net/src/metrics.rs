//! A node's metrics: counters, gauges and histograms that cost an atomic addition where they are counted, values that
//! are asked for when somebody looks, and their text.
//!
//! Metrics of one name and different labels form one family, whoever registered them. Registering the same name and
//! labels again gives the same metric. The text is `OpenMetrics` 1.0, which Prometheus reads.
//!
//! Reading order: [`value`] → this file → [`service`].

pub mod service;
pub mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

pub use service::{Operations, ServiceMetrics};
pub use value::{Counter, Gauge, Histogram, HistogramSnapshot};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Label names and values, in the order in which they are shown.
pub type Labels = Vec<(&'static str, String)>;

/// All metrics of a node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    families: BTreeMap<&'static str, Family<Source>>,
    pulls: Vec<Arc<Pull>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inner").field("families", &self.families.len()).finish_non_exhaustive()
    }
}

type Pull = dyn Fn(&mut Samples) + Send + Sync;

#[derive(Clone, Debug)]
struct Family<T> {
    help: &'static str,
    kind: Kind,
    series: Vec<(Labels, T)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Where the value of a registered metric is.
#[derive(Clone, Debug)]
enum Source {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// A value at the time of a look.
#[derive(Clone, Debug)]
enum Sample {
    Counter(u64),
    Gauge(f64),
    Histogram(Box<HistogramSnapshot>),
}

impl Source {
    fn sample(&self) -> Sample {
        match self {
            Self::Counter(counter) => Sample::Counter(counter.get()),
            Self::Gauge(gauge) => Sample::Gauge(gauge.get() as f64),
            Self::Histogram(histogram) => Sample::Histogram(Box::new(histogram.snapshot())),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Histogram(_) => Kind::Histogram,
        }
    }
}

/// Labels as they stand in the text: the encoder writes values as they are, so what would end them is escaped here.
fn owned(labels: &[(&'static str, &str)]) -> Labels {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    labels.iter().map(|(name, value)| (*name, escape(value))).collect()
}

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The metrics that every service has, labelled with its name.
    pub fn service(&self, service: &'static str) -> ServiceMetrics {
        ServiceMetrics::new(self, service)
    }

    /// A value that only rises. The name must not end in `_total`; the text adds it.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Counter {
        match self.register(name, help, labels, || Source::Counter(Counter::default())) {
            Source::Counter(counter) => counter,
            other => mismatch(name, Kind::Counter, other.kind()),
        }
    }

    /// A value that rises and falls.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        match self.register(name, help, labels, || Source::Gauge(Gauge::default())) {
            Source::Gauge(gauge) => gauge,
            other => mismatch(name, Kind::Gauge, other.kind()),
        }
    }

    /// A distribution of durations. The name ends in `_seconds`.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        match self.register(name, help, labels, || Source::Histogram(Histogram::default())) {
            Source::Histogram(histogram) => histogram,
            other => mismatch(name, Kind::Histogram, other.kind()),
        }
    }

    /// Calls `pull` at each look, for values that their owner knows at that time only. It must not block for long, and
    /// must not call back into this registry.
    pub fn collect(&self, pull: impl Fn(&mut Samples) + Send + Sync + 'static) {
        self.lock().pulls.push(Arc::new(pull));
    }

    /// All values as text.
    pub fn render(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.samples()));
        let mut out = String::new();
        text::encode(&mut out, &registry).expect("invariant: writing to a String does not fail");
        out
    }

    /// All values now.
    fn samples(&self) -> Samples {
        let (families, pulls) = {
            let inner = self.lock();
            (inner.families.clone(), inner.pulls.clone())
        };
        let mut samples = Samples::default();
        for (name, family) in families {
            let series = family.series.into_iter().map(|(labels, source)| (labels, source.sample()));
            let family = Family { help: family.help, kind: family.kind, series: series.collect() };
            samples.families.insert(name, family);
        }
        for pull in pulls {
            pull(&mut samples);
        }
        samples
    }

    fn register(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        make: impl FnOnce() -> Source,
    ) -> Source {
        let labels = owned(labels);
        let mut inner = self.lock();
        let existing = inner.families.get(name);
        if let Some((_, source)) =
            existing.and_then(|family| family.series.iter().find(|(known, _)| *known == labels))
        {
            return source.clone();
        }
        let source = make();
        let kind = source.kind();
        let family = inner.families.entry(name).or_insert(Family { help, kind, series: Vec::new() });
        if family.kind != kind {
            mismatch(name, kind, family.kind);
        }
        family.series.push((labels, source.clone()));
        source
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is a single push or insert, so a panic elsewhere cannot leave half of one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mismatch(name: &str, wanted: Kind, is: Kind) -> ! {
    panic!("metric {name} is registered as {is:?} and again as {wanted:?}: one of the two places is wrong")
}

/// What the closures of [`Metrics::collect`] fill.
#[derive(Debug, Default)]
pub struct Samples {
    families: BTreeMap<&'static str, Family<Sample>>,
}

impl Samples {
    /// A value that only rises.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: u64,
    ) {
        self.push(name, help, Kind::Counter, owned(labels), Sample::Counter(value));
    }

    /// A value that rises and falls.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        self.push(name, help, Kind::Gauge, owned(labels), Sample::Gauge(value));
    }

    fn push(&mut self, name: &'static str, help: &'static str, kind: Kind, labels: Labels, sample: Sample) {
        let family = self.families.entry(name).or_insert(Family { help, kind, series: Vec::new() });
        if family.kind == kind {
            family.series.push((labels, sample));
        } else {
            debug_assert!(false, "metric {name} is {:?} and again {kind:?}", family.kind);
        }
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, family) in &self.families {
            let mut metric = encoder.encode_descriptor(name, family.help, None, family.kind.metric_type())?;
            for (labels, sample) in &family.series {
                if labels.is_empty() {
                    sample.encode_into(&mut metric)?;
                } else {
                    sample.encode_into(&mut metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Kind {
    const fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
        }
    }
}

impl Sample {
    fn encode_into(&self, encoder: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Counter(value) => encoder.encode_counter::<Labels, u64, u64>(value, None),
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Histogram(snapshot) => {
                let sum = snapshot.sum.as_secs_f64();
                encoder.encode_histogram::<Labels>(sum, snapshot.count(), &snapshot.buckets(), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn families_are_shared_and_rendered() {
        let metrics = Metrics::new();
        let first = metrics.counter("bole_things", "Things.", &[("service", "a")]);
        metrics.counter("bole_things", "Things.", &[("service", "b")]).add(5);
        metrics.counter("bole_things", "Things.", &[("service", "a")]).add(1);
        first.add(1);
        metrics.gauge("bole_level", "Level.", &[]).set(-3);
        metrics.histogram("bole_wait_seconds", "Waiting.", &[]).record(Duration::from_micros(3));
        metrics.collect(|samples| samples.gauge("bole_pulled", "Pulled.", &[("shard", "1\"2\n\\")], 1.5));
        let text = metrics.render();
        for line in [
            "# HELP bole_things Things.",
            "# TYPE bole_things counter",
            "bole_things_total{service=\"a\"} 2",
            "bole_things_total{service=\"b\"} 5",
            "bole_level -3.0",
            "bole_wait_seconds_count 1",
            "bole_wait_seconds_bucket{le=\"0.000002\"} 0",
            "bole_wait_seconds_bucket{le=\"0.000004\"} 1",
            "bole_wait_seconds_bucket{le=\"+Inf\"} 1",
            "bole_pulled{shard=\"1\\\"2\\n\\\\\"} 1.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
        }
        assert_eq!(text.matches("# TYPE bole_things").count(), 1);
    }

    #[test]
    #[should_panic(expected = "registered as Counter and again as Gauge")]
    fn one_name_has_one_kind() {
        let metrics = Metrics::new();
        metrics.counter("bole_x", "X.", &[]);
        metrics.gauge("bole_x", "X.", &[("service", "a")]);
    }
}
