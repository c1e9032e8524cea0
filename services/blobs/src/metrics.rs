//! What is counted of requests: by operation, and by operation and class of status. The names of operations are S3's, and a few more for what is
//! no operation of S3's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bole_base::Kind;
use bole_net::metrics::{Histogram, Operations, ServiceMetrics};

use crate::operations::TABLE;

/// What requests are counted as that reach no operation of the table.
pub(crate) const OTHERS: [&str; 4] = ["Website", "SecurityToken", "Preflight", "Other"];
/// Classes of status: 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The names of operations, by index.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.name).chain(OTHERS)
}

/// The index of an operation.
pub(crate) fn index(name: &str) -> usize {
    names().position(|known| known == name).unwrap_or(TABLE.len() + OTHERS.len() - 1)
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The index of its operation.
    pub(crate) operation: usize,
    /// The status.
    pub(crate) status: u16,
    /// What kind of failure it was.
    pub(crate) failure: Option<Kind>,
    /// From its head to the end of its answer.
    pub(crate) elapsed: Duration,
    /// Bytes of its body, as it announced them.
    pub(crate) received: u64,
    /// Bytes of the answer's body.
    pub(crate) sent: u64,
}

/// The counters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    service: ServiceMetrics,
    operations: Operations,
    rows: Vec<Row>,
}

#[derive(Default)]
struct Row {
    cells: [Cell; CLASSES.len()],
    /// Made with the first request, so that what nobody asks is not among the metrics.
    seconds: OnceLock<Histogram>,
}

#[derive(Default)]
struct Cell {
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Metrics {
    /// Counters among those of a service. Once for a service.
    pub(crate) fn new(service: &ServiceMetrics) -> Self {
        let operations = service.operations(names().collect());
        let rows = names().map(|_| Row::default()).collect();
        let inner = Arc::new(Inner { service: service.clone(), operations, rows });
        let shown = Arc::downgrade(&inner);
        service.node().collect(move |samples| {
            let Some(inner) = shown.upgrade() else { return };
            for (name, row) in names().zip(&inner.rows) {
                for (class, cell) in CLASSES.iter().zip(&row.cells) {
                    let requests = cell.requests.load(Ordering::Relaxed);
                    if requests == 0 {
                        continue;
                    }
                    let labels = [("operation", name), ("class", *class)];
                    let counts = [
                        ("bole_blobs_requests", "Requests that were answered.", requests),
                        (
                            "bole_blobs_request_bytes",
                            "Bytes of their bodies.",
                            cell.received.load(Ordering::Relaxed),
                        ),
                        (
                            "bole_blobs_answer_bytes",
                            "Bytes of their answers' bodies.",
                            cell.sent.load(Ordering::Relaxed),
                        ),
                    ];
                    for (metric, help, value) in counts {
                        samples.counter(metric, help, &labels, value);
                    }
                }
            }
        });
        Self(inner)
    }

    /// Counts a request.
    pub(crate) fn record(&self, answered: &Answered) {
        let inner = &*self.0;
        inner.operations.record(answered.operation, answered.elapsed, answered.failure.is_some());
        if let Some(kind) = answered.failure {
            inner.service.error(kind);
        }
        let Some(row) = inner.rows.get(answered.operation) else { return };
        let seconds = row.seconds.get_or_init(|| {
            let name = names().nth(answered.operation).unwrap_or_default();
            let help = "Time from a request's head to the end of its answer.";
            inner.service.node().histogram("bole_blobs_request_seconds", help, &[("operation", name)])
        });
        seconds.record(answered.elapsed);
        let class = usize::from(answered.status / 100).clamp(1, CLASSES.len()) - 1;
        let cell = &row.cells[class];
        cell.requests.fetch_add(1, Ordering::Relaxed);
        cell.received.fetch_add(answered.received, Ordering::Relaxed);
        cell.sent.fetch_add(answered.sent, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_class() {
        let node = bole_net::Metrics::new();
        let metrics = Metrics::new(&node.service("blobs"));
        let get = Answered {
            operation: index("GetObject"),
            status: 200,
            failure: None,
            elapsed: Duration::from_millis(1),
            received: 0,
            sent: 100,
        };
        metrics.record(&get);
        metrics.record(&get);
        metrics.record(&Answered { status: 404, failure: Some(Kind::NotFound), sent: 7, ..get });
        metrics.record(&Answered { operation: index("no such operation"), received: 9, ..get });
        let text = node.render();
        for line in [
            "bole_blobs_requests_total{operation=\"GetObject\",class=\"2xx\"} 2",
            "bole_blobs_answer_bytes_total{operation=\"GetObject\",class=\"2xx\"} 200",
            "bole_blobs_requests_total{operation=\"GetObject\",class=\"4xx\"} 1",
            "bole_blobs_request_bytes_total{operation=\"Other\",class=\"2xx\"} 9",
            "bole_blobs_request_seconds_count{operation=\"GetObject\"} 3",
            "bole_errors_total{service=\"blobs\",kind=\"not_found\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("PutObject\",class"), "{text}");
    }
}
