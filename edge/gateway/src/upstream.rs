//! Services: the instances behind the gateway, which of them gets a request, which are well, and what protects all of them
//! together.
//!
//! A [`Set`] is what is learned of instances (balancer, board); it outlives documents as long as its settings stay. An [`Upstream`]
//! is a service as one document says it, around such a set. A task a set ([`drive`]) looks names up, makes probes and ends ejections.
//!
//! Reading order: [`set`] → [`peer`] → [`resolve`] → [`probe`] → [`drive`] → this file.

pub mod drive;
pub mod peer;
pub mod probe;
pub mod resolve;
pub mod set;

use crate::clock;
use crate::metrics::ServiceCounters;
use bole_edge_core::limits::adaptive::{Adaptive, Bounds, Gradient};
use bole_edge_core::limits::breaker::{self, Breaker};
use bole_edge_core::limits::concurrency::{Concurrency, Permit};
use bole_edge_core::limits::quantile::Quantile;
use bole_edge_core::limits::retry::{self, Budget};
use bole_gateway_document::service::{self as document, HedgeAfter, Instance};
use parking_lot::Mutex;
use set::Set;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Instances that registered themselves, by service.
pub trait Registry: Send + Sync {
    /// The instances of a service, now and after each change.
    fn watch(&self, service: &str) -> watch::Receiver<Arc<Vec<Instance>>>;
}

/// How many requests a service gets at a time.
pub enum Gate {
    /// As many as come.
    Open,
    /// So many.
    Fixed(Arc<Concurrency>),
    /// As many as it can work on.
    Adaptive(Arc<Adaptive>),
}

/// A request's place.
pub enum Place {
    /// Nobody counts.
    Free,
    /// One of so many.
    Fixed(Permit),
    /// One of as many as fit.
    Adaptive(Arc<Adaptive>, Permit),
}

impl Gate {
    fn new(concurrency: Option<&document::Concurrency>) -> Self {
        match concurrency {
            None => Self::Open,
            Some(document::Concurrency::Max(max)) => Self::Fixed(Concurrency::new(*max)),
            Some(document::Concurrency::Adaptive { least, most }) => {
                let start = Bounds::default().start.clamp(*least, (*most).max(*least));
                let bounds = Bounds { start, least: *least, most: *most };
                Self::Adaptive(Arc::new(Adaptive::new(start, Box::new(Gradient::new(bounds, 2.0)))))
            }
        }
    }

    /// Lets a request in, if there is room.
    pub fn enter(&self) -> Option<Place> {
        match self {
            Self::Open => Some(Place::Free),
            Self::Fixed(concurrency) => concurrency.enter().map(Place::Fixed),
            Self::Adaptive(adaptive) => {
                adaptive.enter().map(|permit| Place::Adaptive(adaptive.clone(), permit))
            }
        }
    }
}

impl Place {
    /// The request ended after `latency`; `dropped` if the service refused it for overload or did not answer in time.
    pub fn leave(self, latency: Duration, dropped: bool) {
        if let Self::Adaptive(adaptive, permit) = self {
            adaptive.finish(permit, latency, dropped);
        }
    }
}

/// What protects all instances of a service together; kept while its settings stay.
pub struct Protection {
    settings: (Option<document::Breaker>, Option<document::Concurrency>, document::Retries),
    /// When nobody is asked.
    pub breaker: Option<Breaker>,
    /// How many at a time.
    pub gate: Gate,
    /// How many retries.
    pub budget: Mutex<Budget>,
    /// How long answers took of late, where hedging goes by that.
    pub latency: Quantile,
}

impl Protection {
    fn new(service: &document::Service) -> Self {
        let breaker = service.breaker.as_ref().map(|settings| {
            Breaker::new(breaker::Settings {
                window: settings.window.0,
                volume: settings.volume,
                failure_share: settings.failure_share,
                open_for: settings.open_for.0,
                open_max: settings.open_max.0,
                ..breaker::Settings::default()
            })
        });
        let budget = retry::Settings {
            ratio: service.retries.budget_ratio,
            least_per_second: service.retries.budget_per_second,
            ..retry::Settings::default()
        };
        Self {
            settings: (service.breaker.clone(), service.concurrency.clone(), service.retries.clone()),
            breaker,
            gate: Gate::new(service.concurrency.as_ref()),
            budget: Mutex::new(Budget::new(budget)),
            latency: Quantile::default(),
        }
    }

    fn is_of(&self, service: &document::Service) -> bool {
        let (breaker, concurrency, retries) = &self.settings;
        (breaker, concurrency, retries) == (&service.breaker, &service.concurrency, &service.retries)
    }
}

/// A service as a document says it.
pub struct Upstream {
    /// Its name.
    pub name: Arc<str>,
    /// As it was written.
    pub document: document::Service,
    /// Its instances.
    pub set: Arc<Set>,
    /// What protects it.
    pub protection: Arc<Protection>,
    /// What is counted.
    pub counters: ServiceCounters,
    driver: Mutex<Option<tokio::task::AbortHandle>>,
}

/// What services are made with.
#[derive(Clone)]
pub struct Tools {
    /// Looks names up.
    pub resolver: Arc<dyn resolve::Resolve>,
    /// Knows who registered.
    pub registry: Option<Arc<dyn Registry>>,
    /// Where it is counted.
    pub metrics: bole_net::Metrics,
    /// Probes of one service at a time.
    pub probes_at_once_max: usize,
}

impl Upstream {
    /// Compiles a service. What `before` has learned under the same settings goes on.
    ///
    /// # Errors
    /// What is wrong with it. Nothing has changed then.
    pub fn new(
        name: &str,
        service: &document::Service,
        before: Option<&Arc<Self>>,
        tools: &Tools,
    ) -> Result<Arc<Self>, Vec<String>> {
        if let Some(before) = before.filter(|before| before.document == *service) {
            return Ok(before.clone());
        }
        let at = |problem: String| vec![format!("services.{name}{problem}")];
        let counters = ServiceCounters::new(&tools.metrics, name);
        let template = peer::Template::new(name, service).map_err(at)?;
        let set = match before.filter(|before| Set::is_of(&before.document, service)) {
            Some(before) => before.set.clone(),
            None => Set::new(name, service, counters.clone()).map_err(at)?,
        };
        set.check(&set::written(service)).map_err(at)?;
        let protection = match before.filter(|before| before.protection.is_of(service)) {
            Some(before) => before.protection.clone(),
            None => Arc::new(Protection::new(service)),
        };
        // From here on nothing fails; but the set that stays must not change before the whole document is taken.
        let upstream = Self {
            name: name.into(),
            document: service.clone(),
            set,
            protection,
            counters,
            driver: Mutex::new(None),
        };
        upstream.set.prepare(template);
        Ok(Arc::new(upstream))
    }

    /// An instance took so long to answer, or has taken so long and nobody waits any more.
    pub fn took(&self, latency: Duration) {
        if let Some(HedgeAfter::Percentile(_)) = self.document.hedge_after {
            self.protection.latency.record(latency, clock::now());
        }
    }

    /// When a second instance is asked; nothing where that is never, or not known yet.
    pub fn hedge_after(&self) -> Option<Duration> {
        match self.document.hedge_after? {
            HedgeAfter::Time(span) => Some(span.0),
            HedgeAfter::Percentile(of) => self.protection.latency.at(f64::from(of) / 100.0, clock::now()),
        }
    }

    /// Begins to look after the instances, as this document wants it. Ready as soon as they are known, or cannot be for now.
    pub fn start(&self, tools: &Tools) -> watch::Receiver<bool> {
        let (ready, is_ready) = watch::channel(false);
        let mut driver = self.driver.lock();
        if driver.is_some() {
            ready.send_replace(true);
            return is_ready;
        }
        let known = if drive::is_known(&self.document) { set::written(&self.document) } else { Vec::new() };
        self.set.commit(&known);
        let task =
            drive::Driver::new(self.name.clone(), &self.document, self.set.clone(), tools.clone(), ready);
        *driver = Some(tokio::spawn(task.run()).abort_handle());
        is_ready
    }

    /// No longer looks after them: another document does.
    pub fn retire(&self) {
        if let Some(driver) = self.driver.lock().take() {
            driver.abort();
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.retire();
    }
}
