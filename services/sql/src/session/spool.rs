//! Rows of a portal or cursor that are computed and not sent yet: in memory, beyond a bound in a file without a name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};

use crate::limits::PORTAL_MEMORY_BYTES_MAX;
use crate::spill::{Account, Charge, Refusal, Share, ShareKind};

/// The type and the length of a message.
const HEADER_BYTES: usize = 5;
/// The least that a spool takes of memory.
const MEMORY_BYTES_MIN: usize = 256;
/// A scroll knows where each so many rows begin, and walks from there.
const STRIDE: u64 = 64;
/// What it knows of small results is not counted, so that one can be had where other cursors have taken all memory.
const INDEX_BYTES_FREE: usize = 4 << 10;

/// See the module. Rows are `DataRow` messages.
pub(crate) struct Spool {
    memory: Vec<u8>,
    /// For the capacity of `memory`.
    charge: Charge,
    at: usize,
    rows: u64,
    taken: u64,
    overflow: Overflow,
}

#[derive(Default)]
enum Overflow {
    #[default]
    None,
    Writing(BufWriter<SpillFile>),
    Reading(BufReader<SpillFile>),
}

/// A file whose bytes are counted.
struct SpillFile {
    file: File,
    share: Share,
    written: u64,
}

impl SpillFile {
    fn new(account: &Account) -> Result<Self> {
        let share = Share::new(account.spill(), ShareKind::Rows).map_err(|refusal| refusal.error())?;
        let file = account.spill().file().map_err(|error| failed(&error))?;
        Ok(Self { file, share, written: 0 })
    }
}

impl Write for SpillFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.share.grow_to(self.written + bytes.len() as u64).map_err(io::Error::other)?;
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for SpillFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for SpillFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn failed(error: &io::Error) -> Error {
    if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>()) {
        return refusal.error();
    }
    let state = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("rows cannot be kept in a temporary file: {error}"))
}

impl Spool {
    /// No rows yet, of a session's account.
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self {
            memory: Vec::new(),
            charge: Charge::new(account),
            at: 0,
            rows: 0,
            taken: 0,
            overflow: Overflow::None,
        }
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &[u8]) -> Result<()> {
        self.rows += 1;
        if let Overflow::Writing(file) = &mut self.overflow {
            return file.write_all(message).map_err(|error| failed(&error));
        }
        if self.has_room(message.len()) {
            self.memory.extend_from_slice(message);
            return Ok(());
        }
        let mut file = BufWriter::new(SpillFile::new(self.charge.account())?);
        file.write_all(message).map_err(|error| failed(&error))?;
        self.overflow = Overflow::Writing(file);
        Ok(())
    }

    /// Whether so many bytes more may be in memory; then there is capacity for them.
    fn has_room(&mut self, bytes: usize) -> bool {
        let needed = self.memory.len() + bytes;
        if needed <= self.memory.capacity() {
            return true;
        }
        if needed > PORTAL_MEMORY_BYTES_MAX {
            return false;
        }
        let ample = needed.max(self.memory.capacity() * 2).clamp(MEMORY_BYTES_MIN, PORTAL_MEMORY_BYTES_MAX);
        let granted = self.charge.grow_to(ample);
        if granted {
            self.memory.reserve_exact(ample - self.memory.len());
        }
        granted
    }

    /// The statement is over: what is in buffers goes into the file.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.overflow = match std::mem::take(&mut self.overflow) {
            Overflow::Writing(file) => {
                let mut file = file.into_inner().map_err(|error| failed(&error.into_error()))?;
                file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
                Overflow::Reading(BufReader::new(file))
            }
            other => other,
        };
        Ok(())
    }

    /// The same rows, to be read in any order.
    pub(crate) fn into_scroll(mut self) -> Result<Scroll> {
        self.finish()?;
        let mut scroll = Scroll {
            index: Charge::new(self.charge.account()),
            memory: self.memory,
            _charge: self.charge,
            file: match self.overflow {
                Overflow::Reading(file) => Some(file.into_inner()),
                Overflow::None | Overflow::Writing(_) => None,
            },
            starts: Vec::new(),
            rows: self.rows,
            position: 0,
        };
        scroll.find_starts()?;
        Ok(scroll)
    }

    /// Rows that are left.
    pub(crate) const fn left(&self) -> u64 {
        self.rows - self.taken
    }

    /// Rows that were given or passed over.
    pub(crate) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Appends the next row to `out`, or passes it over without one; `false` at the end.
    pub(crate) fn take(&mut self, out: Option<&mut Vec<u8>>) -> Result<bool> {
        if self.left() == 0 {
            return Ok(false);
        }
        self.taken += 1;
        if self.at < self.memory.len() {
            let rest = &self.memory[self.at..];
            let length = length(rest);
            if let Some(out) = out {
                out.extend_from_slice(&rest[..length]);
            }
            self.at += length;
            return Ok(true);
        }
        self.finish()?;
        self.memory = Vec::new();
        self.charge.clear();
        self.at = 0;
        self.take_from_file(out).map_err(|error| failed(&error))?;
        Ok(true)
    }

    fn take_from_file(&mut self, out: Option<&mut Vec<u8>>) -> io::Result<()> {
        let Overflow::Reading(file) = &mut self.overflow else { return Ok(()) };
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let length = length(&header) - HEADER_BYTES;
        match out {
            None => file.seek_relative(length as i64),
            Some(out) => {
                out.extend_from_slice(&header);
                let start = out.len();
                out.resize(start + length, 0);
                file.read_exact(&mut out[start..])
            }
        }
    }
}

/// The rows of a cursor that goes back.
pub(crate) struct Scroll {
    memory: Vec<u8>,
    /// For the capacity of `memory`.
    _charge: Charge,
    file: Option<SpillFile>,
    /// Where each [`STRIDE`]th row begins; those in the file after those in memory.
    starts: Vec<u64>,
    /// For the capacity of `starts`, where that is more than [`INDEX_BYTES_FREE`].
    index: Charge,
    rows: u64,
    /// The row that it is on, from 1; 0 is before the first, and one more than there are after the last.
    pub(crate) position: u64,
}

impl Scroll {
    fn find_starts(&mut self) -> Result<()> {
        let bytes = self.rows.div_ceil(STRIDE) as usize * size_of::<u64>();
        if bytes > INDEX_BYTES_FREE && !self.index.grow_to(bytes) {
            let text =
                format!("the rows of a cursor with SCROLL need {bytes} bytes of memory for their places");
            let hint = "Close cursors that are not needed, or raise sql.cursor_bytes_session.";
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, text).with_hint(hint));
        }
        let mut starts = Vec::with_capacity(self.rows.div_ceil(STRIDE) as usize);
        let mut reading = self.file.as_ref().map(|file| BufReader::new(&file.file));
        let mut place = 0;
        for row in 0..self.rows {
            if row.is_multiple_of(STRIDE) {
                starts.push(place);
            }
            let mut header = [0; HEADER_BYTES];
            match (self.memory.get(place as usize..), &mut reading) {
                (Some(rest), _) if !rest.is_empty() => header.copy_from_slice(&rest[..HEADER_BYTES]),
                (_, Some(file)) => {
                    file.read_exact(&mut header).map_err(|error| failed(&error))?;
                    let rest = (length(&header) - HEADER_BYTES) as i64;
                    file.seek_relative(rest).map_err(|error| failed(&error))?;
                }
                (_, None) => break,
            }
            place += length(&header) as u64;
        }
        self.starts = starts;
        Ok(())
    }

    /// Rows that there are.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether it stands on a row.
    pub(crate) const fn is_on_row(&self) -> bool {
        self.position > 0 && self.position <= self.rows()
    }

    /// Copies what begins at a place. It is there as a whole.
    fn read(&self, place: u64, bytes: &mut [u8]) -> Result<()> {
        if let Some(rest) = self.memory.get(place as usize..).filter(|rest| !rest.is_empty()) {
            bytes.copy_from_slice(&rest[..bytes.len()]);
            return Ok(());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let place = place - self.memory.len() as u64;
        file.file.read_exact_at(bytes, place).map_err(|error| failed(&error))
    }

    /// Appends the row that it stands on.
    pub(crate) fn row(&self, out: &mut Vec<u8>) -> Result<()> {
        let Some(row) = self.position.checked_sub(1) else { return Ok(()) };
        let Some(start) = self.starts.get((row / STRIDE) as usize) else { return Ok(()) };
        let (mut place, mut header) = (*start, [0; HEADER_BYTES]);
        for _ in 0..row % STRIDE {
            self.read(place, &mut header)?;
            place += length(&header) as u64;
        }
        self.read(place, &mut header)?;
        let at = out.len();
        out.resize(at + length(&header), 0);
        self.read(place, &mut out[at..])
    }
}

/// Bytes of the message that begins here, which is one of ours.
fn length(message: &[u8]) -> usize {
    let length = message.get(1..HEADER_BYTES).and_then(|bytes| bytes.first_chunk::<4>());
    1 + length.map_or(4, |bytes| u32::from_be_bytes(*bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::backend;
    use crate::spill::Used;
    use crate::spill::tests::room;

    fn row(number: usize, bytes: usize) -> Vec<u8> {
        let mut row = Vec::new();
        backend::message(&mut row, b'D', |out| out.resize(out.len() + bytes, number as u8));
        row
    }

    /// Rows, bytes of each, bytes of memory that the session has.
    const CASES: &[(usize, usize, usize)] = &[
        (0, 1, 1 << 20),
        (10, 1, 1 << 20),
        (10, 100, 0),
        (1_000, 100, 50_000),
        (3, PORTAL_MEMORY_BYTES_MAX / 2, 16 << 20),
        (7, PORTAL_MEMORY_BYTES_MAX + 1, 16 << 20),
        (2_000, 5_000, 16 << 20),
    ];

    #[test]
    fn rows_come_out_as_they_went_in() {
        for (rows, bytes, memory) in CASES {
            let (_dir, spill) = room(1 << 30, *memory, 0);
            let mut spool = Spool::new(&Account::new(&spill));
            (0..*rows).for_each(|number| spool.push(&row(number, *bytes)).unwrap());
            spool.finish().unwrap();
            assert!(spill.memory() <= PORTAL_MEMORY_BYTES_MAX.min(*memory));
            for number in 0..*rows {
                assert_eq!(spool.left(), (rows - number) as u64);
                let mut out = Vec::new();
                let skip = number % 3 == 1;
                assert!(spool.take(if skip { None } else { Some(&mut out) }).unwrap());
                assert!(skip || out == row(number, *bytes), "{number} of {rows}");
            }
            assert!(!spool.take(None).unwrap());
            drop(spool);
            assert_eq!((spill.used(), spill.memory()), (Used::default(), 0));
        }
    }

    #[test]
    fn a_scroll_finds_every_row() {
        for (rows, bytes, memory) in CASES {
            let (_dir, spill) = room(1 << 30, *memory, 0);
            let mut spool = Spool::new(&Account::new(&spill));
            (0..*rows).for_each(|number| spool.push(&row(number, *bytes)).unwrap());
            let mut scroll = match spool.into_scroll() {
                Ok(scroll) => scroll,
                Err(error) => panic!("{rows} rows of {bytes} bytes: {error}"),
            };
            for number in (0..*rows).rev().step_by(7) {
                scroll.position = number as u64 + 1;
                let mut out = Vec::new();
                scroll.row(&mut out).unwrap();
                assert_eq!(out, row(number, *bytes), "{number} of {rows}");
            }
            drop(scroll);
            assert_eq!((spill.used(), spill.memory()), (Used::default(), 0));
        }
    }

    #[test]
    fn a_spool_that_finds_no_room_is_refused() {
        let (_dir, spill) = room(1 << 20, 1_000, 0);
        let mut spool = Spool::new(&Account::new(&spill));
        let refused = (0..2_000).find_map(|number| spool.push(&row(number, 1_000)).err());
        assert_eq!(refused.map(|error| error.state), Some(SqlState::CONFIGURATION_LIMIT_EXCEEDED));
    }
}
