//! Checks the checkpoint of every shard: its own bytes, and that the journal goes on where it ends.
//!
//! A damaged checkpoint can be replaced only while the journal still has the log from its first entry on.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::units::format_bytes;
use bole_base::{Disk, LogId, Offset};
use bole_shard::checkpoint::{Manifest, Store};
use bole_wal::LogInfo;

use super::journal::count;
use super::{Checker, Finding, Repair, Report};
use crate::kernel::{CHECKPOINTS_DIR, JOURNAL_DIR};

pub(super) struct CheckpointsChecker;

/// What the journal has of each log; `None` if the journal itself is damaged.
type Logs = Option<BTreeMap<LogId, LogInfo>>;

impl Checker for CheckpointsChecker {
    fn name(&self) -> &'static str {
        CHECKPOINTS_DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[CHECKPOINTS_DIR]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, repair: bool) -> Result<Report> {
        let root = dir.join(CHECKPOINTS_DIR);
        let names = match disk.list(&root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.with_context(|| format!("{} cannot be read", root.display()))?,
        };
        let journal = bole_wal::check::check(&**disk, &dir.join(JOURNAL_DIR)).ok();
        let logs = journal.filter(|report| report.damage.is_none());
        let logs: Logs = logs.map(|report| report.logs.into_iter().map(|info| (info.log, info)).collect());
        let mut checking =
            Checking { disk, root: &root, repair, logs, findings: Vec::new(), sections: 0, bytes: 0 };
        let mut checkpoints = 0;
        for name in &names {
            let Some(log) = parse_name(name) else {
                let what = format!("{} is not the folder of a shard", root.join(name).display());
                checking.findings.push(Finding::Harmless { what });
                continue;
            };
            checkpoints += u64::from(checking.check_shard(log)?);
        }
        checking.check_missing();
        let summary = format!(
            "{} of {} with {}",
            count(checkpoints, "checkpoint"),
            count(checking.sections, "section"),
            format_bytes(checking.bytes)
        );
        Ok(Report { summary, findings: checking.findings })
    }
}

fn parse_name(name: &str) -> Option<LogId> {
    (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok())?.map(LogId)
}

/// How a shard is called in the report.
fn describe(log: LogId) -> String {
    match log {
        LogId::CATALOG => format!("log {log} (the catalog)"),
        LogId::IDENTITY => format!("log {log} (identity)"),
        _ => format!("log {log}"),
    }
}

struct Checking<'a> {
    disk: &'a Arc<dyn Disk>,
    root: &'a Path,
    repair: bool,
    logs: Logs,
    findings: Vec<Finding>,
    sections: u64,
    bytes: u64,
}

impl Checking<'_> {
    /// Checks one folder; whether there is a checkpoint in it.
    fn check_shard(&mut self, log: LogId) -> Result<bool> {
        let manifest = match Store::peek(&**self.disk, self.root, log) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                self.check_remains(log)?;
                return Ok(false);
            }
            Err(reason) => {
                self.add_damage(log, vec![reason], None)?;
                return Ok(true);
            }
        };
        let report = Store::verify(self.disk, self.root, log);
        self.sections += report.sections as u64;
        self.bytes += report.bytes;
        if !report.damage.is_empty() {
            self.add_damage(log, report.damage, Some(&manifest))?;
        }
        self.check_log(log, &manifest);
        Ok(true)
    }

    /// Files without a manifest are those of a first pass that did not end.
    fn check_remains(&mut self, log: LogId) -> Result<()> {
        let dir = Store::dir(self.root, log);
        let names = self.disk.list(&dir).with_context(|| format!("{} cannot be read", dir.display()))?;
        if !names.is_empty() {
            let what = format!(
                "{}: {} of a checkpoint that was not finished",
                dir.display(),
                count(names.len() as u64, "file")
            );
            self.findings.push(Finding::Harmless { what });
        }
        Ok(())
    }

    fn add_damage(&mut self, log: LogId, reasons: Vec<String>, manifest: Option<&Manifest>) -> Result<()> {
        let end = manifest.map_or(Offset::ZERO, |manifest| manifest.end);
        let info = self.logs.as_ref().and_then(|logs| logs.get(&log));
        let whole = info.filter(|info| info.first == Offset::ZERO && info.tail >= end);
        let last = reasons.len() - 1;
        for (at, reason) in reasons.into_iter().enumerate() {
            let what = format!("{}: {reason}", describe(log));
            let repair = match (&whole, at == last) {
                (None, _) => Repair::Impossible,
                (Some(_), false) => Repair::Lossless,
                (Some(info), true) => Repair::Drops(format!(
                    "this checkpoint and replay the log instead, which the journal has from its first entry up to offset {}",
                    info.tail
                )),
            };
            self.findings.push(Finding::Damage { what, repair, repaired: self.repair && whole.is_some() });
        }
        if self.repair && whole.is_some() {
            self.remove(log)?;
        } else if whole.is_none() {
            let what = match info {
                _ if self.logs.is_none() => {
                    "the journal is damaged too, so that it cannot replace the checkpoint".to_owned()
                }
                Some(info) if info.first > Offset::ZERO => format!(
                    "the journal has {} from offset {} on only; what came before was in the checkpoint alone",
                    describe(log),
                    info.first
                ),
                Some(info) => format!("the journal has {} up to offset {} only", describe(log), info.tail),
                None => format!("the journal has no entries of {}", describe(log)),
            };
            self.findings.push(Finding::Harmless { what });
        }
        Ok(())
    }

    /// Whether the log is there from where the checkpoint ends, up to where it has seen it.
    fn check_log(&mut self, log: LogId, manifest: &Manifest) {
        let Some(logs) = &self.logs else { return };
        let (first, tail) =
            logs.get(&log).map_or((manifest.from, manifest.from), |info| (info.first, info.tail));
        let what = if first > manifest.from {
            format!(
                "{}: its checkpoint ends at offset {}, but the journal has it from offset {first} on only",
                describe(log),
                manifest.from
            )
        } else if tail.max(manifest.from) < manifest.end {
            format!(
                "{}: its checkpoint has seen it reach offset {}, but it ends at offset {}; a start would refuse reads and writes of this shard",
                describe(log),
                manifest.end,
                tail.max(manifest.from)
            )
        } else {
            return;
        };
        self.findings.push(Finding::Damage { what, repair: Repair::Impossible, repaired: false });
    }

    /// Logs that start late without a checkpoint: of dropped datasets, or the checkpoint is gone.
    fn check_missing(&mut self) {
        let logs = self.logs.iter().flat_map(BTreeMap::values).filter(|info| info.first > Offset::ZERO);
        for info in logs {
            if matches!(Store::peek(&**self.disk, self.root, info.log), Ok(None)) {
                let what = format!(
                    "{} starts at offset {} and has no checkpoint: its dataset was dropped, or the checkpoint is missing",
                    describe(info.log),
                    info.first
                );
                self.findings.push(Finding::Harmless { what });
            }
        }
    }

    /// Removes a checkpoint, the manifest first: section files alone are remains that the next start removes.
    fn remove(&self, log: LogId) -> Result<()> {
        let dir = Store::dir(self.root, log);
        let failed = || format!("{} cannot be emptied", dir.display());
        let mut names = self.disk.list(&dir).with_context(failed)?;
        names.sort_by_key(|name| name != "manifest");
        for name in names {
            self.disk.remove(&dir.join(name)).with_context(failed)?;
            self.disk.sync_dir(&dir).with_context(failed)?;
        }
        Ok(())
    }
}
