//! Checks the attachments beside the journal's segments. That the folder is known at all says the journal's checker.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::Disk;
use bole_base::units::format_bytes;
use bole_log::local::check;
use bole_shard::checkpoint::Store;

use super::journal::count;
use super::{Checker, Finding, Repair, Report};
use crate::kernel::{CHECKPOINTS_DIR, JOURNAL_DIR};
use crate::node_meta::NodeMeta;

pub(super) struct AttachmentsChecker;

impl Checker for AttachmentsChecker {
    fn name(&self) -> &'static str {
        "journal/attachments"
    }

    fn owns(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, repair: bool) -> Result<Report> {
        let journal = dir.join(JOURNAL_DIR);
        let meta = NodeMeta::read(&**disk, dir).context("node.meta says whose attachments these are")?;
        let Some(meta) = meta else {
            return Ok(Report { summary: "none".to_owned(), findings: Vec::new() });
        };
        let found = check::check(disk, &journal, meta.journal_id)?;
        let mut findings = Vec::new();
        if let Some(what) = found.next_damaged {
            if repair {
                check::repair_next(&**disk, &journal)?;
            }
            findings.push(Finding::Damage { what, repair: Repair::Lossless, repaired: repair });
        }
        for damaged in found.damaged {
            // What a checkpoint has taken in is not replayed, and its attachments may have been removed.
            let checkpoint = Store::peek(&**disk, &dir.join(CHECKPOINTS_DIR), damaged.log);
            if checkpoint.ok().flatten().is_some_and(|manifest| damaged.offset < manifest.from) {
                continue;
            }
            let what = format!("{}; entry {} of log {} names it", damaged.what, damaged.offset, damaged.log);
            findings.push(Finding::Damage { what, repair: Repair::Impossible, repaired: false });
        }
        findings.extend(found.remains.iter().map(|path| Finding::Harmless {
            what: format!(
                "{} is not whole and no entry names it: its write was never finished",
                path.display()
            ),
        }));
        let summary = format!("{}, {}", count(found.sound, "attachment"), format_bytes(found.bytes));
        Ok(Report { summary, findings })
    }
}
