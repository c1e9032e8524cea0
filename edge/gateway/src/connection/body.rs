//! Where the body of an HTTP/1 request ends, found byte by byte beside the parser: what belongs to the next request is never given
//! to this one, and chunks that two readers could understand differently are refused (RFC 9112, section 7.1).

use super::head::{Framing, Refused, is_token};
use crate::error::Problem;
use std::ops::Range;

/// Bytes of extensions and trailers that a body may have.
const EXTRA_BYTES_MAX: usize = 8 << 10;

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    state: State,
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    /// So many bytes.
    Length(u64),
    /// In a chunk's size, of which so many digits were seen.
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeLineFeed {
        size: u64,
    },
    /// In a chunk, so many bytes before its end.
    Chunk(u64),
    ChunkReturn,
    ChunkLineFeed,
    /// At the beginning of a line of the trailers.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
}

const fn refused(detail: &'static str) -> Refused {
    Refused { problem: Problem::BadRequest, detail }
}

impl Body {
    /// A body of which nothing has come.
    pub const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
        };
        Self { state, extra: 0 }
    }

    /// Whether all of it has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The bytes that are left, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// So many bytes of a body of known length came.
    pub fn pass(&mut self, bytes: u64) {
        if let State::Length(left) = self.state {
            let left = left.saturating_sub(bytes);
            self.state = if left == 0 { State::Done } else { State::Length(left) };
        }
    }

    /// How many of the next bytes belong to it.
    ///
    /// # Errors
    /// Chunks that have no meaning, or more than one.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_done() {
            taken = match self.data(&bytes[taken..])? {
                data if data.is_empty() => taken + data.start,
                data => taken + data.end,
            };
        }
        Ok(taken)
    }

    /// Where among the next bytes the next data is. What stands before it and the data itself are taken, and nothing behind it. Empty: there is no
    /// data in these bytes, of which those before the range were taken.
    ///
    /// # Errors
    /// Chunks that have no meaning, or more than one.
    pub fn data(&mut self, bytes: &[u8]) -> Result<Range<usize>, Refused> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            if let State::Length(left) | State::Chunk(left) = &mut self.state {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                *left -= here as u64;
                self.state = match self.state {
                    State::Length(0) => State::Done,
                    State::Chunk(0) => State::ChunkReturn,
                    unfinished => unfinished,
                };
                return Ok(at..at + here);
            }
            self.state = self.state.next(bytes[at])?;
            if matches!(self.state, State::Extension { .. } | State::TrailerName | State::TrailerValue) {
                self.extra += 1;
                if self.extra > EXTRA_BYTES_MAX {
                    return Err(refused("extensions and trailers of the body have too many bytes"));
                }
            }
            at += 1;
        }
        Ok(at..at)
    }
}

impl State {
    /// After a byte that is not data.
    fn next(self, byte: u8) -> Result<Self, Refused> {
        Ok(match (self, byte) {
            (Self::Size { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                if digits >= 15 {
                    return Err(refused("a chunk's size has too many digits"));
                }
                Self::Size { size: size << 4 | digit, digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => return Err(refused("a chunk has no size")),
            (Self::Size { size, .. } | Self::Extension { size }, b'\r') => Self::SizeLineFeed { size },
            (Self::Size { size, .. }, b';') | (Self::Extension { size }, b'\t' | 0x20..=0x7E | 0x80..) => {
                Self::Extension { size }
            }
            (Self::SizeLineFeed { size: 0 } | Self::TrailerLineFeed, b'\n') => Self::Trailer,
            (Self::SizeLineFeed { size }, b'\n') => Self::Chunk(size),
            (Self::ChunkReturn, b'\r') => Self::ChunkLineFeed,
            (Self::ChunkLineFeed, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::Trailer, b'\r') => Self::LastLineFeed,
            (Self::LastLineFeed, b'\n') => Self::Done,
            (Self::Trailer | Self::TrailerName, byte) if is_token(byte) => Self::TrailerName,
            (Self::TrailerName, b':') | (Self::TrailerValue, b'\t' | 0x20..=0x7E | 0x80..) => {
                Self::TrailerValue
            }
            (Self::TrailerValue, b'\r') => Self::TrailerLineFeed,
            (Self::ChunkReturn | Self::ChunkLineFeed, _) => {
                return Err(refused("a chunk is longer than its size"));
            }
            (Self::Trailer | Self::TrailerName | Self::TrailerValue, _) => {
                return Err(refused("a trailer is no field"));
            }
            _ => return Err(refused("a chunk's size is no hexadecimal number in a line of its own")),
        })
    }
}

#[cfg(test)]
mod tests;
