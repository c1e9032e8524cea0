//! Metrics in Prometheus's text format 0.0.4: those of the node, read off its status, and whatever the collectors of
//! the parts add.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::status::Status;

/// Appends metrics in text form, each family whole and named by no other collector. A closing `# EOF` line, which
/// `OpenMetrics` encoders write, is dropped.
pub type Collector = Arc<dyn Fn(&mut String) + Send + Sync>;

/// The page of all metrics.
pub fn render(status: &Status, collectors: &[Collector]) -> String {
    let mut out = String::new();
    write_node(&mut out, status);
    for collector in collectors {
        collector(&mut out);
        if let Some(rest) = out.trim_end().strip_suffix("# EOF") {
            out.truncate(rest.len());
        }
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn write_node(out: &mut String, status: &Status) {
    let version = [("version", status.version.as_str())];
    family(out, "bole_info", "gauge", "The running program.", [(&version[..], 1.0)]);
    let uptime = status.uptime_seconds as f64;
    family(out, "bole_uptime_seconds", "gauge", "Time since the start.", [(&[][..], uptime)]);

    let journals = |value: fn(&crate::status::Journal) -> f64| {
        status.journals.iter().map(move |journal| ([("journal", journal.name.as_str())], value(journal)))
    };
    for (name, kind, help, value) in JOURNAL {
        family(out, name, kind, help, journals(*value).collect::<Vec<_>>().iter().map(|(l, v)| (&l[..], *v)));
    }
    let services: Vec<_> =
        status.services.iter().map(|service| ([("service", service.name.as_str())], service)).collect();
    let connections = services.iter().map(|(label, service)| (&label[..], service.connections as f64));
    family(out, "bole_connections", "gauge", "Open connections.", connections);
    let memory = services.iter().map(|(label, service)| (&label[..], service.memory_bytes as f64));
    family(out, "bole_memory_bytes", "gauge", "Memory that the service accounts for.", memory);

    let quarantined = status.shards.iter().filter(|shard| shard.quarantined.is_some()).count();
    family(
        out,
        "bole_shards",
        "gauge",
        "Shards that this node leads.",
        [(&[][..], status.shards.len() as f64)],
    );
    let help = "Shards that refuse to serve.";
    family(out, "bole_shards_quarantined", "gauge", help, [(&[][..], quarantined as f64)]);
}

type JournalRow = (&'static str, &'static str, &'static str, fn(&crate::status::Journal) -> f64);

/// The families of a journal.
const JOURNAL: &[JournalRow] = &[
    ("bole_journal_bytes", "gauge", "Bytes that the segments take on disk.", |j| j.bytes as f64),
    ("bole_journal_bytes_max", "gauge", "The most that they may take.", |j| j.bytes_max as f64),
    ("bole_journal_segments", "gauge", "Segments with retained entries.", |j| j.segments as f64),
    ("bole_journal_queued_bytes", "gauge", "Bytes that wait to be written.", |j| j.queued_bytes as f64),
    ("bole_journal_written_position", "counter", "Written up to here.", |j| j.written as f64),
    ("bole_journal_synced_position", "counter", "Fsynced up to here.", |j| j.synced as f64),
    ("bole_journal_fsyncs_total", "counter", "Fsyncs since the start.", |j| j.fsyncs as f64),
    ("bole_journal_fsync_p50_seconds", "gauge", "Median of an fsync.", |j| j.fsync.p50_micros as f64 / 1e6),
    ("bole_journal_fsync_p99_seconds", "gauge", "99th percentile of an fsync.", |j| {
        j.fsync.p99_micros as f64 / 1e6
    }),
    ("bole_journal_fsync_max_seconds", "gauge", "The longest fsync.", |j| j.fsync.max_micros as f64 / 1e6),
];

/// Writes one counter without labels.
pub fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    family(out, name, "counter", help, [(&[][..], value as f64)]);
}

/// Writes one gauge without labels.
pub fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    family(out, name, "gauge", help, [(&[][..], value as f64)]);
}

/// Writes one counter with a sample for each value of a label.
pub fn counters(out: &mut String, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
    let samples: Vec<_> = values.iter().map(|(of, value)| ([(label, *of)], *value as f64)).collect();
    family(out, name, "counter", help, samples.iter().map(|(labels, value)| (&labels[..], *value)));
}

/// Writes one gauge with a sample for each value of a label.
pub fn gauges(out: &mut String, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
    let samples: Vec<_> = values.iter().map(|(of, value)| ([(label, *of)], *value as f64)).collect();
    family(out, name, "gauge", help, samples.iter().map(|(labels, value)| (&labels[..], *value)));
}

type Label<'a> = (&'a str, &'a str);

/// Writes one family: help, type, and a sample a line. Writes nothing without samples.
fn family<'a>(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (&'a [Label<'a>], f64)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a string does not fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for (labels, value) in samples {
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escape(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Journal, Service, Shard};

    #[test]
    fn the_page_has_the_nodes_families_and_those_of_each_collector() {
        let status = Status {
            version: "0.1.0".to_owned(),
            journals: vec![Journal { name: "a\"b".to_owned(), fsyncs: 3, ..Journal::default() }],
            services: vec![Service { name: "keyspace".to_owned(), connections: 2, ..Service::default() }],
            shards: vec![Shard { quarantined: Some("x".to_owned()), ..Shard::default() }],
            ..Status::default()
        };
        let open_metrics: Collector = Arc::new(|out| out.push_str("requests_total 7\n# EOF\n"));
        let unended: Collector = Arc::new(|out| out.push_str("other 1"));
        let page = render(&status, &[open_metrics, unended]);
        for line in [
            "bole_info{version=\"0.1.0\"} 1",
            "# TYPE bole_journal_fsyncs_total counter",
            "bole_journal_fsyncs_total{journal=\"a\\\"b\"} 3",
            "bole_connections{service=\"keyspace\"} 2",
            "bole_shards 1",
            "bole_shards_quarantined 1",
            "requests_total 7",
            "other 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
        assert!(!page.contains("EOF") && page.ends_with('\n'));
    }
}
