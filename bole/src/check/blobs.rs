//! Checks the rows of buckets and objects, and the bytes of large objects.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bole_base::units::format_bytes;
use bole_base::{Disk, LogId, Offset};
use bole_blobs::check::{Checked, DamagedChunk, Options, check};

use super::journal::count;
use super::{Checker, Finding, Repair, Report};
use crate::kernel::JOURNAL_DIR;
use crate::services::blobs::DIR;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Objects of a damaged chunk that are named in one line.
const NAMED_MAX: usize = 20;

pub(super) struct BlobsChecker {
    /// Whether the bytes of chunks are verified.
    pub(super) verify: bool,
}

impl Checker for BlobsChecker {
    fn name(&self) -> &'static str {
        DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[DIR]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, _repair: bool) -> Result<Report> {
        let journal = bole_wal::check::check(&**disk, &dir.join(JOURNAL_DIR)).ok();
        let logs = journal.filter(|report| report.damage.is_none()).map(|report| report.logs);
        let logs: BTreeMap<LogId, Offset> =
            logs.into_iter().flatten().map(|info| (info.log, info.tail)).collect();
        let mut told = Instant::now();
        let mut progress = |bytes: u64, total: u64| {
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                let (bytes, total) = (format_bytes(bytes), format_bytes(total));
                // Who does not read it misses nothing.
                let _ = writeln!(std::io::stderr(), "{DIR}: {bytes} of {total} verified");
            }
        };
        let tail = |log: LogId| logs.get(&log).copied();
        let options = Options { verify: self.verify, tail: &tail, progress: &mut progress };
        Ok(report(check(&dir.join(DIR), options)?, self.verify))
    }
}

fn report(checked: Checked, verified: bool) -> Report {
    let mut findings: Vec<_> = checked
        .damage
        .into_iter()
        .map(|what| Finding::Damage { what, repair: Repair::Impossible, repaired: false })
        .collect();
    findings.extend(checked.damaged.iter().map(describe));
    if checked.unsure > 0 {
        let what = format!(
            "{} named by rows is not there; entries of the journal that the rows do not have yet may have deleted or moved it, and a node that runs says so if not",
            count(checked.unsure, "chunk")
        );
        findings.push(Finding::Harmless { what });
    }
    if checked.elsewhere > 0 {
        let what = format!(
            "{} named by rows is in another S3 cluster, where a node that runs verifies its bytes",
            count(checked.elsewhere, "chunk")
        );
        findings.push(Finding::Harmless { what });
    }
    let bytes = if verified {
        let (chunks, bytes) = (count(checked.verified, "chunk"), format_bytes(checked.verified_bytes));
        format!("{chunks} with {bytes} verified")
    } else {
        "whose bytes were not verified".to_owned()
    };
    let summary = format!(
        "{} with {}; {}, {bytes}",
        count(checked.rows, "row"),
        format_bytes(checked.bytes),
        count(checked.chunks, "chunk file")
    );
    Report { summary, findings }
}

fn describe(chunk: &DamagedChunk) -> Finding {
    let named: Vec<_> = chunk.objects.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = chunk.objects.len().saturating_sub(NAMED_MAX);
    let objects = match (named.is_empty(), more) {
        (true, _) => "no object that the rows know".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} more", named.join(", ")),
    };
    let what = format!("{}; on it: {objects}", chunk.what);
    let repair = Repair::ByClients(format!("{objects}, with {}", format_bytes(chunk.bytes)));
    Finding::Damage { what, repair, repaired: false }
}
