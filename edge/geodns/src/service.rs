//! The open server: zones that can be exchanged while queries are answered from them, and the doors.
//!
//! Reading order: this file → [`origin`] → [`content`] → [`udp`] → [`stream`] → [`https`] → [`notify`] → [`doors`].

pub mod content;
pub mod doors;
pub mod origin;

mod https;
mod notify;
mod stream;
mod udp;

pub use doors::Doors;

use crate::answer::{Client, Outcome, Resolver, Rules, Server, Transport};
use crate::chain::{Candidate, Notes};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::explain::{Explanation, explain};
use crate::geo::Prefix;
use crate::health::{Check, Health};
use crate::limits;
use crate::metrics::Metrics;
use crate::security::cookies::Secrets;
use crate::security::rate::Limiter;
use crate::security::transfer::Permission;
use crate::security::tsig::Key;
use crate::wire::{Name, RecordType};
use crate::zone::{Dynamic, Node};
use arc_swap::ArcSwap;
use bole_base::clock::{Clock, SystemClock};
use bole_edge_core::Random;
use bole_net::ConnectionLimit;
use content::{Content, Files, Prepared};
use origin::Given;
use parking_lot::Mutex;
use rand::RngCore;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the server is opened with.
pub struct Parts {
    /// Who knows how targets are.
    pub health: Arc<dyn Health>,
    /// Who knows addresses of names in other servers' zones, for ALIAS.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Connections of the node.
    pub node_limit: ConnectionLimit,
    /// The node's metrics.
    pub metrics: bole_net::Metrics,
}

/// The open server.
pub struct Service {
    pub(crate) config: Config,
    rules: Rules,
    content: ArcSwap<Content>,
    generation: AtomicU64,
    files: Mutex<Files>,
    health: Arc<dyn Health>,
    clock: SystemClock,
    pub(crate) node_limit: ConnectionLimit,
    pub(crate) net_metrics: bole_net::ServiceMetrics,
    /// What it counts.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Service").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A zone, as a status shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ZoneStatus {
    /// Its apex.
    pub origin: String,
    /// Its serial number.
    pub serial: u32,
    /// Records, those of pools not counted.
    pub records: usize,
    /// Pools, and into how many classes each divides addresses.
    pub pools: Vec<(String, usize)>,
    /// The DS record that its parent needs, if it is signed.
    pub delegation: Option<String>,
    /// The file that it comes from; none if it was given.
    pub file: Option<String>,
}

impl Service {
    /// Opens the server: reads all files, which must be right. It answers nobody before [`Service::bind`] and
    /// [`Doors::serve`].
    pub fn open(config: Config, parts: Parts) -> Result<Arc<Self>> {
        let Parts { health, resolver, node_limit, metrics } = parts;
        let rules = rules(&config, resolver)?;
        let net_metrics = metrics.service("dns");
        let metrics = Metrics::new(&metrics);
        let mut files = Files::open(&config)?;
        let (content, mut errors) = files.load(health.as_ref(), now_seconds(&SystemClock::new()));
        if !errors.is_empty() {
            return Err(errors.remove(0));
        }
        metrics.zones.set(content.zones.len() as i64);
        Ok(Arc::new(Self {
            config,
            rules,
            content: ArcSwap::from_pointee(content),
            generation: AtomicU64::new(0),
            files: Mutex::new(files),
            health,
            clock: SystemClock::new(),
            node_limit,
            net_metrics,
            metrics,
        }))
    }

    /// Takes over what has changed in files; tells what could not be. What is wrong leaves what was there.
    pub fn reload(&self) -> Vec<Error> {
        self.change(Files::look)
    }

    /// Whether a zone's text is right here and now, and what it would be; nothing changes. Reads and compiles it on this thread.
    pub fn prepare(&self, given: &Given<'_>) -> Result<Prepared> {
        self.files.lock().prepare(given, self.health.as_ref(), now_seconds(&self.clock) as u32)
    }

    /// Serves what was prepared from now on, in place of the zone of its name that was given before.
    pub fn take(&self, prepared: Prepared) {
        self.change(|files| {
            files.take(prepared);
            Ok(true)
        });
    }

    /// Serves the zone of a text from now on, in place of the one of this name that was given before.
    pub fn put(&self, given: &Given<'_>) -> Result<()> {
        self.prepare(given).map(|prepared| self.take(prepared))
    }

    /// Serves a zone that was put no longer.
    pub fn remove(&self, name: &str) -> Result<()> {
        let mut failed = self.change(|files| files.remove(name));
        if failed.is_empty() { Ok(()) } else { Err(failed.remove(0)) }
    }

    fn change(&self, change: impl FnOnce(&mut Files) -> Result<bool>) -> Vec<Error> {
        let mut files = self.files.lock();
        match change(&mut files) {
            Ok(false) => Vec::new(),
            Ok(true) => {
                let (content, errors) = files.load(self.health.as_ref(), now_seconds(&self.clock));
                self.metrics.zones.set(content.zones.len() as i64);
                self.metrics.broken_files.set(files.problems().len() as i64);
                self.content.store(Arc::new(content));
                self.generation.fetch_add(1, Ordering::Release);
                errors
            }
            Err(error) => vec![error],
        }
    }

    /// What of the last changes of files could not be taken over, and why.
    pub fn problems(&self) -> Vec<String> {
        self.files.lock().problems()
    }

    /// Rises with each change of what is served.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The checks that pools want made, by the name of the target that they are of.
    pub fn checks(&self) -> BTreeMap<Arc<str>, Check> {
        let content = self.content.load();
        let zones = content.zones.all();
        let candidates = zones.iter().flat_map(|zone| &zone.pools).flat_map(|pool| &pool.candidates);
        let checked = |one: &Candidate| one.check.clone().map(|check| (one.target.clone(), check));
        candidates.filter_map(checked).collect()
    }

    /// The targets of all pools.
    pub fn targets(&self) -> BTreeSet<Arc<str>> {
        let content = self.content.load();
        let zones = content.zones.all();
        let candidates = zones.iter().flat_map(|zone| &zone.pools).flat_map(|pool| &pool.candidates);
        candidates.map(|candidate| candidate.target.clone()).collect()
    }

    /// Zones that a secondary may have whole, with their serial numbers.
    pub(crate) fn transferable(&self) -> BTreeMap<Name, u32> {
        let content = self.content.load();
        let zones = content.zones.all().into_iter().filter(|zone| !zone.is_dynamic());
        zones.map(|zone| (zone.origin.clone(), zone.serial())).collect()
    }

    /// Names outside the server's zones whose addresses an ALIAS in them has.
    pub fn foreign_aliases(&self) -> BTreeSet<Name> {
        let content = self.content.load();
        let zones = content.zones.all();
        let nodes = zones.iter().flat_map(|zone| zone.dynamic_nodes());
        let target = |node: &Node| match &node.dynamic {
            Some(Dynamic::Alias { target, .. }) => Some(target.clone()),
            _ => None,
        };
        nodes.filter_map(target).filter(|target| content.zones.find(target.wire()).is_none()).collect()
    }

    /// A zone that is served, as a master file; pools have no form there.
    pub fn zone_text(&self, origin: &Name) -> Option<String> {
        let content = self.content.load();
        content.zones.get(origin.wire()).map(|zone| crate::zone::master::show_zone(zone))
    }

    /// All zones.
    pub fn zones(&self) -> Vec<ZoneStatus> {
        let content = self.content.load();
        let files = self.files.lock();
        let status = |zone: &Arc<crate::zone::Zone>| ZoneStatus {
            origin: zone.origin.to_string(),
            serial: zone.serial(),
            records: zone.record_count(),
            pools: zone.pools.iter().map(|pool| (pool.name.to_string(), pool.class_count())).collect(),
            delegation: zone.signer.as_ref().map(|signer| signer.delegation()),
            file: files.place(&zone.origin).filter(|place| !place.starts_with('(')).map(str::to_owned),
        };
        content.zones.all().into_iter().map(status).collect()
    }

    /// Why a client at `from` gets the answer that it gets.
    pub fn explain(&self, name: &str, kind: &str, from: IpAddr) -> Result<Explanation> {
        let from = crate::geo::plain(from);
        let bits = if from.is_ipv4() { 32 } else { 128 };
        self.explain_subnet(name, kind, Prefix::new(from, bits).expect("a family's own length"))
    }

    /// Why the clients in a network get the answer that a resolver gets which tells of it.
    pub fn explain_subnet(&self, name: &str, kind: &str, from: Prefix) -> Result<Explanation> {
        let setting = |option, reason| Error::Setting { option, reason };
        let name = Name::absolute(name).map_err(|wrong| setting("name", wrong.to_string()))?;
        let wrong = || setting("type", format!("there is no type \"{kind}\""));
        let kind = RecordType::parse(kind).ok_or_else(wrong)?;
        let content = self.content.load();
        let server = Server { zones: &content.zones, rules: &self.rules };
        let mut random = self.random();
        let now = now_seconds(&self.clock);
        Ok(explain(&server, &content.atlas, &name, kind, from, now, &mut random))
    }

    /// Answers a message into `out`. A panic is counted, and the message stays unanswered.
    pub(crate) fn answer(
        &self,
        content: &Content,
        message: &[u8],
        client: &Client,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Outcome {
        out.clear();
        let server = Server { zones: &content.zones, rules: &self.rules };
        let answered =
            catch_unwind(AssertUnwindSafe(|| server.answer(message, client, random, &mut Notes::off(), out)));
        let outcome = answered.unwrap_or_else(|_| {
            self.metrics.panics.add(1);
            tracing::error!("answering a message of {} bytes of {} panicked", message.len(), client.address);
            Outcome::Silent
        });
        self.metrics.count(client.transport, &outcome);
        outcome
    }

    /// The messages of a transfer that [`Service::answer`] granted.
    pub(crate) fn transfer(&self, content: &Content, message: &[u8], client: &Client) -> Vec<Vec<u8>> {
        let server = Server { zones: &content.zones, rules: &self.rules };
        crate::answer::transfer::messages(&server, message, client)
    }

    /// What is served now.
    pub(crate) fn content(&self) -> arc_swap::Guard<Arc<Content>> {
        self.content.load()
    }

    /// A client that asks now.
    pub(crate) fn client(&self, address: IpAddr, transport: Transport) -> Client {
        let now_ms = self.clock.monotonic().as_millis() as u64;
        Client { address: crate::geo::plain(address), transport, now: now_seconds(&self.clock), now_ms }
    }

    /// Chance of its own for a task.
    #[expect(clippy::unused_self, reason = "chance belongs to the open server")]
    pub(crate) fn random(&self) -> Random {
        Random::new(rand::rng().next_u64())
    }
}

fn now_seconds(clock: &SystemClock) -> u64 {
    clock.now().0 / 1_000
}

/// Rules from a configuration that is right.
fn rules(config: &Config, resolver: Option<Arc<dyn Resolver>>) -> Result<Rules> {
    let setting = |option, reason| Error::Setting { option, reason };
    let mut secrets = Vec::new();
    for text in &config.cookie_secrets {
        let digits: Option<Vec<u8>> = (text.len() == 32 && text.is_ascii())
            .then(|| {
                (0..16).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()).collect()
            })
            .flatten();
        let secret = digits.and_then(|digits| <[u8; 16]>::try_from(digits).ok());
        secrets.push(
            secret
                .ok_or_else(|| setting("cookie_secrets", "a secret has 32 hexadecimal digits".to_owned()))?,
        );
    }
    let mut drawn = [0; 16];
    rand::rng().fill_bytes(&mut drawn);
    let current = secrets.first().copied().unwrap_or(drawn);
    let keys = config.tsig.iter().map(|key| Key::new(&key.name, &key.algorithm, &key.secret));
    let keys: Vec<Key> = keys.collect::<Result<_, String>>().map_err(|reason| setting("tsig", reason))?;
    let mut transfers = Vec::new();
    for transfer in &config.transfers {
        transfers.push(permission(transfer, &keys).map_err(|reason| setting("transfers", reason))?);
    }
    if config.udp_bytes < limits::PLAIN_UDP_BYTES as u16 {
        return Err(setting("udp_bytes", format!("it is {}; at least 512 are sent", config.udp_bytes)));
    }
    Ok(Rules {
        ecs: config.ecs,
        udp_bytes: config.udp_bytes,
        nsid: config.nsid.clone(),
        cookies: Secrets::new(current, secrets.into_iter().skip(1)),
        cookies_required: config.cookies_required,
        limiter: Limiter::new(config.rate.clone(), rand::rng().next_u64(), limits::RATE_PLACES),
        keys,
        transfers,
        resolver,
    })
}

fn permission(transfer: &crate::config::Transfer, keys: &[Key]) -> Result<Permission, String> {
    let name = |text: &String| Name::absolute(text).map_err(|wrong| wrong.to_string());
    let zones = transfer.zones.iter().map(name).collect::<Result<_, _>>()?;
    let key = transfer.key.as_ref().map(name).transpose()?;
    if let Some(key) = key.as_ref().filter(|key| !keys.iter().any(|known| known.name == **key)) {
        return Err(format!("there is no TSIG key {key}"));
    }
    let permission = Permission { zones, from: transfer.from.clone(), key };
    if permission.is_too_wide() {
        return Err("one of `from` and `key` must be given: nobody gets zones without being named".to_owned());
    }
    Ok(permission)
}
