//! A gateway's part of it: what keeps, what tells the time, what waits.

use crate::authority::{Authority, DIRECTORY, Wire};
use async_trait::async_trait;
use bole_base::Clock;
use bole_base::clock::Timestamp;
use bole_gateway_acme::status::Phase;
use bole_gateway_acme::{Acme, Keeper, Parts, Status, Wanted};
use bole_gateway_document::tls::Acme as Settings;
use bole_net::Metrics;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z.
const BEGIN: u64 = 1_767_225_600;

/// The time of the test's runtime.
#[derive(Clone, Copy)]
pub(crate) struct Time(Instant);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(self) -> i64 {
        (BEGIN + self.0.elapsed().as_secs()) as i64
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN * 1_000 + self.0.elapsed().as_millis() as u64)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Keeps in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) texts: Mutex<BTreeMap<String, String>>,
    pub(crate) fails: AtomicBool,
}

impl Memory {
    fn check(&self) -> Result<(), String> {
        if self.fails.load(Ordering::SeqCst) { Err("the disk is full".to_owned()) } else { Ok(()) }
    }
}

#[async_trait]
impl Keeper for Memory {
    async fn load(&self, name: &str) -> Result<Option<String>, String> {
        tokio::task::yield_now().await;
        Ok(self.texts.lock().get(name).cloned())
    }

    async fn keep(&self, name: &str, text: String) -> Result<(), String> {
        tokio::task::yield_now().await;
        self.check()?;
        self.texts.lock().insert(name.to_owned(), text);
        Ok(())
    }

    async fn forget(&self, name: &str) -> Result<(), String> {
        self.check()?;
        self.texts.lock().remove(name);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, String> {
        Ok(self.texts.lock().keys().cloned().collect())
    }
}

/// A gateway that asks the authority; dropped, it is killed.
pub(crate) struct Gateway {
    pub(crate) acme: Arc<Acme>,
    pub(crate) metrics: Metrics,
    closing: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.running.abort();
        self.closing.send_replace(true);
    }
}

/// What stays when gateways come and go.
pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) authority: Arc<Authority>,
    pub(crate) memory: Arc<Memory>,
}

impl World {
    pub(crate) fn new() -> Self {
        let time = Time::new();
        Self { time, authority: Authority::new(move || time.seconds()), memory: Arc::default() }
    }

    pub(crate) fn gateway(&self) -> Gateway {
        let (authority, metrics) = (self.authority.clone(), Metrics::default());
        let acme = Acme::new(Parts {
            keeper: self.memory.clone(),
            open: Arc::new(move |_| Arc::new(Wire(authority.clone()))),
            clock: Arc::new(self.time),
            metrics: metrics.clone(),
        });
        self.authority.look_at(acme.proofs());
        let (closing, is_closing) = watch::channel(false);
        let running = tokio::spawn(acme.clone().run(is_closing));
        Gateway { acme, metrics, closing, running }
    }
}

pub(crate) fn settings() -> Settings {
    toml_free(DIRECTORY)
}

fn toml_free(directory: &str) -> Settings {
    serde_json::from_value(serde_json::json!({ "directory": directory, "terms_agreed": true })).unwrap()
}

/// Certificates that are wanted: names and hosts.
pub(crate) fn wanted(settings: &Settings, all: &[(&str, &[&str])]) -> BTreeMap<String, Wanted> {
    let one = |(name, hosts): &(&str, &[&str])| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        ((*name).to_owned(), Wanted::new(name, &hosts, settings, None))
    };
    all.iter().map(one).collect()
}

impl Gateway {
    pub(crate) fn status(&self, name: &str) -> Status {
        self.acme.status().get(name).cloned().unwrap_or_default()
    }

    /// Waits until the status of a certificate is such, up to a year of the test's time.
    pub(crate) async fn until(&self, name: &str, holds: impl Fn(&Status) -> bool) -> Status {
        let patience = Instant::now() + Duration::from_hours(24 * 365);
        for looks in 0_u32.. {
            let status = self.status(name);
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < patience, "it never came about: {status:?}");
            // Waits of months are looked at now and then.
            let every = if looks < 2_000 { Duration::from_millis(500) } else { Duration::from_mins(10) };
            tokio::time::sleep(every).await;
        }
        unreachable!("it looks until the test's patience ends")
    }

    pub(crate) async fn good(&self, name: &str) -> Status {
        self.until(name, |status| status.phase == Phase::Good).await
    }
}
