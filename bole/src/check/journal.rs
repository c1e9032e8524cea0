//! Checks the journal's segments.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bole_base::Disk;
use bole_wal::Error;
use bole_wal::check::{self, DamageReport};

use super::{Checker, Finding, Repair, Report};
use crate::kernel::JOURNAL_DIR;

pub(super) struct JournalChecker;

impl Checker for JournalChecker {
    fn name(&self) -> &'static str {
        JOURNAL_DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[JOURNAL_DIR]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, repair: bool) -> Result<Report> {
        let dir = dir.join(JOURNAL_DIR);
        match check_segments(&**disk, &dir, repair) {
            Err(Error::Corrupt { file, offset, what }) => Ok(Report {
                summary: "unreadable".to_owned(),
                findings: vec![Finding::Damage {
                    what: format!("{} at byte {offset}: {what}", file.display()),
                    repair: Repair::Impossible,
                    repaired: false,
                }],
            }),
            outcome => Ok(outcome?),
        }
    }
}

fn check_segments(disk: &dyn Disk, dir: &Path, repair: bool) -> Result<Report, Error> {
    let before = check::check(disk, dir)?;
    let (damage, repaired, found) = match before.damage.clone() {
        Some(_) if repair => (check::repair(disk, dir)?, true, check::check(disk, dir)?),
        damage => (damage.into_iter().collect(), false, before),
    };
    let mut findings: Vec<Finding> = damage.iter().map(|damage| describe_damage(damage, repaired)).collect();
    findings.extend(found.torn_tail.as_ref().map(|torn| Finding::Harmless {
        what: format!(
            "{}; the next start cuts this tail of {}, none of which was acknowledged after an fsync",
            place(torn),
            amount(torn)
        ),
    }));
    let entries: u64 = found.segments.iter().map(|segment| segment.entries).sum();
    let summary = if found.segments.is_empty() {
        "none: nothing was ever logged here".to_owned()
    } else {
        format!(
            "{}, {entries} entries of {}, fsynced up to position {}{}",
            count(found.segments.len() as u64, "segment"),
            count(found.logs.len() as u64, "log"),
            found.synced,
            if found.sealed { ", sealed" } else { "" }
        )
    };
    Ok(Report { summary, findings })
}

fn describe_damage(damage: &DamageReport, repaired: bool) -> Finding {
    let repair = if damage.lossless {
        Repair::Lossless
    } else {
        Repair::Drops(format!("the journal from there on: {} whose headers are sound", amount(damage)))
    };
    Finding::Damage { what: place(damage), repair, repaired }
}

fn place(damage: &DamageReport) -> String {
    format!("{} at byte {}: {}", damage.file.display(), damage.offset, damage.what)
}

fn amount(damage: &DamageReport) -> String {
    let (entries, frames) = (damage.entries_beyond, damage.frames_beyond);
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    format!("{entries} in {}", count(frames, "frame"))
}

/// `1 segment`, `2 segments`.
pub(super) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
