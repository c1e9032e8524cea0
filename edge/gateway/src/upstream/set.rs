//! The instances of a service: what balancer and board have learned of them, and how each is connected to.

use crate::clock;
use crate::direct::pool::Pool;
use crate::metrics::ServiceCounters;
use crate::upstream::peer::Template;
use arc_swap::{ArcSwap, ArcSwapOption};
use bole_edge_core::balance::{
    self, Balancer, Kind, Lease, Panic, Request, SlowStart, Spec, Tiers, Weighting,
};
use bole_edge_core::health::board::{Board, Change, Settings as BoardSettings};
use bole_edge_core::health::outlier::{self, Answer, Tally};
use bole_edge_core::health::{Condition, active};
use bole_gateway_document::service as document;
use parking_lot::Mutex;
use pingora_core::upstreams::peer::HttpPeer;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// An instance at an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name, weight, level and zone. The name is its address as written, with the address that a name was looked up to.
    pub spec: Spec,
    /// Where it is.
    pub address: SocketAddr,
    /// The host as it was written, for `Host` and certificates.
    pub host: String,
    /// It gets no new clients.
    pub drain: bool,
}

impl Member {
    /// An instance as it was written, at an address that its host has.
    pub fn new(instance: &document::Instance, host: &str, address: SocketAddr) -> Self {
        let literal = instance.address == address.to_string();
        let name = if literal {
            instance.address.clone()
        } else {
            format!("{} at {}", instance.address, address.ip())
        };
        let mut spec = Spec::new(&name).weight(instance.weight).priority(instance.priority);
        if let Some(zone) = &instance.zone {
            spec = spec.zone(zone);
        }
        Self { spec, address, host: host.to_owned(), drain: instance.drain }
    }
}

/// An instance that requests may be sent to.
#[derive(Debug)]
pub struct Live {
    /// What it is.
    pub member: Member,
    /// How it is connected to.
    pub peer: HttpPeer,
    /// Connections to it that wait, of those that are not the proxy library's.
    pub pool: Arc<Pool>,
    tally: Option<Arc<Tally>>,
}

/// The instances of a service.
pub struct Set {
    name: Arc<str>,
    /// Who gets a request.
    pub balancer: Balancer,
    board: Mutex<Board>,
    outlier: Option<outlier::Settings>,
    live: ArcSwap<HashMap<Arc<str>, Arc<Live>>>,
    template: ArcSwapOption<Template>,
    next_template: Mutex<Option<Template>>,
    counters: ServiceCounters,
}

/// Settings of a balancer as a document says them.
fn balance_settings(service: &document::Service) -> Result<balance::Settings, String> {
    let document::Balance { algorithm, adaptive_weights, zone, slow_start, panic_threshold, .. } =
        &service.balance;
    let kind = Kind::named(algorithm).ok_or_else(|| {
        let names: Vec<&str> = balance::ALGORITHMS.iter().map(|row| row.name).collect();
        format!(".balance.algorithm: {algorithm:?} is not known; choose one of {}", names.join(", "))
    })?;
    let tiers = Tiers {
        panic_threshold: *panic_threshold,
        panic: if service.balance.panic_refuses { Panic::Refuse } else { Panic::Spread },
        zone: zone.as_deref().map(Arc::from),
        ..Tiers::default()
    };
    let slow_start =
        slow_start.map_or(SlowStart::OFF, |window| SlowStart { window: window.0, ..SlowStart::OFF });
    let weighting = if *adaptive_weights { Weighting::Latency } else { Weighting::Configured };
    Ok(balance::Settings {
        algorithm: kind,
        tiers,
        slow_start,
        weighting,
        load_bound: service.balance.load_bound,
        ..balance::Settings::default()
    })
}

fn board_settings(service: &document::Service) -> BoardSettings {
    let active = service.health.as_ref().map(|health| active::Settings {
        interval: health.interval.0,
        interval_doubtful: health.interval.0.min(Duration::from_secs(1)),
        rise: health.rise,
        fall: health.fall,
        start_up: health.start_up,
        ..active::Settings::default()
    });
    let ejection = &service.ejection;
    let outlier = ejection.enabled.then(|| outlier::Settings {
        consecutive_failures: ejection.consecutive_failures,
        consecutive_gateway_errors: ejection.consecutive_gateway_errors,
        ejection_base: ejection.base.0,
        ejection_max: ejection.max.0,
        ejected_max: ejection.share_max,
        ..outlier::Settings::default()
    });
    BoardSettings { active, outlier }
}

/// The instances that a document gives by their addresses; names are looked up later.
pub fn written(service: &document::Service) -> Vec<Member> {
    let literal = |instance: &document::Instance| {
        let address: SocketAddr = instance.address.parse().ok()?;
        Some(Member::new(instance, &address.ip().to_string(), address))
    };
    service.instances.iter().filter_map(literal).collect()
}

impl Set {
    /// Whether what is learned under the settings of one service holds for the other.
    pub fn is_of(one: &document::Service, other: &document::Service) -> bool {
        (&one.balance, &one.health, &one.ejection) == (&other.balance, &other.health, &other.ejection)
    }

    /// A set without instances.
    ///
    /// # Errors
    /// Settings that cannot be.
    pub fn new(
        name: &str,
        service: &document::Service,
        counters: ServiceCounters,
    ) -> Result<Arc<Self>, String> {
        let board = board_settings(service);
        Ok(Arc::new(Self {
            name: name.into(),
            balancer: Balancer::new(balance_settings(service)?),
            outlier: board.outlier.clone(),
            board: Mutex::new(Board::new(board, clock::now())),
            live: ArcSwap::default(),
            template: ArcSwapOption::empty(),
            next_template: Mutex::new(None),
            counters,
        }))
    }

    /// Whether these instances could be the set.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, members: &[Member]) -> Result<(), String> {
        let specs: Vec<Spec> = members.iter().map(|member| member.spec.clone()).collect();
        let scratch = Balancer::new(balance::Settings::default());
        scratch.replace(&specs, clock::now()).map_err(|error| format!(".instances: {error}"))
    }

    /// Keeps how instances are connected to until [`Set::commit`].
    pub fn prepare(&self, template: Template) {
        *self.next_template.lock() = Some(template);
    }

    /// Connects as was prepared. `members` are those known by their addresses; others stay until they are looked up again.
    pub fn commit(&self, members: &[Member]) {
        if let Some(template) = self.next_template.lock().take() {
            self.template.store(Some(Arc::new(template)));
        }
        if !members.is_empty() {
            self.replace(members);
        }
    }

    /// How instances are connected to.
    pub fn template(&self) -> Option<Arc<Template>> {
        self.template.load_full()
    }

    /// Makes these the instances. Who stays keeps what was learned. A set that cannot be changes nothing.
    pub fn replace(&self, members: &[Member]) {
        let Some(template) = self.template.load_full() else { return };
        let now = clock::now();
        let by_name: BTreeMap<&Arc<str>, &Member> =
            members.iter().map(|member| (&member.spec.name, member)).collect();
        let specs: Vec<Spec> = by_name.values().map(|member| member.spec.clone()).collect();
        let mut board = self.board.lock();
        let mut changes = clock::with_random(|random| {
            board.replace(by_name.keys().map(|name| (*name).clone()), now, random)
        });
        let before = self.live.load();
        let live = by_name.iter().map(|(name, member)| {
            let peer = template.peer(member);
            // Who is connected to as before keeps its connections.
            let alike = |live: &&Arc<Live>| {
                live.member.address == member.address && live.peer.group_key == peer.group_key
            };
            let live = Live {
                member: (*member).clone(),
                pool: before.get(*name).filter(alike).map(|live| live.pool.clone()).unwrap_or_default(),
                peer,
                tally: self.outlier.as_ref().and_then(|_| board.tally(name)).cloned(),
            };
            ((*name).clone(), Arc::new(live))
        });
        // Known before anybody can be sent there.
        let mut all: HashMap<Arc<str>, Arc<Live>> = live.collect();
        let current = all.clone();
        for (name, live) in self.live.load().iter() {
            all.entry(name.clone()).or_insert_with(|| live.clone());
        }
        self.live.store(Arc::new(all));
        if let Err(error) = self.balancer.replace(&specs, now) {
            warn!("service {}: its instances stay as they were: {error}", self.name);
            return;
        }
        changes.extend(by_name.iter().filter_map(|(name, member)| board.drain(name, member.drain)));
        self.live.store(Arc::new(current));
        drop(board);
        self.tell(changes);
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        let now = clock::now();
        for Change { name, condition } in changes {
            self.balancer.set_condition(&name, condition, now);
            match condition {
                Condition::Unwell => {
                    warn!("service {}: instance {name} gets no requests: it is not well", self.name);
                }
                Condition::Draining => info!("service {}: instance {name} drains", self.name),
                Condition::Well => info!("service {}: instance {name} gets requests", self.name),
            }
        }
    }

    /// Chooses an instance.
    pub fn pick(&self, request: Request<'_>) -> Option<(Lease, Arc<Live>)> {
        let now = clock::now();
        // An instance that left the set between the two looks is not found: then another is picked.
        for _ in 0..3 {
            let lease = clock::with_random(|random| self.balancer.pick(request, now, random))?;
            if let Some(live) = self.live.load().get(lease.endpoint().name()) {
                return Some((lease, live.clone()));
            }
        }
        None
    }

    /// Counts how an instance answered; enough bad answers take it out.
    pub fn count(&self, live: &Live, answer: Answer) {
        let (Some(settings), Some(tally)) = (&self.outlier, &live.tally) else { return };
        if tally.count(answer, settings) {
            let name = &live.member.spec.name;
            let change = clock::with_random(|random| self.board.lock().tripped(name, clock::now(), random));
            self.counters.ejections.add(u64::from(change.is_some()));
            self.tell(change);
        }
    }

    /// Begins the probes that are due.
    pub fn due(&self) -> Vec<Arc<Live>> {
        let due = self.board.lock().due(clock::now());
        let live = self.live.load();
        due.iter().filter_map(|name| live.get(name).cloned()).collect()
    }

    /// When the next probe is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.board.lock().next_due()
    }

    /// A probe ended.
    pub fn probed(&self, name: &str, good: bool) {
        let change = clock::with_random(|random| self.board.lock().probed(name, good, clock::now(), random));
        self.tell(change);
    }

    /// Ends ejections, compares rates, adapts weights, closes connections that have waited too long. To be called about once a second.
    pub fn sweep(&self) {
        let changes = clock::with_random(|random| self.board.lock().sweep(clock::now(), random));
        let ejected = changes.iter().filter(|change| change.condition == Condition::Unwell).count();
        self.counters.ejections.add(ejected as u64);
        self.tell(changes);
        self.live.load().values().for_each(|live| live.pool.sweep());
        self.balancer.refresh(clock::now());
    }

    /// How each instance is.
    pub fn status(&self) -> Vec<balance::Status> {
        self.balancer.status(clock::now())
    }
}
