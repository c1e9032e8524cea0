//! Addresses of names in other servers' zones, for ALIAS: asked of the machine's resolver before anybody needs them and again
//! when they end, so that no query waits. What is known is exchanged whole; queries read it without a lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bole_gateway::upstream::resolve::{Machine, Resolve as _};
use bole_geodns::Service;
use bole_geodns::answer::Resolver;
use bole_geodns::wire::{Name, RecordType};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Names that are looked after.
const NAMES_MAX: usize = 10_000;
/// Names that were asked for and wait to be looked up.
const ASKED_MAX: usize = 256;
/// Names that are looked up at a time.
const AT_ONCE: usize = 16;
/// An answer is asked for again no more often, and no less often, than this.
const REFRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// For how long an answer is given whose renewal fails, and with which TTL (RFC 8767 section 5).
const STALE: (Duration, u32) = (Duration::from_hours(24), 30);
/// A name that nobody asked for and no zone names is forgotten after this.
const FORGET: Duration = Duration::from_hours(1);
/// How often is looked whether something is due.
const TICK: Duration = Duration::from_millis(100);

type Records = Vec<Box<[u8]>>;

#[derive(Clone, Debug)]
struct Known {
    v4: Records,
    v6: Records,
    until: Instant,
    /// Whether it was asked for since this was looked at.
    used: Arc<AtomicBool>,
}

/// What is known.
pub(super) struct Aliases {
    known: ArcSwap<HashMap<Name, Known>>,
    asked: mpsc::Sender<Name>,
    waiting: parking_lot::Mutex<Option<mpsc::Receiver<Name>>>,
}

impl Default for Aliases {
    fn default() -> Self {
        let (asked, waiting) = mpsc::channel(ASKED_MAX);
        Self { known: ArcSwap::default(), asked, waiting: parking_lot::Mutex::new(Some(waiting)) }
    }
}

impl Resolver for Aliases {
    fn addresses(&self, name: &Name, kind: RecordType) -> Option<(u32, Vec<Box<[u8]>>)> {
        let known = self.known.load();
        let Some(found) = known.get(name) else {
            // A full queue drops the name: who asks again asks for it again.
            drop(self.asked.try_send(name.clone()));
            return None;
        };
        if !found.used.load(Ordering::Relaxed) {
            found.used.store(true, Ordering::Relaxed);
        }
        let left = found.until.saturating_duration_since(Instant::now()).as_secs() as u32;
        let ttl = if left == 0 { STALE.1 } else { left };
        Some((ttl, if kind == RecordType::A { found.v4.clone() } else { found.v6.clone() }))
    }
}

/// When a name is due, and when it was needed last.
#[derive(Clone, Copy, Debug)]
struct Plan {
    due: Instant,
    needed_at: Instant,
}

impl Aliases {
    /// Looks after names that zones' aliases lead to and that were asked for, for ever.
    pub(super) async fn follow(self: Arc<Self>, service: Arc<Service>) {
        let Some(mut waiting) = self.waiting.lock().take() else { return };
        let machine = Machine::default();
        let (mut generation, mut named) = (None, BTreeSet::new());
        let mut plans: BTreeMap<Name, Plan> = BTreeMap::new();
        loop {
            let now = Instant::now();
            if generation != Some(service.generation()) {
                generation = Some(service.generation());
                named = service.foreign_aliases();
                plan(&mut plans, named.iter().cloned(), now);
            }
            plan(&mut plans, std::iter::from_fn(|| waiting.try_recv().ok()), now);
            plan(&mut plans, self.used(), now);
            plans.retain(|name, plan| named.contains(name) || plan.needed_at + FORGET > now);
            let due: Vec<Name> =
                plans.iter().filter(|(_, plan)| plan.due <= now).map(|(name, _)| name.clone()).collect();
            if !due.is_empty() {
                self.renew(&machine, due, &mut plans).await;
            }
            sleep(TICK).await;
        }
    }

    /// Names that were asked for since the last call.
    fn used(&self) -> impl Iterator<Item = Name> {
        let known = self.known.load();
        let used = known.iter().filter(|(_, found)| found.used.swap(false, Ordering::Relaxed));
        used.map(|(name, _)| name.clone()).collect::<Vec<_>>().into_iter()
    }

    async fn renew(&self, machine: &Machine, due: Vec<Name>, plans: &mut BTreeMap<Name, Plan>) {
        let look = |name: Name| async move {
            let found = machine.addresses(&name.to_string()).await;
            (name, found)
        };
        let looked: Vec<_> =
            futures_util::stream::iter(due).map(look).buffer_unordered(AT_ONCE).collect().await;
        let mut known = HashMap::clone(&self.known.load());
        let now = Instant::now();
        for (name, found) in looked {
            let again = match found {
                Ok(found) => {
                    let holds = found.holds_for.clamp(REFRESH.0, REFRESH.1);
                    let (mut v4, mut v6) = (Records::new(), Records::new());
                    for address in found.records {
                        match address {
                            IpAddr::V4(address) => v4.push(address.octets().as_slice().into()),
                            IpAddr::V6(address) => v6.push(address.octets().as_slice().into()),
                        }
                    }
                    known.insert(name.clone(), Known { v4, v6, until: now + holds, used: Arc::default() });
                    holds
                }
                Err(error) => {
                    tracing::debug!("addresses of {name} for an ALIAS cannot be looked up: {error}");
                    Duration::from_secs(5)
                }
            };
            if let Some(plan) = plans.get_mut(&name) {
                plan.due = now + again;
            }
        }
        known.retain(|name, found| plans.contains_key(name) && found.until + STALE.0 > now);
        self.known.store(Arc::new(known));
    }
}

/// Adds names that are needed, as far as there is room.
fn plan(plans: &mut BTreeMap<Name, Plan>, names: impl Iterator<Item = Name>, now: Instant) {
    for name in names {
        if plans.len() >= NAMES_MAX && !plans.contains_key(&name) {
            tracing::warn!("more than {NAMES_MAX} names are needed for ALIAS; {name} is not looked up");
            return;
        }
        let plan = plans.entry(name).or_insert(Plan { due: now, needed_at: now });
        plan.needed_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_geodns::service::origin::Given;
    use bole_geodns::{Config, Parts};
    use bole_net::{ConnectionLimit, Metrics};

    #[tokio::test]
    async fn names_of_this_machine_are_known_after_they_were_asked_for() {
        let aliases = Arc::new(Aliases::default());
        let parts = Parts {
            health: Arc::new(bole_geodns::health::Vitals::default()),
            resolver: Some(Arc::clone(&aliases) as Arc<_>),
            node_limit: ConnectionLimit::new(1),
            metrics: Metrics::new(),
        };
        let service = Service::open(Config::default(), parts).unwrap();
        let zone = "origin = \"a.example\"\n[records]\n\"@\" = { NS = \"ns.other.example.\", ALIAS = \"localhost.\" }\n";
        service.put(&Given::document("a.example", zone)).unwrap();
        let answer = || service.explain("a.example", "A", "127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(answer().rcode, "SERVFAIL", "nobody waits for it");
        let following = tokio::spawn(Arc::clone(&aliases).follow(Arc::clone(&service)));
        let deadline = Instant::now() + Duration::from_mins(1);
        while answer().rcode != "NOERROR" {
            assert!(Instant::now() < deadline, "{}", answer());
            sleep(Duration::from_millis(10)).await;
        }
        assert!(answer().answer[0].ends_with(" IN A 127.0.0.1"), "{}", answer());
        following.abort();
    }
}
