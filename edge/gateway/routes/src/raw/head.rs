//! The head of a request: its line, its header, and how long the body is that follows.

use super::fields::{Fields, Step, TOKEN};
use crate::limits::{METHOD_BYTES_MAX, TARGET_BYTES_MAX};
use crate::refused::Refused;
use smallvec::SmallVec;

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The next head.
    None,
    /// So many bytes, more than none.
    Length(u64),
    /// Chunks.
    Chunked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    EmptyLine,
    Method,
    Target,
    Version,
    VersionCr,
    Fields,
    Done,
}

/// Reads a head byte by byte.
#[derive(Debug, Default)]
pub struct Head {
    state: State,
    started: bool,
    method: SmallVec<[u8; METHOD_BYTES_MAX]>,
    target: usize,
    version: SmallVec<[u8; 8]>,
    fields: Fields,
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Head {
    /// Reads bytes until the head ends: how many were used, and whether it has ended.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refused> {
        for (at, &byte) in bytes.iter().enumerate() {
            self.started = true;
            if self.step(byte)? {
                self.check()?;
                return Ok((at + 1, true));
            }
        }
        Ok((bytes.len(), false))
    }

    /// Whether no byte of it was seen.
    pub fn is_empty(&self) -> bool {
        !self.started
    }

    /// What follows; to be asked when it has ended.
    pub fn body(&self) -> Body {
        match (self.chunked, self.length) {
            (true, _) => Body::Chunked,
            (false, None | Some(0)) => Body::None,
            (false, Some(length)) => Body::Length(length),
        }
    }

    /// Whether it asks to leave HTTP/1 (`Upgrade`).
    pub fn upgrade(&self) -> bool {
        self.upgrade && self.version.as_slice() == b"HTTP/1.1"
    }

    fn step(&mut self, byte: u8) -> Result<bool, Refused> {
        match self.state {
            State::Start => self.begin(byte)?,
            State::EmptyLine => {
                self.state = if byte == b'\n' { State::Method } else { return Err(Refused::LineEnd) };
            }
            State::Method => self.in_method(byte)?,
            State::Target => self.in_target(byte)?,
            State::Version => self.in_version(byte)?,
            State::VersionCr => {
                self.state = if byte == b'\n' { State::Fields } else { return Err(Refused::LineEnd) };
            }
            State::Fields => match self.fields.step(byte)? {
                Step::More => {}
                Step::Field => self.field()?,
                Step::End => {
                    self.state = State::Done;
                    return Ok(true);
                }
            },
            State::Done => return Ok(true),
        }
        Ok(false)
    }

    /// One empty line may come before a request (RFC 9112, section 2.2).
    fn begin(&mut self, byte: u8) -> Result<(), Refused> {
        match byte {
            b'\r' => self.state = State::EmptyLine,
            b'\n' => return Err(Refused::LineEnd),
            _ => {
                self.state = State::Method;
                self.in_method(byte)?;
            }
        }
        Ok(())
    }

    fn in_method(&mut self, byte: u8) -> Result<(), Refused> {
        match byte {
            b' ' if self.method.is_empty() => return Err(Refused::RequestLine),
            b' ' if self.method.as_slice() == b"CONNECT" || self.method.as_slice() == b"TRACE" => {
                return Err(Refused::MethodRefused);
            }
            b' ' => self.state = State::Target,
            _ if !TOKEN[byte as usize] || self.method.len() == METHOD_BYTES_MAX => {
                return Err(Refused::Method);
            }
            _ => self.method.push(byte),
        }
        Ok(())
    }

    fn in_target(&mut self, byte: u8) -> Result<(), Refused> {
        match byte {
            b' ' if self.target == 0 => return Err(Refused::RequestLine),
            b' ' => self.state = State::Version,
            // A line that ends here is one of HTTP/0.9.
            b'\r' | b'\n' | b'\t' => return Err(Refused::RequestLine),
            0..=0x1F | 0x7F => return Err(Refused::Control),
            _ if self.target == TARGET_BYTES_MAX => return Err(Refused::TargetLong),
            _ => self.target += 1,
        }
        Ok(())
    }

    fn in_version(&mut self, byte: u8) -> Result<(), Refused> {
        match byte {
            b'\r' => {
                if self.version.as_slice() != b"HTTP/1.1" && self.version.as_slice() != b"HTTP/1.0" {
                    return Err(Refused::Version);
                }
                self.state = State::VersionCr;
            }
            b'\n' => return Err(Refused::LineEnd),
            b' ' | b'\t' => return Err(Refused::RequestLine),
            _ if self.version.len() == 8 => return Err(Refused::Version),
            _ => self.version.push(byte),
        }
        Ok(())
    }

    fn field(&mut self) -> Result<(), Refused> {
        match self.fields.name() {
            b"host" => {
                self.hosts += 1;
                if self.hosts > 1 {
                    return Err(Refused::Host);
                }
            }
            b"content-length" => {
                let length = self.fields.value().and_then(length);
                if self.length.is_some() || length.is_none() {
                    return Err(Refused::ContentLength);
                }
                self.length = length;
            }
            b"transfer-encoding" => {
                let chunked = self.fields.value().is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
                if self.chunked || !chunked {
                    return Err(Refused::TransferEncoding);
                }
                self.chunked = true;
            }
            b"upgrade" => self.upgrade = true,
            _ => {}
        }
        Ok(())
    }

    /// What only the whole head shows.
    fn check(&self) -> Result<(), Refused> {
        let old = self.version.as_slice() == b"HTTP/1.0";
        if self.chunked && self.length.is_some() {
            return Err(Refused::TwoLengths);
        }
        if self.chunked && old {
            return Err(Refused::TransferEncodingVersion);
        }
        if self.hosts == 0 && !old {
            return Err(Refused::Host);
        }
        Ok(())
    }
}

/// A `Content-Length`: digits only, below 2⁶³.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    let number = digits.then(|| std::str::from_utf8(value).ok()?.parse::<u64>().ok())?;
    number.filter(|number| *number < 1 << 63)
}
