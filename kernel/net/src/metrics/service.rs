//! What every service counts, under the same names: connections, bytes, requests by operation, errors by kind,
//! latencies, and the use of its memory budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bole_base::Kind;

use super::value::{CELLS, Padded, cell};
use super::{Counter, Gauge, Histogram, Metrics, Samples};
use crate::limits::Budget;

/// Error kinds with their label, in the order of the enum.
const KINDS: [(Kind, &str); 10] = [
    (Kind::InvalidInput, "invalid_input"),
    (Kind::NotFound, "not_found"),
    (Kind::Conflict, "conflict"),
    (Kind::Denied, "denied"),
    (Kind::Limit, "limit"),
    (Kind::Full, "full"),
    (Kind::Unavailable, "unavailable"),
    (Kind::Corrupt, "corrupt"),
    (Kind::Io, "io"),
    (Kind::Internal, "internal"),
];

/// The metrics of one service. Cheap to clone; the fields may be counted directly.
#[derive(Clone, Debug)]
pub struct ServiceMetrics {
    service: &'static str,
    metrics: Metrics,
    /// Connections that are open.
    pub connections_open: Gauge,
    /// Connections that were accepted and admitted.
    pub connections_accepted: Counter,
    /// Connections that were closed at once because a limit was reached.
    pub connections_refused: Counter,
    /// Connections whose TLS handshake failed or took too long.
    pub handshakes_failed: Counter,
    /// Connections that ended by a panic: defects of ours.
    pub connections_panicked: Counter,
    /// Times that accepting failed (no file descriptors, no memory).
    pub accept_errors: Counter,
    /// Bytes read from connections, after decryption.
    pub bytes_in: Counter,
    /// Bytes written to connections, before encryption.
    pub bytes_out: Counter,
    /// Time from a request to its answer, all operations together.
    pub latency: Histogram,
    errors: Arc<[Counter; KINDS.len()]>,
}

impl ServiceMetrics {
    pub(super) fn new(metrics: &Metrics, service: &'static str) -> Self {
        let labels = [("service", service)];
        let counter = |name, help| metrics.counter(name, help, &labels);
        let errors = KINDS.map(|(_, kind)| {
            metrics.counter("bole_errors", "Requests that failed.", &[("service", service), ("kind", kind)])
        });
        Self {
            service,
            metrics: metrics.clone(),
            connections_open: metrics.gauge("bole_connections_open", "Open connections.", &labels),
            connections_accepted: counter("bole_connections_accepted", "Connections that were admitted."),
            connections_refused: counter("bole_connections_refused", "Connections refused by a limit."),
            handshakes_failed: counter("bole_handshakes_failed", "TLS handshakes that failed."),
            connections_panicked: counter("bole_connections_panicked", "Connections ended by a panic."),
            accept_errors: counter("bole_accept_errors", "Failures to accept a connection."),
            bytes_in: counter("bole_received_bytes", "Bytes read from connections."),
            bytes_out: counter("bole_sent_bytes", "Bytes written to connections."),
            latency: metrics.histogram("bole_request_seconds", "Time from request to answer.", &labels),
            errors: Arc::new(errors),
        }
    }

    /// The service's name.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The node's metrics, for what this service alone has.
    pub const fn node(&self) -> &Metrics {
        &self.metrics
    }

    /// Counts a request that failed.
    pub fn error(&self, kind: Kind) {
        self.errors[kind as usize].add(1);
    }

    /// How many requests failed with `kind`.
    pub fn errors(&self, kind: Kind) -> u64 {
        self.errors[kind as usize].get()
    }

    /// Shows size, use and refusals of a memory budget.
    pub fn budget(&self, budget: &Budget) {
        let (service, budget) = (self.service, budget.clone());
        self.metrics.collect(move |samples| {
            let labels = [("service", service), ("budget", budget.name())];
            samples.gauge("bole_budget_used_bytes", "Bytes in use.", &labels, budget.used() as f64);
            samples.gauge("bole_budget_max_bytes", "Bytes that may be used.", &labels, budget.max() as f64);
            let refused = budget.refused();
            samples.counter("bole_budget_refused", "Reservations that did not fit.", &labels, refused);
        });
    }

    /// Counts requests by operation. Operations are named by their index in `names`; only those that were used appear
    /// in the text. Call it once for a service.
    pub fn operations(&self, names: Vec<&'static str>) -> Operations {
        let operations = Operations {
            latency: self.latency.clone(),
            cells: Arc::new(std::array::from_fn(|_| Padded(names.iter().map(|_| Cell::default()).collect()))),
            names: names.into(),
        };
        let (shown, service) = (operations.clone(), self.service);
        self.metrics.collect(move |samples| shown.show(service, samples));
        operations
    }
}

/// Requests, failures and time by operation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Operations {
    names: Arc<[&'static str]>,
    cells: Arc<[Padded<Box<[Cell]>>; CELLS]>,
    latency: Histogram,
}

#[derive(Debug, Default)]
struct Cell {
    calls: AtomicU64,
    failures: AtomicU64,
    nanos: AtomicU64,
}

/// The sums of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that were answered, failures among them.
    pub calls: u64,
    /// Requests that failed.
    pub failures: u64,
    /// The time that they took together.
    pub time: Duration,
}

impl Operations {
    /// Counts a request that took `elapsed`. `operation` is the index of its name; an index that is not there counts
    /// towards the latency alone.
    pub fn record(&self, operation: usize, elapsed: Duration, failed: bool) {
        self.latency.record(elapsed);
        self.count(operation, 1, elapsed, failed);
    }

    /// Counts `calls` requests that took `elapsed` together and whose latencies are not known one by one.
    pub fn count(&self, operation: usize, calls: u64, elapsed: Duration, failed: bool) {
        let Some(cell) = self.cells[cell()].0.get(operation) else { return };
        cell.calls.fetch_add(calls, Ordering::Relaxed);
        cell.nanos.fetch_add(elapsed.as_nanos() as u64, Ordering::Relaxed);
        if failed {
            cell.failures.fetch_add(calls, Ordering::Relaxed);
        }
    }

    /// The sums of each operation, by index.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, Totals)> + '_ {
        self.names.iter().enumerate().map(|(index, name)| {
            let mut totals = Totals::default();
            for Padded(cells) in self.cells.iter() {
                let cell = &cells[index];
                totals.calls += cell.calls.load(Ordering::Relaxed);
                totals.failures += cell.failures.load(Ordering::Relaxed);
                totals.time += Duration::from_nanos(cell.nanos.load(Ordering::Relaxed));
            }
            (*name, totals)
        })
    }

    /// Sets all sums to zero, for protocols that have a command for it.
    pub fn reset(&self) {
        for cell in self.cells.iter().flat_map(|Padded(cells)| cells.iter()) {
            for value in [&cell.calls, &cell.failures, &cell.nanos] {
                value.store(0, Ordering::Relaxed);
            }
        }
    }

    fn show(&self, service: &str, samples: &mut Samples) {
        for (name, totals) in self.totals().filter(|(_, totals)| totals.calls > 0) {
            let labels = [("service", service), ("operation", name)];
            samples.counter("bole_requests", "Requests that were answered.", &labels, totals.calls);
            samples.counter("bole_requests_failed", "Requests that failed.", &labels, totals.failures);
            let micros = totals.time.as_micros() as u64;
            samples.counter("bole_requests_microseconds", "Time of all requests.", &labels, micros);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_the_order_of_the_enum() {
        for (index, (kind, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn a_service_counts_under_common_names() {
        let metrics = Metrics::new();
        let service = metrics.service("keyspace");
        let operations = service.operations(vec!["get", "set"]);
        operations.record(1, Duration::from_micros(5), false);
        operations.record(1, Duration::from_micros(7), true);
        operations.record(99, Duration::from_micros(7), true);
        service.error(Kind::Denied);
        let budget = Budget::new("buffers", 10);
        service.budget(&budget);
        let held = budget.try_reserve(4);
        assert!(held.is_some() && budget.try_reserve(7).is_none());
        let text = metrics.render();
        for line in [
            "bole_requests_total{service=\"keyspace\",operation=\"set\"} 2",
            "bole_requests_failed_total{service=\"keyspace\",operation=\"set\"} 1",
            "bole_requests_microseconds_total{service=\"keyspace\",operation=\"set\"} 12",
            "bole_errors_total{service=\"keyspace\",kind=\"denied\"} 1",
            "bole_budget_used_bytes{service=\"keyspace\",budget=\"buffers\"} 4.0",
            "bole_budget_refused_total{service=\"keyspace\",budget=\"buffers\"} 1",
            "bole_request_seconds_count{service=\"keyspace\"} 3",
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
        assert!(!text.contains("operation=\"get\""));
        operations.reset();
        assert!(operations.totals().all(|(_, totals)| totals == Totals::default()));
    }
}
