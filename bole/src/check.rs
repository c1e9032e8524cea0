//! `bole check`: verifies a data directory while no node runs on it, part by part, and says what is damaged and what
//! a repair would drop. With `--repair` it does that.
//!
//! A part is a [`Checker`]; what lies in the directory and belongs to no part is reported too, so that a clean report
//! means that everything was looked at.

mod attachments;
mod blobs;
mod cdn;
mod checkpoints;
mod journal;
mod sql;
mod streams;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::RealDisk;
use bole_base::disk::Disk;

use crate::lock::{self, DataLock};
use crate::node_meta::{self, NodeMeta};

/// One part of a data directory.
pub trait Checker {
    /// The name in the report.
    fn name(&self) -> &'static str;
    /// The files and folders in the data directory that belong to it.
    fn owns(&self) -> &'static [&'static str];
    /// Verifies it and, if `repair` is set, drops what is damaged. An error means that it could not be looked at.
    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, repair: bool) -> Result<Report>;
}

/// What a checker found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is there, in one line: `3 segments, 1,204 entries`.
    pub summary: String,
    /// What is not as it should be, in order.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub enum Finding {
    /// A crash left it and the next start cleans it up: not damage.
    Harmless {
        /// What and where.
        what: String,
    },
    /// Stored bytes are not what was written.
    Damage {
        /// What and where: the file, the offset in it.
        what: String,
        /// What a repair does about it.
        repair: Repair,
        /// Whether it was repaired in this run.
        repaired: bool,
    },
}

/// What a repair does about damage.
#[derive(Clone, Debug)]
pub enum Repair {
    /// Nothing: only a copy helps.
    Impossible,
    /// It writes again what can be derived; nothing is lost.
    Lossless,
    /// Nothing offline: a node serves all else, and this is gone when clients delete or overwrite it.
    ByClients(String),
    /// It drops this much, in words: `412 entries in 3 frames beyond the damage`.
    Drops(String),
}

/// Every part that has a checker.
///
/// Checkpoints come before the journal: whether one can be replaced depends on the journal as it was found.
fn checkers(options: Options) -> [Box<dyn Checker>; 8] {
    [
        Box::new(NodeMetaChecker),
        Box::new(checkpoints::CheckpointsChecker),
        Box::new(attachments::AttachmentsChecker),
        Box::new(journal::JournalChecker),
        Box::new(streams::StreamsChecker),
        Box::new(sql::SqlChecker),
        Box::new(blobs::BlobsChecker { verify: !options.skip_chunks }),
        Box::new(cdn::CdnChecker),
    ]
}

/// What to check, and what to do about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether damage is dropped.
    pub repair: bool,
    /// Whether the bytes of large objects are left alone.
    pub skip_chunks: bool,
}

/// Checks `dir` and writes the report to `out`. Exit code 0: sound, or repaired; 1: damaged.
pub fn run(dir: &Path, options: Options, out: &mut dyn Write) -> Result<ExitCode> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    run_with(&disk, dir, options.repair, &checkers(options), out)
}

fn run_with(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    repair: bool,
    checkers: &[Box<dyn Checker>],
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let names = disk.list(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let _lock = DataLock::acquire(dir)?;
    let mut damaged = 0;
    for checker in checkers {
        let name = checker.name();
        match checker.check(disk, dir, repair) {
            Ok(report) => damaged += write_report(out, name, &report)?,
            Err(error) => {
                damaged += 1;
                writeln!(out, "{name}: cannot be checked: {error:#}")?;
            }
        }
    }
    let owned: Vec<&str> = checkers.iter().flat_map(|checker| checker.owns()).copied().collect();
    for name in names.iter().filter(|name| *name != lock::FILE_NAME && !owned.contains(&name.as_str())) {
        writeln!(out, "{name}: not checked; no part of this version knows it")?;
    }
    match damaged {
        0 => writeln!(out, "{} is sound", dir.display())?,
        _ if repair => writeln!(out, "{} has damage that could not be repaired", dir.display())?,
        _ => writeln!(
            out,
            "{} is damaged; `bole check --repair` drops what the lines above say",
            dir.display()
        )?,
    }
    Ok(ExitCode::from(u8::from(damaged > 0)))
}

/// Writes one part's report; returns how much damage is left.
fn write_report(out: &mut dyn Write, name: &str, report: &Report) -> Result<usize> {
    writeln!(out, "{name}: {}", report.summary)?;
    let mut left = 0;
    for finding in &report.findings {
        match finding {
            Finding::Harmless { what } => writeln!(out, "  note: {what}")?,
            Finding::Damage { what, repair, repaired } => {
                writeln!(out, "  damaged: {what}")?;
                writeln!(out, "    {}", describe(repair, *repaired))?;
                left += usize::from(!repaired);
            }
        }
    }
    Ok(left)
}

fn describe(repair: &Repair, repaired: bool) -> String {
    match (repair, repaired) {
        (Repair::Impossible, _) => "cannot be repaired; restore it from a copy".to_owned(),
        (Repair::ByClients(what), _) => {
            format!(
                "a node serves all else; to delete or overwrite it there drops {what}; or restore the file from a copy"
            )
        }
        (Repair::Lossless, false) => "a repair would lose nothing".to_owned(),
        (Repair::Lossless, true) => "repaired; nothing was lost".to_owned(),
        (Repair::Drops(what), false) => format!("a repair would drop {what}"),
        (Repair::Drops(what), true) => format!("repaired: dropped {what}"),
    }
}

/// Checks `node.meta`.
struct NodeMetaChecker;

impl Checker for NodeMetaChecker {
    fn name(&self) -> &'static str {
        node_meta::FILE_NAME
    }

    fn owns(&self) -> &'static [&'static str] {
        &[node_meta::FILE_NAME, "node.new"]
    }

    fn check(&self, disk: &Arc<dyn Disk>, dir: &Path, _: bool) -> Result<Report> {
        let damage = |what| Report {
            summary: "damaged".to_owned(),
            findings: vec![Finding::Damage { what, repair: Repair::Impossible, repaired: false }],
        };
        match NodeMeta::read(&**disk, dir) {
            Ok(Some(meta)) => {
                let summary = format!("node {}, journal {}", meta.node_name(), meta.journal_name());
                Ok(Report { summary, findings: Vec::new() })
            }
            Ok(None) => Ok(Report {
                summary: "none: no node has used this directory".to_owned(),
                findings: Vec::new(),
            }),
            Err(error @ node_meta::Error::Io { .. }) => Err(error.into()),
            Err(error) => Ok(damage(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use bole_base::SystemClock;

    use super::*;

    fn report(dir: &Path, repair: bool, checkers: &[Box<dyn Checker>]) -> (String, bool) {
        let mut out = Vec::new();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let code = run_with(&disk, dir, repair, checkers, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap().replace(&dir.display().to_string(), "DIR");
        (text, code == ExitCode::SUCCESS)
    }

    fn new_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        NodeMeta::open_or_create(&RealDisk, dir.path(), &SystemClock::new(), &mut rand::rng()).unwrap();
        dir
    }

    #[test]
    fn sound_unknown_and_damaged_directories() {
        let dir = new_dir();
        let (text, sound) = report(dir.path(), false, &checkers(Options::default()));
        assert!(sound && text.starts_with("node.meta: node ") && text.ends_with("DIR is sound\n"), "{text}");

        std::fs::create_dir(dir.path().join("strange")).unwrap();
        let (text, sound) = report(dir.path(), false, &checkers(Options::default()));
        assert!(sound && text.contains("strange: not checked"), "{text}");

        std::fs::write(dir.path().join("node.meta"), b"BOLENODE").unwrap();
        let (text, sound) = report(dir.path(), true, &checkers(Options::default()));
        assert!(!sound && text.contains("8 bytes instead of 76"), "{text}");
        assert!(
            text.contains("cannot be repaired; restore it") && text.contains("could not be repaired"),
            "{text}"
        );
    }

    struct Broken;

    impl Checker for Broken {
        fn name(&self) -> &'static str {
            "journal"
        }

        fn owns(&self) -> &'static [&'static str] {
            &["journal"]
        }

        fn check(&self, _: &Arc<dyn Disk>, _: &Path, repair: bool) -> Result<Report> {
            let drops = Repair::Drops("2 entries".to_owned());
            let torn = Finding::Harmless { what: "torn tail".to_owned() };
            let damage =
                Finding::Damage { what: "a.wal at 4096".to_owned(), repair: drops, repaired: repair };
            Ok(Report { summary: "1 segment".to_owned(), findings: vec![torn, damage] })
        }
    }

    #[test]
    fn a_repair_is_announced_before_it_is_made() {
        let dir = new_dir();
        let (text, sound) = report(dir.path(), false, &[Box::new(Broken), Box::new(NodeMetaChecker)]);
        let expected = "journal: 1 segment\n  note: torn tail\n  damaged: a.wal at 4096\n    \
                        a repair would drop 2 entries\nnode.meta: ";
        assert!(!sound && text.starts_with(expected) && text.contains("`bole check --repair`"), "{text}");
        let (text, sound) = report(dir.path(), true, &[Box::new(Broken), Box::new(NodeMetaChecker)]);
        assert!(
            sound && text.contains("repaired: dropped 2 entries") && text.ends_with("is sound\n"),
            "{text}"
        );
    }

    #[test]
    fn a_directory_in_use_is_left_alone() {
        let dir = new_dir();
        let _lock = DataLock::acquire(dir.path()).unwrap();
        let error = run(dir.path(), Options::default(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("in use by process"), "{error}");
    }
}
