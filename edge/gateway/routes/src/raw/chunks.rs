//! A body of chunks (RFC 9112, section 7.1): sizes, extensions, data, trailers.

use super::fields::{Fields, Step};
use crate::limits::{EXTENSION_BYTES_MAX, EXTENSIONS_BYTES_MAX};
use crate::refused::Refused;

/// Names that decide on framing, routing or who asks: in a trailer they come too late, and a server that merges trailers into
/// the header would change its mind.
const NOT_TRAILERS: &[&[u8]] = &[
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    Extension,
    SizeCr,
    Data,
    DataEnd,
    DataCr,
    Trailers,
    Done,
}

/// Reads a body of chunks.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    size: u64,
    digits: u32,
    extension: usize,
    extensions: usize,
    trailers: Fields,
}

impl Chunks {
    /// Reads bytes until the body ends: how many were used, and whether it has ended.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refused> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let used = self.size.min((bytes.len() - at) as u64);
                self.size -= used;
                at += used as usize;
                if self.size == 0 {
                    self.state = State::DataEnd;
                }
                continue;
            }
            self.step(bytes[at])?;
            at += 1;
        }
        Ok((at, self.state == State::Done))
    }

    fn step(&mut self, byte: u8) -> Result<(), Refused> {
        match self.state {
            State::Start | State::Size => self.in_size(byte),
            State::Extension => self.in_extension(byte),
            State::SizeCr => {
                self.state = match (byte, self.size) {
                    (b'\n', 0) => State::Trailers,
                    (b'\n', _) => State::Data,
                    _ => return Err(Refused::LineEnd),
                };
                Ok(())
            }
            State::DataEnd => self.expect(byte, b'\r', State::DataCr),
            State::DataCr => self.expect(byte, b'\n', State::Start),
            State::Trailers => self.in_trailers(byte),
            State::Data | State::Done => Ok(()),
        }
    }

    fn expect(&mut self, byte: u8, wanted: u8, next: State) -> Result<(), Refused> {
        self.state = next;
        if byte == wanted { Ok(()) } else { Err(Refused::ChunkEnd) }
    }

    fn in_size(&mut self, byte: u8) -> Result<(), Refused> {
        if let Some(digit) = (byte as char).to_digit(16) {
            if self.state == State::Start {
                (self.size, self.digits, self.extension) = (0, 0, 0);
            }
            self.state = State::Size;
            self.digits += 1;
            if self.digits > 16 || self.size >= 1 << 59 {
                return Err(Refused::ChunkSize);
            }
            self.size = self.size << 4 | u64::from(digit);
            return Ok(());
        }
        match byte {
            _ if self.state == State::Start => return Err(Refused::ChunkSize),
            b'\r' => self.state = State::SizeCr,
            b'\n' => return Err(Refused::LineEnd),
            b';' => self.state = State::Extension,
            _ => return Err(Refused::ChunkSize),
        }
        Ok(())
    }

    fn in_extension(&mut self, byte: u8) -> Result<(), Refused> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > EXTENSION_BYTES_MAX || self.extensions > EXTENSIONS_BYTES_MAX {
            return Err(Refused::ChunkExtension);
        }
        match byte {
            b'\r' => self.state = State::SizeCr,
            b'\n' => return Err(Refused::LineEnd),
            b'\t' | 0x20..=0x7E => {}
            _ => return Err(Refused::Control),
        }
        Ok(())
    }

    fn in_trailers(&mut self, byte: u8) -> Result<(), Refused> {
        match self.trailers.step(byte)? {
            Step::Field if NOT_TRAILERS.contains(&self.trailers.name()) => return Err(Refused::Trailer),
            Step::More | Step::Field => {}
            Step::End => self.state = State::Done,
        }
        Ok(())
    }
}
