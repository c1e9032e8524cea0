//! Reading the frames of one segment file in order, and searching for frames beyond a damage. Takes any bytes: never
//! panics, and holds at most one frame and one read ahead.

use std::io;

use bole_base::File;

use crate::frame::{FRAME_HEADER_BYTES, FrameHeader, frame_bytes, u64_at};
use crate::segment::HEADER_BLOCK_BYTES;

const READ_BYTES: usize = 256 << 10;

/// What comes next in a segment.
pub(crate) enum Step<'a> {
    /// A frame whose checksums are right.
    Frame(FrameHeader, &'a [u8]),
    /// The limit is reached.
    End,
    /// What is here is not a frame of this segment at this position.
    Damage(&'static str),
}

/// A window over a file that moves forward.
struct Window<'a> {
    file: &'a dyn File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The `len` bytes at `offset`, or fewer at the end of the file.
    fn get(&mut self, offset: u64, len: usize, ahead: usize) -> io::Result<&[u8]> {
        let have = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + len as u64 > have {
            self.bytes.resize(len.max(ahead), 0);
            self.start = offset;
            let mut filled = 0;
            while filled < self.bytes.len() {
                match self.file.read_at(offset + filled as u64, &mut self.bytes[filled..]) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.bytes.clear();
                        return Err(error);
                    }
                }
            }
            self.bytes.truncate(filled);
        }
        let from = ((offset - self.start) as usize).min(self.bytes.len());
        let to = (from + len).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }
}

/// The frames of one segment from a position on, up to a limit.
pub(crate) struct Cursor<'a> {
    window: Window<'a>,
    ahead: usize,
    seed: u32,
    generation: u64,
    base: u64,
    position: u64,
    limit: u64,
}

impl<'a> Cursor<'a> {
    /// A cursor that stands at `position`, where a frame starts, and goes up to `limit` (positions).
    pub(crate) fn new(
        file: &'a dyn File,
        seed: u32,
        generation: u64,
        base: u64,
        position: u64,
        limit: u64,
    ) -> Self {
        let window = Window { file, start: 0, bytes: Vec::new() };
        let ahead =
            (limit.saturating_sub(position)).clamp(FRAME_HEADER_BYTES as u64, READ_BYTES as u64) as usize;
        Self { window, ahead, seed, generation, base, position, limit }
    }

    /// Where the next frame starts.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Where the next frame starts in the file.
    pub(crate) const fn offset(&self) -> u64 {
        self.position - self.base + HEADER_BLOCK_BYTES
    }

    /// Reads the next frame and verifies it. After `Damage` the cursor stands still.
    pub(crate) fn next(&mut self) -> io::Result<Step<'_>> {
        if self.position >= self.limit {
            return Ok(Step::End);
        }
        let offset = self.offset();
        let head = self.window.get(offset, FRAME_HEADER_BYTES, self.ahead)?;
        let Some(head) = head.first_chunk::<FRAME_HEADER_BYTES>() else {
            return Ok(Step::Damage("the file ends here"));
        };
        let header = match FrameHeader::decode(head, self.seed) {
            Ok(header) => header,
            Err(what) => return Ok(Step::Damage(what)),
        };
        if header.generation != self.generation || header.position != self.position {
            return Ok(Step::Damage("the frame is left over from an earlier use of the file"));
        }
        if header.end() > self.limit {
            return Ok(Step::Damage("the frame reaches into the next segment"));
        }
        let len = frame_bytes(header.body_len as usize) as usize;
        let frame = self.window.get(offset, len, self.ahead)?;
        let Some(body) = frame.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.body_len as usize) else {
            return Ok(Step::Damage("the file ends inside a frame"));
        };
        if crc32c::crc32c(body) != header.body_crc {
            return Ok(Step::Damage("the checksum of the frame's body is wrong"));
        }
        self.position = header.end();
        Ok(Step::Frame(header, body))
    }
}

/// What lies beyond a damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// The highest synced position that a frame says.
    pub(crate) synced: u64,
    /// Frames with a valid header.
    pub(crate) frames: u64,
    /// Entries in these frames, by their headers.
    pub(crate) entries: u64,
    /// The base that the first frame says its segment has.
    pub(crate) base: Option<u64>,
}

impl Beyond {
    pub(crate) fn add(&mut self, other: Self) {
        self.synced = self.synced.max(other.synced);
        self.frames += other.frames;
        self.entries += other.entries;
        self.base = self.base.or(other.base);
    }
}

/// Looks at every multiple of 8 from `offset` to `end` of the file for frame headers of `generation`; their positions must
/// fit to `base` if it is known.
pub(crate) fn search(
    file: &dyn File,
    seed: u32,
    generation: u64,
    base: Option<u64>,
    offset: u64,
    end: u64,
) -> io::Result<Beyond> {
    let mut window = Window { file, start: 0, bytes: Vec::new() };
    let mut found = Beyond::default();
    let mut at = offset.next_multiple_of(8);
    while at < end {
        let chunk = window.get(at, READ_BYTES, READ_BYTES)?;
        if chunk.len() < FRAME_HEADER_BYTES {
            break;
        }
        let last = (chunk.len() - FRAME_HEADER_BYTES) / 8 * 8;
        for start in (0..=last).step_by(8).take_while(|start| at + (*start as u64) < end) {
            if u64_at(chunk, start + 16) != generation {
                continue;
            }
            let expected = base.map(|base| base + at + start as u64 - HEADER_BLOCK_BYTES);
            if expected.is_some_and(|position| u64_at(chunk, start + 24) != position) {
                continue;
            }
            let Some(head) = chunk[start..].first_chunk::<FRAME_HEADER_BYTES>() else { continue };
            if let Ok(header) = FrameHeader::decode(head, seed) {
                let from_base = at + start as u64 - HEADER_BLOCK_BYTES;
                let entries = u64::from(header.entries);
                let base = header.position.checked_sub(from_base);
                found.add(Beyond { synced: header.synced, frames: 1, entries, base });
            }
        }
        at += last as u64 + 8;
    }
    Ok(found)
}
