//! Rows of a portal or cursor that are computed and not sent yet: in memory, beyond a bound in a file without a name.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;

use bole_sql_types::{Error, Result, SqlState};

/// Bytes that stay in memory.
const MEMORY_BYTES_MAX: usize = 4 << 20;
/// The type and the length of a message.
const HEADER_BYTES: usize = 5;

/// See the module. Rows are `DataRow` messages.
#[derive(Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    at: usize,
    rows: u64,
    taken: u64,
    overflow: Overflow,
}

#[derive(Default)]
enum Overflow {
    #[default]
    None,
    Writing(BufWriter<File>),
    Reading(BufReader<File>),
}

fn failed(error: &std::io::Error) -> Error {
    let state = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("rows cannot be kept in a temporary file: {error}"))
}

impl Spool {
    /// Adds a message.
    pub(crate) fn push(&mut self, message: &[u8]) -> Result<()> {
        self.rows += 1;
        if let Overflow::Writing(file) = &mut self.overflow {
            return file.write_all(message).map_err(|error| failed(&error));
        }
        if self.memory.len() + message.len() <= MEMORY_BYTES_MAX {
            self.memory.extend_from_slice(message);
            return Ok(());
        }
        let mut file = BufWriter::new(tempfile::tempfile().map_err(|error| failed(&error))?);
        file.write_all(message).map_err(|error| failed(&error))?;
        self.overflow = Overflow::Writing(file);
        Ok(())
    }

    /// The same rows, to be read in any order.
    pub(crate) fn into_scroll(mut self) -> Result<Scroll> {
        let mut starts = Vec::new();
        let mut at = 0;
        while at < self.memory.len() {
            starts.push(at as u64);
            at += length(&self.memory[at..]);
        }
        let mut file = None;
        if let Overflow::Writing(written) = std::mem::take(&mut self.overflow) {
            let opened =
                written.into_inner().map_err(|error| failed(&std::io::IntoInnerError::into_error(error)))?;
            let mut header = [0; HEADER_BYTES];
            let mut place = 0;
            for _ in starts.len() as u64..self.rows {
                opened.read_exact_at(&mut header, place).map_err(|error| failed(&error))?;
                starts.push(self.memory.len() as u64 + place);
                place += length(&header) as u64;
            }
            file = Some(opened);
        }
        Ok(Scroll { memory: self.memory, file, starts, position: 0 })
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
        self.take_from_file(out).map_err(|error| failed(&error))?;
        Ok(true)
    }

    fn take_from_file(&mut self, out: Option<&mut Vec<u8>>) -> std::io::Result<()> {
        self.memory = Vec::new();
        self.at = 0;
        self.overflow = match std::mem::take(&mut self.overflow) {
            Overflow::Writing(file) => {
                let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                file.seek(SeekFrom::Start(0))?;
                Overflow::Reading(BufReader::new(file))
            }
            other => other,
        };
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
    file: Option<File>,
    /// Where each row begins; those in the file after those in memory.
    starts: Vec<u64>,
    /// The row that it is on, from 1; 0 is before the first, and one more than there are after the last.
    pub(crate) position: u64,
}

impl Scroll {
    /// Rows that there are.
    pub(crate) const fn rows(&self) -> u64 {
        self.starts.len() as u64
    }

    /// Whether it stands on a row.
    pub(crate) const fn is_on_row(&self) -> bool {
        self.position > 0 && self.position <= self.rows()
    }

    /// Appends the row that it stands on.
    pub(crate) fn row(&self, out: &mut Vec<u8>) -> Result<()> {
        let Some(start) = self.position.checked_sub(1).and_then(|index| self.starts.get(index as usize))
        else {
            return Ok(());
        };
        if let Some(rest) = self.memory.get(*start as usize..).filter(|rest| !rest.is_empty()) {
            out.extend_from_slice(&rest[..length(rest)]);
            return Ok(());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let place = start - self.memory.len() as u64;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, place).map_err(|error| failed(&error))?;
        let at = out.len();
        out.resize(at + length(&header), 0);
        file.read_exact_at(&mut out[at..], place).map_err(|error| failed(&error))
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

    #[test]
    fn rows_come_out_as_they_went_in() {
        for (rows, bytes) in
            [(0, 1), (10, 1), (3, MEMORY_BYTES_MAX / 2), (7, MEMORY_BYTES_MAX + 1), (2_000, 5_000)]
        {
            let mut spool = Spool::default();
            let row = |number: usize| {
                let mut row = Vec::new();
                backend::message(&mut row, b'D', |out| out.resize(out.len() + bytes, number as u8));
                row
            };
            (0..rows).for_each(|number| spool.push(&row(number)).unwrap());
            for number in 0..rows {
                assert_eq!(spool.left(), (rows - number) as u64);
                let mut out = Vec::new();
                let skip = number % 3 == 1;
                assert!(spool.take(if skip { None } else { Some(&mut out) }).unwrap());
                assert!(skip || out == row(number), "{number} of {rows}");
            }
            assert!(!spool.take(None).unwrap());
        }
    }
}
