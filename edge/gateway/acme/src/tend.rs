//! Looks after the certificates that are wanted: a loop for each, which orders, shows, waits and renews.

mod care;

use crate::ask::Open;
use crate::kept::{self, Keeper, Record};
use crate::limits;
use crate::order::Shop;
use crate::proof::Proofs;
use crate::slot::{Shown, Slot};
use crate::status::{Phase, Status};
use crate::wanted::Wanted;
use bole_base::Clock;
use bole_net::Metrics;
use bole_net::metrics::Samples;
use bole_net::tasks::{self, OnFailure};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::warn;

/// What it stands on.
pub struct Parts {
    /// Where accounts, orders and certificates are kept.
    pub keeper: Arc<dyn Keeper>,
    /// How authorities are asked.
    pub open: Open,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it counts.
    pub metrics: Metrics,
}

type All = BTreeMap<String, Wanted>;

/// What is seen of a certificate, and what was counted since the gateway began.
#[derive(Clone, Default)]
struct Seen {
    status: Status,
    issued: u64,
    failed: u64,
}

/// All certificates that are wanted.
pub struct Acme {
    shop: Shop,
    clock: Arc<dyn Clock>,
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Nothing until it is known what is wanted.
    wanted: watch::Sender<Option<Arc<All>>>,
    turns: Semaphore,
}

/// A loop under way; it ends with this.
struct Loop {
    wanted: Wanted,
    handle: JoinHandle<()>,
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Acme {
    /// Nothing is wanted yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        let shop = Shop {
            keeper: parts.keeper,
            open: parts.open,
            proofs: Arc::default(),
            accounts: tokio::sync::Mutex::new(()),
        };
        let acme = Arc::new(Self {
            shop,
            clock: parts.clock,
            slots: Mutex::default(),
            seen: Mutex::default(),
            wanted: watch::Sender::new(None),
            turns: Semaphore::new(limits::ORDERS_AT_ONCE_MAX),
        });
        let weak = Arc::downgrade(&acme);
        parts.metrics.collect(move |samples| collect(&weak, samples));
        acme
    }

    /// Where the gateway looks for proofs.
    pub fn proofs(&self) -> &Arc<Proofs> {
        &self.shop.proofs
    }

    /// Where a certificate is shown. The same for the same name, until it is not wanted any more.
    pub fn slot(&self, name: &str) -> Arc<Slot> {
        Arc::clone(self.slots.lock().entry(name.to_owned()).or_default())
    }

    /// From now on these are wanted, each by its name. What is kept of them is shown when this returns; what is not is ordered from then on.
    pub async fn want(&self, wanted: All) {
        for one in wanted.values() {
            let slot = self.slot(&one.name);
            if slot.shown().is_some() {
                continue;
            }
            // Of one that cannot be loaded its loop finds the same, and tells it.
            if let Ok(Some(record)) =
                kept::load::<Record>(&*self.shop.keeper, &kept::certificate_name(one)).await
                && let Some(Ok(shown)) = record.issued.map(|issued| Shown::read(&issued))
            {
                slot.show(Arc::new(shown));
            }
        }
        self.slots.lock().retain(|name, _| wanted.contains_key(name));
        self.wanted.send_replace(Some(Arc::new(wanted)));
    }

    /// What can be seen of each that is wanted.
    pub fn status(&self) -> BTreeMap<String, Status> {
        self.seen.lock().iter().map(|(name, seen)| (name.clone(), seen.status.clone())).collect()
    }

    /// Looks after what is wanted, until the gateway closes.
    pub async fn run(self: Arc<Self>, mut closing: watch::Receiver<bool>) {
        let mut changed = self.wanted.subscribe();
        let mut loops: BTreeMap<String, Loop> = BTreeMap::new();
        loop {
            let known = changed.borrow_and_update().clone();
            if let Some(wanted) = known {
                self.settle(&mut loops, &wanted).await;
            }
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                changed = changed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Ends the loops that are not wanted any more, and begins those that are.
    async fn settle(self: &Arc<Self>, loops: &mut BTreeMap<String, Loop>, wanted: &All) {
        let ending: Vec<String> = loops
            .iter()
            .filter(|(name, running)| wanted.get(*name) != Some(&running.wanted))
            .map(|(name, _)| name.clone())
            .collect();
        for name in ending {
            // The next one must not begin before it has let go.
            if let Some(mut ended) = loops.remove(&name) {
                ended.handle.abort();
                let _ = (&mut ended.handle).await;
            }
        }
        self.seen.lock().retain(|name, _| wanted.contains_key(name));
        for (name, one) in wanted.iter().filter(|(name, _)| !loops.contains_key(*name)).collect::<Vec<_>>() {
            let work = Arc::clone(self).care(one.clone());
            let handle = tasks::spawn("gateway certificate", OnFailure::Log, work);
            loops.insert(name.clone(), Loop { wanted: one.clone(), handle });
        }
        self.forget_old(wanted).await;
    }

    /// Forgets what is kept of certificates that nobody wants, once they have ended.
    async fn forget_old(&self, wanted: &All) {
        let names = match self.shop.keeper.names().await {
            Ok(names) => names,
            Err(error) => return warn!("it cannot be seen which certificates are kept: {error}"),
        };
        let unwanted = names.iter().filter(|name| {
            name.strip_prefix(kept::CERTIFICATE).is_some_and(|name| !wanted.contains_key(name))
        });
        for name in unwanted {
            let Ok(record) = kept::load::<Record>(&*self.shop.keeper, name).await else { continue };
            let shown = record.and_then(|record| record.issued).and_then(|issued| Shown::read(&issued).ok());
            if shown.is_none_or(|shown| shown.not_after < self.now())
                && let Err(error) = self.shop.keeper.forget(name).await
            {
                warn!("{name:?} cannot be forgotten: {error}");
            }
        }
    }

    fn now(&self) -> i64 {
        (self.clock.now().0 / 1_000) as i64
    }

    fn see(&self, name: &str, change: impl FnOnce(&mut Seen)) {
        change(self.seen.lock().entry(name.to_owned()).or_default());
    }
}

const DAY_SECONDS: f64 = 86_400.0;

fn collect(acme: &Weak<Acme>, out: &mut Samples) {
    let Some(acme) = acme.upgrade() else { return };
    let (now, seen) = (acme.now(), acme.seen.lock().clone());
    for (name, seen) in &seen {
        let labels = [("certificate", name.as_str())];
        let days = seen.status.not_after.map_or(0.0, |end| (end - now) as f64 / DAY_SECONDS);
        out.gauge(
            "bole_gateway_certificate_days_left",
            "Days until the certificate ends that is shown; 0 where there is none yet.",
            &labels,
            days,
        );
        let failing = f64::from(seen.status.failures);
        out.gauge(
            "bole_gateway_certificate_failing",
            "Tries to get it that failed since the last that did not.",
            &labels,
            failing,
        );
        for (result, count) in [("issued", seen.issued), ("failed", seen.failed)] {
            let labels = [("certificate", name.as_str()), ("result", result)];
            out.counter(
                "bole_gateway_certificate_orders",
                "Tries to get it, by what became of them.",
                &labels,
                count,
            );
        }
        let is_good = f64::from(u8::from(seen.status.phase == Phase::Good));
        out.gauge(
            "bole_gateway_certificate_good",
            "Whether there is one that is what the document wants.",
            &labels,
            is_good,
        );
    }
}
