//! Topics of a run, and the first record after a start.

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take for one change of topics; ten thousand partitions take a while.
const ADMIN_TIMEOUT: Duration = Duration::from_mins(5);
/// Pause between two looks at what is waited for.
const POLL: Duration = Duration::from_millis(2);
/// Kafka's controller takes no request that makes about 10,000 partitions: more are added in steps.
const PARTITIONS_PER_REQUEST: i32 = 5_000;

#[derive(clap::Args)]
pub(crate) struct Create {
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// KEY=VALUE, may be repeated
    #[arg(long)]
    config: Vec<String>,
}

impl Create {
    pub(crate) fn run(&self, config: &ClientConfig) -> Result<Value> {
        let start = Instant::now();
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let first = self.partitions.min(PARTITIONS_PER_REQUEST);
        let mut topic = NewTopic::new(&self.topic, first, TopicReplication::Fixed(1));
        for pair in &self.config {
            let (key, value) = pair.split_once('=').with_context(|| format!("not KEY=VALUE: {pair:?}"))?;
            topic = topic.set(key, value);
        }
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT));
        for result in futures_executor::block_on(admin.create_topics([&topic], &options))? {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name} was refused: {code}"))?;
        }
        self.wait_until_led(&admin, first, start)?;
        let mut partitions = first;
        while partitions < self.partitions {
            partitions = self.partitions.min(partitions + PARTITIONS_PER_REQUEST);
            let more = NewPartitions::new(&self.topic, partitions as usize);
            for result in futures_executor::block_on(admin.create_partitions([&more], &options))? {
                result.map_err(|(name, code)| {
                    anyhow::anyhow!("{name}: more partitions were refused: {code}")
                })?;
            }
            self.wait_until_led(&admin, partitions, start)?;
        }
        Ok(json!({"seconds": start.elapsed().as_secs_f64()}))
    }

    fn wait_until_led(
        &self,
        admin: &AdminClient<DefaultClientContext>,
        partitions: i32,
        start: Instant,
    ) -> Result<()> {
        while !self.is_led(admin, partitions)? {
            if start.elapsed() > ADMIN_TIMEOUT {
                bail!("the partitions of {} have no leader after {} s", self.topic, ADMIN_TIMEOUT.as_secs());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn is_led(&self, admin: &AdminClient<DefaultClientContext>, partitions: i32) -> Result<bool> {
        let metadata = admin.inner().fetch_metadata(Some(&self.topic), ADMIN_TIMEOUT)?;
        let led = |topic: &rdkafka::metadata::MetadataTopic| {
            topic
                .partitions()
                .iter()
                .filter(|partition| partition.leader() >= 0 && partition.error().is_none())
                .count()
        };
        Ok(metadata.topics().iter().any(|topic| led(topic) == partitions as usize))
    }
}

#[derive(clap::Args)]
pub(crate) struct Delete {
    #[arg(long)]
    topic: String,
}

impl Delete {
    pub(crate) fn run(&self, config: &ClientConfig) -> Result<Value> {
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT));
        for result in futures_executor::block_on(admin.delete_topics(&[&self.topic], &options))? {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name} was not deleted: {code}"))?;
        }
        Ok(json!({}))
    }
}

#[derive(clap::Args)]
pub(crate) struct First {
    /// A topic that the server creates when it is produced to
    #[arg(long)]
    topic: String,
    /// Seconds until the run fails
    #[arg(long, default_value_t = 120)]
    limit: u64,
}

#[derive(Default)]
struct Acknowledged(AtomicBool);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.store(true, Ordering::Release);
        }
    }
}

impl First {
    /// The clock is the caller's: it knows when it started the server. This ends with the first acknowledgement.
    pub(crate) fn run(&self, config: &ClientConfig, bootstrap: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(self.limit);
        while TcpStream::connect(bootstrap).is_err() {
            if Instant::now() > deadline {
                bail!("nothing listens on {bootstrap} after {} s", self.limit);
            }
            thread::sleep(POLL);
        }
        let mut config = config.clone();
        // The client must not be what is waited for: it tries again at once whatever the server is not ready for.
        config
            .set("reconnect.backoff.ms", "5")
            .set("reconnect.backoff.max.ms", "20")
            .set("retry.backoff.ms", "5");
        config.set("topic.metadata.refresh.fast.interval.ms", "10").set("linger.ms", "0");
        config.set("allow.auto.create.topics", "true").set("message.timeout.ms", "2000");
        let producer: BaseProducer<Acknowledged> = config.create_with_context(Acknowledged::default())?;
        while !producer.context().0.load(Ordering::Acquire) {
            if producer.in_flight_count() == 0 {
                let record: BaseRecord<'_, (), str> = BaseRecord::to(&self.topic).payload("first");
                producer.send(record).map_err(|(error, _)| error)?;
            }
            producer.poll(POLL);
            if Instant::now() > deadline {
                bail!("no record was acknowledged within {} s", self.limit);
            }
        }
        Ok(json!({}))
    }
}
