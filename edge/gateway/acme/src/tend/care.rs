//! The loop of one certificate.

use super::Acme;
use crate::error::Failure;
use crate::kept::{self, Record};
use crate::limits;
use crate::slot::Shown;
use crate::status::{Phase, Status};
use crate::wanted::Wanted;
use crate::{order, plan};
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info, warn};

/// What a loop knows.
struct Care {
    record: Record,
    shown: Option<Arc<Shown>>,
    /// For the time of this renewal.
    roll: f64,
    failures: u32,
    /// After failures: not before.
    not_before: i64,
    /// What the authority suggested, from and to.
    suggestion: Option<(i64, i64)>,
    /// When it is asked again.
    ask_at: i64,
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs_f64().ceil() as u64).unwrap_or(i64::MAX)
}

impl Care {
    /// Whether there is one that is what is wanted.
    fn is_good(&self, wanted: &Wanted) -> bool {
        self.shown.is_some() && self.record.issued.as_ref().is_some_and(|issued| issued.is_for(wanted))
    }

    /// When the next order is due.
    fn due(&self, wanted: &Wanted) -> i64 {
        if self.failures > 0 {
            return self.not_before;
        }
        let Some(shown) = self.shown.as_ref().filter(|_| self.is_good(wanted)) else { return i64::MIN };
        let life = (shown.not_before, shown.not_after);
        let suggested = self.suggestion.and_then(|window| plan::suggested(window, life, self.roll));
        suggested.unwrap_or_else(|| plan::two_thirds(life, self.roll))
    }
}

impl Acme {
    /// Looks after one certificate, until it is aborted. What is under way then goes on from what is kept.
    pub(super) async fn care(self: Arc<Self>, wanted: Wanted) {
        let mut care = self.begin(&wanted).await;
        loop {
            let (now, due) = (self.now(), care.due(&wanted));
            if due <= now {
                self.renew(&wanted, &mut care).await;
                continue;
            }
            if care.is_good(&wanted) && care.failures == 0 && care.ask_at <= now {
                self.ask_when(&wanted, &mut care).await;
                continue;
            }
            let phase = if care.failures > 0 { Phase::Failing } else { Phase::Good };
            self.tell(&wanted, &care, phase, Some(due));
            let next = if care.is_good(&wanted) && care.failures == 0 { due.min(care.ask_at) } else { due };
            let wait = Duration::from_secs(u64::try_from(next - now).unwrap_or(0));
            tokio::time::sleep(wait.min(limits::LOOK_INTERVAL)).await;
        }
    }

    /// Reads what is kept, again and again until it can be read: without that an account could be made twice.
    async fn begin(&self, wanted: &Wanted) -> Care {
        let name = kept::certificate_name(wanted);
        let mut care = Care {
            record: Record::default(),
            shown: None,
            roll: rand::random(),
            failures: 0,
            not_before: 0,
            suggestion: None,
            ask_at: 0,
        };
        self.tell(wanted, &care, Phase::Waiting, None);
        loop {
            match kept::load::<Record>(&*self.shop.keeper, &name).await {
                Ok(record) => {
                    care.record = record.unwrap_or_default();
                    care.failures = 0;
                    break;
                }
                Err(failure) => {
                    let pause = self.failed(wanted, &mut care, &failure);
                    tokio::time::sleep(pause).await;
                }
            }
        }
        if let Some(issued) = &care.record.issued {
            match Shown::read(issued) {
                Ok(shown) => {
                    let shown = Arc::new(shown);
                    self.slot(&wanted.name).show(Arc::clone(&shown));
                    care.shown = Some(shown);
                }
                Err(wrong) => warn!(
                    certificate = wanted.name,
                    "the certificate that is kept cannot be used, another one is ordered: {wrong}"
                ),
            }
        }
        care
    }

    async fn renew(&self, wanted: &Wanted, care: &mut Care) {
        let _turn = self.turns.acquire().await.expect("invariant: turns are never closed");
        self.tell(wanted, care, Phase::Ordering, None);
        match order::obtain(&self.shop, wanted, &mut care.record).await {
            Ok(shown) => {
                let shown = Arc::new(shown);
                self.slot(&wanted.name).show(Arc::clone(&shown));
                let days = (shown.not_after - self.now()) / 86_400;
                info!(
                    certificate = wanted.name,
                    hosts = wanted.hosts.join(" "),
                    days,
                    "a certificate was issued"
                );
                let quarter = (shown.not_after - shown.not_before).max(0) / 4;
                care.ask_at = self.now().saturating_add(seconds(limits::SUGGESTION_AGE_MIN).min(quarter));
                (care.roll, care.failures, care.suggestion) = (rand::random(), 0, None);
                care.shown = Some(shown);
                self.see(&wanted.name, |seen| {
                    seen.issued += 1;
                    seen.status.last_error = None;
                });
                // One that has ended already would be ordered again and again.
                if care.due(wanted) <= self.now() {
                    let failure = Failure::refused(
                        "the certificate that was issued is to be renewed at once: it has too short a life, or the clock is wrong",
                    );
                    self.failed(wanted, care, &failure);
                }
            }
            Err(failure) => {
                self.failed(wanted, care, &failure);
            }
        }
    }

    /// Asks when the authority wants it renewed. Without an answer it is what it was.
    async fn ask_when(&self, wanted: &Wanted, care: &mut Care) {
        let Some(issued) = &care.record.issued else { return };
        let again = match order::suggestion(&self.shop, wanted, issued).await {
            Ok(Some((window, again))) => {
                care.suggestion = Some(window);
                again.clamp(limits::SUGGESTION_INTERVAL_MIN, limits::SUGGESTION_INTERVAL_MAX)
            }
            Ok(None) => limits::SUGGESTION_INTERVAL_MAX,
            Err(failure) => {
                debug!(
                    certificate = wanted.name,
                    "the authority does not say when it wants it renewed: {failure}"
                );
                limits::SUGGESTION_INTERVAL
            }
        };
        care.ask_at = self.now().saturating_add(seconds(again));
    }

    /// Tells a failure; says how long is waited.
    fn failed(&self, wanted: &Wanted, care: &mut Care, failure: &Failure) -> Duration {
        care.failures = care.failures.saturating_add(1);
        let pause = plan::pause(failure, care.failures, rand::random());
        care.not_before = self.now().saturating_add(seconds(pause));
        let (hosts, seconds) = (wanted.hosts.join(" "), pause.as_secs());
        warn!(
            certificate = wanted.name,
            hosts,
            failures = care.failures,
            "no certificate yet, tried again in {seconds} s: {failure}"
        );
        self.see(&wanted.name, |seen| {
            seen.failed += 1;
            seen.status.last_error = Some(failure.to_string());
        });
        self.tell(wanted, care, Phase::Failing, Some(care.not_before));
        pause
    }

    fn tell(&self, wanted: &Wanted, care: &Care, phase: Phase, next: Option<i64>) {
        let shown = care.shown.as_ref();
        self.see(&wanted.name, |seen| {
            seen.status = Status {
                hosts: wanted.hosts.clone(),
                directory: wanted.directory.clone(),
                phase,
                shown_hosts: shown.map(|shown| shown.names.clone()).unwrap_or_default(),
                not_after: shown.map(|shown| shown.not_after),
                next,
                failures: care.failures,
                last_error: seen.status.last_error.take(),
            };
        });
    }
}
