//! How targets of DNS answers are: by checks that pools ask for, made by the gateway's prober and judged by its board; or as a
//! service of the gateway is (`service:NAME`, `service:NAME/INSTANCE`). Others are told by requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bole_edge_core::balance::Status;
use bole_edge_core::health::Condition;
use bole_gateway::clock;
use bole_gateway::upstream::resolve::Machine;
use bole_gateway::upstream::{Tools, Upstream};
use bole_gateway_document::service::{Health, Instance, Probe, Service as Checked};
use bole_gateway_document::units::Span;
use bole_geodns::Service;
use bole_geodns::health::{Check, Health as _, Vitals, check};
use bole_geodns_control::door;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::services::gateway::Endpoints;

/// What begins the names of targets that are services of the gateway.
const SERVICE: &str = "service:";
/// How often conditions are taken over.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a start waits for the first checks.
const KNOW_TIMEOUT: Duration = Duration::from_secs(5);
/// Checks of one target's addresses at a time.
const PROBES_AT_ONCE: usize = 4;

/// A check that runs.
struct Running {
    check: Check,
    upstream: Arc<Upstream>,
    since: Duration,
}

/// All targets.
pub(super) struct Targets {
    service: Arc<Service>,
    vitals: Arc<Vitals>,
    endpoints: Endpoints,
    tools: Tools,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is served, when it was looked at last.
    generation: Option<u64>,
    running: BTreeMap<Arc<str>, Running>,
    /// Targets that are services, each with its service and perhaps its instance.
    services: BTreeMap<Arc<str>, (String, Option<String>)>,
    problems: BTreeSet<String>,
}

impl Targets {
    pub(super) fn new(service: Arc<Service>, vitals: Arc<Vitals>, endpoints: Endpoints) -> Self {
        let tools = Tools {
            resolver: Arc::new(Machine::default()),
            registry: None,
            // Counted for themselves: these are no services of the gateway.
            metrics: bole_net::Metrics::new(),
            probes_at_once_max: PROBES_AT_ONCE,
        };
        Self { service, vitals, endpoints, tools, state: Mutex::default() }
    }

    /// Begins the checks, and waits until each target was checked once; not longer than a few seconds.
    pub(super) async fn know(&self) {
        let deadline = Instant::now() + KNOW_TIMEOUT;
        self.look();
        while Instant::now() < deadline && !self.state.lock().running.values().all(Running::is_known) {
            sleep(Duration::from_millis(10)).await;
        }
        self.look();
    }

    /// Takes conditions over, for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        loop {
            sleep(LOOK_INTERVAL).await;
            self.look();
        }
    }

    fn look(&self) {
        let mut state = self.state.lock();
        let generation = self.service.generation();
        if state.generation != Some(generation) {
            state.generation = Some(generation);
            self.adopt(&mut state);
        }
        let mut found: Vec<(Arc<str>, Condition)> = Vec::new();
        let mut missing = BTreeSet::new();
        for (target, running) in &state.running {
            let status = running.upstream.set.status();
            if running.is_known() && !status.is_empty() {
                found.push((target.clone(), overall(&status)));
            } else if clock::now() > running.since + KNOW_TIMEOUT {
                missing.insert(format!(
                    "target {target}: its host has no address that is known; it counts as it did"
                ));
            }
        }
        for (target, (service, instance)) in &state.services {
            match self.of_service(service, instance.as_deref()) {
                Ok(condition) => found.push((target.clone(), condition)),
                Err(problem) => {
                    missing.insert(format!("target {target}: {problem}; it counts as it did"));
                }
            }
        }
        for new in missing.difference(&state.problems) {
            tracing::warn!("{new}");
        }
        state.problems = missing;
        drop(state);
        for (target, condition) in found {
            let vital = self.vitals.target(&target);
            if vital.condition() != condition {
                tracing::info!(
                    target = &*target,
                    condition = door::condition_word(condition),
                    "a target of DNS answers changed"
                );
                vital.set_condition(condition);
            }
        }
    }

    /// Makes the checks those of the zones that are served now.
    fn adopt(&self, state: &mut State) {
        let checks = self.service.checks();
        state.running.retain(|target, running| checks.get(target) == Some(&running.check));
        for (target, check) in checks {
            if state.running.contains_key(&target) {
                continue;
            }
            match Upstream::new(&format!("dns {target}"), &checked(&check), None, &self.tools) {
                Ok(upstream) => {
                    let since = clock::now();
                    drop(upstream.start(&self.tools));
                    state.running.insert(target, Running { check, upstream, since });
                }
                Err(problems) => {
                    tracing::error!("the target {target} cannot be checked: {}", problems.join("; "))
                }
            }
        }
        let named = |target: Arc<str>| {
            let rest = target.strip_prefix(SERVICE)?;
            let (service, instance) = rest
                .split_once('/')
                .map_or((rest, None), |(service, instance)| (service, Some(instance.to_owned())));
            Some((target.clone(), (service.to_owned(), instance)))
        };
        state.services = self.service.targets().into_iter().filter_map(named).collect();
        self.vitals.forget_unused();
    }

    /// How a service of the gateway is: well while any of its instances is.
    fn of_service(&self, service: &str, instance: Option<&str>) -> Result<Condition, String> {
        let mut status =
            (self.endpoints)(service).ok_or_else(|| format!("the gateway has no service \"{service}\""))?;
        let Some(instance) = instance else { return Ok(overall(&status)) };
        status.retain(|status| *status.spec.name == *instance);
        if status.is_empty() {
            return Err(format!("the gateway's service \"{service}\" has no instance \"{instance}\""));
        }
        Ok(overall(&status))
    }
}

impl Running {
    /// Whether a check of it has ended. The first one is due within a tenth of the interval; each end puts the next one off.
    fn is_known(&self) -> bool {
        let status = self.upstream.set.status();
        let first = self.since + Duration::from_secs(self.check.pace.interval.into()).mul_f64(0.1);
        let ended = self.upstream.set.next_due().is_some_and(|due| due > first);
        !status.is_empty() && (overall(&status) == Condition::Unwell || ended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.upstream.retire();
    }
}

/// One of several that is well makes the whole well.
fn overall(status: &[Status]) -> Condition {
    let any = |condition| status.iter().any(|status| status.condition == condition);
    if any(Condition::Well) {
        Condition::Well
    } else if any(Condition::Draining) {
        Condition::Draining
    } else {
        Condition::Unwell
    }
}

/// A check as the gateway's prober has it: a service of one instance.
fn checked(check: &Check) -> Checked {
    let seconds = |seconds: u32| Span(Duration::from_secs(seconds.into()));
    let probe = match &check.probe {
        check::Probe::Tcp => Probe::Tcp,
        check::Probe::Http(path) => Probe::Http { path: path.clone(), host: None, statuses: Vec::new() },
    };
    let health = Health {
        probe,
        interval: seconds(check.pace.interval),
        timeout: seconds(check.pace.timeout),
        rise: check.pace.rise,
        fall: check.pace.fall,
        ..Health::default()
    };
    Checked { instances: vec![Instance::new(&check.address)], health: Some(health), ..Checked::default() }
}

impl door::Targets for Targets {
    fn source(&self, target: &str) -> Option<String> {
        let state = self.state.lock();
        if state.running.contains_key(target) {
            return Some("a check".to_owned());
        }
        state.services.get(target).map(|(service, _)| format!("the gateway's service \"{service}\""))
    }

    fn problems(&self) -> Vec<String> {
        self.state.lock().problems.iter().cloned().collect()
    }
}
