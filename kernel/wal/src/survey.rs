//! Reads all segments of a folder, applies the tail rule (promise P3) and gathers the index. Changes nothing on the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::disk::read_exact_at;
use bole_base::{Disk, File};

use crate::Error;
use crate::extent::ExtentSets;
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, u64_at};
use crate::index::{Fresh, Index};
use crate::scan::{Beyond, Cursor, Step, search};
use crate::segment::{HEADER_BLOCK_BYTES, Head, Segment, SegmentHeader, parse_name, read_head};

/// A segment with a valid header that nothing newer supersedes.
pub(crate) struct Scanned {
    pub(crate) segment: Arc<Segment>,
    pub(crate) header: SegmentHeader,
    /// Where its valid frames end; they start at the base.
    pub(crate) end: u64,
    pub(crate) frames: u64,
    pub(crate) entries: u64,
}

/// A file that holds nothing that counts.
pub(crate) struct Unused {
    pub(crate) generation: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) len: u64,
    /// It has no valid header, so that nothing is lost when it is used before the tail is safe.
    pub(crate) blank: bool,
}

/// Where the row of valid frames ends before its time.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) position: u64,
    pub(crate) what: String,
    /// What was found beyond, which a cut drops.
    pub(crate) beyond: Beyond,
    /// The header to write, if only a segment's header is damaged.
    pub(crate) header: Option<SegmentHeader>,
}

/// What a folder holds. See the module's description.
pub(crate) struct Survey {
    /// `None`: there is no journal yet.
    pub(crate) journal_id: Option<[u8; 16]>,
    pub(crate) seed: u32,
    pub(crate) kept: Vec<Scanned>,
    pub(crate) unused: Vec<Unused>,
    /// Names that a file had before: a crash, or a failed fsync of the folder, left them.
    pub(crate) leftovers: Vec<PathBuf>,
    /// The end of what is kept. Marks behind the last batch are not.
    pub(crate) end: u64,
    /// Everything before it is known to have been fsynced.
    pub(crate) synced: u64,
    pub(crate) sealed: bool,
    /// Set only if it lies below `synced`, where it must not be cut without being asked for.
    pub(crate) damage: Option<Damage>,
    /// Valid frames, or pieces of them, that are cut as a torn tail.
    pub(crate) torn: Option<Damage>,
    pub(crate) generation_max: u64,
    pub(crate) index: Index,
    /// Frames from this position on do not count, because bytes that they name are not there.
    lost: u64,
}

/// Reads the journal in `dir`. A missing folder is an empty one. Damage is reported in the survey; errors are about files that cannot be
/// read and formats that are not ours.
///
/// A frame above the synced position whose extents are not there ends the row of valid frames, as a torn one does.
pub(crate) fn survey(disk: &dyn Disk, dir: &Path, extents: &ExtentSets) -> Result<Survey, Error> {
    let whole = survey_up_to(disk, dir, u64::MAX)?;
    match whole.lost_extent(extents, false)? {
        Some(position) if whole.damage.is_none() => survey_up_to(disk, dir, position),
        _ => Ok(whole),
    }
}

/// As [`survey`]; whatever stands at or above `lost` is not taken for valid.
fn survey_up_to(disk: &dyn Disk, dir: &Path, lost: u64) -> Result<Survey, Error> {
    let (mut files, leftovers) = open_files(disk, dir)?;
    let headers: Vec<_> = files.iter().filter_map(|(_, header)| *header).collect();
    let journal_id = headers.first().map(|header| header.journal_id);
    let seed = journal_id.map_or(0, |id| crc32c::crc32c(&id));
    let left_max = leftovers.iter().filter_map(|path| parse_name(path.file_name()?.to_str()?)).max();
    let generation_max = files.last().map(|(file, _)| file.generation).max(left_max).unwrap_or(0);
    let mut survey = Survey {
        journal_id,
        seed,
        kept: Vec::new(),
        unused: Vec::new(),
        leftovers,
        end: 0,
        synced: 0,
        sealed: false,
        damage: None,
        torn: None,
        generation_max,
        index: Index::new(),
        lost,
    };
    if journal_id.is_none() {
        files.iter().try_for_each(|(file, _)| refuse_frames(file))?;
        survey.unused = files.into_iter().map(|(file, _)| file).collect();
        return Ok(survey);
    }
    for (file, header) in &files {
        if header.is_some_and(|header| Some(header.journal_id) != journal_id) {
            let what = "the segment belongs to another journal".to_owned();
            return Err(Error::Corrupt { file: file.path.clone(), offset: 40, what });
        }
    }
    // A segment counts only below the base of every newer one.
    let mut limit = u64::MAX;
    let mut chain = Vec::new();
    while let Some((file, header)) = files.pop() {
        match header.filter(|header| header.base < limit) {
            Some(header) => {
                chain.push((file, header, limit));
                limit = header.base;
            }
            None => survey.unused.push(file),
        }
    }
    chain.reverse();
    survey.unused.reverse();
    survey.scan_chain(chain)?;
    Ok(survey)
}

type Found = (Unused, Option<SegmentHeader>);

/// All segment files in order of generation, each with its header if that is valid, and names that are left over.
fn open_files(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Found>, Vec<PathBuf>), Error> {
    let names = match disk.list(dir) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io(dir, "cannot list", &error)),
    };
    let generations: Vec<_> = names.iter().filter_map(|name| parse_name(name)).collect();
    let (mut files, mut leftovers) = (Vec::new(), Vec::new());
    for &generation in &generations {
        let path = dir.join(crate::segment::file_name(generation));
        let file = disk.open(&path).map_err(|error| Error::io(&path, "cannot open", &error))?;
        let len = file.len().map_err(|error| Error::io(&path, "cannot read the length", &error))?;
        let header = match read_head(file.as_ref(), &path, generation)? {
            Head::Segment(header) => Some(header),
            Head::Blank => None,
            Head::Leftover => {
                leftovers.push(path);
                continue;
            }
            Head::Misnamed { generation } if generations.contains(&generation) => {
                leftovers.push(path);
                continue;
            }
            Head::Misnamed { generation } => {
                let what =
                    format!("the header says that this is segment {generation}; was the file renamed?");
                return Err(Error::Corrupt { file: path, offset: 16, what });
            }
        };
        files.push((Unused { generation, path, file, len, blank: header.is_none() }, header));
    }
    files.sort_unstable_by_key(|(file, _)| file.generation);
    Ok((files, leftovers))
}

/// No segment has a valid header: fine if the journal was never used, else the headers are damaged.
fn refuse_frames(file: &Unused) -> Result<(), Error> {
    let mut head = [0; FRAME_HEADER_BYTES];
    match read_exact_at(file.file.as_ref(), HEADER_BLOCK_BYTES, &mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        Err(error) => return Err(Error::io(&file.path, "cannot read", &error)),
        Ok(()) => {}
    }
    if (1..=3).contains(&head[14]) && u64_at(&head, 16) == file.generation {
        let what =
            "the segment header is damaged, and no other segment says which journal this is".to_owned();
        return Err(Error::Corrupt { file: file.path.clone(), offset: 0, what });
    }
    Ok(())
}

impl Survey {
    fn scan_chain(&mut self, chain: Vec<(Unused, SegmentHeader, u64)>) -> Result<(), Error> {
        let bases: Vec<_> = chain.iter().map(|(_, header, _)| (header.generation, header.base)).collect();
        let mut position = chain.first().map_or(0, |(_, header, _)| header.base);
        self.end = position;
        self.synced = chain.iter().map(|(_, header, _)| header.synced).max().unwrap_or(0);
        let mut stop = None;
        for (file, header, limit) in chain {
            if stop.is_some() || self.sealed {
                if let Some(stop) = &mut stop {
                    self.look_beyond(stop, &file, Some(header.base), HEADER_BLOCK_BYTES, limit)?;
                }
                self.unused.push(file);
                continue;
            }
            let (scanned, damage) = self.scan_segment(&file, header, limit)?;
            position = scanned.end;
            self.kept.push(scanned);
            if let Some(mut damage) = damage {
                let offset = damage.offset;
                self.look_beyond(&mut damage, &file, Some(header.base), offset, limit)?;
                stop = Some(damage);
            }
        }
        self.judge(stop, position);
        self.check_blank_files(&bases, position)
    }

    fn scan_segment(
        &mut self,
        file: &Unused,
        header: SegmentHeader,
        limit: u64,
    ) -> Result<(Scanned, Option<Damage>), Error> {
        let segment = Segment {
            generation: file.generation,
            base: header.base,
            path: file.path.clone(),
            file: Arc::clone(&file.file),
            len: file.len,
        };
        let (mut frames, mut entries, mut damage, mut fresh) = (0, 0, None, Fresh::default());
        let mut cursor =
            Cursor::new(file.file.as_ref(), self.seed, header.generation, header.base, header.base, limit);
        loop {
            let (position, offset) = (cursor.position(), cursor.offset());
            let step = if (self.lost..limit).contains(&position) {
                Ok(Step::Damage("bytes that the frame names are not there"))
            } else {
                cursor.next()
            };
            let step = step
                .map_err(|error| Error::io(&file.path, &format!("cannot read at byte {offset}"), &error))?;
            match step {
                Step::End => break,
                Step::Damage(what) => {
                    let what = what.to_owned();
                    let (file, beyond) = (file.path.clone(), Beyond::default());
                    damage = Some(Damage { file, offset, position, what, beyond, header: None });
                    break;
                }
                Step::Frame(frame, body) => {
                    frames += 1;
                    entries += u64::from(frame.entries);
                    self.synced = self.synced.max(frame.synced);
                    fresh.add(position, body);
                    if frame.kind != FrameKind::Mark {
                        self.end = frame.end();
                    }
                    if frame.kind == FrameKind::Seal {
                        self.sealed = true;
                        break;
                    }
                }
            }
        }
        let end = cursor.position();
        self.index.merge(fresh, end);
        Ok((Scanned { segment: Arc::new(segment), header, end, frames, entries }, damage))
    }

    fn look_beyond(
        &self,
        damage: &mut Damage,
        file: &Unused,
        base: Option<u64>,
        from: u64,
        limit: u64,
    ) -> Result<(), Error> {
        let until =
            base.map_or(u64::MAX, |base| limit.saturating_sub(base).saturating_add(HEADER_BLOCK_BYTES));
        let found = search(file.file.as_ref(), self.seed, file.generation, base, from, until.min(file.len))
            .map_err(|error| Error::io(&file.path, "cannot read", &error))?;
        damage.beyond.add(found);
        Ok(())
    }

    /// The first position above `synced` whose frame names bytes that are not there. With `rewrite`, those that are there are written again.
    pub(crate) fn lost_extent(&self, extents: &ExtentSets, rewrite: bool) -> Result<Option<u64>, Error> {
        for scanned in self.kept.iter().filter(|scanned| scanned.end > self.synced) {
            let segment = &scanned.segment;
            let from = self.synced.max(segment.base);
            let mut cursor =
                Cursor::new(&*segment.file, self.seed, segment.generation, segment.base, from, scanned.end);
            loop {
                let position = cursor.position();
                let step = cursor.next().map_err(|error| Error::io(&segment.path, "cannot read", &error))?;
                let Step::Frame(_, body) = step else { break };
                let held = extents.hold(body, rewrite);
                if !held
                    .map_err(|error| Error::io(&segment.path, "cannot read what its entries name", &error))?
                {
                    return Ok(Some(position));
                }
            }
        }
        Ok(None)
    }

    /// The tail rule: what stops the scan is a torn tail at or above the synced position, and damage below it.
    fn judge(&mut self, stop: Option<Damage>, position: u64) {
        if let Some(stop) = stop {
            self.synced = self.synced.max(stop.beyond.synced);
            if stop.position < self.synced {
                self.damage = Some(stop);
                self.end = position;
                return;
            }
            self.torn = Some(stop).filter(|stop| stop.beyond.frames > 0);
        }
        self.end = self.end.max(self.synced.min(position));
    }

    /// A file without a valid header is a spare, or the header of a segment is damaged, or it was lost with all that came after the last fsync,
    /// though headers of later segments were kept.
    fn check_blank_files(&mut self, bases: &[(u64, u64)], position: u64) -> Result<(), Error> {
        let newest = bases.last().map_or(0, |(generation, _)| *generation);
        let mut first_spare = true;
        for at in 0..self.unused.len() {
            let file = &self.unused[at];
            let spare = file.generation > newest;
            if !file.blank || (spare && !std::mem::take(&mut first_spare)) {
                continue;
            }
            let found =
                search(file.file.as_ref(), self.seed, file.generation, None, HEADER_BLOCK_BYTES, file.len)
                    .map_err(|error| Error::io(&file.path, "cannot read", &error))?;
            let Some(base) = found.base else { continue };
            let next = bases.iter().find(|(generation, _)| *generation > file.generation);
            let missed = match next {
                Some((_, next)) => {
                    let (first, synced) = (self.kept.first(), self.synced.max(found.synced));
                    // A start that was cut off while it wrote the tail into new segments leaves copies of what is kept.
                    let is_copy = first.is_some_and(|first| (first.segment.base..position).contains(&base));
                    let leaves_hole = first.is_some_and(|first| base < first.segment.base);
                    base < *next && !is_copy && (base < synced || leaves_hole)
                }
                None => spare && found.synced > position,
            };
            if missed {
                let journal_id = self.journal_id.unwrap_or_default();
                let header = SegmentHeader { generation: file.generation, base, synced: 0, journal_id };
                let what = "the segment header is damaged".to_owned();
                let (file, header) = (file.path.clone(), Some(header));
                self.damage = Some(Damage { file, offset: 0, position: base, what, beyond: found, header });
                return Ok(());
            }
        }
        Ok(())
    }
}
