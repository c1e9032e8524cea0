//! Services whose requests and answers an `OpenAPI` document describes: the document, compiled, with what is counted of it.

use crate::clock;
use bole_gateway_document::service::OpenApi;
use bole_gateway_openapi::{Api, Misfit};
use bole_net::Metrics;
use bole_net::metrics::Counter;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a body that is checked: it is held until it is whole. A longer one of a request is refused, of an answer passed over.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Between two lines of the log about one service.
const LOG_INTERVAL_MS: u64 = 1_000;

/// What is counted of one side.
pub struct Side {
    /// It fits.
    pub fits: Counter,
    /// It does not.
    pub differs: Counter,
    /// It was not looked at: too long, or coded.
    pub passed_over: Counter,
}

impl Side {
    fn new(metrics: &Metrics, service: &str, side: &str) -> Self {
        let of = |result| {
            let labels = [("service", service), ("side", side), ("result", result)];
            metrics.counter(
                "bole_gateway_openapi",
                "Requests and answers of services that are described.",
                &labels,
            )
        };
        Self { fits: of("fits"), differs: of("differs"), passed_over: of("passed_over") }
    }
}

/// A service's description.
pub struct Described {
    service: String,
    /// The document.
    pub api: Api,
    /// Requests that do not fit are only counted and logged.
    pub shadow: bool,
    /// Answers are looked at as well.
    pub answers: bool,
    /// Counted of requests.
    pub requests_seen: Side,
    /// Counted of answers.
    pub answers_seen: Side,
    logged_ms: AtomicU64,
}

impl Described {
    /// Reads and compiles a document. Blocks on its file.
    ///
    /// # Errors
    /// What is wrong with it, each after its place.
    pub fn new(service: &str, settings: &OpenApi, metrics: &Metrics) -> Result<Self, Vec<String>> {
        let at =
            |problem: String| format!("services.{service}.openapi: {}: {problem}", settings.file.display());
        let most = bole_gateway_openapi::limits::TEXT_BYTES_MAX as u64 + 1;
        let mut bytes = Vec::new();
        let read =
            std::fs::File::open(&settings.file).and_then(|file| file.take(most).read_to_end(&mut bytes));
        read.map_err(|error| vec![at(error.to_string())])?;
        let api = Api::read(&bytes).map_err(|problems| problems.into_iter().map(at).collect::<Vec<_>>())?;
        Ok(Self {
            service: service.to_owned(),
            api,
            shadow: settings.shadow,
            answers: settings.responses,
            requests_seen: Side::new(metrics, service, "request"),
            answers_seen: Side::new(metrics, service, "answer"),
            logged_ms: AtomicU64::new(0),
        })
    }

    /// Tells the log of what does not fit, now and then. Values are not in it.
    pub fn tell(&self, side: &str, request_id: &str, misfits: &[Misfit]) {
        let now = clock::now().as_millis() as u64 + LOG_INTERVAL_MS;
        let before = self.logged_ms.load(Ordering::Relaxed);
        let due = now.saturating_sub(before) >= LOG_INTERVAL_MS;
        if due && self.logged_ms.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let told: Vec<String> =
                misfits.iter().map(|misfit| format!("{}: {}", misfit.place, misfit.wrong)).collect();
            tracing::info!(
                service = self.service,
                side,
                request_id,
                "not as the service's OpenAPI document says: {}",
                told.join("; ")
            );
        }
    }
}
