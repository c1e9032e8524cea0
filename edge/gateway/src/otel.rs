//! OpenTelemetry: a span for each request (of kind server) and one for each try at an instance (of kind client), sent to a collector by OTLP over
//! HTTP. Names of attributes are those of the semantic conventions for HTTP that are stable; what they do not know begins with `bole.`.
//!
//! A request that is not sampled costs a decision, one that is a few notes on the way; its spans are made after the answer has gone. They wait in a
//! queue with a bound: what finds no room is dropped and counted, so that a collector that is slow or gone never slows a request down.
//!
//! Reading order: [`endpoint`] → [`sampler`] → [`span`] → [`record`] → [`message`] → [`export`].

pub mod endpoint;
pub mod export;
pub mod message;
pub mod record;
pub mod sampler;
pub mod span;

pub use endpoint::Endpoint;
pub use sampler::{Parents, Sampler, Share};

use bole_net::Metrics;
use bole_net::metrics::Counter;
use export::{Exporter, Item};
use span::Span;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests whose spans wait; those of more are dropped and counted.
const REQUESTS_QUEUED_MAX: usize = 4_096;

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Config {
    /// The collector.
    pub endpoint: Endpoint,
    /// File of headers for it, `Name: value` a line. It is read anew before each batch.
    pub headers_file: Option<PathBuf>,
    /// PEM file of the authorities that are trusted for it; the machine's without.
    pub authorities: Option<PathBuf>,
    /// Which requests are sampled.
    pub sampler: Sampler,
    /// What the gateway is called (`service.name`).
    pub service_name: String,
}

/// What became of spans.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// The collector has them.
    pub(crate) sent: Counter,
    /// There was no room in the queue.
    pub(crate) dropped: Counter,
    /// The collector did not want them.
    pub(crate) rejected: Counter,
    /// The collector could not be reached, or did not take them, for too long.
    pub(crate) lost: Counter,
    /// Batches that were sent once more.
    pub(crate) retries: Counter,
}

impl Counters {
    fn new(metrics: &Metrics) -> Self {
        let of = |result| {
            metrics.counter(
                "bole_gateway_spans",
                "Spans for the collector, by what became of them.",
                &[("result", result)],
            )
        };
        let help = "Batches of spans that were sent once more.";
        let retries = metrics.counter("bole_gateway_span_retries", help, &[]);
        Self { sent: of("sent"), dropped: of("dropped"), rejected: of("rejected"), lost: of("lost"), retries }
    }
}

/// Decides on traces and takes spans.
pub struct Tracer {
    sampler: Sampler,
    queue: mpsc::Sender<Item>,
    counters: Counters,
}

impl Tracer {
    /// Reads files, and makes what sends spans; it is to be run.
    ///
    /// # Errors
    /// A file that cannot be read, or a secret that would go over the network in clear.
    pub fn open(config: &Config, metrics: &Metrics) -> Result<(Self, Exporter), String> {
        let (queue, items) = mpsc::channel(REQUESTS_QUEUED_MAX);
        let counters = Counters::new(metrics);
        let exporter = Exporter::open(config, items, counters.clone())?;
        Ok((Self { sampler: config.sampler, queue, counters }, exporter))
    }

    /// Which requests are sampled.
    pub const fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Takes the spans of a request that has ended.
    pub fn take(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.queue.try_send(Item::Spans(spans)).is_err() {
            self.counters.dropped.add(count);
        }
    }

    /// Sends what waits, for at most this long.
    pub async fn flush(&self, patience: Duration) {
        let (done, is_done) = oneshot::channel();
        let flush = async {
            if self.queue.send(Item::Flush(done)).await.is_ok() {
                // An exporter that is gone has nothing to send.
                let _ = is_done.await;
            }
        };
        let _ = tokio::time::timeout(patience, flush).await;
    }
}
