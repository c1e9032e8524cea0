//! What the server counts.

use crate::answer::{Outcome, Transport};
use crate::wire::Rcode;
use bole_net::metrics::{Counter, Gauge};

const RCODES: [Rcode; 9] = [
    Rcode::NoError,
    Rcode::FormErr,
    Rcode::ServFail,
    Rcode::NxDomain,
    Rcode::NotImp,
    Rcode::Refused,
    Rcode::NotAuth,
    Rcode::BadVers,
    Rcode::BadCookie,
];

/// Counters and gauges. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    queries: [Counter; 4],
    answers: [Counter; RCODES.len()],
    silent: Counter,
    slipped: Counter,
    cut: Counter,
    transfers: Counter,
    /// Panics while answering: defects of ours.
    pub panics: Counter,
    /// Zones that are served.
    pub zones: Gauge,
    /// Files whose change could not be taken over.
    pub broken_files: Gauge,
}

impl Metrics {
    /// Registers all.
    pub fn new(metrics: &bole_net::Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help, &[]);
        Self {
            queries: Transport::ALL.map(|transport| {
                metrics.counter("bole_dns_queries", "Messages that came.", &[("transport", transport.name())])
            }),
            answers: RCODES.map(|rcode| {
                metrics.counter("bole_dns_answers", "Answers that were sent.", &[("rcode", rcode.name())])
            }),
            silent: counter(
                "bole_dns_unanswered",
                "Messages that got no answer: no queries, or beyond the rate limit.",
            ),
            slipped: counter("bole_dns_slipped", "Answers that rate limiting emptied."),
            cut: counter("bole_dns_truncated", "Answers that did not fit a datagram."),
            transfers: counter("bole_dns_transfers", "Zones that were transferred."),
            panics: counter("bole_dns_panics", "Messages whose answering panicked."),
            zones: metrics.gauge("bole_dns_zones", "Zones that are served.", &[]),
            broken_files: metrics.gauge(
                "bole_dns_broken_files",
                "Files whose change could not be taken over.",
                &[],
            ),
        }
    }

    /// Counts a message and what became of it.
    pub fn count(&self, transport: Transport, outcome: &Outcome) {
        self.queries[transport as usize].add(1);
        match outcome {
            Outcome::Silent => self.silent.add(1),
            Outcome::Transfer => self.transfers.add(1),
            Outcome::Sent(sent) => {
                if let Some(place) = RCODES.iter().position(|rcode| *rcode == sent.rcode) {
                    self.answers[place].add(1);
                }
                self.slipped.add(u64::from(sent.slipped));
                self.cut.add(u64::from(sent.cut));
            }
        }
    }
}
