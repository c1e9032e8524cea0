//! When sinks work: a task for each topic that has one, and what follows an error.
//!
//! A batch is written when it is full or `sink.interval.ms` after its first record. An error is tried again, with growing pauses, from the committed position: a
//! batch that is refused is tried with one record first, so that everything before the record that is the reason gets written, and the reason names it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::pump::{self, Failure, Pump};
use super::{Plan, State, Status, Target};
use crate::Error;
use crate::metrics::count;
use crate::partition::watch::Watching;
use crate::readable::Source;
use crate::service::Service;
use crate::topics::{Topic, known};

/// How often a sink looks whether its position was moved.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after the first error; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Keeps a task at work for each topic with a sink, for ever: run it as a task. Dropping it ends them all, each before or after a batch.
pub async fn run(service: Arc<Service>) {
    let mut tasks = JoinSet::new();
    let mut at_work: HashMap<Id, Arc<Topic>> = HashMap::new();
    loop {
        let mut changed = pin!(service.topics.changed.notified());
        changed.as_mut().enable();
        for topic in service.topics.all() {
            let has_sink = topic.settings().sink.target.is_some();
            if has_sink && !at_work.values().any(|other| other.id == topic.id) {
                let worker = Worker::new(Arc::clone(&service), Arc::clone(&topic));
                at_work.insert(tasks.spawn(worker.run()).id(), topic);
            }
        }
        let ended = tokio::select! {
            () = &mut changed => continue,
            Some(ended) = tasks.join_next_with_id() => ended,
        };
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let topic = at_work.remove(&id);
        if let (Some(topic), Some(error)) = (topic, error) {
            tracing::warn!(topic = topic.name, %error, "the sink of a topic has failed; it starts again");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

struct Worker {
    service: Arc<Service>,
    topic: Arc<Topic>,
    /// Taken out while it works on a thread for blocking work.
    pump: Option<Pump>,
    watching: Watching,
    partitions: usize,
    /// Whether the position has to be read from the group.
    is_stale: bool,
    /// When the first record of the batch was taken.
    since: Option<Instant>,
    looked: Instant,
    /// The most records of a batch now: fewer than the setting after one was refused.
    records_max: usize,
    state: State,
    pause: Duration,
}

impl Worker {
    fn new(service: Arc<Service>, topic: Arc<Topic>) -> Self {
        Self {
            service,
            topic,
            pump: None,
            watching: Watching::new(Vec::new()),
            partitions: 0,
            is_stale: true,
            since: None,
            looked: Instant::now(),
            records_max: usize::MAX,
            state: State::Running,
            pause: Duration::ZERO,
        }
    }

    /// Works until the topic has no sink any more.
    async fn run(mut self) {
        let service = Arc::clone(&self.service);
        loop {
            let mut changed = pin!(service.topics.changed.notified());
            changed.as_mut().enable();
            let settings = self.topic.settings();
            let (plan, exists) = (&settings.sink, service.topics.by_id(self.topic.id).is_some());
            let Some(target) = plan.target.as_ref().filter(|_| exists) else {
                // Another topic of the same name may have one by now.
                if service.topics.get(&self.topic.name).is_none_or(|topic| topic.id == self.topic.id) {
                    service.sinks.remove(&self.topic.name);
                }
                return;
            };
            if plan.paused {
                self.state = State::Paused;
                (self.is_stale, self.since) = (true, None);
                self.show(target);
                changed.await;
                continue;
            }
            let (wait, failed) = match self.step(plan, target).await {
                Ok(wait) => (wait, false),
                Err(failure) => (self.failed(failure).await, true),
            };
            self.show(target);
            tokio::select! {
                () = changed => {}
                () = self.watching.woken(), if !failed => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn show(&self, target: &Target) {
        self.service.sinks.put(Status {
            topic: self.topic.name.clone(),
            target: target.to_string(),
            state: self.state.clone(),
            lag: self.pump.as_ref().map_or(0, Pump::lag),
        });
    }

    /// Takes what is there, and writes it if it is time. How long to wait for more.
    async fn step(&mut self, plan: &Plan, target: &Target) -> Result<Duration, Failure> {
        let mut pump = self.ready().await?;
        self.watching.register();
        let mut is_full = false;
        if pump.has_more() {
            let records_max = self.records_max.min(plan.records_max);
            let (taken, outcome) = take(&self.service, pump, plan.clone(), records_max).await?;
            pump = taken;
            is_full = match outcome {
                Ok(is_full) => is_full,
                Err(failure) => {
                    self.pump = Some(pump);
                    return Err(failure);
                }
            };
        }
        let now = Instant::now();
        if pump.has_writes() || pump.is_ahead() {
            self.since.get_or_insert(now);
        }
        // What failed has waited already.
        let patience = if self.state == State::Running { plan.interval_ms } else { 0 };
        let due = self.since.map(|since| since + Duration::from_millis(patience));
        if is_full || due.is_some_and(|due| due <= now) {
            let written = pump.write(target).await;
            let has_more = pump.has_more();
            self.pump = Some(pump);
            let written = written?;
            let metrics = &self.service.metrics;
            count(&metrics.sink_batches, 1);
            count(&metrics.sink_records, written.records);
            count(&metrics.sink_keys, written.keys);
            self.since = None;
            self.well();
            return Ok(if has_more { Duration::ZERO } else { LOOK_INTERVAL });
        }
        if now >= self.looked + LOOK_INTERVAL {
            self.looked = now;
            self.is_stale = pump.is_moved().await?;
            if self.is_stale {
                self.since = None;
                tracing::info!(
                    topic = self.topic.name,
                    "the position of the sink was moved; it goes on there"
                );
            }
        }
        if self.since.is_none() && !pump.has_more() {
            self.well();
        }
        self.pump = Some(pump);
        let next = due.into_iter().chain([self.looked + LOOK_INTERVAL]).min();
        Ok(if self.is_stale { Duration::ZERO } else { next.map_or(LOOK_INTERVAL, |next| next - now) })
    }

    /// The pump, at the committed position if something has happened to it.
    async fn ready(&mut self) -> Result<Pump, Failure> {
        let partitions = self.topic.partitions();
        let known_all = self.partitions == partitions.len();
        let mut pump = if let Some(pump) = self.pump.take().filter(|_| known_all) {
            pump
        } else {
            self.watching = Watching::new(partitions.iter().cloned().map(Source::Partition).collect());
            self.partitions = partitions.len();
            self.is_stale = true;
            let parts = pump::Parts {
                runtime: Arc::clone(&self.service.runtime),
                participants: Arc::clone(&self.service.participants),
                groups: Arc::clone(&self.service.groups),
            };
            Pump::new(parts, known(&self.topic), partitions)
        };
        if self.is_stale {
            self.since = None;
            pump.load().await?;
            self.is_stale = false;
        }
        Ok(pump)
    }

    /// The sink gets on.
    fn well(&mut self) {
        if let State::Failing(_) = &self.state {
            tracing::info!(topic = self.topic.name, "the sink of the topic goes on");
        }
        self.state = State::Running;
        self.pause = Duration::ZERO;
        self.records_max = self.records_max.saturating_mul(2);
    }

    /// Notes an error. How long to wait before the next attempt, which begins at the committed position.
    async fn failed(&mut self, failure: Failure) -> Duration {
        self.is_stale = true;
        let (records, first) = match &self.pump {
            Some(pump) => {
                if pump.is_moved().await.unwrap_or(false) {
                    return Duration::ZERO;
                }
                (pump.records(), pump.first())
            }
            None => (0, None),
        };
        if matches!(failure, Failure::Batch(_)) && records > 1 {
            self.records_max = 1;
            return Duration::ZERO;
        }
        let reason = match (failure, first) {
            (Failure::Batch(text), Some(first)) => format!("{first} is not taken: {text}"),
            (failure, _) => failure.to_string(),
        };
        count(&self.service.metrics.sink_failures, 1);
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        let state = State::Failing(reason);
        if self.state != state {
            if let State::Failing(reason) = &state {
                tracing::warn!(
                    topic = self.topic.name,
                    reason,
                    "the sink of the topic waits; it tries again"
                );
            }
            self.state = state;
        }
        self.pause
    }
}

/// Lets a pump take records on a thread for blocking work.
async fn take(
    service: &Service,
    mut pump: Pump,
    plan: Plan,
    records_max: usize,
) -> Result<(Pump, Result<bool, Failure>), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::from(Error::Storage(format!("the records cannot be read: {error}")))
    };
    let permit = Arc::clone(&service.cold_reads).acquire_owned().await.map_err(|error| failed(&error))?;
    let taking = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let outcome = pump.take(&plan, records_max);
        (pump, outcome)
    });
    taking.await.map_err(|error| failed(&error))
}
