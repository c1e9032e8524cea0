//! Offline verification and repair of a journal's folder, for `bole check`. The journal must not be open.

use std::io;
use std::path::{Path, PathBuf};

use bole_base::disk::read_exact_at;
use bole_base::{Disk, File, Position};

use crate::Error;
use crate::entry::{Entries, EntryRef};
use crate::extent::ExtentSets;
use crate::frame::u64_at;
use crate::index::LogInfo;
use crate::scan::{Cursor, Step, search};
use crate::segment::{HEADER_BLOCK_BYTES, Head, SegmentHeader, prepare, read_head};
use crate::survey::{Damage, Scanned, Survey, survey};

/// What a journal's folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Segments whose frames count, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Spares and files that the next start frees.
    pub unused: Vec<PathBuf>,
    /// The logs that have entries.
    pub logs: Vec<LogInfo>,
    /// Everything before it is known to have been fsynced.
    pub synced: Position,
    /// Where the sound part ends.
    pub end: Position,
    /// Whether the journal is sealed.
    pub sealed: bool,
    /// Damage that stops a start.
    pub damage: Option<DamageReport>,
    /// Remains of writes that were never acknowledged as `sync`; the next start cuts them.
    pub torn_tail: Option<DamageReport>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    /// The file.
    pub file: PathBuf,
    /// Its generation.
    pub generation: u64,
    /// The position of its first frame.
    pub base: Position,
    /// Where its valid frames end.
    pub end: Position,
    /// Valid frames.
    pub frames: u64,
    /// Entries in them.
    pub entries: u64,
}

/// Where stored bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamageReport {
    /// The file.
    pub file: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
    /// Frames beyond the damage whose headers are sound. A repair drops them, unless `lossless`.
    pub frames_beyond: u64,
    /// Entries in these frames.
    pub entries_beyond: u64,
    /// Only a segment's header is damaged; a repair writes it again and drops nothing.
    pub lossless: bool,
}

/// Verifies the journal in `dir`. Damage is in the report; errors are about files that cannot be read at all, or that
/// leave no journal to report on.
pub fn check(disk: &dyn Disk, dir: &Path) -> Result<Report, Error> {
    Ok(survey(disk, dir, &ExtentSets::default())?.into_report())
}

/// Visits every entry that a start would find, in the journal's order; copies that were moved forward come again. With damage, those
/// before it.
pub fn visit_entries(disk: &dyn Disk, dir: &Path, visit: &mut dyn FnMut(&EntryRef<'_>)) -> Result<(), Error> {
    let survey = survey(disk, dir, &ExtentSets::default())?;
    for Scanned { segment, header, end, .. } in &survey.kept {
        let base = header.base;
        let mut cursor = Cursor::new(&*segment.file, survey.seed, header.generation, base, base, *end);
        loop {
            let offset = cursor.offset();
            match cursor.next() {
                Ok(Step::Frame(_, body)) => {
                    Entries::new(body).map_while(Result::ok).for_each(|entry| visit(&entry));
                }
                Ok(_) => break,
                Err(error) => {
                    return Err(Error::io(&segment.path, &format!("cannot read at byte {offset}"), &error));
                }
            }
        }
    }
    Ok(())
}

/// Repairs the journal in `dir` so that it opens: writes a damaged segment header again, and cuts the journal at a damage in
/// frames, which drops everything beyond. Returns what was repaired; nothing is done to a sound journal. May be repeated after a crash.
pub fn repair(disk: &dyn Disk, dir: &Path) -> Result<Vec<DamageReport>, Error> {
    let mut repaired = Vec::new();
    loop {
        let survey = survey(disk, dir, &ExtentSets::default())?;
        let Some(damage) = survey.damage else { return Ok(repaired) };
        let report = DamageReport::from(damage.clone());
        if repaired.contains(&report) {
            return Err(Error::Corrupt { file: damage.file, offset: damage.offset, what: damage.what });
        }
        if let Some(header) = damage.header {
            write_header(disk, &damage.file, &header)?;
        } else {
            cut(disk, dir, &damage, survey.generation_max + 1, survey.journal_id.unwrap_or_default())?;
        }
        repaired.push(report);
    }
}

fn write_header(disk: &dyn Disk, path: &Path, header: &SegmentHeader) -> Result<(), Error> {
    let written = disk.open(path).and_then(|file| {
        file.write_all_at(0, &header.encode())?;
        file.sync_data()
    });
    written.map_err(|error| Error::io(path, "cannot write the header", &error))
}

/// Starts an empty segment at the damage. It supersedes all older frames from there on.
fn cut(
    disk: &dyn Disk,
    dir: &Path,
    damage: &Damage,
    generation: u64,
    journal_id: [u8; 16],
) -> Result<(), Error> {
    let base = damage.position;
    let spare = prepare(disk, dir, generation, HEADER_BLOCK_BYTES)?;
    write_header(disk, &spare.path, &SegmentHeader { generation, base, synced: base, journal_id })
}

impl Survey {
    fn into_report(self) -> Report {
        let segments = self.kept.iter().map(|scanned| SegmentReport {
            file: scanned.segment.path.clone(),
            generation: scanned.header.generation,
            base: Position(scanned.header.base),
            end: Position(scanned.end),
            frames: scanned.frames,
            entries: scanned.entries,
        });
        Report {
            segments: segments.collect(),
            unused: self.unused.into_iter().map(|file| file.path).chain(self.leftovers).collect(),
            logs: self.index.logs(),
            synced: Position(self.synced),
            end: Position(self.end),
            sealed: self.sealed,
            damage: self.damage.map(DamageReport::from),
            torn_tail: self.torn.map(DamageReport::from),
        }
    }
}

impl From<Damage> for DamageReport {
    fn from(damage: Damage) -> Self {
        Self {
            file: damage.file,
            offset: damage.offset,
            what: damage.what,
            frames_beyond: damage.beyond.frames,
            entries_beyond: damage.beyond.entries,
            lossless: damage.header.is_some(),
        }
    }
}

/// Reads `bytes` as a segment file, whatever they are: never panics, and holds no more than a frame. Returns `None` if there is no
/// valid header. What the fuzz target runs.
pub fn check_segment(bytes: &[u8]) -> Option<SegmentReport> {
    let file = Bytes(bytes);
    let path = PathBuf::from("segment");
    let mut generation = [0; 24];
    read_exact_at(&file, 0, &mut generation).ok()?;
    let generation = u64_at(&generation, 16);
    let Ok(Head::Segment(header)) = read_head(&file, &path, generation) else { return None };
    let seed = crc32c::crc32c(&header.journal_id);
    let mut cursor = Cursor::new(&file, seed, generation, header.base, header.base, u64::MAX);
    let (mut frames, mut entries) = (0, 0);
    while let Ok(Step::Frame(_, body)) = cursor.next() {
        frames += 1;
        entries += Entries::new(body).map_while(Result::ok).count() as u64;
    }
    let (offset, end) = (cursor.offset(), cursor.position());
    search(&file, seed, generation, Some(header.base), offset, bytes.len() as u64).ok()?;

    Some(SegmentReport {
        file: path,
        generation,
        base: Position(header.base),
        end: Position(end),
        frames,
        entries,
    })
}

/// Bytes that can be read as a file.
struct Bytes<'a>(&'a [u8]);

impl File for Bytes<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_all_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn fill_zero(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
