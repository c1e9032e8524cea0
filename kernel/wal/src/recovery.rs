//! From a survey to an open journal: the kept tail is written again, fsynced, and only then headed (step 4 of the tail rule).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::Disk;
use bole_base::disk::read_exact_at;

use crate::frame::{FRAME_HEADER_BYTES, frame_bytes};
use crate::index::{Fresh, Index};
use crate::scan::{Cursor, Step};
use crate::segment::{Segment, SegmentHeader, Spare, discard, drop_leftover, prepare, recycle};
use crate::survey::{Scanned, Survey, Unused, survey};
use crate::{Config, Error};

const COPY_BYTES: usize = 1 << 20;

/// A journal that may be served.
pub(crate) struct Opened {
    pub(crate) journal_id: [u8; 16],
    pub(crate) seed: u32,
    pub(crate) index: Index,
    pub(crate) spares: VecDeque<Spare>,
    pub(crate) active: Arc<Segment>,
    pub(crate) end: u64,
    /// Where the active segment is left for the next one.
    pub(crate) roll_at: u64,
    pub(crate) sealed: bool,
    /// The synced position that the files say.
    pub(crate) stamped: u64,
    /// The generation of the first file that is prepared after the spares.
    pub(crate) next_generation: u64,
}

/// Opens or creates the journal in `dir`.
pub(crate) fn open(disk: &dyn Disk, dir: &Path, config: &Config) -> Result<Opened, Error> {
    disk.create_dir(dir).map_err(|error| Error::io(dir, "cannot create", &error))?;
    let mut survey = survey(disk, dir, &config.extents)?;
    if let Some(damage) = survey.damage {
        return Err(Error::Corrupt { file: damage.file, offset: damage.offset, what: damage.what });
    }
    drop_leftovers(disk, dir, &survey.leftovers)?;
    secure_extents(&survey, dir, config)?;
    let journal_id = survey.journal_id.or(config.journal_id).unwrap_or_else(random_id);
    survey.seed = crc32c::crc32c(&journal_id);
    let first = survey.kept.first().map_or(0, |scanned| scanned.header.base);
    let base = survey.synced.clamp(first, survey.end);
    let mut rewrite = Rewrite {
        disk,
        dir,
        config,
        journal_id,
        seed: survey.seed,
        base,
        next_generation: survey.generation_max + 1,
        blank: Vec::new(),
        segments: Vec::new(),
        fresh: Fresh::default(),
    };
    let (blank, used): (Vec<_>, Vec<_>) = survey.unused.drain(..).partition(|file| file.blank);
    rewrite.blank = blank;
    match rewrite.run(&survey.kept, survey.end) {
        Ok(()) => rewrite.finish(survey, used),
        // Without room for a new segment the tail is made durable where it is, and the journal opens full.
        Err(Error::Full(text)) if survey.kept.is_empty() => Err(Error::Full(text)),
        Err(Error::Full(_)) => rewrite.finish_in_place(survey),
        Err(error) => Err(error),
    }
}

/// Makes durable what the entries of the unsynced tail name, before the tail itself is.
fn secure_extents(survey: &Survey, dir: &Path, config: &Config) -> Result<(), Error> {
    if let Some(position) = survey.lost_extent(&config.extents, true)? {
        let what = format!(
            "bytes that the frame at position {position} names were there a moment ago and are not now"
        );
        return Err(Error::Corrupt { file: dir.to_path_buf(), offset: 0, what });
    }
    config.extents.sync().map_err(|error| Error::io(dir, "cannot fsync what entries name", &error))
}

/// Removes names that count for nothing, before any file is written: the file may be in use under another one.
fn drop_leftovers(disk: &dyn Disk, dir: &Path, leftovers: &[PathBuf]) -> Result<(), Error> {
    leftovers.iter().try_for_each(|path| drop_leftover(disk, path))?;
    if leftovers.is_empty() {
        return Ok(());
    }
    disk.sync_dir(dir).map_err(|error| Error::io(dir, "cannot fsync", &error))
}

/// Sixteen bytes from the standard library's only source of randomness: the keys of its hash maps.
fn random_id() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id()).to_le_bytes();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half());
    id[8..].copy_from_slice(&half());
    id
}

struct Rewrite<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    config: &'a Config,
    journal_id: [u8; 16],
    seed: u32,
    base: u64,
    next_generation: u64,
    blank: Vec<Unused>,
    segments: Vec<Segment>,
    /// What the new segments hold.
    fresh: Fresh,
}

impl Rewrite<'_> {
    /// Copies the frames from `base` to `end` into new segments, makes them durable, and writes the headers last, the
    /// newest first: whatever a crash leaves, the headers that are there continue the old segments.
    fn run(&mut self, kept: &[Scanned], end: u64) -> Result<(), Error> {
        let mut pending = Vec::new();
        self.start(self.base)?;
        let base = self.base;
        let mut position = base;
        for scanned in kept.iter().filter(|scanned| scanned.end > base) {
            let old = &scanned.segment;
            let until = scanned.end.min(end);
            let mut cursor =
                Cursor::new(old.file.as_ref(), self.seed, old.generation, old.base, position, until);
            loop {
                let offset = cursor.offset();
                let step = cursor.next().map_err(|error| Error::io(&old.path, "cannot read", &error))?;
                let (mut header, body) = match step {
                    Step::End => break,
                    Step::Frame(header, body) => (header, body),
                    Step::Damage(what) => {
                        let what = what.to_owned();
                        return Err(Error::Corrupt { file: old.path.clone(), offset, what });
                    }
                };
                let started = self.segments.last().map_or(0, |segment| segment.base);
                if header.position - started >= self.config.capacity() {
                    self.write(position, &mut pending)?;
                    position = header.position;
                    self.start(position)?;
                }
                self.fresh.add(header.position, body);
                header.generation = self.segments.last().map_or(0, |segment| segment.generation);
                pending.extend_from_slice(&header.encode(self.seed));
                pending.extend_from_slice(body);
                let padded = frame_bytes(body.len()) as usize - FRAME_HEADER_BYTES;
                pending.resize(pending.len() + padded - body.len(), 0);
                if pending.len() >= COPY_BYTES {
                    self.write(position, &mut pending)?;
                    position = header.end();
                }
            }
            self.write(position, &mut pending)?;
            position = until;
        }
        self.sync_all()?;
        self.write_headers()
    }

    fn write(&self, position: u64, pending: &mut Vec<u8>) -> Result<(), Error> {
        let Some(segment) = self.segments.last() else { return Ok(()) };
        let written = segment.file.write_all_at(segment.offset_of(position), pending);
        pending.clear();
        written.map_err(|error| Error::io(&segment.path, "cannot write", &error))
    }

    /// Takes a blank file, or makes one, as the segment that starts at `base`. It gets no header yet.
    fn start(&mut self, base: u64) -> Result<(), Error> {
        let generation = self.next_generation;
        self.next_generation += 1;
        let fits = self.blank.iter().position(|file| file.len == self.config.segment_bytes);
        let spare = match fits {
            Some(at) => recycle(self.disk, self.dir, &self.blank.remove(at).path, generation)?,
            None => prepare(self.disk, self.dir, generation, self.config.segment_bytes)?,
        };
        self.segments.push(spare.into_segment(base));
        self.fresh.begin_segment();
        Ok(())
    }

    fn sync_all(&self) -> Result<(), Error> {
        for segment in &self.segments {
            segment.file.sync_data().map_err(|error| Error::io(&segment.path, "cannot fsync", &error))?;
        }
        Ok(())
    }

    fn write_headers(&self) -> Result<(), Error> {
        for segment in self.segments.iter().rev() {
            let header = SegmentHeader {
                generation: segment.generation,
                base: segment.base,
                synced: self.base,
                journal_id: self.journal_id,
            };
            let written =
                segment.file.write_all_at(0, &header.encode()).and_then(|()| segment.file.sync_data());
            written.map_err(|error| Error::io(&segment.path, "cannot write the header", &error))?;
        }
        Ok(())
    }

    /// The new segments are valid: what they supersede becomes spares.
    fn finish(mut self, survey: Survey, used: Vec<Unused>) -> Result<Opened, Error> {
        let (old, superseded): (Vec<_>, Vec<_>) =
            survey.kept.into_iter().partition(|scanned| scanned.header.base < self.base);
        let mut segments: Vec<_> = old.into_iter().map(|scanned| scanned.segment).collect();
        let mut files = Vec::new();
        files.extend(
            superseded.into_iter().map(|scanned| (scanned.segment.path.clone(), scanned.segment.len)),
        );
        files.extend(used.into_iter().map(|file| (file.path, file.len)));
        files.extend(self.blank.drain(..).map(|file| (file.path, file.len)));
        let spares = self.reuse(files)?;
        let bases: Vec<_> = self.segments.iter().map(|segment| segment.base).collect();
        let mut index = survey.index;
        index.moved(std::mem::take(&mut self.fresh), &bases);
        segments.extend(self.segments.drain(..).map(Arc::new));
        let room = self.config.capacity();
        Ok(self.opened(index, segments, spares, (survey.end, survey.sealed), room))
    }

    /// Makes spares of files that nobody needs, as many as are wanted, and removes the others.
    fn reuse(&mut self, files: Vec<(PathBuf, u64)>) -> Result<VecDeque<Spare>, Error> {
        let mut spares = VecDeque::new();
        let mut removed = false;
        for (path, len) in files {
            if len == self.config.segment_bytes && spares.len() < self.config.spares {
                spares.push_back(recycle(self.disk, self.dir, &path, self.next_generation)?);
                self.next_generation += 1;
            } else {
                discard(self.disk, &path)?;
                removed = true;
            }
        }
        if removed {
            self.disk.sync_dir(self.dir).map_err(|error| Error::io(self.dir, "cannot fsync", &error))?;
        }
        Ok(spares)
    }

    /// Writes the tail again where it is and fsyncs it. The next frame starts another segment.
    fn finish_in_place(mut self, survey: Survey) -> Result<Opened, Error> {
        let mut buffer = vec![0; COPY_BYTES];
        for scanned in survey.kept.iter().filter(|scanned| scanned.end > self.base) {
            let segment = &scanned.segment;
            let mut at = segment.offset_of(self.base.max(segment.base));
            let end = segment.offset_of(scanned.end.min(survey.end));
            let mut copy = || {
                while at < end {
                    let step = (end - at).min(COPY_BYTES as u64) as usize;
                    read_exact_at(segment.file.as_ref(), at, &mut buffer[..step])?;
                    segment.file.write_all_at(at, &buffer[..step])?;
                    at += step as u64;
                }
                segment.file.sync_data()
            };
            copy().map_err(|error| Error::io(&segment.path, "cannot write the tail again", &error))?;
        }
        // A file that was begun must not keep its generation: its frames could be taken for new ones.
        let begun = self.segments.drain(..).map(|segment| (segment.path, segment.len));
        let files = begun.chain(self.blank.drain(..).map(|file| (file.path, file.len))).collect();
        let spares = self.reuse(files)?;
        let segments = survey.kept.into_iter().map(|scanned| scanned.segment).collect();
        Ok(self.opened(survey.index, segments, spares, (survey.end, survey.sealed), 0))
    }

    fn opened(
        self,
        mut index: Index,
        segments: Vec<Arc<Segment>>,
        spares: VecDeque<Spare>,
        (end, sealed): (u64, bool),
        room: u64,
    ) -> Opened {
        let Some(active) = segments.last().map(Arc::clone) else {
            unreachable!("a journal is opened with at least one segment")
        };
        let roll_at = (active.base + room).max(end);
        index.opened(segments, end);
        Opened {
            journal_id: self.journal_id,
            seed: self.seed,
            index,
            spares,
            active,
            end,
            roll_at,
            sealed,
            stamped: self.base,
            next_generation: self.next_generation,
        }
    }
}
