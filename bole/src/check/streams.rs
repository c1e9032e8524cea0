//! Checks the segment files of streams: that each is a row of whole batches whose checksums are right.
//!
//! How far a file counts is known only to the partition's checkpoint and log, so bytes behind the last sound batch are shown and not judged.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::disk::read_exact_at;
use bole_base::units::format_bytes;
use bole_base::{Disk, File};
use bole_streams::partition::batch::{HEAD_BYTES, parse_head};

use super::journal::count;
use super::{Checker, Finding, Report};
use crate::kernel::STREAMS_DIR;

pub(super) struct StreamsChecker;

/// Where the checksum stands in the body, and where the bytes begin that it covers.
const CRC_AT: std::ops::Range<usize> = 1..5;

impl Checker for StreamsChecker {
    fn name(&self) -> &'static str {
        STREAMS_DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[STREAMS_DIR]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, _repair: bool) -> Result<Report> {
        let root = dir.join(STREAMS_DIR);
        let names = match disk.list(&root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.with_context(|| format!("{} cannot be read", root.display()))?,
        };
        let (mut batches, mut bytes, mut findings) = (0, 0, Vec::new());
        for name in &names {
            let path = root.join(name);
            let file = disk.open(&path).with_context(|| format!("{} cannot be opened", path.display()))?;
            let sound = sound(&*file).with_context(|| format!("{} cannot be read", path.display()))?;
            batches += sound.batches;
            bytes += sound.bytes;
            if sound.bytes < sound.length {
                let what = format!(
                    "{}: no sound batch at byte {}; what follows is left over from a crash, or damaged",
                    path.display(),
                    sound.bytes
                );
                findings.push(Finding::Harmless { what });
            }
        }
        let files = count(names.len() as u64, "segment file");
        let summary = format!("{files} of {} with {}", count(batches, "batch"), format_bytes(bytes));
        Ok(Report { summary, findings })
    }
}

/// The sound batches at the beginning of a file.
struct Sound {
    batches: u64,
    bytes: u64,
    length: u64,
}

fn sound(file: &dyn File) -> io::Result<Sound> {
    let mut found = Sound { batches: 0, bytes: 0, length: file.len()? };
    let mut head = [0; HEAD_BYTES];
    let mut body = Vec::new();
    while found.bytes + HEAD_BYTES as u64 <= found.length {
        read_exact_at(file, found.bytes, &mut head)?;
        let Some((_, size, _)) = parse_head(&head) else { break };
        if found.bytes + size as u64 > found.length {
            break;
        }
        body.resize(size - HEAD_BYTES, 0);
        read_exact_at(file, found.bytes + HEAD_BYTES as u64, &mut body)?;
        if body[CRC_AT] != crc32c::crc32c(&body[CRC_AT.end..]).to_be_bytes() {
            break;
        }
        found.batches += 1;
        found.bytes += size as u64;
    }
    Ok(found)
}
