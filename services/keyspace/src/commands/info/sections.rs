//! The sections of INFO.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Report, Section, process};
use crate::commands::hello::REDIS_VERSION;
use crate::commands::registry;
use crate::context::Context;
use crate::dataset::DATABASES;
use crate::partition::Partition;
use crate::pubsub::Kind;

/// All sections, in order.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "server", by_default: true, write: server },
    Section { name: "clients", by_default: true, write: clients },
    Section { name: "memory", by_default: true, write: memory },
    Section { name: "persistence", by_default: true, write: persistence },
    Section { name: "stats", by_default: true, write: stats },
    Section { name: "replication", by_default: true, write: replication },
    Section { name: "cpu", by_default: true, write: cpu },
    Section { name: "modules", by_default: true, write: |_, _| {} },
    Section { name: "commandstats", by_default: false, write: command_stats },
    Section { name: "cluster", by_default: true, write: |_, report| report.field("cluster_enabled", 0) },
    Section { name: "keyspace", by_default: true, write: keyspace },
];

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn server(context: &Context<'_, '_>, report: &mut Report) {
    let service = context.service;
    let uptime = context.keys.now.saturating_sub(service.started_ms) / 1_000;
    report.field("redis_version", REDIS_VERSION);
    report.field("server_name", "bole");
    report.field("bole_version", env!("CARGO_PKG_VERSION"));
    report.field("redis_mode", "standalone");
    report.field("os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    report.field("arch_bits", usize::BITS);
    report.field("process_id", std::process::id());
    report.field("run_id", &service.run_id);
    report.field("tcp_port", service.port);
    report.field("server_time_usec", service.clock().now_micros());
    report.field("uptime_in_seconds", uptime);
    report.field("uptime_in_days", uptime / 86_400);
    report.field("hz", 1_000 / crate::limits::EXPIRY_INTERVAL_MS);
}

fn clients(context: &Context<'_, '_>, report: &mut Report) {
    let all = context.service.clients.all();
    let count = |of: fn(&crate::client::Client) -> bool| all.iter().filter(|client| of(client)).count();
    report.field("connected_clients", all.len());
    report.field("maxclients", context.service.settings.read().connections_max);
    report.field("blocked_clients", count(|client| client.blocked.load(Ordering::Relaxed)));
    report.field("pubsub_clients", count(|client| client.subscriptions.load(Ordering::Relaxed) > 0));
    report.field("tracking_clients", 0);
}

/// About how many bytes of memory all keys take.
pub(in crate::commands) fn memory_bytes(context: &Context<'_, '_>) -> u64 {
    let partitions = (0..DATABASES).flat_map(|database| context.keys.partitions(database));
    let used = partitions.map(Partition::data_bytes).sum();
    context.service.metrics.memory_peak.fetch_max(used, Ordering::Relaxed);
    used
}

/// Bytes as people read them.
fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "K", "M", "G"] {
        if value < 1_024.0 {
            return format!("{value:.2}{unit}");
        }
        value /= 1_024.0;
    }
    format!("{value:.2}T")
}

fn memory(context: &Context<'_, '_>, report: &mut Report) {
    let used = memory_bytes(context);
    let process = process::memory();
    let peak = load(&context.service.metrics.memory_peak);
    let system = process::system_memory();
    for (name, bytes) in [
        ("used_memory", used),
        ("used_memory_rss", process.resident),
        ("used_memory_peak", peak),
        ("total_system_memory", system),
        ("maxmemory", context.service.settings.read().memory_bytes_max as u64),
    ] {
        report.field(name, bytes);
        report.field(&format!("{name}_human"), human(bytes));
    }
    report.field("used_memory_dataset", used);
    report.field("used_memory_rss_peak", process.resident_peak);
    report.field("maxmemory_policy", context.service.memory.policy().name());
    let ratio = if used == 0 { 0.0 } else { process.resident as f64 / used as f64 };
    report.field("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
}

fn persistence(context: &Context<'_, '_>, report: &mut Report) {
    let service = context.service;
    report.field("loading", 0);
    report.field("rdb_bgsave_in_progress", u8::from(service.saving.load(Ordering::Relaxed)));
    report.field("rdb_last_save_time", load(&service.last_save));
    report.field("aof_enabled", 1);
    report.field("aof_rewrite_in_progress", 0);
    report.field("aof_current_size", service.runtime.journal().retained_bytes());
}

fn stats(context: &Context<'_, '_>, report: &mut Report) {
    let service = context.service;
    let metrics = &service.metrics;
    for (name, value) in [
        ("total_connections_received", load(&metrics.connections)),
        ("total_commands_processed", metrics.calls_total()),
        ("total_net_input_bytes", load(&metrics.bytes_in)),
        ("total_net_output_bytes", load(&metrics.bytes_out)),
        ("rejected_connections", load(&metrics.refused)),
        ("expired_keys", load(&metrics.expired)),
        ("evicted_keys", load(&metrics.evicted)),
        ("keyspace_hits", load(&metrics.hits)),
        ("keyspace_misses", load(&metrics.misses)),
        ("total_error_replies", load(&metrics.errors)),
    ] {
        report.field(name, value);
    }
    report.field("pubsub_channels", service.pubsub.names(Kind::Channel));
    report.field("pubsub_patterns", service.pubsub.names(Kind::Pattern));
    report.field("pubsubshard_channels", service.pubsub.names(Kind::Shard));
}

fn replication(context: &Context<'_, '_>, report: &mut Report) {
    report.field("role", "master");
    report.field("connected_slaves", 0);
    report.field("master_failover_state", "no-failover");
    report.field("master_replid", &context.service.run_id);
    report.field("master_repl_offset", 0);
}

fn cpu(_context: &Context<'_, '_>, report: &mut Report) {
    let (system, user) = process::cpu_seconds();
    report.field("used_cpu_sys", format_args!("{system:.6}"));
    report.field("used_cpu_user", format_args!("{user:.6}"));
}

fn command_stats(context: &Context<'_, '_>, report: &mut Report) {
    for (index, command) in registry().all().iter().enumerate() {
        let calls = context.service.metrics.calls(index);
        if calls > 0 {
            report.field(&format!("cmdstat_{}", command.name), format_args!("calls={calls}"));
        }
    }
}

fn keyspace(context: &Context<'_, '_>, report: &mut Report) {
    let now = context.keys.now;
    for database in 0..DATABASES {
        let (mut keys, mut volatile, mut left) = (0, 0, 0_u128);
        for partition in context.keys.partitions(database) {
            let here = partition.data.volatile_len();
            keys += partition.data.len();
            volatile += here;
            left += here as u128 * u128::from(partition.data.average_ttl(now));
        }
        if keys > 0 {
            let average = left.checked_div(volatile as u128).unwrap_or(0);
            let value = format_args!("keys={keys},expires={volatile},avg_ttl={average}");
            report.field(&format!("db{database}"), value);
        }
    }
}
