//! The balancer: a set of endpoints that changes, and picks from it that do not wait for the changes.

use crate::balance::endpoint::{Ending, Endpoint, Report, Spec, Token};
use crate::balance::view::{Entry, View};
use crate::balance::{ENDPOINTS_MAX, Error, Kind, Settings, Weighting, weights};
use crate::health::Condition;
use crate::{Random, hash};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a pick goes by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The hash of what requests are to be kept together by ([`hash::of`]). Without one, algorithms that go by key
    /// choose at random.
    pub key: Option<u64>,
    /// Where the client was before; only [`Kind::Sticky`] looks at it.
    pub sticky: Option<Token>,
    /// Endpoints that have been tried for this request.
    pub avoid: &'a [Token],
}

/// An endpoint and how it stands, for people and metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// As it was configured.
    pub spec: Spec,
    /// How it is.
    pub condition: Condition,
    /// The weight that it has now.
    pub weight: f64,
    /// Requests that it has not answered.
    pub in_flight: u32,
    /// Its latency; zero if nothing is known.
    pub latency: Duration,
    /// The share of failures.
    pub error_rate: f64,
}

#[derive(Debug, Default)]
struct Registry {
    entries: BTreeMap<Arc<str>, Entry>,
    /// Endpoints that left the set with requests under way: if they come back before those end, they are the same.
    gone: HashMap<Arc<str>, Weak<Endpoint>>,
    builds: u64,
}

/// Balances over one set of endpoints. All methods take `&self`; picks are lock-free.
#[derive(Debug)]
pub struct Balancer {
    settings: Settings,
    view: ArcSwap<View>,
    registry: Mutex<Registry>,
}

impl Balancer {
    /// A balancer without endpoints.
    pub fn new(settings: Settings) -> Self {
        Self { settings, view: ArcSwap::default(), registry: Mutex::default() }
    }

    /// What it goes by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes `specs` the set. Who stays keeps state and condition; who is new is well, and starts slowly unless the
    /// set was empty.
    ///
    /// # Errors
    /// A set with duplicates, wrong weights or too many endpoints is refused as a whole.
    pub fn replace(&self, specs: &[Spec], now: Duration) -> Result<(), Error> {
        check(specs)?;
        let mut registry = self.registry.lock();
        let mut before = std::mem::take(&mut registry.entries);
        let first_set = before.is_empty();
        for spec in specs {
            let entry = match before.remove(&spec.name) {
                Some(entry) => Entry { spec: spec.clone(), ..entry },
                None => registry.admit(spec, (!first_set).then_some(now)),
            };
            registry.entries.insert(spec.name.clone(), entry);
        }
        registry.gone.retain(|_, endpoint| endpoint.strong_count() > 0);
        let left = before.into_values().filter(|entry| entry.endpoint.in_flight() > 0);
        for entry in left.collect::<Vec<_>>() {
            registry.gone.insert(entry.spec.name, Arc::downgrade(&entry.endpoint));
        }
        self.rebuild(&mut registry);
        Ok(())
    }

    /// Says how an endpoint is. Who becomes well again starts slowly. `false` if there is none of that name.
    pub fn set_condition(&self, name: &str, condition: Condition, now: Duration) -> bool {
        let mut registry = self.registry.lock();
        let Some(entry) = registry.entries.get_mut(name) else { return false };
        if entry.condition != condition {
            if entry.condition == Condition::Unwell && condition == Condition::Well {
                entry.endpoint.warm_up(now);
                entry.endpoint.forget_reports();
            }
            entry.condition = condition;
            self.rebuild(&mut registry);
        }
        true
    }

    /// Takes an endpoint's report of its load. It counts at the next [`Balancer::refresh`].
    pub fn report(&self, name: &str, report: Report, now: Duration) -> bool {
        let registry = self.registry.lock();
        let entry = registry.entries.get(name);
        entry.inspect(|entry| entry.endpoint.report(report, now)).is_some()
    }

    /// Adapts weights to what is known now. To be called about once a second unless weights are configured.
    pub fn refresh(&self, now: Duration) {
        if self.settings.weighting == Weighting::Configured {
            return;
        }
        let mut registry = self.registry.lock();
        let decay = self.settings.latency_decay;
        let capacity = |entry: &Entry| self.settings.weighting.capacity(&entry.endpoint, now, decay);
        let capacities: Vec<_> = registry.entries.values().map(capacity).collect();
        let mut factors: Vec<f64> = registry.entries.values().map(|entry| entry.factor).collect();
        weights::adapt(&mut factors, &capacities);
        for (entry, factor) in registry.entries.values_mut().zip(factors) {
            entry.factor = factor;
        }
        self.rebuild(&mut registry);
    }

    fn rebuild(&self, registry: &mut Registry) {
        let mean = registry.mean_weight();
        for entry in registry.entries.values_mut() {
            let base = match self.settings.weighting {
                Weighting::Reports(_) => mean,
                Weighting::Configured | Weighting::Latency => f64::from(entry.spec.weight),
            };
            entry.weight = base * entry.factor;
        }
        registry.builds += 1;
        let start = hash::mix(registry.builds);
        let view = View::new(&registry.entries, &self.settings, &self.view.load(), start);
        self.view.store(Arc::new(view));
    }

    /// Chooses an endpoint and counts the request as in flight there until the lease ends. `None` if there is nobody
    /// to send it to.
    pub fn pick(&self, request: Request<'_>, now: Duration, random: &mut Random) -> Option<Lease> {
        let view = self.view.load();
        let kept = match request.sticky {
            Some(token) if self.settings.algorithm == Kind::Sticky && !request.avoid.contains(&token) => {
                view.kept(token)
            }
            _ => None,
        };
        let endpoint = kept.or_else(|| view.pick(request.key, request.avoid, now, random))?.clone();
        endpoint.begin();
        Some(Lease { endpoint, begun: now, decay: self.settings.latency_decay })
    }

    /// Whether too few endpoints are well and traffic goes to all.
    pub fn panics(&self) -> bool {
        self.view.load().panics
    }

    /// All endpoints, by name.
    pub fn status(&self, now: Duration) -> Vec<Status> {
        let status = |entry: &Entry| Status {
            spec: entry.spec.clone(),
            condition: entry.condition,
            weight: entry.weight,
            in_flight: entry.endpoint.in_flight(),
            latency: entry.endpoint.latency(now, self.settings.latency_decay),
            error_rate: entry.endpoint.error_rate(now, self.settings.latency_decay),
        };
        self.registry.lock().entries.values().map(status).collect()
    }
}

impl Registry {
    /// An endpoint that enters the set, and warms up from a time on if one is given.
    fn admit(&mut self, spec: &Spec, warm_from: Option<Duration>) -> Entry {
        let known = self.gone.remove(&spec.name).and_then(|endpoint| endpoint.upgrade());
        let endpoint = known.unwrap_or_else(|| Arc::new(Endpoint::new(&spec.name)));
        if let Some(now) = warm_from {
            endpoint.warm_up(now);
        }
        Entry { spec: spec.clone(), endpoint, condition: Condition::Well, factor: 1.0, weight: 1.0 }
    }

    fn mean_weight(&self) -> f64 {
        let total: f64 = self.entries.values().map(|entry| f64::from(entry.spec.weight)).sum();
        total / self.entries.len().max(1) as f64
    }
}

fn check(specs: &[Spec]) -> Result<(), Error> {
    if specs.len() > ENDPOINTS_MAX {
        return Err(Error::TooMany(specs.len()));
    }
    let mut names = HashSet::new();
    for Spec { name, weight, .. } in specs {
        if !names.insert(name) {
            return Err(Error::Duplicate(name.to_string()));
        }
        if !(1..=Spec::WEIGHT_MAX).contains(weight) {
            return Err(Error::Weight { name: name.to_string(), weight: *weight });
        }
    }
    Ok(())
}

/// A request that is under way at an endpoint. Dropped without [`Lease::finish`] it counts as cancelled: no latency, no
/// error.
#[derive(Debug)]
pub struct Lease {
    endpoint: Arc<Endpoint>,
    begun: Duration,
    decay: Duration,
}

impl Lease {
    /// Where the request goes.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Takes the report of its load that the endpoint sent with its answer, as [`Balancer::report`] does.
    pub fn report(&self, report: Report, now: Duration) {
        self.endpoint.report(report, now);
    }

    /// The request ended.
    pub fn finish(self, ending: Ending, now: Duration) {
        self.endpoint.observe(now.saturating_sub(self.begun), ending, now, self.decay);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.end();
    }
}
