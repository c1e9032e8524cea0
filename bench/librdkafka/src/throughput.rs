//! Producing and consuming as fast as it goes.

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long nothing may be delivered or read until the run fails.
const STALL: Duration = Duration::from_mins(2);

#[derive(clap::Args)]
pub(crate) struct Produce {
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// Bytes of a value
    #[arg(long)]
    size: usize,
    #[arg(long)]
    records: u64,
}

/// Deliveries, by their outcome.
#[derive(Default)]
struct Deliveries {
    good: AtomicU64,
    bad: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &self.good } else { &self.bad };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes that a codec could not shorten much, the same in every run.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = |_| {
        // Xorshift with the shifts of Marsaglia's paper.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(next).collect()
}

impl Produce {
    pub(crate) fn run(&self, config: &ClientConfig) -> Result<Value> {
        let mut config = config.clone();
        config.set("acks", "all");
        let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
        // Metadata are there before the clock starts.
        producer.client().fetch_metadata(Some(&self.topic), STALL)?;
        let value = noise(self.size);
        let start = Instant::now();
        for number in 0..self.records {
            let partition = (number % self.partitions as u64) as i32;
            let mut record: BaseRecord<'_, (), [u8]> =
                BaseRecord::to(&self.topic).partition(partition).payload(&value);
            while let Err((error, back)) = producer.send(record) {
                if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                    bail!("record {number} was refused: {error}");
                }
                record = back;
                producer.poll(Duration::from_millis(1));
            }
            if number % 64 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        producer.flush(STALL)?;
        let seconds = start.elapsed().as_secs_f64();
        let Deliveries { good, bad } = &**producer.context();
        let (good, bad) = (good.load(Ordering::Relaxed), bad.load(Ordering::Relaxed));
        if good != self.records {
            bail!("{good} of {} records were acknowledged, {bad} failed", self.records);
        }
        Ok(json!({"records": good, "seconds": seconds}))
    }
}

#[derive(clap::Args)]
pub(crate) struct Consume {
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    #[arg(long)]
    records: u64,
}

/// All partitions of a topic from `offset`.
pub(crate) fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32, offset: Offset) -> Result<()> {
    let mut list = TopicPartitionList::with_capacity(partitions as usize);
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, offset)?;
    }
    Ok(consumer.assign(&list)?)
}

impl Consume {
    pub(crate) fn run(&self, config: &ClientConfig) -> Result<Value> {
        let mut config = config.clone();
        config.set("group.id", "load").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create()?;
        consumer.fetch_metadata(Some(&self.topic), STALL)?;
        let start = Instant::now();
        assign(&consumer, &self.topic, self.partitions, Offset::Beginning)?;
        let (mut records, mut bytes, mut last) = (0, 0_u64, Instant::now());
        while records < self.records {
            match consumer.poll(Duration::from_millis(100)) {
                Some(message) => {
                    bytes += message?.payload_len() as u64;
                    records += 1;
                    if records % 1024 == 0 {
                        last = Instant::now();
                    }
                }
                None if last.elapsed() > STALL => bail!("{records} of {} records came", self.records),
                None => {}
            }
        }
        Ok(json!({"records": records, "bytes": bytes, "seconds": start.elapsed().as_secs_f64()}))
    }
}
