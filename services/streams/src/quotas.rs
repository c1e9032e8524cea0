//! How much a client may send, fetch, compute and change in a second. What is too much is taken all the same, and the client is held back until
//! the second's share has grown again: its reply says for how long, and its next request is not read before (KIP-219).
//!
//! Reading order: [`table`] (who has which quota) → this file (what was used) → `operations/alter_client_quotas.rs`.
//!
//! A share grows steadily and holds at most one second's worth. Use beyond it is owed, and counts on after the client was held back, so that
//! the rate holds in the long run whatever the size of single requests.

pub mod table;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bole_catalog::Catalog;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::Error;
use crate::limits::{QUOTA_BUCKETS_MAX, THROTTLE_MS_MAX};
use crate::metrics::count;
use crate::protocol::ErrorCode;
use crate::session::Session;
pub use table::{Entity, Kind, Table};

/// The catalog's setting that holds the quotas.
const SETTING: &str = "default/streams/quotas";
/// What a client without credentials is called where quotas name users, as in Kafka.
pub const ANONYMOUS: &str = "ANONYMOUS";
/// Seconds of a quota that may be saved up.
const BURST_SECONDS: f64 = 1.0;
/// The longest that time spent on requests holds a client back at once, in milliseconds: one window.
const REQUEST_WINDOW_MS: u64 = 1_000;

/// Quotas and what was used of them.
pub struct Quotas {
    table: RwLock<Arc<Table>>,
    buckets: Mutex<HashMap<Whose, Bucket>>,
    changing: tokio::sync::Mutex<()>,
}

/// Whose use one bucket counts: of a user, a client id, or both, as the quota says that applies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Whose {
    kind: Kind,
    user: Option<Arc<str>>,
    client_id: Option<Arc<str>>,
}

/// What is left of a share; below zero: owed.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    rate: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: f64, at: Instant) -> Self {
        Self { left: rate * BURST_SECONDS, rate, at }
    }

    /// Lets the share grow until `now`, by a rate that may have changed.
    fn grow(&mut self, rate: f64, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = seconds.mul_add(rate, self.left).min(rate * BURST_SECONDS);
        (self.rate, self.at) = (rate, now);
    }

    /// How long until nothing is owed.
    fn owed_ms(&self) -> u64 {
        if self.left >= 0.0 { 0 } else { ((-self.left / self.rate * 1e3).ceil() as u64).min(THROTTLE_MS_MAX) }
    }

    /// Whether forgetting it changes nothing.
    fn is_full(&self, now: Instant) -> bool {
        let mut later = *self;
        later.grow(self.rate, now);
        later.left >= self.rate * BURST_SECONDS
    }
}

impl Quotas {
    /// The quotas that the catalog holds. Those that cannot be read are none, and reported.
    pub fn open(catalog: &Catalog) -> Self {
        let text = catalog.read(|state| state.setting(SETTING).map(str::to_owned)).ok().flatten();
        let table = text.map_or(Ok(Table::default()), |text| Table::parse(&text));
        let table = table.unwrap_or_else(|error| {
            tracing::error!(setting = SETTING, %error, "the quotas in the catalog cannot be read; none holds");
            Table::default()
        });
        Self::of(table)
    }

    fn of(table: Table) -> Self {
        Self {
            table: RwLock::new(Arc::new(table)),
            buckets: Mutex::default(),
            changing: tokio::sync::Mutex::new(()),
        }
    }

    /// The quotas as they are.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read())
    }

    /// Makes one entity's changes, durably: `decide` gives its values anew. Errors: what `decide` says, `PolicyViolation`, `Full`, `Storage`.
    pub async fn change(
        &self,
        catalog: &Catalog,
        decide: impl FnOnce(&Table) -> Result<Table, Error> + Send,
    ) -> Result<(), Error> {
        let _turn = self.changing.lock().await;
        let table = decide(&self.table())?;
        catalog.set(SETTING, &table.render()).await?;
        *self.table.write() = Arc::new(table);
        Ok(())
    }

    /// Notes that a client used `amount`. For how long it is to be held back, in milliseconds.
    pub fn charge(&self, kind: Kind, user: &str, client_id: &str, amount: f64) -> u64 {
        self.with_bucket(kind, user, client_id, |bucket| {
            bucket.left -= amount;
            bucket.owed_ms()
        })
    }

    /// For how long a client owes something already, in milliseconds.
    pub fn owed_ms(&self, kind: Kind, user: &str, client_id: &str) -> u64 {
        self.with_bucket(kind, user, client_id, |bucket| bucket.owed_ms())
    }

    fn with_bucket(
        &self,
        kind: Kind,
        user: &str,
        client_id: &str,
        act: impl FnOnce(&mut Bucket) -> u64,
    ) -> u64 {
        let table = self.table();
        let Some((quota, by_user, by_client)) = table.find(kind, user, client_id) else { return 0 };
        let rate = kind.rate(quota);
        let whose = Whose {
            kind,
            user: by_user.then(|| Arc::from(user)),
            client_id: by_client.then(|| Arc::from(client_id)),
        };
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        if buckets.len() >= QUOTA_BUCKETS_MAX && !buckets.contains_key(&whose) {
            make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(whose).or_insert_with(|| Bucket::full(rate, now));
        bucket.grow(rate, now);
        act(bucket)
    }
}

/// Forgets buckets that are full, and the fullest if none is.
fn make_room(buckets: &mut HashMap<Whose, Bucket>, now: Instant) {
    buckets.retain(|_, bucket| !bucket.is_full(now));
    if buckets.len() < QUOTA_BUCKETS_MAX {
        return;
    }
    let share = |bucket: &Bucket| bucket.left / bucket.rate;
    let fullest = buckets.iter().max_by(|one, other| share(one.1).total_cmp(&share(other.1)));
    if let Some(whose) = fullest.map(|(whose, _)| whose.clone()) {
        buckets.remove(&whose);
    }
}

/// What one connection has to wait for.
#[derive(Default)]
pub(crate) struct Throttle {
    told_ms: AtomicU64,
    until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Holds the connection back for so long from now.
    pub(crate) fn add(&self, time_ms: u64) {
        if time_ms == 0 {
            return;
        }
        self.told_ms.fetch_max(time_ms, Ordering::Relaxed);
        let until = Instant::now() + Duration::from_millis(time_ms);
        let mut held = self.until.lock();
        *held = Some(held.map_or(until, |before| before.max(until)));
    }

    /// What the next reply has to tell the client, in milliseconds.
    pub(crate) fn take(&self) -> i32 {
        i32::try_from(self.told_ms.swap(0, Ordering::Relaxed)).unwrap_or(i32::MAX)
    }

    /// Ready when the connection may go on.
    pub(crate) async fn passed(&self) {
        loop {
            let until = *self.until.lock();
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

impl Session {
    /// Notes that the client used `amount` of a quota, and holds it back if that was too much.
    pub fn charge(&self, kind: Kind, amount: usize) {
        self.charge_amount(kind, amount as f64);
    }

    /// Notes for how long the client's request was worked on.
    pub(crate) fn charge_time(&self, busy: Duration) {
        self.charge_amount(Kind::RequestPercentage, busy.as_secs_f64() * 1e3);
    }

    /// Notes that the client makes or removes so many partitions. Errors, where `is_strict`: `ThrottlingQuotaExceeded` when it had used up its
    /// quota before.
    pub fn charge_mutations(&self, partitions: usize, is_strict: bool) -> Result<(), Error> {
        if is_strict {
            let (user, client_id) = (self.quota_user(), self.client_id());
            let owed_ms = self.service.quotas.owed_ms(Kind::ControllerMutationRate, &user, &client_id);
            if owed_ms > 0 {
                self.throttle.add(owed_ms);
                let text = format!(
                    "quota {} is used up; try again in {owed_ms} ms",
                    Kind::ControllerMutationRate.name()
                );
                return Err(Error::refused(ErrorCode::ThrottlingQuotaExceeded, text));
            }
        }
        self.charge(Kind::ControllerMutationRate, partitions);
        Ok(())
    }

    fn quota_user(&self) -> Arc<str> {
        let user = self.user();
        if user.is_empty() { Arc::from(ANONYMOUS) } else { user }
    }

    fn charge_amount(&self, kind: Kind, amount: f64) {
        let quotas = &self.service.quotas;
        if quotas.table.read().is_empty() {
            return;
        }
        let mut owed_ms = quotas.charge(kind, &self.quota_user(), &self.client_id(), amount);
        if kind == Kind::RequestPercentage {
            owed_ms = owed_ms.min(REQUEST_WINDOW_MS);
        }
        count(&self.service.metrics.throttled_ms, owed_ms);
        self.throttle.add(owed_ms);
    }
}

/// A future, and how long the processor was at it.
pub(crate) struct Timed<F> {
    inner: Pin<Box<F>>,
    busy: Duration,
}

impl<F: Future> Timed<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self { inner: Box::pin(inner), busy: Duration::ZERO }
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let begin = std::time::Instant::now();
        let polled = self.inner.as_mut().poll(context);
        self.busy += begin.elapsed();
        Poll::Ready((ready!(polled), self.busy))
    }
}

#[cfg(test)]
mod tests;
