//! From the time when a record was due to the time when a consumer has it, at a fixed rate.
//!
//! Record *i* is due at *start + i / rate* and goes to partition *i mod n*. A server that stalls is charged for every
//! record that was due meanwhile, because the clock of a record does not wait for the one before it.

use crate::throughput::{assign, noise};
use anyhow::{Context, Result, bail};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// How long no record may come until the run fails.
const STALL: Duration = Duration::from_mins(1);
/// The number of the record that only shows that the consumer is in place.
const MARKER: u64 = u64::MAX;

#[derive(clap::Args)]
pub(crate) struct Latency {
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// Bytes of a value, at least the eight of its number
    #[arg(long)]
    size: usize,
    /// Records a second
    #[arg(long)]
    rate: u64,
    /// Records that warm up and are not counted
    #[arg(long)]
    warm_up: u64,
    /// Records that are counted
    #[arg(long)]
    records: u64,
}

impl Latency {
    pub(crate) fn run(&self, config: &ClientConfig) -> Result<Value> {
        if self.size < 8 || self.rate == 0 || self.records == 0 {
            bail!("a value has at least 8 bytes, and rate and records are at least 1");
        }
        // No waiting for a batch to fill: what is measured is the server.
        let producer: BaseProducer = config.clone().set("acks", "all").set("linger.ms", "0").create()?;
        let mut settings = config.clone();
        settings.set("group.id", "load").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = settings.create()?;
        assign(&consumer, &self.topic, self.partitions, Offset::Beginning)?;
        self.place(&producer, &consumer)?;
        let start = Instant::now() + Duration::from_millis(50);
        let mut latencies = thread::scope(|scope| {
            let reader = scope.spawn(|| self.read(&consumer, start));
            let sent = self.send(&producer, start);
            let read = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
            sent.and(read)
        })?;
        producer.flush(STALL)?;
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies[((latencies.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
        };
        Ok(
            json!({"records": latencies.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0)}),
        )
    }

    /// Sends a marker to every partition and reads them all, so that neither side starts cold.
    fn place(&self, producer: &BaseProducer, consumer: &BaseConsumer) -> Result<()> {
        for partition in 0..self.partitions {
            self.produce(producer, MARKER, partition)?;
            producer.poll(Duration::ZERO);
        }
        producer.flush(STALL)?;
        let (mut seen, mut last) = (0, Instant::now());
        while seen < self.partitions {
            match consumer.poll(Duration::from_millis(100)) {
                Some(message) => {
                    message?;
                    seen += 1;
                    last = Instant::now();
                }
                None if last.elapsed() > STALL => {
                    bail!("{seen} of {} partitions can be read", self.partitions)
                }
                None => {}
            }
        }
        Ok(())
    }

    fn due(&self, start: Instant, record: u64) -> Instant {
        start + Duration::from_secs_f64(record as f64 / self.rate as f64)
    }

    fn total(&self) -> u64 {
        self.warm_up + self.records
    }

    fn produce(&self, producer: &BaseProducer, number: u64, partition: i32) -> Result<()> {
        let mut value = noise(self.size);
        value[..8].copy_from_slice(&number.to_le_bytes());
        let record: BaseRecord<'_, (), [u8]> =
            BaseRecord::to(&self.topic).partition(partition).payload(&value);
        producer.send(record).map_err(|(error, _)| error).context("a record was refused")
    }

    fn send(&self, producer: &BaseProducer, start: Instant) -> Result<()> {
        for number in 0..self.total() {
            let wait = self.due(start, number).saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                thread::sleep(wait);
            }
            self.produce(producer, number, (number % self.partitions as u64) as i32)?;
            producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    fn read(&self, consumer: &BaseConsumer, start: Instant) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(self.records as usize);
        let (mut seen, mut last) = (0, Instant::now());
        while seen < self.total() {
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                if last.elapsed() > STALL {
                    bail!("{seen} of {} records came", self.total());
                }
                continue;
            };
            let message = message?;
            let now = Instant::now();
            let number = message
                .payload()
                .and_then(|value| value.first_chunk::<8>())
                .context("a value is too short")?;
            let number = u64::from_le_bytes(*number);
            if number == MARKER || number >= self.total() {
                bail!("a record with the number {number} was not sent by this run");
            }
            seen += 1;
            last = now;
            if number >= self.warm_up {
                latencies.push(now.saturating_duration_since(self.due(start, number)));
            }
        }
        Ok(latencies)
    }
}
