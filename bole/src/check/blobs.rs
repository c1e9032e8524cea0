//! Checks the rows of buckets and objects.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bole_base::Disk;
use bole_base::units::format_bytes;
use bole_blobs::check::check;

use super::journal::count;
use super::{Checker, Finding, Repair, Report};
use crate::services::blobs::DIR;

pub(super) struct BlobsChecker;

impl Checker for BlobsChecker {
    fn name(&self) -> &'static str {
        DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[DIR]
    }

    fn check(&self, _disk: &Arc<dyn Disk>, dir: &Path, _repair: bool) -> Result<Report> {
        let checked = check(&dir.join(DIR))?;
        let damage = checked.damage.into_iter();
        let findings = damage
            .map(|what| Finding::Damage { what, repair: Repair::Impossible, repaired: false })
            .collect();
        let summary = format!(
            "{} with {}; {}, whose bytes are verified when they are read",
            count(checked.rows, "row"),
            format_bytes(checked.bytes),
            count(checked.chunks, "chunk file")
        );
        Ok(Report { summary, findings })
    }
}
