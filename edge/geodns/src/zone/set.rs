//! Records of one name and type, laid out as an answer has them.

use crate::wire::RecordType;
use crate::wire::response::{QUESTION_POINTER, tail};

/// Records of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Their type.
    pub kind: RecordType,
    /// Seconds for which they hold.
    pub ttl: u32,
    /// Where the first of them stands in the zone's text; 0 if nowhere.
    pub line: u32,
    /// Their data in wire form, sorted, each once.
    pub data: Vec<Box<[u8]>>,
    /// The records as they stand in an answer to a question for their name.
    pub laid_out: Box<[u8]>,
}

impl Set {
    /// Sorts (RFC 4034 section 6.3) and lays out.
    pub fn new(kind: RecordType, ttl: u32, mut data: Vec<Box<[u8]>>) -> Self {
        data.sort_unstable();
        data.dedup();
        let mut laid_out = Vec::new();
        for data in &data {
            laid_out.extend_from_slice(&QUESTION_POINTER);
            tail(kind, ttl, data, &mut laid_out);
        }
        Self { kind, ttl, line: 0, data, laid_out: laid_out.into() }
    }

    /// The same with a place.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = u32::try_from(line).unwrap_or(0);
        self
    }

    /// The same with another TTL.
    #[must_use]
    pub fn with_ttl(&self, ttl: u32) -> Self {
        Self { line: self.line, ..Self::new(self.kind, ttl, self.data.clone()) }
    }
}

/// A number at the end of an SOA record.
#[derive(Clone, Copy, Debug)]
pub enum SoaNumber {
    /// The version of the zone.
    Serial = 20,
    /// Seconds for which it is not there what is not there.
    Minimum = 4,
}

/// A number of an SOA set; 0 if it has none.
pub fn soa_number(soa: &Set, number: SoaNumber) -> u32 {
    let data = soa.data.first().map_or(&[][..], |data| &data[..]);
    let at = data.len().checked_sub(number as usize);
    at.and_then(|at| data[at..].first_chunk::<4>()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
