//! Opens the stream service: its topics from the catalog, its doors, and what it is given of identity.

mod certificate;
mod feeds;
mod oauth;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Listener};
use bole_net::metrics::ServiceMetrics;
use bole_net::shutdown::Stopper;
use bole_net::tls::Tls;
use bole_shard::Shard;
use bole_sql::store::Databases;
use bole_streams::publish::Publisher;
use bole_streams::service::Parts as ServiceParts;
use bole_streams::session::Principal;
use bole_streams::topics::Topics;
use bole_streams::{Config, Service, connection, groups, hosting, sink, transactions};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::banner::Endpoint;
use crate::config::Settings;
use crate::config::value::Anonymous;
use crate::kernel::Kernel;
use crate::node_meta::NodeMeta;
use crate::parts::Part;
use crate::serve::Node;
use crate::status;

/// What is hosted of the service before its doors open.
pub struct Hosted {
    topics: Topics,
    group_shards: Vec<Arc<Shard<groups::State>>>,
    transaction_shards: Vec<Arc<Shard<transactions::State>>>,
}

/// Hosts the partitions of the topics that the catalog knows, and the coordinators' shards; the runtime recovers them next. Tables of `databases` are shown as
/// feeds.
pub async fn host(
    settings: &Settings,
    meta: &NodeMeta,
    kernel: &Kernel,
    databases: &Arc<Databases>,
) -> Result<Hosted> {
    let feeds = feeds::open(settings, meta, kernel, databases).await?;
    let (catalog, runtime) = (kernel.catalog.clone(), Arc::clone(&kernel.runtime));
    let topics =
        Topics::host(catalog, runtime, Arc::clone(&kernel.stream_files), settings.streams.durability);
    let topics = topics.and_then(|topics| topics.with_feeds(feeds));
    let topics = topics.map_err(anyhow::Error::msg).context("the topics cannot be opened")?;
    let count = Config::default().coordinator_shards;
    let make = groups::State::default;
    let group_shards = hosting::host(&kernel.catalog, &kernel.runtime, hosting::GROUPS, count, make).await;
    let group_shards = group_shards.context("the groups cannot be opened")?;
    let make = transactions::State::default;
    let transaction_shards =
        hosting::host(&kernel.catalog, &kernel.runtime, hosting::TRANSACTIONS, count, make).await;
    let transaction_shards = transaction_shards.context("the transactions cannot be opened")?;
    Ok(Hosted { topics, group_shards, transaction_shards })
}

/// Opens the service and its doors over recovered topics.
pub async fn serve(node: &mut Node, kernel: &Kernel, hosted: Hosted) -> Result<()> {
    let settings = node.settings.clone();
    let plain = Listener::bind("streams", "streams.listen", settings.streams.listen).await?;
    let secured = match settings.streams.tls_listen {
        Some(address) => Some(Listener::bind("streams", "streams.tls_listen", address).await?),
        None => None,
    };
    let Hosted { topics, group_shards, transaction_shards } = hosted;
    let oauth = oauth::verifier(&settings.streams)?;
    let service = Service::open(ServiceParts {
        runtime: Arc::clone(&kernel.runtime),
        catalog: kernel.catalog.clone(),
        files: Arc::clone(&kernel.stream_files),
        topics,
        group_shards,
        transaction_shards,
        config: config(&settings),
        identity: Arc::clone(&kernel.identity),
        oauth: oauth.as_ref().map(|(verifier, _)| Arc::clone(verifier)),
        cluster_id: Base64UrlUnpadded::encode_string(&node.meta.node_id),
        participants: node.participants.clone(),
        upserts: node.upserts.clone(),
    });
    node.participants.push(Arc::new(Publisher::new(Arc::clone(&service))));
    let swept = service.sweep()?;
    if swept > 0 {
        tracing::info!(files = swept, "removed segment files that nothing names");
    }
    let (stopper, token) = Stopper::new();
    let limit = ConnectionLimit::new(settings.streams.connections_max as usize);
    let metrics = node.metrics.service("streams");
    let mut doors = Vec::new();
    let address = plain.local();
    doors.push(open_door(&service, &settings, &limit, &metrics, &stopper, plain, None));
    if let Some(listener) = secured {
        let tls = node.tls()?.context("streams.tls_listen needs tls.certificate and tls.key")?;
        node.endpoints.push(Endpoint {
            service: "streams (Kafka, TLS)".to_owned(),
            address: listener.local(),
            paste: "security.protocol=SSL".to_owned(),
        });
        doors.push(open_door(&service, &settings, &limit, &metrics, &stopper, listener, Some(tls)));
    }
    drop(token);
    let mut tasks: Vec<_> = service.background().into_iter().map(|(_, task)| tokio::spawn(task)).collect();
    if let Some((verifier, Some(source))) = oauth {
        tasks.push(tokio::spawn(crate::issuer::refresh(verifier, source)));
    }
    let paste = format!("kcat -b {address} -L");
    node.endpoints.push(Endpoint { service: "streams (Kafka)".to_owned(), address, paste });
    node.durability.push(("streams".to_owned(), settings.streams.durability));
    let (for_status, for_metrics) = (Arc::clone(&service), Arc::clone(&service));
    node.status.push(Box::new(move |status| fill_status(&for_status, status)));
    node.collectors.push(Arc::new(move |out| write_metrics(&for_metrics, out)));
    node.console.streams = Some(Arc::clone(&service));
    node.parts.push(StreamsPart { service, stopper, doors, tasks });
    Ok(())
}

fn is_loopback(settings: &Settings) -> bool {
    let doors = [Some(settings.streams.listen), settings.streams.tls_listen];
    doors.into_iter().flatten().all(|address| address.ip().to_canonical().is_loopback())
}

fn config(settings: &Settings) -> Config {
    let streams = &settings.streams;
    Config {
        advertised_host: streams.advertised_host.clone(),
        auto_create_topics: streams.auto_create_topics,
        default_partitions: streams.default_partitions as i32,
        durability: streams.durability,
        request_bytes_max: streams.request_bytes_max as usize,
        cache_bytes_max: streams.cache_bytes_max,
        connections_max: streams.connections_max as usize,
        idle_ms: streams.idle_timeout.as_millis() as u64,
        anonymous: streams.anonymous == Anonymous::Auto && is_loopback(settings),
        sasl_mechanisms: streams.sasl_mechanisms.0.clone(),
        ..Config::default()
    }
}

fn open_door(
    service: &Arc<Service>,
    settings: &Settings,
    limit: &ConnectionLimit,
    metrics: &ServiceMetrics,
    stopper: &Stopper,
    listener: Listener,
    tls: Option<Tls>,
) -> JoinHandle<()> {
    let config = listener::Config {
        tls,
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..listener::Config::new(limit.clone(), ConnectionLimit::new(usize::MAX >> 4))
    };
    let (service, name) = (Arc::clone(service), settings.streams.tls_principal);
    let handler = move |connection: listener::Connection| {
        let service = Arc::clone(&service);
        async move {
            let principal = match connection.stream.client_certificate() {
                None => Principal::anonymous(),
                Some(certificate) => match certificate::owner(certificate, name) {
                    Ok(owner) => Principal::vouched(&owner),
                    Err(error) => {
                        tracing::debug!(peer = %connection.peer, %error, "a client's certificate names no user");
                        return;
                    }
                },
            };
            let ends = (connection.peer, connection.local);
            let (reader, writer) = connection.stream.into_split();
            connection::serve(service, reader, writer, ends, principal).await;
        }
    };
    let serving = listener.serve(config, metrics.clone(), stopper.token(), handler);
    tokio::spawn(async move {
        let drained = serving.await;
        if drained.aborted > 0 {
            tracing::warn!(
                connections = drained.aborted,
                "stream connections did not finish in time and were cut off"
            );
        }
    })
}

struct StreamsPart {
    service: Arc<Service>,
    stopper: Stopper,
    doors: Vec<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Part for StreamsPart {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.service.drain();
            for door in self.doors {
                door.await?;
            }
            self.tasks.iter().for_each(JoinHandle::abort);
            Ok(())
        })
    }
}

fn fill_status(service: &Service, status: &mut status::Status) {
    status.services.push(status::Service {
        name: "streams".to_owned(),
        connections: service.connections(),
        memory_bytes: service.cache.bytes(),
        memory_bytes_max: service.config.cache_bytes_max,
        notes: Vec::new(),
    });
    status.sinks.extend(service.sinks.all().into_iter().map(|sink| status::Sink {
        topic: sink.topic,
        target: sink.target,
        state: sink.state.name().to_owned(),
        lag: sink.lag,
        reason: match sink.state {
            sink::State::Failing(reason) => Some(reason),
            sink::State::Running | sink::State::Paused => None,
        },
    }));
}

fn write_metrics(service: &Service, out: &mut String) {
    let metrics = &service.metrics;
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (extents, flushes) = service.files.written();
    for (name, help, value) in [
        ("requests_total", "Requests begun.", get(&metrics.requests)),
        ("errors_total", "Parts of requests that were refused.", get(&metrics.errors)),
        ("records_in_total", "Records taken in.", get(&metrics.records_in)),
        (
            "expectations_failed_total",
            "Batches refused because they expected another offset.",
            get(&metrics.expectations_failed),
        ),
        ("bytes_in_total", "Bytes of batches taken in.", get(&metrics.bytes_in)),
        ("bytes_out_total", "Bytes of batches sent to readers.", get(&metrics.bytes_out)),
        ("authentications_failed_total", "SASL exchanges that failed.", get(&metrics.authentications_failed)),
        (
            "throttled_ms_total",
            "Milliseconds for which quotas held clients back.",
            get(&metrics.throttled_ms),
        ),
        ("cold_reads_total", "Reads that went to segment files.", get(&metrics.cold_reads)),
        ("feed_reads_total", "Reads of change feeds.", get(&metrics.feed_reads)),
        ("compactions_total", "Compactions of a partition that ended.", get(&metrics.compactions)),
        ("compaction_read_bytes_total", "Bytes that compactions read.", get(&metrics.compaction_bytes_read)),
        (
            "compaction_written_bytes_total",
            "Bytes that compactions wrote.",
            get(&metrics.compaction_bytes_written),
        ),
        ("sink_records_total", "Records that sinks got past.", get(&metrics.sink_records)),
        ("sink_keys_total", "Keys that sinks wrote.", get(&metrics.sink_keys)),
        ("sink_batches_total", "Batches that sinks committed.", get(&metrics.sink_batches)),
        (
            "sink_failures_total",
            "Attempts of sinks that failed and are made again.",
            get(&metrics.sink_failures),
        ),
        ("dead_letters_total", "Records written to dead-letter topics.", get(&metrics.dead_letters)),
        (
            "share_delayed_records_total",
            "Records that share groups saw before they were due.",
            service.groups.delayed(),
        ),
        ("extent_bytes_total", "Bytes of batches written to segment files at once.", extents),
        ("flush_bytes_total", "Bytes of batches written to segment files after the journal.", flushes),
    ] {
        crate::metrics::counter(out, &format!("bole_streams_{name}"), help, value);
    }
    for (name, help, value) in [
        ("topics", "Topics.", service.topics.all().len() as u64),
        ("feeds", "Change feeds that are shown as topics.", service.topics.feeds().all().len() as u64),
        ("partitions", "Partitions of all topics.", service.topics.partition_count() as u64),
        (
            "dead_letters_stuck",
            "Partitions of share groups whose dead letters cannot be written.",
            get(&metrics.dead_letters_stuck),
        ),
        ("cache_bytes", "Bytes of batches in memory.", service.cache.bytes()),
        (
            "last_compaction_seconds",
            "When the last compaction ended, in seconds since 1970; 0 before the first.",
            get(&metrics.last_compaction_ms) / 1_000,
        ),
    ] {
        crate::metrics::gauge(out, &format!("bole_streams_{name}"), help, value);
    }
    write_sinks(&service.sinks.all(), out);
}

fn write_sinks(sinks: &[sink::Status], out: &mut String) {
    let each = |value: fn(&sink::Status) -> u64| {
        sinks.iter().map(move |sink| (sink.topic.as_str(), value(sink))).collect::<Vec<_>>()
    };
    let help = "Records between the position of a topic's sink and the end.";
    crate::metrics::gauges(out, "bole_streams_sink_lag", help, "topic", &each(|sink| sink.lag));
    let failing = each(|sink| u64::from(matches!(sink.state, sink::State::Failing(_))));
    let help = "1 while a topic's sink cannot write its next batch.";
    crate::metrics::gauges(out, "bole_streams_sink_failing", help, "topic", &failing);
}
