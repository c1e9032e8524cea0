//! Checks the files of databases: what SQLite itself says of them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::Disk;
use bole_base::units::format_bytes;
use bole_sql::store::check;

use super::journal::count;
use super::{Checker, Finding, Repair, Report};
use crate::services::sql::SQL_DIR;

pub(super) struct SqlChecker;

impl Checker for SqlChecker {
    fn name(&self) -> &'static str {
        SQL_DIR
    }

    fn owns(&self) -> &'static [&'static str] {
        &[SQL_DIR]
    }

    fn check(&self, _disk: &Arc<dyn Disk>, dir: &Path, _repair: bool) -> Result<Report> {
        let root = dir.join(SQL_DIR);
        let databases = match check(&root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            checked => checked.with_context(|| format!("{} cannot be read", root.display()))?,
        };
        let mut findings = Vec::new();
        for database in &databases {
            let path = database.path.display();
            if database.interrupted {
                let what = format!("{path}: a checkpoint was interrupted; the next start finishes it");
                findings.push(Finding::Harmless { what });
            }
            if let Some(damage) = &database.damage {
                let what = format!("{path}: {damage}");
                findings.push(Finding::Damage { what, repair: Repair::Impossible, repaired: false });
            }
        }
        let bytes = databases.iter().map(|database| database.bytes).sum();
        let summary = format!("{} with {}", count(databases.len() as u64, "database"), format_bytes(bytes));
        Ok(Report { summary, findings })
    }
}
