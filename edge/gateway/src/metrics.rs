//! What a gateway counts: by route, by service, and of itself.

use bole_net::Metrics;
use bole_net::metrics::{Counter, Gauge, Histogram};
use std::time::Duration;

/// Classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of a route.
#[derive(Clone, Debug)]
pub struct RouteCounters {
    requests: [Counter; CLASSES.len()],
    seconds: Histogram,
    /// Requests that its limits refused.
    pub limited: Counter,
    /// Requests that its limits would refuse if they were not in the shadow.
    pub limited_in_shadow: Counter,
    /// Requests that are under way.
    pub in_flight: Gauge,
}

impl RouteCounters {
    /// Of a route of this name.
    pub fn new(metrics: &Metrics, route: &str) -> Self {
        let of = |class| {
            let labels = [("route", route), ("status", class)];
            metrics.counter("bole_gateway_requests", "Requests that were answered.", &labels)
        };
        let limited = |shadow| {
            let labels = [("route", route), ("shadow", shadow)];
            metrics.counter(
                "bole_gateway_limited",
                "Requests over a limit, refused or (shadow) not.",
                &labels,
            )
        };
        let labels = [("route", route)];
        Self {
            requests: CLASSES.map(of),
            seconds: metrics.histogram("bole_gateway_request_seconds", "From head to last byte.", &labels),
            limited: limited("false"),
            limited_in_shadow: limited("true"),
            in_flight: metrics.gauge("bole_gateway_requests_open", "Requests that are under way.", &labels),
        }
    }

    /// Counts an answer.
    pub fn answered(&self, status: u16, took: Duration) {
        if let Some(counter) = self.requests.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.add(1);
        }
        self.seconds.record(took);
    }
}

/// What came of logins: requests to routes that have some, and to paths of the gateway's own.
#[derive(Clone, Debug)]
pub struct LoginCounters {
    /// Somebody came in.
    pub admitted: Counter,
    /// Asked to log in, rightly this time.
    pub challenged: Counter,
    /// Not let in, or not decided on.
    pub refused: Counter,
    /// Sent to a provider, or back from it.
    pub redirected: Counter,
    /// Answered by the server that was asked.
    pub replied: Counter,
}

impl LoginCounters {
    /// Of a gateway.
    pub fn new(metrics: &Metrics) -> Self {
        let of =
            |result| metrics.counter("bole_gateway_logins", "What came of logins.", &[("result", result)]);
        Self {
            admitted: of("admitted"),
            challenged: of("challenged"),
            refused: of("refused"),
            redirected: of("redirected"),
            replied: of("replied"),
        }
    }
}

/// What is counted of a service.
#[derive(Clone, Debug)]
pub struct ServiceCounters {
    /// Requests that were sent to an instance, retries included.
    pub tries: Counter,
    /// Of them, those that were sent again.
    pub retries: Counter,
    /// Retries that the budget refused.
    pub retries_refused: Counter,
    /// Requests that were made a second time because the first was not answered in time.
    pub hedges: Counter,
    /// Of them, those that were answered first.
    pub hedges_won: Counter,
    /// Those that were not made, because the budget of retries was used or there was no other instance.
    pub hedges_refused: Counter,
    /// Tries that failed.
    pub failures: Counter,
    /// Instances that live requests took out.
    pub ejections: Counter,
    /// Connections that were made.
    pub connects: Counter,
    /// Requests that were refused because the breaker was open, or too many were under way.
    pub refused: Counter,
    /// From the try's begin to the head of the answer.
    pub seconds: Histogram,
}

impl ServiceCounters {
    /// Of a service of this name.
    pub fn new(metrics: &Metrics, service: &str) -> Self {
        let labels = [("service", service)];
        let counter = |name, help| metrics.counter(name, help, &labels);
        Self {
            tries: counter("bole_gateway_upstream_tries", "Requests sent to instances, retries included."),
            retries: counter("bole_gateway_upstream_retries", "Requests sent once more."),
            retries_refused: counter(
                "bole_gateway_upstream_retries_refused",
                "Retries that the budget refused.",
            ),
            hedges: counter(
                "bole_gateway_upstream_hedges",
                "Requests made a second time, the first unanswered.",
            ),
            hedges_won: counter("bole_gateway_upstream_hedges_won", "Of them, those answered first."),
            hedges_refused: counter(
                "bole_gateway_upstream_hedges_refused",
                "Second requests that the budget of retries or a lack of instances prevented.",
            ),
            failures: counter("bole_gateway_upstream_failures", "Tries that failed."),
            ejections: counter("bole_gateway_upstream_ejections", "Instances that live requests took out."),
            connects: counter("bole_gateway_upstream_connects", "Connections made to instances."),
            refused: counter("bole_gateway_upstream_refused", "Requests refused by breaker or concurrency."),
            seconds: metrics.histogram(
                "bole_gateway_upstream_seconds",
                "From a try's begin to its answer's head.",
                &labels,
            ),
        }
    }
}
