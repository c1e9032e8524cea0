//! Lines of `name: value`, of a header or of trailers, until the empty line.

use crate::limits::{FIELDS_BYTES_MAX, FIELDS_MAX};
use crate::refused::Refused;
use smallvec::SmallVec;

/// Longer names are none of those that are looked for.
const NAME_KEPT: usize = 24;

/// Longer values are none that is right for what is looked for.
const VALUE_KEPT: usize = 64;

/// What a byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One in the middle.
    More,
    /// The last one of a field.
    Field,
    /// The last one of all.
    End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineStart,
    Name,
    Value,
    ValueCr,
    EndCr,
}

/// Reads fields byte by byte.
#[derive(Debug, Default)]
pub(super) struct Fields {
    state: State,
    count: usize,
    bytes: usize,
    name: SmallVec<[u8; NAME_KEPT]>,
    value: SmallVec<[u8; VALUE_KEPT]>,
    /// Whether name or value is longer than what is kept.
    cut: bool,
}

/// Characters of a token (RFC 9110, section 5.6.2).
pub(super) const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

impl Fields {
    pub(super) fn step(&mut self, byte: u8) -> Result<Step, Refused> {
        self.bytes += 1;
        if self.bytes > FIELDS_BYTES_MAX {
            return Err(Refused::FieldsLarge);
        }
        match self.state {
            State::LineStart => self.begin(byte),
            State::Name => self.in_name(byte),
            State::Value => self.in_value(byte),
            State::ValueCr if byte == b'\n' => {
                self.state = State::LineStart;
                Ok(Step::Field)
            }
            State::EndCr if byte == b'\n' => Ok(Step::End),
            State::ValueCr | State::EndCr => Err(Refused::LineEnd),
        }
    }

    fn begin(&mut self, byte: u8) -> Result<Step, Refused> {
        match byte {
            b'\r' => self.state = State::EndCr,
            b'\n' => return Err(Refused::LineEnd),
            b' ' | b'\t' => return Err(Refused::Fold),
            _ if !TOKEN[byte as usize] => return Err(Refused::Name),
            _ => {
                self.count += 1;
                if self.count > FIELDS_MAX {
                    return Err(Refused::FieldsLarge);
                }
                self.name.clear();
                self.value.clear();
                self.cut = false;
                self.name.push(byte.to_ascii_lowercase());
                self.state = State::Name;
            }
        }
        Ok(Step::More)
    }

    fn in_name(&mut self, byte: u8) -> Result<Step, Refused> {
        match byte {
            b':' => self.state = State::Value,
            b' ' | b'\t' => return Err(Refused::BlankBeforeColon),
            b'\r' | b'\n' => return Err(Refused::Name),
            _ if !TOKEN[byte as usize] => return Err(Refused::Name),
            _ if self.name.len() < NAME_KEPT => self.name.push(byte.to_ascii_lowercase()),
            _ => self.cut = true,
        }
        Ok(Step::More)
    }

    fn in_value(&mut self, byte: u8) -> Result<Step, Refused> {
        match byte {
            b'\r' => self.state = State::ValueCr,
            b'\n' => return Err(Refused::LineEnd),
            b'\t' | b' ' if self.value.is_empty() => {}
            b'\t' | 0x20..=0x7E | 0x80.. if self.value.len() < VALUE_KEPT => self.value.push(byte),
            b'\t' | b' ' => {}
            0x21..=0x7E | 0x80.. => self.cut = true,
            _ => return Err(Refused::Control),
        }
        Ok(Step::More)
    }

    /// The name of the last field, in lower case; empty if it is too long to be of interest.
    pub(super) fn name(&self) -> &[u8] {
        if self.name.len() < NAME_KEPT { &self.name } else { b"" }
    }

    /// Its value without blanks around it; nothing if it is too long to be right.
    pub(super) fn value(&self) -> Option<&[u8]> {
        (!self.cut).then(|| self.value.trim_ascii_end())
    }
}
